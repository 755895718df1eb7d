"""Selective copying draws what it says: items that are uniform, and markers of which at least one item is kept."""

from itertools import combinations, product
from math import comb
from random import Random

import numpy as np
import pytest
import synthgen

from benches.plain import selective as plain
from tests.kits.selective import DEFAULTS, PRESETS
from tests.kits.symbols import COPY, FIRST, KEY
from tests.laws import assert_all_equally_likely, assert_follows, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_numbers_of_items_and_markers_are_uniform(difficulty: int | None) -> None:
    params = {**DEFAULTS, **PRESETS.get(difficulty or 0, {})}
    ids = np.asarray(synthgen.selective.batch(20_000, seed=1, difficulty=difficulty).input_ids)
    length = (ids == KEY).argmax(axis=1) - 1
    markers = (ids == COPY).argmax(axis=1) - length - 2
    (low, high), (fewest, most) = params["num_items"], params["num_markers"]
    assert_uniform(length, low, high, "items")
    assert_uniform(markers, fewest, most, "markers")
    assert_all_equally_likely(np.column_stack([length, markers]), (high - low + 1) * (most - fewest + 1), "both")


def test_items_are_independent_and_uniform() -> None:
    ids = np.asarray(
        synthgen.selective.batch(60_000, seed=2, num_items=3, num_classes=2, num_markers=1, num_symbols=5).input_ids
    )
    assert_all_equally_likely(ids[:, 1:4].astype(np.int64), 125)


def test_a_set_of_classes_is_marked_in_proportion_to_the_items_that_it_keeps() -> None:
    batch = synthgen.selective.batch(120_000, seed=3, num_items=3, num_classes=4, num_markers=2, num_symbols=8)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    classes = (ids[:, 1:4] - FIRST) % 4
    marked = np.sort(ids[:, 5:7] - FIRST - 4, axis=1)
    sets = list(combinations(range(4), 2))
    index = {pair: i for i, pair in enumerate(sets)}
    places = np.array([index[a, b] for a, b in marked.tolist()])
    found = np.bincount(6 * (classes @ np.array([16, 4, 1])) + places, minlength=64 * 6).reshape(64, 6)
    law = [[sum(c in pair for c in items) for pair in sets] for items in product(range(4), repeat=3)]
    assert_follows(found, law)


def test_markers_come_in_any_order() -> None:
    ids = np.asarray(synthgen.selective.batch(40_000, seed=4, num_items=5, num_markers=3).input_ids).astype(np.int64)
    assert_all_equally_likely(ids[:, 7:10], 24)


@pytest.mark.parametrize(("classes", "markers", "length"), [(4, 1, 8), (4, 2, 8), (2, 1, 13)])
def test_one_item_is_kept_and_of_the_others_each_with_the_share_of_the_classes(
    classes: int, markers: int, length: int
) -> None:
    batch = synthgen.selective.batch(
        40_000, seed=5, num_items=length, num_classes=classes, num_markers=markers, num_symbols=100
    )
    kept = np.asarray(batch.lengths).astype(np.int64) - length - markers - 4
    share = markers / classes
    law = [comb(length - 1, k) * share**k * (1 - share) ** (length - 1 - k) for k in range(length)]
    assert_follows(np.bincount(kept - 1, minlength=length), law)


def test_rows_are_like_the_plain_generators() -> None:
    for level in (1, 3):
        rng, prepared = Random(5), plain.prepare(resolve("selective", level))
        rows = [plain.generate(rng, prepared) for _ in range(6000)]
        batch = synthgen.selective.batch(20_000, seed=6, difficulty=level)
        learned = np.asarray(batch.loss_mask).sum(axis=1).astype(np.int64)
        assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(ids) for ids, _ in rows]), "lengths")
        assert_same_law(learned, np.array([sum(mask) for _, mask in rows]), "items kept")
