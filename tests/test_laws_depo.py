"""Depo draws what it says: sizes, words, the order of edges, query nodes and hops follow their laws."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen
from numpy.typing import NDArray

from benches.plain import depo as plain
from tests.laws import (
    Ints,
    assert_all_equally_likely,
    assert_follows,
    assert_mean,
    assert_same_law,
    assert_uniform,
    flatten,
    tag_arrays,
)
from tests.oracles.depo import tag_piece
from tests.oracles.params import resolve

NON_FINAL, FINAL, QUERY, MARKER = range(4)
TAG, VALUE = tag_arrays(
    [tag_piece(piece) for piece in synthgen.depo.vocab.pieces], ["non-final", "final", "query", "->"]
)
BASE = 129  # a word becomes a number in this base, one digit (1..128) for each token


@dataclass
class Drawn:
    """A batch taken apart, one entry for each row, edge or query, in the order of the text."""

    tokens: Ints  # by row: its length
    size: Ints  # by row: its edges
    source: Ints  # by edge: the word as a number
    target: Ints
    source_length: Ints  # by edge: how many tokens the source has
    source_first: Ints  # by edge: the source's first token
    source_last: Ints  # by edge: the source's final token
    edge_row: Ints  # by edge: its row
    hops: Ints  # by query
    node: Ints  # by query: the word as a number
    query_row: Ints  # by query: its row

    def grid(self, values: Ints) -> Ints:
        """Give each row a line, where all rows have equally many values."""
        return values.reshape(len(self.tokens), -1)


@lru_cache(maxsize=2)
def draw(rows: int, seed: int, **params: Any) -> Drawn:
    """Take a batch apart."""
    if "k_set" in params:  # a tuple here, so that calls can be remembered
        params["k_set"] = list(params["k_set"])
    batch = synthgen.depo.batch(rows, seed=seed, **params)
    ids, row = flatten(batch)
    tag, value = TAG[ids], VALUE[ids]
    word_token = (tag == NON_FINAL) | (tag == FINAL)
    first = np.flatnonzero(word_token & np.append(True, tag[:-1] != NON_FINAL))
    last = np.flatnonzero(tag == FINAL)
    began = np.zeros(len(ids), dtype=np.int64)
    began[first] = first
    digit = np.where(word_token, np.arange(len(ids)) - np.maximum.accumulate(began), 0)
    word = np.add.reduceat(np.where(word_token, value * BASE**digit, 0), first)
    before = tag[first - 1]
    in_graph = np.flatnonzero((before != QUERY) & (before != MARKER))
    source, target = in_graph[0::2], in_graph[1::2]
    return Drawn(
        tokens=np.asarray(batch.lengths).astype(np.int64),
        size=np.bincount(row[first[source]], minlength=rows),
        source=word[source],
        target=word[target],
        source_length=(last - first + 1)[source],
        source_first=value[first[source]],
        source_last=value[last[source]],
        edge_row=row[first[source]],
        hops=value[tag == QUERY],
        node=word[before == QUERY],
        query_row=row[tag == QUERY],
    )


def size_law(n_max: int, smallest: int = 3) -> NDArray[np.float64]:
    """Return the weights of the sizes smallest..n_max."""
    return np.array([1 / (n + sqrt(n_max)) for n in range(smallest, n_max + 1)])


def successors(drawn: Drawn) -> Ints:
    """For rows of one size: the place, in the list of edges, of the edge that starts where this one ends."""
    by_source = np.argsort(drawn.grid(drawn.source), axis=1)
    by_target = np.argsort(drawn.grid(drawn.target), axis=1)
    following = np.empty_like(by_source)
    np.put_along_axis(following, by_target, by_source, axis=1)
    return following


def ranks_along_cycle(drawn: Drawn) -> Ints:
    """For rows of one size: how many steps each listed edge lies behind the one listed first."""
    following = successors(drawn)
    ranks = np.zeros_like(following)
    place = np.zeros((len(following), 1), dtype=np.int64)
    for step in range(following.shape[1]):
        np.put_along_axis(ranks, place, step, axis=1)
        place = np.take_along_axis(following, place, axis=1)
    assert not place.any()  # once around
    return ranks


def short_word_law(n: int, short_words: int, long_words: int) -> list[float]:
    """P(s of n words are short) for s = 0..n: each drawn short or long evenly, repeats dropped."""
    law = [1.0]
    for drawn in range(n):
        after = [0.0] * (drawn + 2)
        for short, probability in enumerate(law):
            if not probability:
                continue  # more short words than there are
            new_short = 1 - short / short_words
            new_long = 1 - (drawn - short) / long_words
            after[short + 1] += probability * new_short / (new_short + new_long)
            after[short] += probability * new_long / (new_short + new_long)
        law = after
    return law[: n + 1]


@pytest.mark.parametrize(("rows", "n_max"), [(20_000, 225), (60_000, 20)])
def test_sizes_follow_their_law(rows: int, n_max: int) -> None:
    size = draw(rows, 1, n_max=n_max, num_queries=1).size
    assert_follows(np.bincount(size, minlength=n_max + 1)[3:], size_law(n_max))


@pytest.mark.parametrize(
    ("params", "smallest"),
    [({"k_max": 5, "allow_wrap": False}, 6), ({"fixed_k": 4}, 5), ({"k_set": (2, 9)}, 3)],
)
def test_sizes_are_cut_only_where_hops_may_not_wrap(params: dict[str, Any], smallest: int) -> None:
    size = draw(30_000, 2, n_max=20, num_queries=1, **params).size
    assert size.min() == smallest
    assert_follows(np.bincount(size, minlength=21)[smallest:], size_law(20, smallest))


def test_the_qa_form_has_the_largest_size() -> None:
    assert (draw(500, 3, n_max=40, qa=True).size == 40).all()


@pytest.mark.parametrize(
    ("params", "law"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"k_max": 3}, [1, 2, 3]),
        ({"qa": True}, [1, 2, 4, 8]),
        ({"qa": True, "k_max": 12}, [1, 2, 4, 8, 12]),
        ({"qa": True, "k_max": 32}, [1, 2, 4, 8, 16, 24, 32]),
        ({"fixed_k": 3}, [3]),
        ({"k_set": (1, 6, 6, 6, 11)}, [1, 6, 6, 6, 11]),
    ],
)
def test_hops_follow_their_law(params: dict[str, Any], law: Sequence[int]) -> None:
    drawn = draw(20_000, 4, n_max=6, num_queries=2, **params)
    shares = np.bincount(law, minlength=33)
    counts = np.bincount(drawn.hops, minlength=33)
    assert set(np.flatnonzero(counts)) == set(law)
    if len(set(law)) > 1:
        assert_follows(counts, shares, "all queries")
        assert_follows(np.bincount(drawn.grid(drawn.hops)[:, 1], minlength=33), shares, "the second query")


def test_hops_do_not_depend_on_the_size_or_on_each_other() -> None:
    drawn = draw(40_000, 5, n_max=20, num_queries=2)
    hops = drawn.grid(drawn.hops)
    assert_uniform(hops[drawn.size == 3], 1, 8, "three nodes")
    assert_all_equally_likely(hops, 64, "pairs of hops")


@pytest.mark.parametrize(("n", "short", "long"), [(225, 50, 2500), (50, 10, 100), (20, 50, 2500), (3, 2, 4)])
def test_short_words_are_as_frequent_as_drawing_lengths_evenly_makes_them(n: int, short: int, long: int) -> None:
    drawn = draw(2000 if n > 100 else 6000, 6, n_max=n, qa=True, num_queries=1, mini_vocab=short)
    count = (drawn.grid(drawn.source_length) == 1).sum(axis=1)
    law = short_word_law(n, short, long)
    assert_follows(np.bincount(count, minlength=n + 1), law)
    mean = float(np.dot(np.arange(n + 1), law))
    spread = float(np.sqrt(np.dot((np.arange(n + 1) - mean) ** 2, law)))
    assert_mean(count, mean, spread)
    if n == 225:
        assert 48.68 < mean < 48.70  # nearly all of the 50 there are


def test_word_lengths_are_uniform_where_repeats_hardly_occur() -> None:
    params = {"mini_vocab": 128, "min_word_len": 3, "max_word_len": 6}
    drawn = draw(20_000, 7, n_max=4, qa=True, num_queries=1, **params)
    assert_uniform(drawn.source_length, 3, 6, "lengths")
    assert_all_equally_likely(drawn.grid(drawn.source_length)[:, :2], 16, "pairs of lengths")


def test_name_tokens_are_uniform() -> None:
    drawn = draw(20_000, 8, n_max=4, qa=True, num_queries=1, mini_vocab=50, min_word_len=2, max_word_len=2)
    assert_uniform(drawn.source_first, 1, 50, "first tokens")
    assert_uniform(drawn.source_last, 1, 50, "last tokens")
    pair = np.stack([drawn.source_first, drawn.source_last], axis=1)
    assert_all_equally_likely(pair, 2500, "whole words")


@pytest.mark.parametrize(("n", "orders"), [(3, 2), (4, 6), (5, 24)])
def test_every_order_of_the_edges_along_the_cycle_is_equally_likely(n: int, orders: int) -> None:
    ranks = ranks_along_cycle(draw(30_000, 9, n_max=n, qa=True, num_queries=1))
    assert_all_equally_likely(ranks, orders)


def test_names_tell_nothing_about_the_order_of_edges_or_cycle() -> None:
    drawn = draw(30_000, 9, n_max=4, qa=True, num_queries=1)
    by_name = np.argsort(drawn.grid(drawn.source), axis=1)
    assert_all_equally_likely(np.column_stack([by_name, ranks_along_cycle(drawn)]), 24 * 6)


def test_short_words_lie_anywhere_on_the_cycle() -> None:
    n = 225
    drawn = draw(2000, 6, n_max=n, qa=True, num_queries=1)
    short = drawn.grid(drawn.source_length) == 1
    count = short.sum(axis=1)
    pairs = (short & np.take_along_axis(short, successors(drawn), axis=1)).sum(axis=1)
    surplus = pairs - count * (count - 1) / (n - 1)
    assert_mean(surplus, 0, float(surplus.std()))


def test_an_edge_stands_before_its_successor_half_the_time_in_large_graphs() -> None:
    n = 225
    following = successors(draw(2000, 6, n_max=n, qa=True, num_queries=1))
    before = (following > np.arange(n)).sum(axis=1)
    # Cut the circle where it leaves the last edge: the ups of a shuffled line of n - 1 (Euler's law) and one.
    assert_mean(before, n / 2, np.sqrt(n / 12))
    assert_uniform(following[:, 0] - 1, 0, n - 2, "the place of the successor of the first edge")


@pytest.mark.parametrize("wanted", [1, 3, 5])
def test_query_nodes_are_a_uniform_draw_without_replacement(wanted: int) -> None:
    drawn = draw(40_000, 10, n_max=5, qa=True, num_queries=wanted)
    source, node = drawn.grid(drawn.source), drawn.grid(drawn.node)
    place = (source[:, None, :] == node[:, :, None]).argmax(axis=2)
    assert_all_equally_likely(place, {1: 5, 3: 60, 5: 120}[wanted], "places in the list of edges")
    assert_all_equally_likely(np.column_stack([place[:, 0], drawn.grid(drawn.hops)[:, 0]]), 20, "place and hops")
    rank = np.take_along_axis(ranks_along_cycle(drawn), place, axis=1)
    from_first = (rank - rank[:, :1]) % 5
    assert_all_equally_likely(from_first, {1: 1, 3: 12, 5: 24}[wanted], "places along the cycle")


def test_there_are_as_many_queries_as_nodes_allow() -> None:
    drawn = draw(3000, 11, n_max=20, num_queries=10)
    count = np.bincount(drawn.query_row, minlength=3000)
    assert (count == np.minimum(drawn.size, 10)).all()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_max": 75, "k_max": 16, "mini_vocab": 4, "min_word_len": 5, "max_word_len": 7},
        {"n_max": 50, "mini_vocab": 10, "qa": True, "separator": True},
    ],
)
def test_rows_are_as_long_as_the_plain_generators(params: dict[str, Any]) -> None:
    prepared = plain.prepare(resolve("depo", **params))
    rng = Random(12)
    lengths = np.array([len(plain.generate(rng, prepared)[0]) for _ in range(4000)])
    assert_same_law(draw(20_000, 12, **params).tokens, lengths)
