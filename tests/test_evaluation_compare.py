"""Paired comparison: tests against scipy and by enumeration, intervals by their coverage, and what is refused."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthgen.errors import EvaluationError
from synthgen.evaluate.comparison import compare, compare_all, console
from synthgen.evaluate.questions import Questions
from synthgen.evaluate.store import read_state
from synthgen.statistics import Z, holm, mcnemar, paired_interval, sign_flips

from tests.evaluation_rows import make_run, responder, write_rows

counts = st.integers(0, 400)


@given(counts, counts)
def test_mcnemars_p_is_the_binomials(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(first, second) == mcnemar(second, first)


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemars_p_counts_the_ways_to_fall(first: int, second: int) -> None:
    total, gap = first + second, abs(first - second)
    ways = sum(math.comb(total, k) for k in range(total + 1) if abs(total - 2 * k) >= gap)
    assert mcnemar(first, second) == pytest.approx(ways / 2**total)


def test_mcnemars_p_of_many_pairs() -> None:
    for first, second in ((49_000, 51_000), (100_000, 100_400), (0, 5000)):
        expected = stats.binomtest(first, first + second).pvalue
        assert mcnemar(first, second) == pytest.approx(expected, rel=1e-7, abs=1e-300)


gaps = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=1, max_size=8)


@given(gaps)
def test_sign_flips_of_few_pairs_are_all_looked_at(found: list[float]) -> None:
    seen = abs(sum(found))
    flips = list(itertools.product((1, -1), repeat=len(found)))
    extreme = sum(abs(sum(s * d for s, d in zip(one, found, strict=True))) >= seen - 1e-9 for one in flips)
    assert sign_flips(found) == pytest.approx(extreme / len(flips))


@given(st.integers(14, 60), st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_sign_flips_of_many_pairs_come_close_to_mcnemar(pairs: int, better: int) -> None:
    better = min(better, pairs)
    found = [1.0] * better + [-1.0] * (pairs - better)
    exact = mcnemar(better, pairs - better)
    # Ten thousand draws: five standard errors, and one draw that counts in any case.
    assert sign_flips(found) == pytest.approx(exact, abs=5 * math.sqrt(exact / 10_000) + 2e-4)
    assert sign_flips(found) == sign_flips(found)


@given(counts, counts, counts)
def test_the_interval_is_bonett_and_prices(first: int, second: int, same: int) -> None:
    total = first + second + same
    low, high = paired_interval([-1.0] * first + [1.0] * second + [0.0] * same)
    if not total:
        assert (low, high) == (-1.0, 1.0)
        return
    p, q = (second + 1) / (total + 2), (first + 1) / (total + 2)
    reach = Z * math.sqrt((p + q - (p - q) ** 2) / (total + 2))
    assert (low, high) == pytest.approx((max(-1, p - q - reach), min(1, p - q + reach)), abs=1e-12)
    assert low <= (second - first) / total <= high


@pytest.mark.parametrize(("ahead", "behind"), [(0.1, 0.1), (0.25, 0.05), (0.02, 0.0), (0.5, 0.3), (0.0, 0.0)])
def test_the_interval_covers(ahead: float, behind: float) -> None:
    """Of 40 pairs, by enumerating what may come: as often as it says, or more."""
    pairs, covered = 40, 0.0
    for up in range(pairs + 1):
        for down in range(pairs + 1 - up):
            mass = stats.multinomial.pmf([up, down, pairs - up - down], pairs, [ahead, behind, 1 - ahead - behind])
            if mass > 1e-12:
                low, high = paired_interval([1.0] * up + [-1.0] * down + [0.0] * (pairs - up - down))
                covered += mass * (low <= ahead - behind <= high)
    assert covered >= 0.94


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("pair")
    asked = Questions(samples=12)
    make_run(root / "one", asked, responder((0.9, 0.6, 0.3), 0.3), model="one")
    make_run(root / "two", asked, responder((0.9, 0.9, 0.7), 0.3), model="two", prompt="described")
    return root / "one", root / "two"


def outcomes(directory: Path) -> dict[str, str]:
    lines = (directory / "results.jsonl").read_text().splitlines()
    return {row["sample_id"]: row["outcome"] for row in map(json.loads, lines)}


def test_a_comparison_is_of_the_questions_that_both_answered(pair: tuple[Path, Path]) -> None:
    first, second = map(outcomes, pair)
    both = [one for one in first if "error" not in (first[one], second[one])]
    found = compare(*pair)
    assert found.overall.questions == len(both)
    assert found.left_out == len(first) - len(both) > 0
    only = [sum(a[one] == "correct" != b[one] for one in both) for a, b in ((first, second), (second, first))]
    assert [found.overall.only_first, found.overall.only_second] == only
    assert found.overall.p == mcnemar(*only)
    right = [sum(run[one] == "correct" for one in both) / len(both) for run in (first, second)]
    assert (found.overall.first, found.overall.second) == pytest.approx(right)
    assert found.overall.difference == pytest.approx(right[1] - right[0])
    assert len(found.differing) == sum(only)
    for parts in (found.by_task, found.by_difficulty, found.by_cell):
        assert sum(one.questions for one in parts.values()) == len(both)
        assert sum(one.only_first for one in parts.values()) == only[0]
    tests = [one.p for one in found.by_task.values()]
    assert [one.p_holm for one in found.by_task.values()] == holm(tests)
    assert found.settings == {"prompt": ("plain", "described")}
    assert "the runs differ in prompt: 'plain' and 'described'" in console(found, ("one", "two"))


def test_a_comparison_the_other_way_round_is_its_mirror(pair: tuple[Path, Path]) -> None:
    there, back = compare(*pair), compare(*reversed(pair))
    for one, other in zip(there.by_cell.values(), back.by_cell.values(), strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        assert one.p == other.p


def test_several_comparisons_are_one_family(pair: tuple[Path, Path]) -> None:
    found = compare_all([*pair, pair[0]])
    tests = [one.p for comparison in found for one in comparison.by_task.values()]
    assert [one.p_holm for comparison in found for one in comparison.by_task.values()] == holm(tests)
    assert {one.family for one in found} == {len(tests)}


def test_repeats_are_averaged_by_question(tmp_path: Path) -> None:
    asked = Questions(tasks=("logic",), samples=6)
    rows = make_run(tmp_path / "three", asked, responder((0.7, 0.6, 0.5), 0.2), repeats=3)
    make_run(tmp_path / "one", asked, responder((0.3, 0.3, 0.3)))
    single = outcomes(tmp_path / "one")
    by_question: dict[str, list[bool]] = {}
    for row in rows:
        if row["outcome"] != "error":
            by_question.setdefault(row["sample_id"], []).append(row["is_correct"])
    gaps = [float(np.mean(found)) - (single[one] == "correct") for one, found in by_question.items()]
    found = compare(tmp_path / "one", tmp_path / "three")
    assert found.test == "sign flips"
    assert found.overall.questions == len(gaps)
    assert found.overall.difference == pytest.approx(np.mean(gaps))
    assert (found.overall.low, found.overall.high) == pytest.approx(paired_interval(gaps))
    assert found.overall.p == pytest.approx(sign_flips(gaps))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"seed": 7}, "is another question in each of them: seed is 42 here and 7 there"),
    ({"split": "validation"}, "no question in common: split is 'test' here and 'validation' there"),
    ({"tasks": ("filtro",)}, "no question in common: tasks is"),
    (
        {"params": {"distractors": 1}},
        "no question in common: params is {} here and {'distractors': 1} there",
    ),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_other_questions_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    asked = Questions(tasks=("logic",), samples=2)
    make_run(tmp_path / "one", asked)
    make_run(tmp_path / "two", replace(asked, **changed))
    with pytest.raises(EvaluationError, match=message):
        compare(tmp_path / "one", tmp_path / "two")


def test_another_version_of_a_task_is_refused_where_its_rows_differ(tmp_path: Path) -> None:
    asked = Questions(tasks=("logic",), samples=2)
    rows = make_run(tmp_path / "one", asked)
    make_run(tmp_path / "same", asked, versions={"logic": 99})
    assert compare(tmp_path / "one", tmp_path / "same").overall.questions == len(rows)
    config = read_state(tmp_path / "one")["config"] | {"versions": {"logic": 99}}
    write_rows(tmp_path / "two", [row | {"target": row["target"] + "?"} for row in rows], config, len(rows))
    with pytest.raises(EvaluationError, match=r"versions is \{'logic': 1\} here and \{'logic': 99\} there"):
        compare(tmp_path / "one", tmp_path / "two")


def test_runs_without_an_answer_in_common_are_refused(tmp_path: Path) -> None:
    rows = make_run(tmp_path / "one", Questions(tasks=("logic",), samples=2))
    config = read_state(tmp_path / "one")["config"]
    write_rows(tmp_path / "two", [row | {"outcome": "error"} for row in rows], config, len(rows))
    with pytest.raises(EvaluationError, match="no question was answered by both"):
        compare(tmp_path / "one", tmp_path / "two")


def test_directories_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="is no directory of an evaluation"):
        compare(tmp_path, tmp_path)
