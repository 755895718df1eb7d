"""The copy experiment: what an arm is scored by, what follows from the scores, and that a stop changes nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthgen.compat import CopyTaskGenerator
from synthgen.errors import ParamError
from synthgen.experiments import grid
from synthgen.experiments.copy_pretrain import CopyTaskExperiment, JsonlEvaluator, Outcome, compose, conclude, score
from synthgen.experiments.copy_pretrain.evaluators import InContextLearningEvaluator, RetrievalQAEvaluator, constant
from synthgen.experiments.copy_pretrain.experiment import Point, Pretrained
from synthgen.experiments.copy_pretrain.report import RESULTS
from synthgen.train import build, generate
from synthgen.train.texts import ALL, Text, Texts
from synthgen.vocab import EOS

SMALL = ("seeds=[1,2]", "arms=[scratch,copy]", "steps=2", "budgets=[0,2]", "eval_samples=8")
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copy")


@pytest.fixture(scope="module")
def printed(smoke: Path) -> str:
    """What the command line says of a run that is stopped twice and goes on."""
    from contextlib import redirect_stdout
    from io import StringIO

    from synthgen.cli import main

    words = ["copy-pretrain", "--preset", "smoke", "--steps", "3", *SMALL[:2], f"output_dir={smoke}"]
    real, count = grid._run, []

    def stopped(job: grid.Job, compiled: str) -> Any:
        count.append(job)
        if len(count) in (2, 4):
            raise KeyboardInterrupt
        return real(job, compiled)

    said = StringIO()
    with redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "_run", stopped)
        assert [main(words) for _ in range(3)] == [130, 130, 0]
    return said.getvalue()


def test_the_console_has_the_sections_of_the_original(printed: str) -> None:
    sections = (
        "COPY-TASK PRE-TRAINING EXPERIMENT", "Model vocabulary size: 507", "PHASE 1: Copy-task Pre-training",
        "Copy pre-training step 1, loss:", "Initial loss:", "Final loss:", "Loss reduction:",
        "PHASE 2: Downstream Task Evaluation", "Evaluating on arithmetic...", "  Baseline accuracy:",
        "  Pretrained accuracy:", "  Improvement:", "Evaluating on pattern_completion...", "EXPERIMENT SUMMARY",
        "OVERALL RESULTS:", "  Average improvement:", "  Tasks with >5% improvement:", "HYPOTHESIS VALIDATION:",
        "Results saved to:",
    )  # fmt: skip
    places = [printed.index(section) for section in sections]
    assert places == sorted(places)


def test_a_run_that_was_stopped_has_the_results_of_one_that_was_not(printed: str, smoke: Path, tmp_path: Path) -> None:
    from synthgen.experiments.copy_pretrain import save

    config = compose(["steps=3", *SMALL[:2], f"output_dir={tmp_path}"], "smoke")
    experiment = CopyTaskExperiment(config)
    outcome = experiment.run()
    for path in save(outcome, conclude(outcome), tmp_path):
        assert path.read_bytes() == (smoke / path.name).read_bytes()
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
    kept = json.loads((smoke / RESULTS).read_text())
    assert set(kept) >= {"config", "pretrain_results", "eval_results", "summary"}
    assert set(kept["eval_results"]["arithmetic"]) >= {
        "baseline_accuracy", "pretrained_accuracy", "improvement", "improvement_pct", "exact_match", "floor",
    }  # fmt: skip
    # All arms of a seed are asked the same before any downstream training, so arms without weights agree.
    zero = [row for row in kept["seeds"] if row["steps"] == 0]
    assert {row["arm"] for row in zero} == {"scratch", "copy"}
    assert len(kept["seeds"]) == 2 * 2 * 2 * 5


def test_a_row_is_complete_exactly_where_greedy_decoding_writes_it() -> None:
    model = build.build({"width": 32, "num_layers": 2, "num_heads": 2, "canon": "A"}, 507, 3)
    rng = np.random.default_rng(0)
    texts = []
    for at in range(24):
        prompt = [1, *rng.integers(7, 507, 6).tolist(), 4]
        written = generate(model, [prompt], 5, stop_id=EOS)[0].tolist()
        if at % 3 == 0:
            written[int(rng.integers(len(written)))] = 9
        texts.append(Text(tuple(prompt), tuple(written), {}))
    rows = Texts(texts, "copying", shuffled=False).batch(24, 0, split=ALL)
    expected = 0
    for i, text in enumerate(texts):
        again = generate(model, [list(map(int, text.prompt))], len(text.target), stop_id=EOS)[0]
        complete = tuple(again.tolist()) == text.target
        expected += complete
        assert score(model, rows_of(rows, i)).completion == complete
    found = score(model, rows)
    assert found.completion == expected / 24
    assert 0 < expected < 24
    assert found.samples == 24


def rows_of(rows: Any, i: int) -> Any:
    part = slice(i, i + 1)
    return replace(
        rows, input_ids=rows.input_ids[part], loss_mask=rows.loss_mask[part], answer_mask=rows.answer_mask[part],
        attention_mask=rows.attention_mask[part], lengths=rows.lengths[part], texts=rows.texts[part],
    )  # fmt: skip


def test_held_out_rows_are_of_the_test_split_and_stay() -> None:
    fields = {"seed": 0, "max_context_length": 160}
    found = [*InContextLearningEvaluator(fields).evaluators(), *RetrievalQAEvaluator(fields).evaluators()]
    assert [one.name for one in found] == [
        "arithmetic", "pattern_completion", "analogy", "analogy_in_context", "fact_retrieval",
    ]  # fmt: skip
    for one in found:
        rows = one.rows(50, 7)
        assert (rows.input_ids == one.rows(50, 7).input_ids).all()
        assert {row["split"] for row in rows.examples()} == {"test"}  # type: ignore[union-attr]
        assert 0 < one.floor() < 0.2


@pytest.mark.parametrize("name", ["classification", "reading"])
def test_an_evaluator_reads_a_file(name: str) -> None:
    one = JsonlEvaluator(name, "file", str(EXAMPLES / f"{name}.jsonl"))
    model = build.build({"width": 16, "num_layers": 1, "num_heads": 2}, 507, 0)
    found = one.evaluate(model, 1000)
    assert found.samples == len((EXAMPLES / f"{name}.jsonl").read_text().splitlines())
    assert one.floor() == constant(one.rows(1000, 0)) <= 0.5


class Doubling(CopyTaskGenerator):
    """A copy task of one's own."""

    def generate_doubling(self) -> tuple[list[int], list[int]]:
        """`<s> x <copy>` and `x x </s>`."""
        prompt, _ = self.generate_simple_copy_task()
        return [1, prompt[1], 4], [prompt[1], prompt[1], EOS]

    def tasks(self) -> dict[str, Callable[[], tuple[list[int], list[int]]]]:
        return {**super().tasks(), "doubling": self.generate_doubling}


def test_a_copy_task_of_ones_own_is_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match=r"mixture = .'doubling': 1.0.*simple_copy"):
        CopyTaskExperiment(compose([*SMALL, "mixture.doubling=1"]), tmp_path)
    words = [*SMALL, "seeds=[1]", "mixture.doubling=1", "mixture.pattern=1", "model=transformer", "batch_size=4"]
    small = ["model.width=16", "model.num_layers=1", "model.num_heads=2", "downstream.batch_size=2"]
    experiment = CopyTaskExperiment(compose([*words, *small]), tmp_path, generator=Doubling(seed=0))
    outcome = experiment.run()
    rows = [json.loads(line) for path in (tmp_path / "rows").glob("seed-1-*") for line in path.read_text().splitlines()]
    assert {row["task"] for row in rows} == {"doubling", "pattern"}
    assert [one.completion for one in outcome.pretrained] == [{"copy_tasks": 0.0}]
    assert conclude(outcome).verdict == "inconclusive"


def made(scratch: float, control: float, copied: float = 1.0, spread: float = 0.01, seeds: int = 5) -> Outcome:
    """An outcome with these shares of retrieval rows completed, and no difference elsewhere."""
    config = compose([f"seeds=[{','.join(map(str, range(seeds)))}]", "budgets=[0,10]"])
    shares = {"scratch": scratch, "copy": 0.5, "control": control}
    points, pretrained = [], []
    for seed in range(seeds):
        noise = spread * (seed - (seeds - 1) / 2)
        pretrained.append(Pretrained(seed, "copy", [(1, 2.0)], {"simple_copy": copied}, {"simple_copy": 1.0}))
        for arm, share in shares.items():
            own = share + (noise if arm == "copy" else 0)
            points += [
                Point(seed, arm, step, task, group, value, value, 1.0, value, 100)
                for step in (0, 10)
                for task, group, value in (("fact_retrieval", "retrieval", own), ("arithmetic", "computation", 0.1))
            ]
    return Outcome(config, points, pretrained, {"fact_retrieval": 0.02, "arithmetic": 0.1}, {"vocab_size": 507})


VERDICTS = {
    "better than both": (made(0.3, 0.3), "supported"),
    "better than scratch alone": (made(0.3, 0.5), "inconclusive"),
    "worse than the control": (made(0.3, 0.7), "not supported"),
    "noise": (made(0.49, 0.49, spread=0.1), "inconclusive"),
    "nothing copied": (made(0.3, 0.3, copied=0.85), "inconclusive"),
    "one seed": (made(0.3, 0.3, seeds=1), "inconclusive"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_a_verdict_follows_from_both_intervals(case: str) -> None:
    outcome, verdict = VERDICTS[case]
    found = conclude(outcome)
    assert found.verdict == verdict, found.reason
    assert not found.by_task["scratch"]["arithmetic"].sure


WRONG = {
    "arms=[copy]": "arms = .*scratch",
    "arms=[scratch,copy,other]": "arms = 'other'",
    "budgets=[0]": "budgets",
    "budgets=[5,5]": "budgets",
    "seeds=[]": "seeds",
    "steps=0": "steps = 0",
    "loss_on=prompt": "loss_on = 'prompt'",
    "ablation=[size]": "ablation = 'size'",
    "stepz=3": "stepz: no such key; did you mean steps",
}


@pytest.mark.parametrize("word", WRONG)
def test_wrong_settings_are_refused(word: str) -> None:
    with pytest.raises(ParamError, match=WRONG[word]):
        compose([word])
