"""Copying draws what it says: lengths and symbols are uniform."""

from random import Random

import numpy as np
import pytest
import synthgen

from benches.plain import copying as plain
from tests.kits.copying import DEFAULTS, PRESETS
from tests.kits.symbols import COPY, FIRST
from tests.laws import assert_all_equally_likely, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_lengths_are_uniform(difficulty: int | None) -> None:
    batch = synthgen.copying.batch(20_000, seed=1, difficulty=difficulty)
    low, high = {**DEFAULTS, **PRESETS.get(difficulty or 0, {})}["num_items"]
    lengths = np.asarray(batch.lengths).astype(np.int64)
    assert (lengths % 2 == 1).all()
    assert_uniform((lengths - 3) // 2, low, high)


def test_all_strings_are_equally_likely() -> None:
    batch = synthgen.copying.batch(40_000, seed=2, num_items=3, num_symbols=5)
    assert_all_equally_likely(np.asarray(batch.input_ids)[:, 1:4].astype(np.int64), 125)


@pytest.mark.parametrize("num_symbols", [500, 77])
def test_every_place_holds_any_symbol(num_symbols: int) -> None:
    ids = np.asarray(synthgen.copying.batch(30_000, seed=3, num_items=13, num_symbols=num_symbols).input_ids)
    assert (ids[:, 14] == COPY).all()
    for place in (1, 2, 6, 7, 12, 13):
        assert_uniform(ids[:, place].astype(np.int64) - FIRST, 0, num_symbols - 1, f"place {place}")


def test_neighbours_are_independent() -> None:
    # Symbols 6 and 7 come from different random words, the others here from one.
    ids = np.asarray(synthgen.copying.batch(60_000, seed=6, num_items=8, num_symbols=500).input_ids)
    tenths = (ids[:, 1:9].astype(np.int64) - FIRST) // 50
    for one, other in ((0, 1), (2, 5), (5, 6), (6, 7)):
        assert_all_equally_likely(tenths[:, [one, other]], 100, f"places {one} and {other}")


def test_the_split_does_not_change_the_law() -> None:
    for split in ("validation", "test"):
        batch = synthgen.copying.batch(20_000, seed=4, split=split, num_items=(4, 9), num_symbols=100)
        assert_uniform((np.asarray(batch.lengths).astype(np.int64) - 3) // 2, 4, 9, split)
        assert_uniform(np.asarray(batch.input_ids)[:, 1:5].astype(np.int64) - FIRST, 0, 99, split)


def test_rows_are_like_the_plain_generators() -> None:
    rng, prepared = Random(5), plain.prepare(resolve("copying"))
    rows = [plain.generate(rng, prepared)[0] for _ in range(8000)]
    batch = synthgen.copying.batch(20_000, seed=5)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(row) for row in rows]), "lengths")
    assert_same_law(np.asarray(batch.input_ids)[:, 8].astype(np.int64), np.array([row[8] for row in rows]), "symbols")
