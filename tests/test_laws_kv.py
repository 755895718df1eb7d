"""Key-value retrieval draws what it says: pairs, keys without replacement, values with, and the question."""

from collections import Counter
from random import Random

import numpy as np
import pytest
import synthgen

from benches.plain import kv as plain
from tests.kits.kv import DEFAULTS, PRESETS
from tests.kits.symbols import FIRST
from tests.laws import Ints, assert_all_equally_likely, assert_follows, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_numbers_of_pairs_are_uniform(difficulty: int | None) -> None:
    batch = synthgen.kv.batch(20_000, seed=1, difficulty=difficulty)
    low, high = {**DEFAULTS, **PRESETS.get(difficulty or 0, {})}["num_pairs"]
    assert_uniform((np.asarray(batch.lengths).astype(np.int64) - 6) // 4, low, high)


def drawn(rows: int, seed: int, pairs: int, num_symbols: int) -> tuple[Ints, Ints, Ints]:
    """Give keys, values, and the place asked about."""
    batch = synthgen.kv.batch(rows, seed=seed, num_pairs=pairs, num_symbols=num_symbols)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    keys, values = ids[:, 2 : 4 * pairs : 4], ids[:, 4 : 4 * pairs + 1 : 4]
    place = (keys == ids[:, 4 * pairs + 2][:, None]).argmax(axis=1)
    return keys - FIRST, values - FIRST, place


def test_keys_are_a_uniform_ordered_sample() -> None:
    for pairs, num_symbols, cells in ((2, 9, 72), (3, 6, 120), (4, 5, 120), (5, 5, 120)):
        keys, _, _ = drawn(40_000, 2, pairs, num_symbols)
        assert_all_equally_likely(keys, cells, f"{pairs} keys of {num_symbols}")


def test_values_are_independent_and_uniform() -> None:
    _, values, place = drawn(60_000, 3, 3, 5)
    assert_all_equally_likely(values, 125, "values")
    assert_all_equally_likely(np.column_stack([place, values[:, 0]]), 15, "the place asked about, and the first value")


def test_the_place_asked_about_is_uniform_whatever_the_number_of_pairs() -> None:
    for pairs in (2, 5, 17):
        _, _, place = drawn(20_000, 4, pairs, 500)
        assert_uniform(place, 0, pairs - 1, f"{pairs} pairs")


def test_keys_and_values_use_the_whole_alphabet() -> None:
    keys, values, _ = drawn(20_000, 5, 5, 500)
    for pair in range(5):
        assert_uniform(keys[:, pair], 0, 499, f"key {pair}")
        assert_uniform(values[:, pair], 0, 499, f"value {pair}")


def test_the_most_common_value_is_rarely_common() -> None:
    # How often the most common of n values occurs, exactly, for three values of five symbols.
    _, values, _ = drawn(60_000, 6, 3, 5)
    most = np.array([Counter(row).most_common(1)[0][1] for row in values.tolist()])
    assert_follows(np.bincount(most, minlength=4)[1:], [5 * 4 * 3, 3 * 5 * 4, 5])


def test_rows_are_like_the_plain_generators() -> None:
    rng, prepared = Random(5), plain.prepare(resolve("kv", 1))
    rows = [plain.generate(rng, prepared)[0] for _ in range(8000)]
    batch = synthgen.kv.batch(20_000, seed=5, difficulty=1)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(row) for row in rows]), "lengths")
    for place in (2, 4, 18, 20):
        found = np.asarray(batch.input_ids)[:, place].astype(np.int64)
        assert_same_law(found, np.array([row[place] for row in rows]), f"token {place}")
