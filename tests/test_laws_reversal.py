"""Reversal draws what it says: lengths and symbols are uniform."""

from random import Random

import numpy as np
import pytest
import synthgen

from benches.plain import reversal as plain
from tests.kits.reversal import DEFAULTS, PRESETS
from tests.kits.symbols import FIRST, SEP
from tests.laws import assert_all_equally_likely, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_lengths_are_uniform(difficulty: int | None) -> None:
    batch = synthgen.reversal.batch(20_000, seed=1, difficulty=difficulty)
    low, high = {**DEFAULTS, **PRESETS.get(difficulty or 0, {})}["num_items"]
    assert_uniform((np.asarray(batch.lengths).astype(np.int64) - 3) // 2, low, high)


def test_all_strings_are_equally_likely() -> None:
    ids = np.asarray(synthgen.reversal.batch(40_000, seed=2, num_items=3, num_symbols=5).input_ids).astype(np.int64)
    assert_all_equally_likely(ids[:, 1:4], 125, "the prompt")
    assert (ids[:, 4] == SEP).all()
    assert (ids[:, 5:8] == ids[:, 3:0:-1]).all()


def test_every_place_holds_any_symbol() -> None:
    ids = np.asarray(synthgen.reversal.batch(30_000, seed=3, num_items=13).input_ids).astype(np.int64)
    for place in (1, 6, 7, 13, 15, 27):
        assert_uniform(ids[:, place] - FIRST, 0, 499, f"place {place}")


def test_rows_are_like_the_plain_generators() -> None:
    rng, prepared = Random(5), plain.prepare(resolve("reversal"))
    rows = [plain.generate(rng, prepared)[0] for _ in range(8000)]
    batch = synthgen.reversal.batch(20_000, seed=5)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(row) for row in rows]), "lengths")
    assert_same_law(np.asarray(batch.input_ids)[:, 8].astype(np.int64), np.array([row[8] for row in rows]), "symbols")
