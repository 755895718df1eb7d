"""Pattern completion draws what it says: patterns that are no repetitions, and cuts that fall anywhere."""

from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import pattern as plain
from tests.kits.pattern import PRESETS
from tests.kits.symbols import FIRST
from tests.laws import Ints, assert_all_equally_likely, assert_same_law, assert_uniform
from tests.oracles.params import resolve
from tests.oracles.pattern import is_repetition


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_lengths_are_uniform(difficulty: int) -> None:
    batch = synthgen.pattern.batch(20_000, seed=1, difficulty=difficulty)
    assert_uniform((np.asarray(batch.lengths).astype(np.int64) - 2) // 3, *PRESETS[difficulty]["pattern_length"])


def test_a_row_of_the_defaults_is_as_long_as_in_the_copy_experiment() -> None:
    assert (synthgen.pattern.batch(1000, seed=1).lengths == 14).all()


@pytest.mark.parametrize(("length", "num_symbols"), [(2, 2), (4, 2), (6, 2), (4, 3), (3, 5)])
def test_all_patterns_but_repetitions_are_equally_likely(length: int, num_symbols: int) -> None:
    batch = synthgen.pattern.batch(30_000, seed=2, pattern_length=length, num_symbols=num_symbols)
    found = np.asarray(batch.input_ids)[:, 1 : length + 1].astype(np.int64)
    cells = sum(not is_repetition(word) for word in product(range(num_symbols), repeat=length))
    assert_all_equally_likely(found, cells)


def cuts(rows: int, seed: int, length: int, **asked: Any) -> Ints:
    """How much of the pattern stands at the end of each prompt."""
    batch = synthgen.pattern.batch(rows, seed=seed, pattern_length=length, **asked)
    found: Ints = np.asarray(batch.loss_mask).argmax(axis=1).astype(np.int64) - 1 - 2 * length
    return found


@pytest.mark.parametrize("length", [2, 3, 4, 7, 32, 84])
def test_the_cut_is_uniform(length: int) -> None:
    found = cuts(40_000, 3, length)
    if length == 2:
        assert (found == 1).all()
    else:
        assert_uniform(found, 1, length - 1)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_cut_knows_nothing_of_the_split(split: str) -> None:
    assert_uniform(cuts(20_000, 4, 6, split=split), 1, 5)


def test_the_cut_tells_nothing_of_a_symbol() -> None:
    batch = synthgen.pattern.batch(60_000, seed=5)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    cut = np.asarray(batch.loss_mask).argmax(axis=1) - 9
    for place in range(1, 5):
        fifth = (ids[:, place] - FIRST) // 100
        assert_all_equally_likely(np.column_stack([cut, fifth]), 15, f"the cut and symbol {place}")
        assert_all_equally_likely(
            np.column_stack([cut, ids[:, place] % 4]), 12, f"the cut and symbol {place}, modulo 4"
        )


def test_every_place_holds_any_symbol() -> None:
    ids = np.asarray(synthgen.pattern.batch(30_000, seed=6).input_ids).astype(np.int64)
    for place in range(1, 5):
        assert_uniform(ids[:, place] - FIRST, 0, 499, f"place {place}")


def test_rows_are_like_the_plain_generators() -> None:
    rng, prepared = Random(5), plain.prepare(resolve("pattern", 1))
    rows = [plain.generate(rng, prepared) for _ in range(8000)]
    batch = synthgen.pattern.batch(20_000, seed=5, difficulty=1)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(ids) for ids, _ in rows]), "lengths")
    learned = np.asarray(batch.loss_mask).sum(axis=1).astype(np.int64)
    assert_same_law(learned, np.array([sum(mask) for _, mask in rows]), "completions")
