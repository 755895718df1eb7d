"""Summaries of runs: what adds up, what an interval is of, and what does not depend on the order of rows."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthgen.errors import EvaluationError
from synthgen.evaluate.questions import Questions
from synthgen.evaluate.store import OUTCOMES, read_state
from synthgen.evaluate.summary import console, figures, histogram, summarise, write_summary
from synthgen.experiments import statistics
from synthgen.statistics import holm, interval

from tests.evaluation_rows import make_run, responder, write_rows

ANSWERS = ("correct", "wrong", "unparsed", "truncated")
outcomes = st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=40)


def rows_of(outcomes: list[str], repeats: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "sample_id": f"{('dyna', 'logic')[i % 2]}_{1 + i // 2 % 3}_test_{i}",
            "repeat": repeat,
            "task": ("dyna", "logic")[i % 2],
            "difficulty": 1 + i // 2 % 3,
            "outcome": outcomes[i * repeats + repeat],
            "latency_ms": 10.1 * i + 0.3 * repeat,
            "prompt_tokens": 7 * i,
            "completion_tokens": i % 5,
            "input_text": "",
            "target": "",
            "raw_response": "",
            "extracted_answer": "",
            "is_correct": outcomes[i * repeats + repeat] == "correct",
            "attempts": 1,
            "metadata": {},
        }
        for i in range(len(outcomes) // repeats)
        for repeat in range(repeats)
    ]


def summary_of(directory: Path, rows: list[dict[str, Any]], repeats: int = 1) -> dict[str, Any]:
    config = {"model": "m", "tasks": ["dyna", "logic"], "difficulties": [1, 2, 3], "repeats": repeats}
    write_rows(directory, rows, config, len(rows))
    return summarise(directory)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "run"


@given(outcomes)
@settings(deadline=None, max_examples=60)
def test_parts_add_up_to_the_whole(place: Path, found: list[str]) -> None:
    summary = summary_of(place, rows_of(found))
    whole = summary["overall"]
    assert whole["total_samples"] == len(found) == whole["total"] + whole["errors"]
    for name in ("total", "errors", *ANSWERS):
        assert sum(block[name] for block in summary["by_task"].values()) == whole[name]
        assert sum(block[name] for block in summary["by_difficulty"].values()) == whole[name]
        for block in summary["by_task"].values():
            assert sum(one[name] for one in block["by_difficulty"].values()) == block[name]
    blocks = [whole, *summary["by_task"].values(), *summary["by_difficulty"].values()]
    for block in blocks:
        assert sum(block[name] for name in ANSWERS) == block["total"]
        assert block["accuracy"] == (block["correct"] / block["total"] if block["total"] else None)
        assert (block["accuracy_low"], block["accuracy_high"]) == interval(block["correct"], block["total"])
    assert sum(summary["timing"]["histogram"]["counts"]) == whole["total"]


@given(outcomes, st.randoms(use_true_random=False), st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=60)
def test_the_order_of_rows_does_not_matter(place: Path, found: list[str], rng: random.Random, repeats: int) -> None:
    rows = rows_of(found, repeats)
    expected = summary_of(place, rows, repeats)
    rng.shuffle(rows)
    assert summary_of(place, rows, repeats) == expected


@given(outcomes.filter(lambda found: len(found) >= 3))
@settings(deadline=None, max_examples=60)
def test_repeats_widen_the_interval_to_that_of_the_questions(place: Path, found: list[str]) -> None:
    found = found[: len(found) // 3 * 3]
    whole = summary_of(place, rows_of(found, 3), 3)["overall"]
    answered = [[one for one in found[i : i + 3] if one != "error"] for i in range(0, len(found), 3)]
    answered = [one for one in answered if one]
    assert whole["questions"] == len(answered)
    if not answered:
        assert whole["any_correct"] is None
        return
    assert whole["any_correct"] == sum("correct" in one for one in answered) / len(answered)
    assert whole["all_correct"] == sum(set(one) == {"correct"} for one in answered) / len(answered)
    low, high = interval(whole["accuracy"] * len(answered), len(answered))
    assert (whole["accuracy_low"], whole["accuracy_high"]) == pytest.approx((low, high), abs=1e-12)
    narrow = interval(whole["correct"], whole["total"])
    assert high - low >= narrow[1] - narrow[0] - 1e-12
    assert 0 <= whole["accuracy_low"] <= whole["accuracy"] <= whole["accuracy_high"] <= 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_a_histogram_counts_every_value(values: list[float]) -> None:
    found = histogram(values)
    assert sum(found["counts"]) == len(values)
    assert found["edges"] == sorted(found["edges"])
    assert len(found["edges"]) == len(found["counts"]) + 1


def test_percentiles_are_those_of_the_sorted_values(place: Path) -> None:
    rows = rows_of(["correct"] * 200)
    random.Random(1).shuffle(rows)
    timing = summary_of(place, rows)["timing"]
    values = sorted(row["latency_ms"] for row in rows)
    assert timing["p50_latency_ms"] == values[100]
    assert timing["p95_latency_ms"] == values[190]
    assert timing["p99_latency_ms"] == values[198]
    assert (timing["min_latency_ms"], timing["max_latency_ms"]) == (values[0], values[-1])


@pytest.mark.parametrize("total", [1, 5, 20])
def test_wilsons_interval_covers(total: int) -> None:
    """Averaged over true shares, the interval holds the truth in 95 % of draws; Wilson's promises no more."""
    covered = []
    for share in [at / 200 + 0.0025 for at in range(200)]:
        mass = [math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(total + 1)]
        inside = [interval(k, total)[0] <= share <= interval(k, total)[1] for k in range(total + 1)]
        covered.append(sum(m for m, yes in zip(mass, inside, strict=True) if yes))
    assert sum(covered) / len(covered) >= 0.945
    assert min(covered) > 0.79


def test_a_resumed_run_has_the_figures_of_one_that_was_not(tmp_path: Path) -> None:
    rows = make_run(tmp_path / "plain", respond=responder(rare=0.5))
    state = read_state(tmp_path / "plain")
    failed = {"raw_response": "", "outcome": "error", "error": "HTTP 500", "is_correct": False}
    first = [row | failed for row in rows[:10]] + rows[10:20]
    later = [row | {"latency_ms": 99.0, "timestamp": "2027-01-01T00:00:00Z"} for row in rows[:10] + rows[20:]]
    write_rows(tmp_path / "resumed", first + later, state["config"], len(rows))
    plain, resumed = summarise(tmp_path / "plain"), summarise(tmp_path / "resumed")
    assert plain != resumed
    assert figures(plain) == figures(resumed)


def test_a_summary_has_what_readers_of_synthlm_look_for(tmp_path: Path) -> None:
    make_run(tmp_path / "run", Questions(samples=5))
    found = write_summary(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == found
    assert found["run_id"] == "run"
    assert {"model", "base_url", "started_at", "completed_at"} <= found.keys()
    names = {"tasks", "difficulties", "samples_per_combo", "seed", "temperature", "max_tokens"}
    assert names <= found["config"].keys()
    whole = {"total_samples", "correct", "accuracy", "errors", "avg_latency_ms"}
    assert whole | {"total_prompt_tokens", "total_completion_tokens"} <= found["overall"].keys()
    for task in ("dyna", "inducto", "filtro", "logic"):
        for level in ("1", "2", "3"):
            assert found["by_task"][task]["by_difficulty"][level]["total"] == 5
    assert {f"{name}_latency_ms" for name in ("min", "max", "avg", "p50", "p95", "p99")} <= found["timing"].keys()


def test_a_run_without_answers_has_a_summary(tmp_path: Path) -> None:
    make_run(tmp_path / "run", keep=lambda row: False)
    found = write_summary(tmp_path / "run")
    assert found["overall"]["accuracy"] is None
    assert not found["finished"]
    assert found["completed_at"] is None
    assert "NOT FINISHED: 0 of 48 samples" in console(found, tmp_path / "run")


def test_rows_of_another_run_are_refused(tmp_path: Path) -> None:
    rows = make_run(tmp_path / "run")
    config = read_state(tmp_path / "run")["config"] | {"tasks": ["logic"]}
    write_rows(tmp_path / "run", rows, config, 12)
    with pytest.raises(EvaluationError, match="of dyna, level 1"):
        summarise(tmp_path / "run")


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=30))
def test_a_name_cannot_steer_the_console(place: Path, name: str) -> None:
    summary = summary_of(place, rows_of(["correct"]))
    said = console(summary | {"model": name}, place)
    assert all(one.isprintable() for one in said.replace("\n", ""))
    assert said.count("\n") == console(summary, place).count("\n")


def test_the_console_block_is_as_documented(tmp_path: Path) -> None:
    rows = rows_of(["correct", "correct", "wrong", "correct", "unparsed", "error"] * 4)
    config = {"model": "made-up-8b", "tasks": ["dyna", "logic"], "difficulties": [1, 2, 3], "repeats": 1}
    write_rows(tmp_path / "run", rows, config, 30)
    assert console(summarise(tmp_path / "run"), Path("eval_results/run")) == GOLDEN


GOLDEN = """\
=================================================================
RESULTS SUMMARY
=================================================================
Model: made-up-8b
Total: 12/20 correct (60.0%), 95% interval 38.7-78.1%
Not correct: 4 wrong, 4 unparsed
Errors: 4, left out of every share; to ask again: --resume eval_results/run
NOT FINISHED: 24 of 30 samples; to go on: --resume eval_results/run

By Task:
  DYNA      33.3% (4/12)  [L1: 100% | L2: 0% | L3: 0%]  13.8-60.9%
  LOGIC    100.0% (8/8)  [L1: 100% | L2: 100% | L3: -]  67.6-100.0%

By Difficulty:
  Easy     100.0% (8/8)  67.6-100.0%
  Medium    50.0% (4/8)  21.5-78.5%
  Hard       0.0% (0/4)  0.0-49.0%

Timing: avg 111ms, p50 121ms, p95 222ms
Tokens: 1,540 prompt + 40 completion = 1,580 total

Results saved to: eval_results/run/
================================================================="""


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=8))
def test_holm_is_one_function(found: list[float]) -> None:
    assert vars(statistics)["holm"] is holm
    corrected = holm(found)
    known = sorted(p for p in found if not math.isnan(p))
    for p, after in zip(found, corrected, strict=True):
        if math.isnan(p):
            assert math.isnan(after)
        else:
            ranks = [rank for rank, q in enumerate(known) if q <= p]
            assert after == max(min(1.0, (len(known) - rank) * known[rank]) for rank in ranks)
