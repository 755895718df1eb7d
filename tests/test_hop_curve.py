"""Curves by hop: the table that a run leaves, stopped or not, the floors under it, and what is refused."""

import csv
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import synthgen
from flax import nnx
from PIL import Image
from synthgen.experiments.floors import floor_of
from synthgen.experiments.hop_curve import COLUMNS, TREE, compose, curve, plain
from synthgen.statistics import interval
from synthgen.train import loop, save_pretrained
from synthgen.train.config import as_dict
from synthgen.train.feed import Rows
from synthgen.train.models import LanguageModel, ModelConfig
from synthgen.tree import DatasetConfig

from tests.dataset_files import Cli, refused

MODEL = ("model=transformer", "model.width=16", "model.num_layers=1", "model.num_heads=2")
BRIEF = ("train.max_steps=7", "train.batch_size=8", "eval.every=3", "eval.num_examples=8", "logging=quiet")
DEPO = ("dataset.N=6", "dataset.K=2", "dataset.M=2", "dataset.mini_vocab=12", "dataset.max_tlen=1")
SMALL = (*MODEL, *BRIEF, *DEPO)


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has disturbed."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    curve([*SMALL, f"output_dir={directory}"])
    return directory


def test_the_command_leaves_a_table_and_figures(cli: Cli, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "depo_hop_metrics.csv"
    table.unlink()
    status, out, _ = cli("curve", *SMALL, f"output_dir={tmp_path}")
    assert status == 0
    assert table.read_bytes() == (whole / table.name).read_bytes()
    assert table.read_text().splitlines()[0] == ",".join(["step", "examples_seen", "hop", *COLUMNS])
    rows = read(table)
    assert [(row["step"], row["examples_seen"], row["hop"]) for row in rows] == [
        (str(step), str(8 * step), str(hop)) for step in (1, 3, 6, 7) for hop in (1, 2)
    ]
    for row in rows:
        shares = [float(row[name]) for name in COLUMNS if name not in ("loss", "queries")]
        assert all(0 <= share <= 1 for share in shares)
        assert row["queries"] == "16"
    told = [" ".join(f"{name}={row[name]}" for name in ("step", "examples_seen", "hop")) for row in rows]
    said = [line.rpartition(" ") for line in out.splitlines() if line.startswith("step=")]
    assert [before for before, _, _ in said] == told
    assert [last for _, _, last in said] == [f"accuracy={float(row['accuracy']):.4f}" for row in rows]
    plot = tmp_path / "depo_hop_curve.png"
    assert out.endswith(f"saved_metrics={table}\nsaved_plot={plot}\n")
    for path in (plot, tmp_path / "depo_hop_curve_answer_tokens.png"):
        with Image.open(path) as image:
            assert image.size == (9 * 180, 5 * 180)
            assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20


def test_the_table_says_what_the_log_says(whole: Path) -> None:
    log = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    evaluated = {record["step"]: record for record in log if record["kind"] == "eval"}
    for row in read(whole / "depo_hop_metrics.csv"):
        record = evaluated[int(row["step"])]
        for name, metric in {"accuracy": "token_accuracy", "exact_match": "exact_match", "loss": "loss"}.items():
            assert float(row[name]) == pytest.approx(record[f"eval/{metric}/fixed_k={row['hop']}"], abs=1e-6)
        low, high = interval(round(float(row["exact_match"]) * 16), 16)
        assert (float(row["exact_match_low"]), float(row["exact_match_high"])) == pytest.approx((low, high), abs=1e-6)


def test_a_stopped_run_leaves_its_part_and_goes_on_to_the_same_table(whole: Path, tmp_path: Path) -> None:
    words = [*SMALL, f"output_dir={tmp_path}"]
    expected = (whole / "depo_hop_metrics.csv").read_text()
    curve([*words, "train.stop_after=4"])
    part = (tmp_path / "depo_hop_metrics.csv").read_text()
    assert expected.startswith(part)
    assert len(part.splitlines()) == 5
    curve(words)
    assert (tmp_path / "depo_hop_metrics.csv").read_text() == expected


def test_an_interrupted_run_leaves_all_that_was_evaluated(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = loop.Run._settle

    def interrupted(self: loop.Run, feed: Any, *, everything: bool = False) -> None:
        real(self, feed, everything=everything)
        if not everything and self._pending[-1].step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "_settle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            curve([*SMALL, f"output_dir={tmp_path}"])
    assert [row["step"] for row in read(tmp_path / "depo_hop_metrics.csv")] == ["1", "1", "3", "3"]
    curve([*SMALL, f"output_dir={tmp_path}"])
    name = "depo_hop_metrics.csv"
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_the_table_of_another_run_is_left_alone(whole: Path) -> None:
    before = (whole / "depo_hop_metrics.csv").read_bytes()
    with pytest.raises(synthgen.DatasetError, match="choose another output_dir"):
        curve([*SMALL, f"output_dir={whole}", "optimizer.lr=0.5"])
    assert (whole / "depo_hop_metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "axis", "values"),
    [
        (("dataset=dyna", "dataset.num_queries=1", "eval.axis=num_ops", "eval.values=[1,2]"), "num_ops", ["1", "2"]),
        (("dataset=kv", "eval.axis=difficulty", "eval.values=[1,3]"), "difficulty", ["1", "3"]),
    ],
)
def test_any_axis_makes_curves(cli: Cli, tmp_path: Path, words: tuple[str, ...], axis: str, values: list[str]) -> None:
    status, out, err = cli("curve", *words, *MODEL, *BRIEF, "train.max_steps=1", f"output_dir={tmp_path}")
    assert status == 0, err
    task = words[0].partition("=")[2]
    rows = read(tmp_path / f"{task}_curve_metrics.csv")
    assert list(rows[0]) == ["step", "examples_seen", axis, *COLUMNS]
    assert [row[axis] for row in rows] == values
    assert f"step=1 examples_seen=8 {axis}={values[0]} accuracy=" in out
    assert (tmp_path / f"{task}_curve.png").is_file()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_weights_of_a_folder_are_trained_on(tmp_path: Path, kind: str) -> None:
    size: dict[str, Any] = {"width": 16, "num_layers": 1, "num_heads": 2, "mlp_width": 32}
    if kind == "gpt2":
        size |= {"norm": "layer", "bias": True, "positions": "learned", "max_positions": 128, "mlp": "gelu"}
    vocab = len(synthgen.depo.vocab)
    for name, tokens in (("good", vocab), ("small", vocab - 1)):
        save_pretrained(LanguageModel(ModelConfig(vocab_size=tokens, **size), nnx.Rngs(0)), tmp_path / name)
    words = [*BRIEF, *DEPO, "train.max_steps=1", "model=from_pretrained", f"output_dir={tmp_path / 'run'}"]
    found = curve([*words, f"model.name_or_path={tmp_path / 'good'}"])
    assert [row["hop"] for row in found.rows] == [1, 2]
    with pytest.raises(synthgen.ParamError, match=f"at least the {vocab} tokens"):
        curve([*words, f"model.name_or_path={tmp_path / 'small'}", "overwrite=true"])


def test_the_names_of_the_original_are_ours() -> None:
    theirs = compose([
        "dataset.K=16", "eval.hops=[1,2,16]", "eval.num_examples_per_hop=9", "eval.qa=false", "train.learning_rate=0.5",
        "eval.resample_each_eval=false", "train.eval_every_steps=7", "train.gradient_accumulation_steps=2", "seed=3",
    ])  # fmt: skip
    ours = compose([
        "dataset.k_max=16", "eval.axis=fixed_k", "eval.values=[1,2,16]", "eval.num_examples=9", "eval.config.qa=false",
        "optimizer.lr=0.5", "eval.resample=false", "eval.every=7", "train.accumulate=2", "train.seed=3",
    ])  # fmt: skip
    assert theirs == ours
    assert compose([]).eval.values == [1, 2, 3, 4, 8]
    assert compose(["dataset.K=3"]).eval.values == [1, 2, 3]
    assert (compose([]).eval.config, compose([]).eval.resample, compose([]).eval.at) == ({"qa": True}, True, [1])
    assert compose(["dataset=dyna", "eval.axis=num_ops", "eval.values=[1]"]).eval.config == {}
    assert compose(["eval.axis=N", "eval.values=[9,12]"]).eval.axis == "n_max"
    assert compose(["train.num_examples=1600"]).train.num_examples == 1600


@pytest.mark.parametrize("preset", ["smoke", "readme", "paper"])
def test_every_preset_is_a_run(cli: Cli, preset: str) -> None:
    status, out, _ = cli("curve", "--preset", preset, "--show-config")
    assert status == 0
    assert "axis: fixed_k" in out
    config = compose([], preset)
    assert set(as_dict(plain(config))) < set(as_dict(config))
    assert len(config.eval.values) >= 2


def test_the_commands_of_the_page_are_runs(cli: Cli) -> None:
    page = (Path(__file__).parent.parent / "docs" / "experiments" / "hop-curves.md").read_text()
    commands = re.findall("^synthgen (curve.*)$", page, re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        status, out, err = cli(*shlex.split(command), "--show-config")
        assert (status, err) == (0, "")
        assert "output_dir: outputs/curve" in out


WRONG = {
    ("eval.hops=[1,9]",): "eval.hops = 9; allowed: hops in 1..=8, as K = 8 is the most that is trained on",
    ("eval.hops=[1,5]", "dataset.difficulty=1", "dataset.K=4"): "K = 4",
    ("eval.hops=[0]",): "eval.hops = 0; allowed: hops in 1..=8",
    ("eval.hops=[1,1]",): "allowed: each value once",
    ("eval.hops=[1]", "eval.axis=n_max", "eval.values=[9]"): "eval.hops = [1]; allowed: none, where eval.axis is given",
    ("eval.axis=n_max",): "eval.axis",
    ("dataset=dyna",): "eval.axis = None; allowed: difficulty, or a parameter of dyna",
    ("dataset=dyna", "eval.hops=[1]"): "eval.hops are of depo",
    ("dataset=file",): "dataset = 'file'; allowed: a task",
    ("train.num_examples=100",): "train.num_examples = 100; allowed: 0, for rows without end, or at least",
    ("dataset.N=4", "eval.hops=[4]"): "n_max = 4; allowed: more than the largest hop count 4",
    ("eval.hopps=[1]",): "eval.hopps: no such key; did you mean eval.hops",
    ("model.name_or_path=nowhere",): "nowhere",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_request_is_refused_before_anything_is_written(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    refused(cli("curve", *words, f"output_dir={tmp_path / 'run'}"), WRONG[words])
    assert not (tmp_path / "run").exists()


def test_keys_of_the_curve_are_known_by_name() -> None:
    assert {"eval.hops", "train.num_examples", "metrics_file", "plot_file", "model.width"} <= set(TREE.keys())


def rows_of(name: str, seed: int = 0, **more: Any) -> Rows:
    return Rows(DatasetConfig(name=name, split="validation", **more), seed, held_out=True)


def test_the_floor_is_the_markers_and_the_best_constant() -> None:
    own = {"n_max": 6, "num_queries": 2, "mini_vocab": 12, "max_word_len": 1, "fixed_k": 1, "qa": True}
    floor = floor_of(rows_of("depo", config=own))
    assert floor == floor_of(rows_of("depo", config=own))
    assert floor.token_accuracy == pytest.approx((1 + floor.exact_match) / 2)
    assert floor.exact_match == pytest.approx(1 / 12, abs=4 * (1 / 12 / 4096) ** 0.5)
    windows = floor_of(rows_of("depo", config=own, layout="packed", seq_len=128), 512)
    assert windows.exact_match == pytest.approx(1 / 12, abs=0.02)


def test_a_floor_of_tokens_is_left_open_where_more_than_answers_is_predicted() -> None:
    assert floor_of(rows_of("mano"), 64).token_accuracy is None
    assert floor_of(rows_of("logic"), 512).exact_match == pytest.approx(0.5, abs=0.12)


def test_weights_and_biases_gets_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    run = SimpleNamespace(log=logged.append, finish=lambda **_: None, define_metric=lambda *_, **__: None)
    fake = SimpleNamespace(init=lambda **_: run, Settings=dict, Image=Path)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    words = ["train.max_steps=1", "logging.wandb.enabled=true", "logging.wandb.project=p", f"output_dir={tmp_path}"]
    found = curve([*SMALL, *words])
    assert logged[-1] == {"plot/depo_hop_curve": found.plot}
