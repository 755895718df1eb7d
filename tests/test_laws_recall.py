"""Associative recall draws what it says: pairs, queries without replacement, gaps and fillers."""

from random import Random

import numpy as np
import pytest
import synthgen

from benches.plain import recall as plain
from tests.kits.recall import DEFAULTS, PRESETS
from tests.kits.symbols import FIRST, KEY
from tests.laws import Ints, assert_all_equally_likely, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@pytest.mark.parametrize("difficulty", [None, 1, 2, 3])
def test_numbers_of_pairs_and_gaps_are_uniform(difficulty: int | None) -> None:
    params = {**DEFAULTS, **PRESETS.get(difficulty or 0, {})}
    facts = [row["metadata"]["measured"] for row in synthgen.recall.examples(6000, 1, difficulty=difficulty)]
    fewest, most = params["num_pairs"]
    assert_uniform([row["pairs"] for row in facts], fewest, most, "pairs")
    gaps = np.array([row["gap"] for row in facts])
    assert gaps.shape[1] == params["num_queries"]
    low, high = params["gap"]
    if low == high:
        assert (gaps == low).all()
    else:
        assert_uniform(gaps, low, high, "gaps")


def small(rows: int, seed: int, pairs: int, queries: int, num_symbols: int) -> tuple[Ints, Ints, Ints]:
    """Give keys, values, and the places asked about, of rows without gaps."""
    batch = synthgen.recall.batch(rows, seed=seed, num_pairs=pairs, num_queries=queries, num_symbols=num_symbols, gap=0)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    keys, values = ids[:, 1 : 3 * pairs : 3], ids[:, 3 : 3 * pairs + 1 : 3]
    asked = ids[:, 3 * pairs + 2 : 3 * pairs + 4 * queries : 4]
    places = (keys[:, None, :] == asked[:, :, None]).argmax(axis=2)
    return keys - FIRST, values - FIRST, places


def test_keys_are_a_uniform_ordered_sample() -> None:
    for pairs, num_symbols, cells in ((2, 9, 72), (3, 6, 120), (5, 5, 120)):
        assert_all_equally_likely(small(40_000, 2, pairs, 1, num_symbols)[0], cells, f"{pairs} of {num_symbols}")


def test_values_are_independent_and_uniform() -> None:
    _, values, places = small(60_000, 3, 3, 1, 5)
    assert_all_equally_likely(values, 125, "values")
    assert_all_equally_likely(np.column_stack([places[:, 0], values[:, 0]]), 15, "the place asked about, and a value")


def test_queries_are_a_uniform_ordered_sample_of_the_pairs() -> None:
    for pairs, queries, cells in ((5, 2, 20), (4, 4, 24), (6, 3, 120)):
        assert_all_equally_likely(small(30_000, 4, pairs, queries, 500)[2], cells, f"{queries} of {pairs}")


def test_gaps_are_independent() -> None:
    rows = synthgen.recall.examples(12_000, 5, num_pairs=3, num_queries=2, gap=(1, 4))
    assert_all_equally_likely(np.array([row["metadata"]["measured"]["gap"] for row in rows]), 16)


def test_fillers_are_uniform_among_the_symbols_that_are_no_keys() -> None:
    batch = synthgen.recall.batch(60_000, seed=6, num_pairs=2, num_queries=1, num_symbols=6, gap=2)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    assert (ids[:, 9] == KEY).all()
    keys, fillers = np.sort(ids[:, [1, 4]], axis=1), ids[:, 7:9]
    # Fifteen sets of keys, and for each of them four symbols left for either filler.
    assert_all_equally_likely(np.column_stack([keys, fillers]), 15 * 16)


def test_rows_are_like_the_plain_generators() -> None:
    rng, prepared = Random(5), plain.prepare(resolve("recall", 2))
    rows = [plain.generate(rng, prepared)[0] for _ in range(8000)]
    batch = synthgen.recall.batch(20_000, seed=5, difficulty=2)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(row) for row in rows]), "lengths")
    assert_same_law((ids == KEY).argmax(axis=1), np.array([row.index(KEY) for row in rows]), "the first query")
    assert_same_law(ids[:, 1], np.array([row[1] for row in rows]), "the first key")
