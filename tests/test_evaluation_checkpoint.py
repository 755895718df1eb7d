"""A model of ours evaluated in this process, through the same path as a server."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.evaluate import Evaluation, Pace, Questions, evaluate, prompts, rows
from synthgen.evaluate.checkpoint import Checkpoint
from synthgen.evaluate.client import Put
from synthgen.evaluate.replies import Reply
from synthgen.evaluate.store import RESULTS, lines
from synthgen.train import train

from tests.dataset_files import Cli

SIZE = ["model.width=32", "model.num_layers=1", "model.num_heads=2", "optimizer.lr=1e-2", "logging.progress=false"]
STEPS = ["train.max_steps=150", "train.batch_size=32", "logging.figures=false"]
ROWS = {"num_symbols": 8, "num_pairs": (2, 3)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on key-value pairs that learned a little."""
    root = tmp_path_factory.mktemp("run")
    own = ["task=kv", "dataset.config.num_symbols=8", "dataset.config.num_pairs=[2,3]"]
    return train([*own, *SIZE, *STEPS, f"output_dir={root}"]).directory


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two tasks in a joint vocabulary."""
    root = tmp_path_factory.mktemp("mixed")
    words = ["dataset=mix", "dataset.weights={logic: 1, mano: 1}", "train.max_steps=2", "train.batch_size=4"]
    return train([*words, *SIZE, "logging.figures=false", f"output_dir={root}"]).directory


def of(
    run: Path, directory: Path, pace: Pace | None = None, **settings: object
) -> dict[tuple[str, int], dict[str, object]]:
    """Evaluate a run; its rows."""
    questions = Questions(("kv",), (1,), 40, params=ROWS)
    own: dict[str, Any] = {"prompt": "plain", "mode": "completions", "max_tokens": 8, "questions": questions} | settings
    evaluation = Evaluation("ours", checkpoint=str(run), **own)
    evaluate(evaluation, directory, pace=pace or Pace(max_concurrent=16))
    return {(row["sample_id"], row["repeat"]): row for row in rows(directory)}


def test_a_run_is_asked_as_it_was_trained(run: Path, tmp_path: Path) -> None:
    found = of(run, tmp_path / "run")
    assert len(found) == 40
    # The answer is what the greedy model writes, read off the library's own decoding.
    from synthgen.train import generate, load

    model = load(run)
    for row in list(found.values())[:8]:
        ids = [1, *synthgen.kv.vocab.encode(str(row["input_text"]))]
        assert synthgen.kv.vocab.decode(generate(model, [ids], 8, stop_id=2)[0]) == row["raw_response"]
        assert row["is_correct"] == (row["raw_response"] == row["target"])
        assert row["finish_reason"] in ("stop", "length")
    said = {row["raw_response"] for row in found.values()}
    assert said & set(map(chr, range(33, 42)))  # the model says symbols of its rows


def test_batches_and_stops_change_nothing(run: Path, tmp_path: Path) -> None:
    hot: dict[str, Any] = {"temperature": 1.5, "repeats": 2}
    whole = of(run, tmp_path / "a", **hot)
    other = of(run, tmp_path / "b", Pace(max_concurrent=5), **hot)
    directory = tmp_path / "c"
    of(run, directory, **hot)
    kept = (directory / RESULTS).read_bytes().splitlines(keepends=True)
    (directory / RESULTS).write_bytes(b"".join(kept[:33]))
    resumed = of(run, directory, **hot)
    assert sum(1 for _ in lines(directory / RESULTS)) == 80
    said = [{key: row["raw_response"] for key, row in found.items()} for found in (whole, other, resumed)]
    assert said[0] == said[1] == said[2]
    # Two draws of one question are two draws.
    assert any(said[0][sample, 0] != said[0][sample, 1] for sample, _ in said[0])


def test_a_run_of_a_mixture_is_asked_by_task(mixed: Path, tmp_path: Path) -> None:
    asked = Questions(("logic", "mano"), (1,), 6)
    found = of(mixed, tmp_path / "run", questions=asked, max_tokens=4)
    assert len(found) == 12
    assert {row["task"] for row in found.values()} == {"logic", "mano"}
    assert all(row["error"] is None for row in found.values())


def test_what_ends_one_task_ends_no_other(mixed: Path) -> None:
    model = Checkpoint(str(mixed), 4, 0.0, 3)

    async def work() -> list[list[str]]:
        batches: list[list[str]] = []

        def noted(taken: Any) -> list[Reply]:
            batches.append([one.spelling.decode(one.ids) for one in taken])
            return [Reply("") for _ in taken]

        model._generate = noted  # type: ignore[method-assign]
        asked = [
            Put(str(prompts.text(one, "plain", {})), one, 0)
            for pair in zip(*(Questions((task,), (1,), 4) for task in ("logic", "mano")), strict=True)
            for one in pair
        ]
        await asyncio.gather(*(model.ask(put) for put in asked))
        return batches

    batches = asyncio.run(work())
    assert [len(batch) for batch in batches] == [3, 3, 1, 1]
    for batch in batches:
        assert len({text.startswith("<logic>") for text in batch}) == 1


def test_a_batch_that_breaks_ends_the_run(run: Path) -> None:
    model = Checkpoint(str(run), 4, 0.0, 2)

    def broken(_: Any) -> list[Reply]:
        raise RuntimeError("RESOURCE_EXHAUSTED")

    model._generate = broken  # type: ignore[assignment, method-assign]

    async def work() -> list[Any]:
        puts = [Put(one.input_text, one, 0) for one in Questions(("kv",), (1,), 5)]
        return await asyncio.gather(*(model.ask(put) for put in puts), return_exceptions=True)

    assert [str(one) for one in asyncio.run(work())] == ["RESOURCE_EXHAUSTED"] * 5


def test_what_a_checkpoint_cannot_be_asked_is_refused(run: Path, tmp_path: Path, cli: Cli) -> None:
    for words, said in (
        (["--checkpoint", tmp_path / "nowhere"], "the directory of a run"),
        (["--checkpoint", run, "--tasks", "dyna"], "tasks that the run was trained on"),
        (["--checkpoint", run, "--tasks", "kv", "--prompt", "described"], "--prompt plain"),
        (["--checkpoint", run, "--tasks", "kv", "--chat"], "our models do not chat"),
    ):
        status, _, err = cli("evaluate", *words, "--output-dir", tmp_path / "out")
        assert status == 1
        assert said in err
        assert err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_the_command_line_evaluates_a_run(run: Path, tmp_path: Path, cli: Cli) -> None:
    words = ["--tasks", "kv", "--num-symbols", 8, "--num-pairs", "2,3", "--difficulties", 1, "--samples-per-combo", 10]
    status, out, _ = cli("evaluate", "--checkpoint", run, *words, "--output-dir", tmp_path / "out", "--quiet")
    assert status == 0
    assert f"Evaluating {run.name} on 1 tasks" in out
    kept = json.loads((tmp_path / "out" / "state.json").read_text())["config"]
    assert (kept["mode"], kept["prompt"], kept["max_tokens"]) == ("completions", "plain", 256)
    status, out, _ = cli("evaluate", "--resume", tmp_path / "out", "--quiet")
    assert status == 0


def test_an_interrupt_ends_it_and_keeps_what_came(run: Path, tmp_path: Path) -> None:
    words = ["--tasks", "kv", "--num-symbols", "8", "--num-pairs", "2,3", "--difficulties", "1", "--quiet"]
    command = [sys.executable, "-m", "synthgen.cli", "evaluate", "--checkpoint", str(run), *words]
    more = ["--samples-per-combo", "1000000", "--output-dir", str(tmp_path / "out")]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    results = tmp_path / "out" / RESULTS
    while not (results.exists() and results.stat().st_size):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"synthgen evaluate --resume {tmp_path / 'out'}" in out
    assert err.splitlines()[-1] == "interrupted"
    kept = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert kept["overall"]["total_samples"] == sum(1 for _ in lines(results)) > 0
