"""Every command line of the originals has its counterpart in the docs, and each counterpart runs, small."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
import synthgen
from flax import nnx
from synthgen.cli import main
from synthgen.compat import names
from synthgen.experiments.copy_pretrain.ablations import variants
from synthgen.experiments.copy_pretrain.settings import ABLATIONS, compose
from synthgen.train import LanguageModel, ModelConfig, save_pretrained

from tests import trigger2d_experiment
from tests.evaluation_server import reply, serving
from tests.test_inspection import tokenizer

PAGE = Path(__file__).parent.parent / "docs" / "experiments" / "commands.md"


def commands() -> Iterator[str]:
    """Our commands, out of the second column of the tables."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 2:
            yield from re.findall(r"`(synthgen [^`]+)`", cells[1])


COMMANDS = [one for one in dict.fromkeys(commands()) if "verify DIR" not in one]


def test_no_command_is_left_out() -> None:
    assert len(COMMANDS) > 30
    assert {one.split()[1] for one in COMMANDS} == {
        "copy-pretrain", "curve", "evaluate", "generate", "inspect", "report", "scaling", "show", "train", "trigger2d",
    }  # fmt: skip


def copy_pretrain(words: list[str], folder: Path) -> list[str]:
    # All ablations in full are forty runs; what the others compare is tested below.
    words = [word for word in words if word not in ("mixture", "model")]
    small = ["seeds=[1]", "arms=[scratch,copy]", "budgets=[0,1]", "durations=[1,2]", f"output_dir={folder}"]
    return [*words, "--preset=smoke", "--steps=2", "--batch_size=4", "--eval_samples=4", *small]


def curve(words: list[str], folder: Path) -> list[str]:
    if any("WEIGHTS" in word for word in words):
        size = ModelConfig(len(synthgen.depo.vocab), width=16, num_layers=1, num_heads=2, mlp_width=32)
        save_pretrained(LanguageModel(size, nnx.Rngs(0)), folder / "weights")
        words = [word.replace("WEIGHTS", str(folder / "weights")) for word in words]
        small = []
    else:
        small = ["model.width=16", "model.num_layers=1", "model.num_heads=2"]
    words = [word.replace("max_steps=400", "max_steps=2") for word in words]
    rows = ["dataset.N=20", "dataset.M=2", "dataset.max_tlen=1", "train.batch_size=2", "eval.num_examples=2"]
    return [*words, *rows, *small, "train.max_steps=2", "logging.progress=false", f"output_dir={folder / 'run'}"]


def generate(words: list[str], folder: Path) -> list[str]:
    os.environ.setdefault("HF_TOKEN", "hf_of_no_account")  # asked for before anything is made, and not used
    words = [re.sub(r"^\d+[MB]$", "20K", word) for word in words]
    if "--output-dir" in words:
        words[words.index("--output-dir") + 1] = str(folder / "data")
    return [*words, "--dry-run"] if "--push-to-hub" in words else words


def inspect(words: list[str], folder: Path) -> list[str]:
    if any("TOKENIZER" in word for word in words):
        tokenizer(folder / "tokenizer.json")
    return [word.replace("TOKENIZER", str(folder)) for word in words]


def trigger2d(words: list[str], folder: Path) -> list[str]:
    """The same words about experiments of a few seconds, with two seeds at most."""
    trigger2d_experiment.experiment(folder / "stage1")
    for word in words:
        if word.startswith("2d_"):
            trigger2d_experiment.second(folder / word)
    seeds = [word for word in words if word.isdigit()]
    found = [str(folder / word) if word.startswith("2d_") else word for word in words]
    if words[0] == "sweep":
        found = [word for word in found if word not in seeds] + (seeds or ["0"])[:1]
    if words[0] == "analyze":
        assert main(["trigger2d", "run", *found[1:]]) == 0
    return found


def training(words: list[str], folder: Path) -> list[str]:
    return [*words, "dataset.N=6", "dataset.mini_vocab=12", "train.max_steps=1", f"output_dir={folder}"]


def scaling(words: list[str], folder: Path) -> list[str]:
    grid = ["tasks=[kv]", "models=[linear]", "levels=[1]", "seeds=[0]", "train.max_steps=1", "model.width=16"]
    return [*words, "--preset=smoke", *grid, f"output_dir={folder}"]


RUNNING = ExitStack()
FEW = ["--samples-per-combo", "1", "--requests-per-minute", "0"]


def evaluate(words: list[str], folder: Path) -> list[str]:
    """The same words to a server of our own; a run that is resumed, or reported, is one of these."""
    if any("eval_results" in word for word in words):
        asked = [
            "--base-url",
            server(),
            "--model",
            "any",
            *FEW,
            "--tasks",
            "logic",
            "--output-dir",
            str(folder / "run"),
        ]
        assert main(["evaluate", *asked]) == 0
    words = [re.sub(r"^https?://.*", server(), word) for word in words]
    words = [str(folder / "run") if "eval_results" in word else word for word in words]
    return words if str(folder / "run") in words else [*words, *FEW, "--output-dir", str(folder / "run")]


@cache
def server() -> str:
    """The address of a server that runs as long as the tests."""
    return RUNNING.enter_context(serving(lambda *_: reply("ANSWER: 1"))).url


SMALL: dict[str, Callable[[list[str], Path], list[str]]] = {
    "copy-pretrain": copy_pretrain,
    "curve": curve,
    "evaluate": evaluate,
    "generate": generate,
    "inspect": inspect,
    "report": evaluate,
    "scaling": scaling,
    "show": lambda words, _: words,
    "train": training,
    "trigger2d": trigger2d,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    verb, *words = shlex.split(command)[1:]
    status = main([verb, *SMALL[verb](words, tmp_path)])
    printed, said = capfd.readouterr()
    if "logging.wandb" in command:
        # The package is installed where tests/heavy/test_wandb.py runs.
        assert "pip install 'synthgen-lm[wandb]'" in said or status == 0
    else:
        assert status == 0, said
        assert printed


def test_ablations_vary_what_they_say() -> None:
    config = compose([], "smoke")
    found = {kind: dict(variants(config, kind)) for kind in ABLATIONS}
    assert [one.steps for one in found["duration"].values()] == [100, 500, 1000, 2000]
    assert len({str(one.mixture) for one in found["mixture"].values()}) == 4
    assert [one.model["num_layers"] for one in found["model"].values()] == [2, 4, 6]


def test_rows_come_as_a_list_where_datasets_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    rows = synthgen.compat.make_depo_hf_dataset(3, {"N": 8}, 1)
    assert isinstance(rows, names.RowList)
    assert len(rows) == len(rows["input_ids"]) == 3
    assert {"input_ids", "loss_mask", "labels"} <= set(rows.column_names)
    assert rows[0]["input_ids"] == rows["input_ids"][0]
