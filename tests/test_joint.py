"""Joint order: every epoch is a permutation, any position can be asked for alone, and sources keep their own order."""

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import assume, given
from hypothesis import strategies as st
from synthgen.data import Batches, joint, shuffled
from synthgen.data.permute import key, permute

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=4)
seeds = st.integers(0, 2**64 - 1)


def named(lengths: list[int]) -> dict[str, list[tuple[str, int]]]:
    """Sources whose rows say where they come from."""
    return {f"s{i}": [(f"s{i}", row) for row in range(length)] for i, length in enumerate(lengths)}


@given(st.one_of(st.integers(1, 300), st.integers(1, 5000)), seeds)
def test_a_permutation_reaches_every_place_once(n: int, seed: int) -> None:
    chosen = key(seed, 1)
    images = [permute(i, n, chosen) for i in range(n)]
    assert sorted(images) == list(range(n))
    assert permute(np.arange(n, dtype=np.uint64), n, chosen).tolist() == images


@given(st.integers(1, 2**63), seeds, st.lists(st.integers(0, 2**63 - 1), max_size=20, unique=True))
def test_a_permutation_of_any_size_keeps_places_apart(n: int, seed: int, places: list[int]) -> None:
    chosen = sorted({place % n for place in places})
    images = [permute(i, n, key(seed)) for i in chosen]
    assert len(set(images)) == len(chosen)
    assert all(0 <= image < n for image in images)
    assert permute(np.array(chosen, dtype=np.uint64), n, key(seed)).tolist() == images


@pytest.mark.parametrize("n", [3, 5, 6, 8, 20, 64, 100])
def test_any_two_places_go_anywhere_equally_often(n: int) -> None:
    draws = 200 * n * n
    keys = key(np.arange(draws, dtype=np.uint64), 5)
    first, last = (permute(np.full(draws, i, dtype=np.uint64), n, keys).astype(int) for i in (0, n - 1))
    counts = np.bincount(first * n + last, minlength=n * n).reshape(n, n)
    assert not counts.diagonal().any()
    pairs = n * (n - 1)
    others = counts[~np.eye(n, dtype=bool)]
    statistic = ((others - draws / pairs) ** 2 / (draws / pairs)).sum()
    # Six standard deviations of a chi-square of pairs - 1 degrees of freedom.
    assert abs(statistic - (pairs - 1)) < 6 * (2 * (pairs - 1)) ** 0.5


def test_the_order_is_pinned() -> None:
    rows = shuffled(range(10), 42, epochs=2)
    assert list(rows) == PINNED


PINNED = [8, 2, 9, 3, 6, 0, 5, 7, 1, 4, 8, 6, 4, 2, 5, 0, 3, 7, 1, 9]


@given(sizes, seeds, st.integers(0, 4))
def test_each_epoch_holds_every_row_once(lengths: list[int], seed: int, epochs: int) -> None:
    rows = joint(named(lengths), seed, epochs=epochs)
    everything = sorted(row for source in named(lengths).values() for row in source)
    assert len(rows) == epochs * rows.rows_per_epoch == epochs * len(everything)
    found = list(rows)
    for epoch in range(epochs):
        assert sorted(found[epoch * len(everything) : (epoch + 1) * len(everything)]) == everything


repeated = st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0.1, 0.5, 1, 1.5, 2, 3])), min_size=1, max_size=4)


@given(repeated, seeds, st.data())
def test_any_position_is_the_same_alone_together_and_after_pickling(
    asked: list[tuple[int, float]], seed: int, data: st.DataObject
) -> None:
    sources = {"more": [("more", 0), ("more", 1)], **named([length for length, _ in asked])}
    rows = joint(sources, seed, repeats={f"s{i}": factor for i, (_, factor) in enumerate(asked)}, epochs=5)
    whole = list(rows)
    assert [(name, rows.where(p)[1]) for p, (name, _) in enumerate(whole)] == whole
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(0, len(rows)))
    parts, numbers = rows.order(start, stop)
    assert [(rows.names[part], row) for part, row in zip(parts.tolist(), numbers.tolist(), strict=True)] == whole[
        start:stop
    ]
    places = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1), max_size=10))
    assert pickle.loads(pickle.dumps(rows)).__getitems__(places) == [whole[p] for p in places]
    assert [rows[np.int64(p)] for p in places] == [whole[p] for p in places]


@given(repeated, seeds)
def test_no_row_comes_again_before_all_others_have_come(asked: list[tuple[int, float]], seed: int) -> None:
    repeats = {f"s{i}": factor for i, (_, factor) in enumerate(asked)}
    assume(any(round(length * factor) for length, factor in asked))
    rows = joint(named([length for length, _ in asked]), seed, repeats=repeats, epochs=6)
    for epochs in range(1, 7):
        counts = Counter(rows[p] for p in range(epochs * rows.rows_per_epoch))
        for i, (length, factor) in enumerate(asked):
            drawn = [counts[f"s{i}", row] for row in range(length)]
            assert sum(drawn) == epochs * round(length * factor)
            assert max(drawn) - min(drawn) <= 1


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=4), seeds, st.integers(1, 300))
def test_weights_are_shares_of_an_epoch(asked: list[tuple[int, int]], seed: int, total: int) -> None:
    sources = named([length for length, _ in asked])
    weights = {f"s{i}": weight for i, (_, weight) in enumerate(asked)}
    whole = sum(weights.values())
    if not whole:
        with pytest.raises(synthgen.ParamError, match="at least one of them positive"):
            joint(sources, seed, weights=weights)
        return
    counts = Counter(name for name, _ in joint(sources, seed, weights=weights, rows_per_epoch=total))
    assert sum(counts.values()) == total
    for name, weight in weights.items():
        assert abs(counts[name] - total * weight / whole) <= 1
        assert weight or not counts[name]
    alone = Counter(joint(sources, seed, weights=weights))
    assert max(alone.values()) <= 2  # rounding may take one row more than a source has
    assert sum(count - 1 for count in alone.values()) <= len(sources)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    n = 2000
    orders = [shuffled(range(n), seed, epochs=3) for seed in range(3)]
    epochs = [[rows[e * n + i] for i in range(n)] for rows in orders for e in range(3)]
    for i, one in enumerate(epochs):
        for other in epochs[:i]:
            # Places in common are Poisson with mean 1.
            assert sum(a == b for a, b in zip(one, other, strict=True)) < 12


def test_rows_without_end_cost_nothing() -> None:
    sources: dict[str, Any] = {"dyna": synthgen.dyna.source(0, 2**62, difficulty=1), "text": [{"input_ids": [5, 6]}]}
    rows = joint(sources, 7, weights={"dyna": 3, "text": 1}, rows_per_epoch=2**40, epochs=None)
    assert len(rows) == 2**63 - 2**40
    for p in (0, 2**40, len(rows) - 1):
        name, row = rows.where(p)
        assert rows[p].keys() == sources[name][row].keys()
        assert np.array_equal(rows[p]["input_ids"], sources[name][row]["input_ids"])
    whole = shuffled(sources["dyna"], 1)
    assert len({whole.where(p)[1] for p in range(100)}) == 100
    assert len(whole) == 2**62


BAD: list[tuple[dict[str, Any], str]] = [
    ({"sources": {}}, "one or more names"),
    ({"sources": {"a": []}}, "one or more rows"),
    ({"sources": {"a": [1]}, "repeats": {"b": 1}}, "names of the sources, a"),
    ({"sources": {"a": [1]}, "repeats": {"a": -1}}, "a number >= 0"),
    ({"sources": {"a": [1]}, "repeats": {"a": 0}}, "rows per epoch = 0"),
    ({"sources": {"a": [1]}, "weights": {"a": "1"}}, "a number >= 0"),
    ({"sources": {"a": [1]}, "weights": {"a": float("inf")}}, "a number >= 0"),
    ({"sources": {"a": [1]}, "weights": {"a": 1}, "repeats": {"a": 1}}, "not both"),
    ({"sources": {"a": [1]}, "rows_per_epoch": 5}, "only with weights"),
    ({"sources": {"a": [1]}, "seed": -1}, "seed = -1"),
    ({"sources": {"a": [1]}, "epochs": -1}, "epochs = -1"),
]


@pytest.mark.parametrize(("asked", "message"), BAD)
def test_wrong_arguments_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(synthgen.ParamError, match=message):
        joint(**asked)


def test_positions_outside_are_index_errors() -> None:
    rows = shuffled([1, 2, 3], epochs=2)
    for position in (6, -7, 2**70):
        with pytest.raises(IndexError, match=str(position)):
            rows[position]
    with pytest.raises(IndexError):
        shuffled([1], epochs=0)[0]
    assert len(Batches(rows, 4)) == 2
