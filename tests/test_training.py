"""A run is a function of its configuration: stopped, killed or interrupted, it ends as an undisturbed one does."""

import json
import math
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthgen
from flax import nnx
from synthgen.train import build, feed, loop
from synthgen.train.build import load
from synthgen.train.config import compose
from synthgen.train.loop import Diverged, Result, train
from synthgen.train.lora import load_adapter, merge_lora
from synthgen.train.models import LanguageModel, ModelConfig
from synthgen.train.steps import losses as losses_of
from synthgen.train.steps import targets_of
from synthgen.train.weights import load_pretrained
from synthgen.tree import DatasetConfig

from tests.training_records import TINY, losses, start


def run(directory: Path, *words: str) -> Result:
    return train([*TINY, f"output_dir={directory}", *words])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has disturbed, with checkpoints."""
    return run(tmp_path_factory.mktemp("whole") / "run", "train.checkpoint_every=4", "eval.every=5").directory


def same_weights(one: Path, other: Path) -> bool:
    leaves = [jax.tree.leaves(nnx.state(load(path), nnx.Param)) for path in (one, other)]
    return all(bool((a == b).all()) for a, b in zip(*leaves, strict=True))


def test_the_loss_falls_and_all_files_are_there(whole: Path) -> None:
    found = losses(whole)
    assert list(found) == [str(step) for step in range(1, 21)]
    assert found["20"] < found["1"] - 0.1
    assert {path.name for path in whole.iterdir()} >= {"config.json", "metrics.csv", "metrics.jsonl", "checkpoints"}
    assert sorted(path.name for path in (whole / "checkpoints").iterdir()) == ["16", "20"]


def test_the_same_configuration_gives_the_same_run(whole: Path, tmp_path: Path) -> None:
    assert losses(run(tmp_path / "run").directory) == losses(whole)
    assert same_weights(tmp_path / "run", whole)
    assert losses(run(tmp_path / "other", "train.seed=1").directory) != losses(whole)


def test_a_stopped_run_goes_on_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    for expected in (7, 14, 20):
        result = run(tmp_path / "run", "train.stop_after=7", "eval.every=5")
        assert result.step == expected
    assert losses(tmp_path / "run") == losses(whole)
    assert losses(tmp_path / "run", "eval") == losses(whole, "eval")
    assert same_weights(tmp_path / "run", whole)
    again = run(tmp_path / "run", "eval.every=5")
    assert (again.step, losses(tmp_path / "run")) == (20, losses(whole))


def test_an_interrupted_run_goes_on_bit_for_bit(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = loop.Run._settle

    def interrupted(self: loop.Run, feed: Any, *, everything: bool = False) -> None:
        real(self, feed, everything=everything)
        if not everything and self._pending[-1].step == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "_settle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run")
    assert "stopped after step 9; the same command goes on" in capsys.readouterr().err
    assert list(losses(tmp_path / "run"))[-1] == "9"
    run(tmp_path / "run")
    assert losses(tmp_path / "run") == losses(whole)
    assert same_weights(tmp_path / "run", whole)


def test_an_interrupt_within_a_step_goes_on_from_the_last_checkpoint(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = loop.Run.__init__

    def begun(self: loop.Run, config: Any, judge: Any = None) -> None:
        real(self, config, judge)
        update = self._update

        def interrupted(state: Any, rows: Any) -> Any:
            at = int(state.step)
            found = update(state, rows)
            if at == 9:
                raise KeyboardInterrupt
            return found

        self._update = interrupted

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "__init__", begun)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", "train.checkpoint_every=4")
    assert "goes on from step 8" in capsys.readouterr().err
    run(tmp_path / "run", "train.checkpoint_every=4")
    assert losses(tmp_path / "run") == losses(whole)
    assert same_weights(tmp_path / "run", whole)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on_from_its_last_checkpoint(whole: Path, tmp_path: Path, sign: signal.Signals) -> None:
    words = ("train.checkpoint_every=4", "eval.every=5")
    process = start(1, tmp_path / "run", *words)
    log = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 10):
        os.sched_yield()
    process.send_signal(sign)
    process.communicate()
    run(tmp_path / "run", *words)
    assert losses(tmp_path / "run") == losses(whole)
    assert same_weights(tmp_path / "run", whole)


def test_a_directory_of_another_run_is_refused_by_the_key(whole: Path) -> None:
    with pytest.raises(synthgen.DatasetError, match=r"optimizer.lr = 0.001, not 0.01; choose another output_dir"):
        run(whole, "optimizer.lr=0.01")
    with pytest.raises(synthgen.DatasetError, match=r"dataset.config.num_pairs = 3, not 4"):
        run(whole, "dataset.num_pairs=4")
    assert losses(whole)["20"]


def test_overwriting_begins_again(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not of the run")
    first = losses(run(tmp_path, "train.max_steps=3").directory)
    second = losses(run(tmp_path, "train.max_steps=3", "train.seed=1", "overwrite=true").directory)
    assert first != second
    assert (tmp_path / "mine.txt").exists()


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_last_good_checkpoint(tmp_path: Path) -> None:
    words = ("optimizer=constant", "optimizer.lr=10", "optimizer.clip_norm=null", "optimizer.weight_decay=100")
    with pytest.raises(Diverged, match=r"step \d+: the loss is .*; last good one: .*checkpoints/\d+; try") as caught:
        run(tmp_path / "run", *words, "train.checkpoint_every=1", "train.max_steps=400")
    found = losses(tmp_path / "run")
    assert list(found)[-1] == str(caught.value.step)
    *before, _ = found.values()
    assert all(math.isfinite(value) for value in before)
    kept = max(int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept < caught.value.step
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(nnx.state(load(tmp_path / "run"))))


def test_accumulation_and_rematerialisation_change_nothing_but_rounding(whole: Path, tmp_path: Path) -> None:
    for name, words in {"parts": ["train.accumulate=4"], "remat": ["train.remat=true"]}.items():
        assert losses(run(tmp_path / name, *words).directory) == pytest.approx(losses(whole), abs=1e-5)


def test_bfloat16_learns_alike(whole: Path, tmp_path: Path) -> None:
    found = losses(run(tmp_path / "run", "model.dtype=bfloat16").directory)
    assert found == pytest.approx(losses(whole), abs=0.05)
    assert found != losses(whole)


def test_held_out_figures_come_by_kind_and_by_set(tmp_path: Path) -> None:
    small = [word for word in TINY if not word.startswith(("task=", "dataset."))]
    words = ["task=depo", "dataset.N=6", "dataset.M=2", "dataset.K=3", "eval.axis=fixed_k", "eval.values=[1,2]"]
    result = train([*small, *words, f"output_dir={tmp_path / 'run'}", "train.max_steps=2"])
    assert {"loss", "answer_accuracy", "exact_match", "exact_match/fixed_k=1", "exact_match/hops=2"} <= set(
        result.figures
    )
    assert result.figures["answers/fixed_k=1"] == 2 * 20  # two queries a row
    counts = ("loss", "answers/")
    assert all(0 <= value <= 1 for name, value in result.figures.items() if not name.startswith(counts))


def test_the_best_checkpoint_is_the_one_that_scored_best(whole: Path) -> None:
    scores = losses(whole, "eval")
    best = min(scores, key=lambda step: scores[step])
    assert [path.name for path in (whole / "best").iterdir()] == [best]
    load(whole, best=True)


def test_rows_of_a_step_are_pure_and_hosts_divide_them() -> None:
    rows = feed.Rows(DatasetConfig(name="kv", seq_len=32, overflow="redraw"), 3)
    whole_batch = rows.of(rows.draw(*feed.host_share(12, 0, 1, step=5)))
    parts = [rows.of(rows.draw(*feed.host_share(12, host, 3, step=5))) for host in range(3)]
    for name, array in whole_batch.items():
        assert (np.concatenate([part[name] for part in parts]) == array).all()


@pytest.mark.parametrize("layout", ["padded", "packed"])
@pytest.mark.parametrize("loss", ["answer", "all"])
@pytest.mark.parametrize("isolated", [True, False])
def test_what_is_predicted_is_what_the_mask_says(layout: str, loss: str, isolated: bool) -> None:
    config = DatasetConfig(name="kv", seq_len=96, overflow="redraw", layout=layout, loss=loss, isolated=isolated)
    rows = feed.Rows(config, 0)
    drawn = rows.draw(0, 4)
    arrays = rows.of(drawn)
    targets, weights = targets_of({name: jnp.asarray(one) for name, one in arrays.items()})
    mask = np.asarray(arrays["weights"])
    assert (np.asarray(targets)[:, :-1] == drawn.input_ids[:, 1:]).all()
    assert (np.asarray(weights)[:, :-1] == mask[:, 1:]).all()
    assert not np.asarray(weights)[:, -1].any()
    assert not mask[drawn.input_ids == 0].any()
    assert not mask[drawn.input_ids == 1].any()
    if loss == "answer":
        assert (mask == drawn.loss_mask).all()
    else:
        assert (mask | (drawn.input_ids <= 1)).all()


def test_the_loss_is_the_cross_entropy_of_what_is_predicted() -> None:
    model = LanguageModel(ModelConfig(30, width=16, num_layers=1, num_heads=2), nnx.Rngs(0))
    ids = np.random.default_rng(0).integers(0, 30, (2, 9))
    weights = np.array([[0, 1, 1, 0, 0, 0, 0, 0, 1], [0] * 9])
    each, _, _ = losses_of(model, {"input_ids": jnp.asarray(ids), "weights": jnp.asarray(weights)})
    chances = jax.nn.log_softmax(model(jnp.asarray(ids)))
    by_hand = -sum(float(chances[0, at - 1, ids[0, at]]) for at in (1, 2, 8))
    assert float(each.sum()) == pytest.approx(by_hand, rel=1e-5)


def test_values_made_ahead_come_in_order_with_what_went_wrong_in_its_place() -> None:
    def make(step: int) -> int:
        if step == 7:
            raise ValueError("seven")
        return step * step

    assert list(feed.Ahead(make, 2, 7, 3)) == [4, 9, 16, 25, 36]
    got: Iterator[int] = iter(feed.Ahead(make, 5, 20, 4))
    assert [next(got), next(got)] == [25, 36]
    with pytest.raises(ValueError, match="seven"):
        next(got)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train.devices=99"], r"train.devices = 99; allowed: 1..="),
        (["dataset.num_pairs=99"], r"num_pairs"),
        (["dataset.seq_len=4"], r"seq_len"),
        (["model.size=2m"], r"model.size = '2m'; allowed"),
        (["model.num_heads=3", "model.width=16"], r"model.num_heads = 3; allowed"),
        (["eval.axis=nothing", "eval.values=[1]"], r"nothing"),
        (["dataset.nothing=1"], r"nothing"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(synthgen.SynthgenError, match=message):
        run(tmp_path / "run", *words)
    assert not (tmp_path / "run").exists()


def test_the_command_line_trains_and_shows_its_configuration(tmp_path: Path, cli: Any) -> None:
    status, printed, _ = cli("train", *TINY, f"output_dir={tmp_path / 'run'}", "train.max_steps=2")
    assert status == 0
    assert "exact_match" in printed
    assert re.search(
        r"^eval_loss=\d\.\d{4}\nanswer_token_accuracy=0\.\d{4}\nfirst_eval_sample_valid=True$", printed, re.M
    )
    status, printed, _ = cli("train", "--preset", "minimal", "--show-config")
    assert status == 0
    assert "max_steps: 10" in printed
    status, printed, said = cli("train", "model.widht=3")
    assert (status, printed) == (1, "")
    assert said.strip() == "error: model.widht: no such key; did you mean model.width?"


def test_a_kept_configuration_is_the_one_that_was_given(whole: Path) -> None:
    words = [*TINY, f"output_dir={whole}", "train.checkpoint_every=4", "eval.every=5"]
    assert build.read_config(whole) == compose(words)
    assert json.loads((whole / "config.json").read_text())["dataset"]["name"] == "recall"


def test_weights_go_out_and_come_back_and_adapters_train_beside_them(tmp_path: Path) -> None:
    llama = ("train.max_steps=4", "train.export=true")
    first = run(tmp_path / "first", *llama).directory
    written = load_pretrained(first / "pretrained")
    ids = jnp.arange(3, 30)[None]
    assert bool((written(ids) == load(first)(ids)).all())
    assert (first / "pretrained" / "tokenizer.json").exists()

    adapted = [f"model.name_or_path={first / 'pretrained'}", "model.lora={r: 2, dropout: 0.1}", *llama]
    words = [word for word in TINY if not word.startswith("model.")] + adapted
    second = train([*words, f"output_dir={tmp_path / 'second'}"]).directory
    model = load(second)
    assert bool((jax.tree.leaves(nnx.state(model, nnx.LoRAParam))[-1] != 0).any())
    base = load_pretrained(first / "pretrained")
    load_adapter(base, second / "pretrained")
    assert bool((base(ids) == model(ids)).all())
    merge_lora(base)
    assert not bool((base(ids) == written(ids)).any())

    train([*words, f"output_dir={tmp_path / 'parts'}", "train.stop_after=2"])
    train([*words, f"output_dir={tmp_path / 'parts'}"])
    assert losses(tmp_path / "parts") == losses(second)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.name_or_path=/nowhere"], "nowhere"),
        (["model.lora.r=0"], r"lora.r = 0; allowed"),
        (["model.lora.rank=2"], r"model.lora.rank = 2; no such key; known: alpha"),
        (["model=gla", "model.lora.r=2"], r"mixers"),
        (["model.name_or_path=/nowhere", "model.canon=A"], r"model.canon = 'A'; allowed: nothing"),
    ],
)
def test_weights_and_adapters_that_cannot_be_are_refused(tmp_path: Path, words: list[str], message: str) -> None:
    bare = [word for word in TINY if not word.startswith("model.")]
    with pytest.raises(synthgen.SynthgenError, match=message):
        train([*bare, *words, f"output_dir={tmp_path / 'run'}"])


def test_tensorboard_and_figures_are_written_where_asked_for(tmp_path: Path) -> None:
    run(tmp_path / "run", "logging.tensorboard=true", "logging.figures=true", "train.max_steps=3", "eval.every=1")
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    assert {path.name for path in (tmp_path / "run").glob("*.png")} >= {"loss.png", "accuracy.png", "throughput.png"}
