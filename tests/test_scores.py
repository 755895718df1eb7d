"""Scores of predictions: each answer counts once, for itself, and nothing but answers counts."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.batch import Batch, Packed
from synthgen.errors import ParamError
from synthgen.statistics import interval
from synthgen.train.scores import Answers, Tally

TASKS = tuple(synthgen.tasks())
MIXED = synthgen.mix({"dyna": 1, "recall": 1, "mano": 1}, difficulty=2)


@cache
def rows_of(kind: str) -> Batch | Packed:
    """Rows of several queries, alone, mixed, cut and in windows."""
    found: dict[str, Any] = {
        "dyna": lambda: synthgen.dyna.batch(12, seed=3),
        "capo": lambda: synthgen.capo.batch(6, seed=3),
        "mixture": lambda: MIXED.batch(20, seed=3),
        "levels": lambda: synthgen.curriculum("recall", [1, 1, 1]).batch(12, seed=3),
        "cut": lambda: synthgen.dyna.batch(20, seed=3, seq_len=80, overflow="truncate"),
        "windows": lambda: synthgen.depo.packed(4, 1024, seed=3),
        "mixed windows": lambda: MIXED.packed(4, 256, seed=3, dtype="uint16"),
    }
    return found[kind]()  # type: ignore[no-any-return]


KINDS = ("dyna", "capo", "mixture", "levels", "cut", "windows", "mixed windows")
every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def answers_of(kind: str) -> Answers:
    return Answers(rows_of(kind))


def spans(rows: Batch | Packed) -> list[tuple[int, int, int]]:
    """Row, start and end of each answer that is there as a whole, by the rows' own account."""
    if isinstance(rows, Packed):
        counts = np.diff(rows.query_offsets)
        found = zip(np.repeat(np.arange(len(rows)), counts).tolist(), rows.query_spans.tolist(), strict=True)
        pairs = zip(found, rows.query_complete, strict=True)
        return [(row, start, end) for (row, (_, start, end)), complete in pairs if complete]
    width = rows.input_ids.shape[1]
    queries = [(i, query.answer_start, query.answer_end) for i in range(len(rows)) for query in rows.queries(i)]
    return [span for span in queries if span[2] <= width]


@pytest.mark.parametrize("name", TASKS)
def test_perfect_predictions_are_right_in_every_task(name: str) -> None:
    batch = synthgen.get(name).batch(8, seed=1, difficulty=1)
    tally = Answers(batch).tally(batch.input_ids)
    assert set(tally.values().values()) == {1.0}
    assert tally.counts["answer_accuracy"] == (batch.answer_mask.sum(),) * 2
    assert tally.counts["row_exact_match"] == (8, 8)
    assert tally.counts["exact_match"] == tally.counts[f"exact_match/task={name}"]
    assert tally.counts["exact_match"] == tally.counts["exact_match/difficulty=1"]
    assert any(f"exact_match/{synthgen.tasks()[name].axes[0]}=" in key for key in tally.counts)


@every_kind
def test_one_wrong_token_fails_its_answer_and_no_other(kind: str) -> None:
    rows, answers = rows_of(kind), answers_of(kind)
    whole = answers.tally(rows.input_ids)
    found = spans(rows)
    assert len(answers) == len(found) == whole.counts["exact_match"][0]
    for row, start, end in found[:: max(1, len(found) // 10)]:
        predicted = rows.input_ids.astype(np.int32)
        predicted[row, end - 1] += 1
        tally = answers.tally(predicted)
        lost = {
            name: before[0] - tally.counts[name][0]
            for name, before in whole.counts.items()
            if before != tally.counts[name]
        }
        assert set(lost.values()) == {1}
        assert {"answer_accuracy", "exact_match"} <= set(lost)
        # The token, its answer and perhaps its row; and in each breakdown both or none.
        assert {name for name in lost if name.startswith("exact_match")} == {
            name.replace("answer_accuracy", "exact_match") for name in lost if name.startswith("answer_accuracy")
        }
        predicted[row, start] = -1
        assert answers.tally(predicted).counts["exact_match"] == tally.counts["exact_match"]


@every_kind
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_nothing_but_whole_answers_counts(kind: str, data: st.DataObject) -> None:
    rows, answers = rows_of(kind), answers_of(kind)
    seed, share = data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([0.02, 0.3]))
    rng = np.random.default_rng(seed)
    inside = np.zeros(rows.input_ids.shape, bool)
    for row, start, end in spans(rows):
        inside[row, start:end] = True
    predicted = np.where(rng.random(inside.shape) < share, -1, rows.input_ids)
    asked = inside | (rows.loss_mask == 1)
    noise = np.where(asked, predicted, rng.integers(-9, 9, inside.shape))
    tally = answers.tally(predicted)
    assert answers.tally(noise) == tally
    right = [bool((predicted[row, a:b] == rows.input_ids[row, a:b]).all()) for row, a, b in spans(rows)]
    assert tally.counts["exact_match"] == (sum(right), len(right))
    assert tally.counts["answer_accuracy"] == (int((predicted == rows.input_ids)[inside].sum()), int(inside.sum()))
    rights = (predicted == rows.input_ids)[rows.loss_mask == 1]
    assert tally.counts["token_accuracy"] == (int(rights.sum()), len(rights))
    if isinstance(rows, Batch) and kind != "cut":
        wrong = (predicted != rows.input_ids) & (rows.loss_mask == 1)
        assert tally.counts["completion"] == (int((~wrong.any(1)).sum()), len(rows))


@given(cut=st.integers(0, 20), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_tallies_of_parts_add_up(cut: int, seed: int) -> None:
    whole = MIXED.batch(20, seed=3)
    predicted = np.where(np.random.default_rng(seed).random(whole.input_ids.shape) < 0.1, -1, whole.input_ids)
    parts = [
        Answers(MIXED.batch(n, seed=3, start=start)).tally(predicted[start : start + n])
        for start, n in ((0, cut), (cut, 20 - cut))
    ]
    expected = answers_of("mixture").tally(predicted)
    assert parts[0] + parts[1] == parts[1] + parts[0] == expected
    assert Tally() + expected == expected
    assert (parts[0] + parts[1]).values() == pytest.approx(expected.values())


@given(order=st.permutations(range(12)), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_the_order_of_rows_changes_nothing(order: list[int], seed: int) -> None:
    batch = rows_of("dyna")
    predicted = np.where(np.random.default_rng(seed).random(batch.input_ids.shape) < 0.1, -1, batch.input_ids)
    single = [Answers(synthgen.dyna.batch(1, seed=3, start=row)).tally(predicted[row : row + 1]) for row in order]
    total = Tally()
    for one in single:
        total += one
    assert total == answers_of("dyna").tally(predicted)


def test_breakdowns_are_what_the_metadata_says() -> None:
    batch = synthgen.depo.batch(30, seed=5, n_max=20)
    predicted = batch.input_ids.copy()
    expected: dict[str, list[int]] = {}
    for i in range(len(batch)):
        for hops, query in zip(batch.metadata(i)["hops"], batch.queries(i), strict=True):
            right = (i + hops) % 3 > 0
            predicted[i, query.answer_start] += not right
            counts = expected.setdefault(f"exact_match/hops={hops}", [0, 0])
            counts[0] += right
            counts[1] += 1
    found = Answers(batch, by=["hops"]).tally(predicted).counts
    assert {name: list(count) for name, count in found.items() if name.startswith("exact_match/")} == expected


def test_large_numbers_are_grouped_alike_whatever_the_rows() -> None:
    batch = synthgen.copying.batch(200, seed=0, num_items=(8, 40))
    found = Answers(batch, by=["length"]).tally(batch.input_ids).counts
    names = [name.removeprefix("exact_match/length=") for name in found if name.startswith("exact_match/")]
    assert names == [*map(str, range(8, 17)), "17-32", "33-64"]
    lengths = [batch.metadata(i)["length"] for i in range(200)]
    assert found["exact_match/length=17-32"][1] == sum(17 <= length <= 32 for length in lengths)


def test_words_are_groups_and_a_list_has_one_for_each_query() -> None:
    batch = synthgen.capo.batch(5, seed=0)
    found = Answers(batch, by=["order"]).tally(batch.input_ids).counts
    assert found["exact_match/order=birth_city"] == (5, 5)


def test_refusals() -> None:
    batch = synthgen.dyna.batch(3, seed=0)
    for axis in ("nothing", "moved_share", "final_state"):
        with pytest.raises(ParamError, match=f"by = '{axis}'"):
            Answers(batch, by=[axis])
    with pytest.raises(ParamError, match="predictions"):
        Answers(batch).tally(batch.input_ids[:2])


def test_no_rows_give_no_figures() -> None:
    batch = synthgen.dyna.batch(0, seed=0)
    values = Answers(batch).tally(batch.input_ids).values()
    assert set(values) == {"answer_accuracy", "exact_match", "row_exact_match", "token_accuracy", "completion"}
    assert all(map(math.isnan, values.values()))


@given(total=st.integers(0, 10**6), data=st.data())
def test_an_interval_holds_the_shares_it_cannot_tell_apart(total: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, total))
    low, high = interval(correct, total)
    assert 0 <= low < high <= 1 or (low, high) == (0, 1)
    for end in {low, high} - {0.0, 1.0}:
        # Wilson's ends are the shares that lie just 1.96 of their own standard deviations from what was seen.
        assert (correct / total - end) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / total, rel=1e-6)
    mirrored = interval(total - correct, total)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-12)
