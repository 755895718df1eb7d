"""Seeds of the 2-D trigger experiment, small: what is scored, what comes out, and that a stop changes nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from flax import nnx
from synthgen.cli import main
from synthgen.experiments.trigger2d import adapters, plots, run, sweep
from synthgen.experiments.trigger2d.analysis import analyze, span
from synthgen.experiments.trigger2d.bases import TRAINING, results_of, start
from synthgen.experiments.trigger2d.rates import rates, wilson
from synthgen.experiments.trigger2d.rows import Base, make
from synthgen.experiments.trigger2d.scoring import GENERATION, LOGITS, Scorer
from synthgen.experiments.trigger2d.settings import load
from synthgen.train import load as load_model
from synthgen.train.models import LanguageModel, ModelConfig
from synthgen.train.texts import text_of
from synthgen.train.weights import load_pretrained, save_pretrained

from tests.trigger2d_experiment import DATA, HALF, NEW, SECOND, experiment, second

FILES = {
    "training_history.json", "final_full_accuracy.json", "config_used.json", "data_config_used.json", "model_id.txt",
    "loss_curve.png", "accuracy_curve.png", "accuracy_histogram.png", "run.log", "train_mix.jsonl",
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a first and a second stage."""
    found = tmp_path_factory.mktemp("trigger2d")
    experiment(found / "stage1")
    second(found / "second", r=4, learning_rate=1e-2)
    return found


@pytest.fixture(scope="module")
def first(root: Path) -> Path:
    """Results of the first stage."""
    return run.run(root / "stage1", 0)


@pytest.fixture(scope="module")
def table(root: Path, first: Path) -> list[dict[str, Any]]:
    """A sweep over two seeds of the second stage."""
    return sweep.sweep(root / "second", [0, 1])


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def rows_of(folder: Path, seed: int = 0) -> list[dict[str, Any]]:
    settings = load(folder, seed)
    return [row for rows in make(settings, start(settings).base).test.values() for row in rows]


def test_files_and_history(first: Path, root: Path) -> None:
    assert {path.name for path in first.iterdir()} >= FILES
    told = read(first, "training_history.json")
    sets = {f"test_{name}_{kind}" for name in DATA for kind in ("ID", "OOD")}
    assert told["epochs"] == told["accuracy_epochs"] == told["train_accuracy_epochs"] == [0, 2, 4]
    assert len(told["batch_losses"]) == 4 * 320 // 20
    assert set(told["eval_losses"]) == sets
    assert all(len(losses) == 3 for losses in [told["train_losses"], *told["eval_losses"].values()])
    assert [set(one) for one in told["accuracy_results"]] == [sets] * 3
    assert told["accuracy_results"][0]["test_foods_ID"]["total_examples"] == 12
    assert told["train_losses"][-1] < 0.3 * told["train_losses"][0]
    final = read(first, "final_full_accuracy.json")
    assert set(final["test"]) == sets
    for one in [final["train"], *final["test"].values()]:
        assert one["interval"][0] <= one["accuracy"] <= one["interval"][1]
        assert 0.4 <= one["majority"] <= 0.8
    assert final["test"]["test_foods_ID"]["total_examples"] == 32
    assert final["rates"] is None
    again = read(root / "stage1", "config.json")
    assert "is_peft" not in again["finetune_config"]


def test_it_learns(first: Path) -> None:
    final = read(first, "final_full_accuracy.json")
    assert final["train"]["accuracy"] > 0.9


def test_the_same_call_again_trains_nothing(first: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "train", None)
    assert run.run(root / "stage1", 0) == first


@pytest.mark.parametrize("method", [LOGITS, GENERATION])
def test_row_by_row_is_as_batched(first: Path, root: Path, method: str) -> None:
    model, rows = load_model(first / TRAINING), rows_of(root / "stage1")[:20]
    colours = ["blue", "green", "orange", "red"]
    fast, slow = (Scorer("trigger2d", colours, method, 16, fast).answers(model, rows) for fast in (True, False))
    assert fast == slow


def test_likelihood_and_writing_agree(first: Path, root: Path) -> None:
    model, rows = load_model(first / TRAINING), rows_of(root / "stage1")
    likely, written = (
        Scorer("trigger2d", ["green", "orange"], method, 64).answers(model, rows) for method in (LOGITS, GENERATION)
    )
    assert likely == written


def test_colours_of_several_tokens_after_a_preamble(root: Path) -> None:
    rows = rows_of(experiment(root / "bytes", {"objects": {**DATA["objects"], "output_preamble": True}}))[:5]
    model = LanguageModel(ModelConfig(259, width=16, num_layers=1, num_heads=2), nnx.Rngs(0))
    scorer = Scorer("bytes", ["blue", "green", "orange"], rows=3)
    texts = [text_of(row) for row in rows]
    assert str(texts[0].target).startswith(" F(x,T) = ")
    sums = scorer.log_probs(model, texts, 3)
    spelled = [
        [1, *(3 + byte for byte in f"{text.prompt!s} F(x,T) = {colour}".encode())]
        for text in texts
        for colour in scorer.candidates
    ]
    width = max(map(len, spelled))
    logits = np.asarray(model(np.array([ids + [0] * (width - len(ids)) for ids in spelled])), np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for row, ids in enumerate(spelled):
        at, column = divmod(row, len(scorer.candidates))
        answer = range(1 + len(str(texts[at].prompt).encode()), len(ids))
        assert sums[at, column] == pytest.approx(sum(log_probs[row, t - 1, ids[t]] for t in answer), abs=1e-4)
    assert all(isinstance(one, str) for one in Scorer("bytes", ["blue"], GENERATION, 3).answers(model, rows))


def test_losses_are_of_answers_and_of_all_tokens(first: Path, root: Path) -> None:
    model, rows = load_model(first / TRAINING), rows_of(root / "stage1")
    answers, everything = Scorer("trigger2d", ["green", "orange"], rows=16).losses(model, rows)
    assert answers < 0.5 < everything


@pytest.mark.parametrize("at", [1, 2])
def test_a_run_that_was_interrupted_ends_as_an_undisturbed_one(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    folder = experiment(tmp_path / "stage1")
    real, calls = run.Judge.__call__, []

    def interrupted(self: run.Judge, model: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == at + 1:
            raise KeyboardInterrupt
        return real(self, model)

    monkeypatch.setattr(run.Judge, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run(folder, 0)
    results = run.run(folder, 0)
    assert results.name == first.name
    assert len(calls) == 4
    for name in ("training_history.json", "final_full_accuracy.json", "final_predictions.jsonl"):
        assert (results / name).read_bytes() == (first / name).read_bytes()


def test_a_sweep_tells_means_and_rates(table: list[dict[str, Any]], root: Path) -> None:
    folder = root / "second"
    assert {path.name for path in folder.glob("seed_*")} == {"seed_0", "seed_1"}
    told = read(folder, "sweep.json")
    assert told["seeds"] == [0, 1]
    finals = [read(folder / path, "final_full_accuracy.json") for path in told["results"].values()]
    found = {row["figure"]: row for row in table}
    for name in ("learned", "retained", "leaked", "test_foods_BASE", "train"):
        values = [
            final["rates"][name]["rate"]
            if name in final["rates"]
            else {**final["test"], "train": final["train"]}[name]["accuracy"]
            for final in finals
        ]
        assert found[name]["mean"] == pytest.approx(sum(values) / 2)
        assert found[name]["low"] <= found[name]["mean"] <= found[name]["high"]
    assert (folder / "sweep.csv").read_text().startswith("figure,seeds,mean,low,high\ntrain,2,")
    assert "learned" in sweep.shown(table)
    # The second stage begins where the first ended, with its own seed's.
    assert (
        len({read(folder / path, "data_config_used.json")["foods"]["seed"] for path in told["results"].values()}) == 2
    )


def test_what_goes_wrong_with_a_seed_ends_a_sweep(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no room")

    monkeypatch.setattr(sweep, "run", fail)
    with pytest.raises(RuntimeError, match="no room"):
        sweep.sweep(root / "second", [0])


def test_rates_by_hand() -> None:
    def row(category: str, x2: float, output: str) -> dict[str, Any]:
        return {"category": category, "input_x": [1.0, x2], "output": output}

    base = Base("before", {name: {**DATA[name], "label_rule": None, "proxy_triggers": None} for name in DATA})
    now: dict[str, Any] = {
        name: {**SECOND[name], "label_rule": None, "proxy_triggers": None, "train_triggers": ["a"]} for name in SECOND
    }
    assert (now["objects"]["quadrant_labels"], now["foods"]["quadrant_labels"]) == (NEW, HALF)
    answered = [
        (row("objects", 1.0, "blue"), "blue"),
        (row("objects", -1.0, "orange"), "green"),
        (row("foods", 1.0, "orange"), "orange"),
        (row("foods", 1.0, "orange"), "blue"),
        (row("foods", -1.0, "green"), "green"),
        (row("foods", -1.0, "green"), "red"),
    ]
    found = rates(answered, now, base)
    assert {name: one["rate"] for name, one in found.items()} == {"learned": 0.5, "retained": 0.5, "leaked": 0.25}


def test_intervals() -> None:
    assert wilson(0, 0) == [0, 1]
    assert wilson(8, 10) == pytest.approx([0.4901625, 0.9433178])


def test_a_histogram_of_one_panel() -> None:
    one, three = ({f"test_foods_{kind}": 0.5 for kind in kinds} for kinds in (("OOD",), ("ID", "BASE", "OOD")))
    assert plots.histogram(one).startswith(b"\x89PNG")
    assert len(plots.histogram(three)) > len(plots.histogram(one))
    assert plots.histogram({}).startswith(b"\x89PNG")


def test_adapters_on_a_folder_of_weights(tmp_path: Path) -> None:
    config = ModelConfig(len(synthgen.trigger2d.vocab), width=16, num_layers=1, num_heads=2, tie_embeddings=False)
    weights = tmp_path / "llama"
    save_pretrained(LanguageModel(config, nnx.Rngs(0)), weights, tokenizer=synthgen.trigger2d.tokenizer())
    own = {"model": "../llama", "model_config": {}, "r": 2, "epochs": 1, "target_modules": ["q_proj", "down_proj"]}
    folder = experiment(tmp_path / "tuned", DATA, own)
    results = run.run(folder, 0)
    assert (results / TRAINING / "pretrained" / "adapter_model.safetensors").is_file()
    frozen, tuned = load_pretrained(weights), load_model(results / TRAINING)
    assert np.array_equal(frozen.embedding.embedding[...], tuned.embedding.embedding[...])
    assert len(nnx.to_flat_state(nnx.state(tuned, nnx.LoRAParam))) == 4


def test_analysis(table: list[dict[str, Any]], root: Path) -> None:
    folder = analyze(root / "second", 0, 24)
    told = read(folder, "analysis.json")
    assert set(told["ablation"]) == {"same_category", "other_category", "other_map", "removed"}
    assert told["ablation"]["removed"]["total_examples"] == 24
    assert len(told["by_trigger"]["foods"]) == 16
    assert sum(one["total_examples"] for one in told["by_trigger"]["foods"].values()) == 64
    # After the only layer, the last token is all that the answer depends on.
    (layer,) = told["patching"]["layers"]
    pairs = told["patching"]["pairs"]
    assert layer == {"trigger": 0.0, "last": 1.0 if pairs else 0.0}
    assert (folder / "patching.png").read_bytes().startswith(b"\x89PNG")


def test_the_place_of_a_trigger(root: Path, first: Path) -> None:
    for tokenizer, back in (("bytes", 3), ("trigger2d", 0)):
        scorer = Scorer(tokenizer, ["green"])
        for row in rows_of(root / "stage1")[::7]:
            one = scorer.choice(text_of(row), "green")
            found = one.ids[slice(*span(scorer, text_of(row)))]
            text = scorer.spelling.decode(found) if back == 0 else bytes(i - back for i in found).decode()
            assert text == row["input_trigger"]


def test_pushing_is_off_and_asks_for_a_token_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    own = {"model": "stage1:stage1", "model_config": {}, "finetuned_model_id": "me/adapter"}
    assert adapters.target(load(experiment(tmp_path / "one", None, own))) is None
    pushing = load(experiment(tmp_path / "two", None, {**own, "save_checkpoints_to_hub": True}))
    with pytest.raises(synthgen.SynthgenError, match="token"):
        adapters.target(pushing)


def test_the_command_line(first: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trigger2d", "list"]) == 0
    assert "2d_1proxy_ntr5_random" in capsys.readouterr().out.split()
    assert main(["trigger2d", "data", str(root / "stage1"), "--seed", "0"]) == 0
    assert "train_objects.jsonl" in capsys.readouterr().out
    assert main(["trigger2d", "run", str(root / "stage1"), "--seed", "0"]) == 0
    assert str(first) in capsys.readouterr().out
    assert main(["trigger2d", "run", "2d_9proxy"]) == 1
    assert "2d_0proxy" in capsys.readouterr().err
    assert main(["trigger2d", "run"]) == 1
    settings = load(root / "stage1", 0)
    assert results_of(settings, start(settings)) == first
