"""Filtro draws what it says: sizes, hops, names, cycles, interleavings and queries follow their laws."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from math import comb
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import filtro as plain
from tests.kits import filtro as kit
from tests.laws import Ints, assert_all_equally_likely, assert_follows, assert_same_law, assert_uniform
from tests.oracles.params import resolve


@dataclass
class Drawn:
    """Rows of one size taken apart; nodes as numbers of names, streams as 0 and 1."""

    tags: Ints  # by row and edge: its stream
    sources: Ints  # by row, stream and edge of the stream: the node it leaves
    targets: Ints
    asked: Ints  # by row: the stream of the query
    start: Ints
    hops: Ints
    answer: Ints


def apart(ids: Ints, n: int) -> Drawn:
    """Take rows of n nodes to a stream apart."""
    edges = ids[:, 1 : 1 + 6 * n].reshape(len(ids), 2 * n, 3)
    tags = (edges[:, :, 0] + 1) % 2  # streams A have odd ids
    order = np.argsort(tags, axis=1, kind="stable")
    names = np.take_along_axis(edges, order[:, :, None], axis=1).reshape(len(ids), 2, n, 3)
    query, start, hops, answer = ids[:, 1 + 6 * n : 5 + 6 * n].T
    return Drawn(
        tags=tags,
        sources=names[..., 1] - kit.IDS["alpha->"],
        targets=names[..., 2] - kit.IDS["alpha"],
        asked=query - kit.IDS[" || QUERY A:"],
        start=start - kit.IDS["alpha"],
        hops=hops - kit.IDS[" hops=1 ->"] + 1,
        answer=answer - kit.IDS[" alpha"],
    )


@lru_cache(maxsize=4)
def draw(rows: int, n: int, seed: int, **params: Any) -> Drawn:
    """Take a batch of one size apart."""
    batch = synthgen.filtro.batch(rows, seed, num_nodes=n, **params)
    return apart(np.asarray(batch.input_ids).astype(np.int64), n)


def places(drawn: Drawn, names: Ints) -> Ints:
    """Say where in the list of the stream asked about each row's node is left."""
    own = drawn.sources[np.arange(len(names)), drawn.asked]
    found: Ints = (own == names[:, None]).argmax(axis=1)
    return found


@pytest.mark.parametrize("given", [{}, {"difficulty": 1}, {"difficulty": 2}, {"difficulty": 3}])
def test_sizes_are_uniform_and_hops_as_far_as_the_nodes_reach(given: dict[str, Any]) -> None:
    batch = synthgen.filtro.batch(30_000, 1, **given)
    sizes = (np.asarray(batch.lengths) - 6) // 6
    rows = np.arange(len(sizes))
    hops = np.asarray(batch.input_ids)[rows, 6 * sizes + 3] - kit.IDS[" hops=1 ->"] + 1
    params = resolve("filtro", **given)
    fewest, most = params["num_nodes"]
    assert_uniform(sizes, fewest, most, "nodes")
    low, high = params["hops"]
    for n in range(fewest, most + 1):
        assert_uniform(hops[sizes == n], low, min(high, n - 1), f"hops among {n}")


def test_names_are_any_of_the_vocabulary() -> None:
    drawn = draw(40_000, 2, 2, hops=1)
    for stream, first in ((0, 0), (1, 20)):
        pairs = drawn.sources[:, stream]
        assert_all_equally_likely(pairs, 20 * 19, f"names of stream {stream}")
        assert (pairs // 20 * 20 == first).all()
    assert_all_equally_likely(np.column_stack([drawn.sources[:, 0, 0], drawn.sources[:, 1, 0] - 20]), 400, "both")


def test_shared_names_are_any_of_both_vocabularies_and_the_same_in_both_streams() -> None:
    drawn = draw(40_000, 2, 3, hops=1, shared_vocab=True)
    assert_all_equally_likely(np.sort(drawn.sources[:, 0]), comb(40, 2), "names")
    drawn = draw(40_000, 3, 3, hops=(1, 2), shared_vocab=True)
    assert (np.sort(drawn.sources[:, 0]) == np.sort(drawn.sources[:, 1])).all()
    ranks = np.argsort(np.argsort(drawn.sources, axis=2), axis=2)
    assert_all_equally_likely(ranks.reshape(-1, 6), 36, "their orders in the two lists")


@pytest.mark.parametrize("shared", [False, True])
def test_every_pair_of_cycles_is_equally_likely_whatever_the_order_of_the_list(shared: bool) -> None:
    drawn = draw(40_000, 4, 4, hops=(1, 3), shared_vocab=shared, pattern="any")
    successor = (drawn.targets[..., None] == drawn.sources[:, :, None, :]).argmax(axis=3)
    assert_all_equally_likely(successor.reshape(-1, 8), 36)


def test_either_stream_is_asked_about_and_any_node_of_it() -> None:
    drawn = draw(30_000, 5, 5, hops=(1, 4), pattern="any")
    start, end = places(drawn, drawn.start), places(drawn, drawn.answer)
    together = np.column_stack([drawn.asked, drawn.tags[:, 0], start, drawn.hops])
    assert_all_equally_likely(together, 2 * 2 * 5 * 4, "stream asked, first stream, start and hops")
    # Where the answer stands says nothing about the hops.
    away = (end - start) % 5
    assert_all_equally_likely(np.column_stack([drawn.hops, away]), 4 * 4, "hops and places down the list")


@pytest.mark.parametrize(("query_stream", "code"), [("a", 0), ("b", 1)])
def test_a_fixed_stream_is_asked_about(query_stream: str, code: int) -> None:
    drawn = draw(500, 5, 6, hops=(1, 4), query_stream=query_stream)
    assert (drawn.asked == code).all()


def blocked(n: int) -> dict[tuple[int, ...], float]:
    """Work out the law of blocks: the chance of each sequence of streams."""
    law: defaultdict[tuple[int, ...], float] = defaultdict(float)

    def go(tags: tuple[int, ...], stream: int, share: float) -> None:
        left = [n - tags.count(0), n - tags.count(1)]
        if not left[1 - stream]:
            law[(*tags, *[stream] * left[stream])] += share
            return
        for size in (2, 3):
            go((*tags, *[stream] * min(size, left[stream])), 1 - stream, share / 2)

    go((), 0, 0.5)
    go((), 1, 0.5)
    return dict(law)


@pytest.mark.parametrize("pattern", ["alternating", "random", "blocked", "alternating_random", "random_blocked", "any"])
def test_interleavings_follow_their_laws(pattern: str) -> None:
    n = 4
    laws = {
        "alternating": {tuple([first, 1 - first] * n): 0.5 for first in (0, 1)},
        "random": {
            tuple(int(i in chosen) for i in range(2 * n)): 1 / comb(2 * n, n)
            for chosen in combinations(range(2 * n), n)
        },
        "blocked": blocked(n),
    }
    parts = plain.PATTERNS.get(pattern, (pattern,))
    tags = [tuple(row) for row in draw(30_000, n, 7, hops=(1, 3), pattern=pattern).tags.tolist()]
    counts = Counter(tags)
    law: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for part in parts:
        for sequence, share in laws[part].items():
            law[sequence] += share / len(parts)
    assert counts.keys() <= law.keys()
    assert_follows([counts[sequence] for sequence in law], list(law.values()), pattern)


def test_patterns_are_named_as_they_are_drawn() -> None:
    rows = synthgen.filtro.examples(6000, 8, pattern="any")
    names = [row["metadata"]["pattern"] for row in rows]
    assert_uniform([["alternating", "random", "blocked"].index(name) for name in names], 0, 2)


@pytest.mark.parametrize("n", [5, 9])
def test_with_shared_names_the_other_stream_answers_as_well_as_a_guess(n: int) -> None:
    rows = synthgen.filtro.examples(12_000, 9, num_nodes=n, hops=(2, 4), shared_vocab=True)
    facts = [row["metadata"] for row in rows]
    misled = [fact["distractor_answer"] == fact["correct_answer"] for fact in facts]
    assert_follows([sum(misled), len(misled) - sum(misled)], [1, n - 2])
    assert all(fact["measured"]["distractor_differs"] != same for fact, same in zip(facts, misled, strict=True))


def test_what_is_measured_is_what_is_there() -> None:
    for row in synthgen.filtro.examples(300, 10, pattern="any"):
        edges, stream, start, hops = kit.parsed(row["input_text"])
        facts, measured = row["metadata"], row["metadata"]["measured"]
        after = {edge[1]: edge[2] for edge in edges if edge[0] == stream}
        path = [start]
        while len(path) <= hops:
            path.append(after[path[-1]])
        at = {edge: i for i, edge in enumerate(edges)}
        ends = (at[(stream, path[-2], path[-1])], at[(stream, path[0], path[1])])
        assert measured["list_distance"] == abs(ends[0] - ends[1])
        assert (measured["hops"], measured["first_stream"]) == (hops, edges[0][0])
        assert (facts["query_stream"], facts["correct_answer"]) == (stream, path[-1])
        assert facts["cycle_a" if stream == "A" else "cycle_b"] == after


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"difficulty": 3},
        {"num_nodes": (3, 6), "hops": (2, 5), "pattern": "any", "shared_vocab": True},
        {"num_nodes": (4, 7), "pattern": "blocked", "query_stream": "b"},
    ],
    ids=str,
)
def test_the_plain_generator_draws_by_the_same_law(given: dict[str, Any]) -> None:
    params = resolve("filtro", **given)
    rng = Random(11)
    theirs = [plain.generate(rng, params)[0] for _ in range(6000)]
    batch = synthgen.filtro.batch(6000, 12, **given)
    ours = [ids[:length].tolist() for ids, length in zip(batch.input_ids, batch.lengths, strict=True)]

    def measures(ids: list[int]) -> list[int]:
        tags = [(token + 1) % 2 for token in ids[1:-5:3]]
        runs = 1 + sum(a != b for a, b in pairwise(tags))
        return [len(ids), runs, ids[1], ids[2], ids[-5], ids[-4], ids[-3], ids[-2], sum(tags[:4])]

    one, other = np.array([measures(ids) for ids in ours]), np.array([measures(ids) for ids in theirs])
    for i, what in enumerate(["length", "runs", "first tag", "first name", "query", "start", "hops", "answer", "tags"]):
        if len(np.unique(np.append(one[:, i], other[:, i]))) > 1:
            assert_same_law(one[:, i], other[:, i], what)
