"""Brevo draws what it says: sizes, leaves, graphs, names, the order of edges and of answers follow their laws."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cache, lru_cache
from itertools import combinations, permutations
from math import sqrt
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
import synthgen

from benches.plain import brevo as plain
from tests.laws import Ints, assert_all_equally_likely, assert_follows, assert_mean, assert_same_law, assert_uniform
from tests.oracles import brevo
from tests.oracles.params import resolve
from tests.test_laws_depo import short_word_law

Edges = frozenset[tuple[Any, Any]]


class Drawn(NamedTuple):
    """A row as it is read back: words are strings."""

    edges: list[tuple[str, str]]
    query: str
    answer: list[str]
    n: int
    tokens: int

    @property
    def shown(self) -> set[str]:
        """The vertices that occur."""
        return {end for edge in self.edges for end in edge}

    @property
    def inner(self) -> set[str]:
        """The vertices that depend on something."""
        return {end for _, end in self.edges}


@lru_cache(maxsize=4)
def draw(rows: int, seed: int, **params: Any) -> list[Drawn]:
    """Take a batch apart."""
    batch = synthgen.brevo.batch(rows, seed=seed, **params)
    found = []
    for i, example in enumerate(batch.examples()):
        graph, query = example["input_text"].split("| QUERY ")
        ends = graph.split()
        edges = list(zip(ends[0::2], ends[1::2], strict=True))
        answer = example["target"].split()
        found.append(Drawn(edges, query.split()[0], answer, example["metadata"]["n"], int(batch.lengths[i])))
    return found


# ---- the exact law of small graphs, by going through all draws --------------------------------------------


def graphs(n: int, leaves: int, bound: int) -> Iterator[tuple[Edges, Fraction]]:
    """Give every graph on the hidden order 0..n-1 with its probability, vertex by vertex."""
    found = [(frozenset[tuple[int, int]](), Fraction(1))]
    for vertex in range(leaves, n):
        grown = []
        for edges, share in found:
            open_ = [v for v in range(vertex) if sum(start == v for start, _ in edges) < bound]
            most = min(bound, len(open_))
            for count in range(1, most + 1):
                choices = list(combinations(open_, count))
                grown += [(edges | {(v, vertex) for v in choice}, share / most / len(choices)) for choice in choices]
        found = grown
    yield from found


@cache
def orders(edges: Edges, query: Any) -> dict[tuple[Any, ...], Fraction]:
    """Give the law of the answer: from its end, one of those that nothing left needs."""
    left = brevo.closure(query, [(end, start) for start, end in edges]) | {query}
    ready = [v for v in left if not any(start == v and end in left for start, end in edges)]
    law: Counter[tuple[Any, ...]] = Counter()

    def go(left: frozenset[Any], ready: list[Any], tail: tuple[Any, ...], share: Fraction) -> None:
        if not left:
            law[tail] += share  # type: ignore[assignment]
            return
        for vertex in ready:
            rest = left - {vertex}
            nexts = [v for v in rest if not any(start == v and end in rest for start, end in edges)]
            go(rest, nexts, (vertex, *tail), share / len(ready))

    go(frozenset(left), ready, (), Fraction(1))
    return dict(law)


def leaf_counts(n: int, rule: str) -> range:
    """Give the leaf counts that are equally likely."""
    return range(1, ((n - 1) // 4 + 1 if rule == "floor" else -(-(n - 1) // 4)) + 1)


@pytest.mark.parametrize("bound", [1, 2, 4])
@pytest.mark.parametrize("n", [3, 4])
def test_small_graphs_with_their_names_and_answers_follow_the_exact_law(n: int, bound: int) -> None:
    law: Counter[Any] = Counter()
    for edges, share in graphs(n, 1, bound):
        for order, likely in orders(edges, n - 1).items():
            for names in permutations(range(1, n + 1)):
                named = frozenset((names[a], names[b]) for a, b in edges)
                law[named, tuple(names[v] for v in order)] += float(share * likely)  # type: ignore[assignment]
    counts: Counter[Any] = Counter()
    for row in draw(40_000, 1, n_max=n, qa=True, max_in=bound):
        counts[frozenset((int(a), int(b)) for a, b in row.edges), tuple(map(int, row.answer))] += 1
    assert counts.keys() <= law.keys()
    assert_follows([counts[key] for key in law], list(law.values()))


def shape(edges: Edges, query: Any, size: int) -> tuple[Any, ...]:
    """Describe a graph and its query whatever the names."""
    starts, ends = Counter(a for a, _ in edges), Counter(b for _, b in edges)
    later = len(brevo.closure(query, list(edges)))
    kinds = sorted((starts[v], ends[v]) for v in starts.keys() | ends.keys())
    return size, later, tuple(kinds)


@pytest.mark.parametrize("rule", ["floor", "ceil"])
@pytest.mark.parametrize("asked", ["last", "last_quarter"])
@pytest.mark.parametrize(("n", "bound"), [(5, 4), (6, 2)])
def test_shapes_follow_the_exact_law(n: int, bound: int, asked: str, rule: str) -> None:
    law: Counter[Any] = Counter()
    leaves = leaf_counts(n, rule)
    for count in leaves:
        first = max(3 * n // 4, count) if asked == "last_quarter" else n - 1
        for edges, share in graphs(n, count, bound):
            for query in range(first, n):
                size = len(brevo.closure(query, [(b, a) for a, b in edges])) + 1
                likely = float(share) / len(leaves) / (n - first)
                law[shape(edges, query, size)] += likely  # type: ignore[assignment]
    rows = draw(20_000, 2, n_max=n, qa=True, max_in=bound, query=asked, leaf_bound=rule)
    counts = Counter(shape(frozenset(row.edges), row.query, len(row.answer)) for row in rows)
    assert counts.keys() <= law.keys()
    assert_follows([counts[key] for key in law], list(law.values()))


# ---- sizes, leaves, orders --------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "n_max"), [(8000, 70), (15_000, 20)])
def test_sizes_follow_their_law(rows: int, n_max: int) -> None:
    sizes = [row.n for row in draw(rows, 3, n_max=n_max)]
    law = [1 / (n + sqrt(n_max)) for n in range(3, n_max + 1)]
    assert_follows(np.bincount(sizes, minlength=n_max + 1)[3:], law)


@pytest.mark.parametrize(("rule", "most"), [("floor", 8), ("ceil", 7)])
def test_leaves_are_uniform_up_to_their_bound(rule: str, most: int) -> None:
    rows = draw(3000, 4, n_max=29, qa=True, leaf_bound=rule)
    assert {row.n for row in rows} == {29}
    assert_uniform([row.n - len(row.inner) for row in rows], 1, most)


def test_only_leaves_without_dependents_are_not_shown() -> None:
    rows = draw(3000, 4, n_max=29, qa=True)
    hidden = [row.n - len(row.shown) for row in rows]
    assert 0 < np.mean(hidden) < 0.5
    assert all(row.n - len(row.inner) >= missing for row, missing in zip(rows, hidden, strict=True))


def test_vertices_are_any_of_the_numbers() -> None:
    rows = draw(8000, 3, n_max=70)
    assert_uniform([int(row.query) for row in rows], 1, 70, "the query")
    assert_uniform([int(row.answer[0]) for row in rows], 1, 70, "the first of the answer")
    pairs = [(int(row.query), int(row.edges[0][0])) for row in draw(30_000, 5, n_max=8) if row.edges[0][0] != row.query]
    assert_all_equally_likely(np.array(pairs), 56, "the query and the start of the first edge")


def test_every_order_of_the_edges_is_equally_likely() -> None:
    full = [row for row in draw(40_000, 1, n_max=3, qa=True, max_in=4) if len(row.edges) == 3]
    place = {(0, 1): 0, (0, 2): 1, (1, 2): 2}
    listed = []
    for row in full:
        rank = {name: i for i, name in enumerate(row.answer)}  # the hidden order
        listed.append([place[rank[a], rank[b]] for a, b in row.edges])
    assert_all_equally_likely(np.array(listed), 6)


# ---- names of several tokens ------------------------------------------------------------------------------


def test_short_words_are_as_frequent_as_drawing_lengths_evenly_makes_them() -> None:
    n = 40
    rows = draw(4000, 6, n_max=n, qa=True, multi=True, min_word_len=2, max_word_len=3)
    whole = [row for row in rows if len(row.shown) == n]
    assert len(whole) > 3000
    short = [sum(name.count(".") == 1 for name in row.shown) for row in whole]
    assert_follows(np.bincount(short, minlength=n + 1), short_word_law(n, 16, 64))


def test_short_words_name_any_vertex() -> None:
    rows = draw(4000, 6, n_max=40, qa=True, multi=True, min_word_len=2, max_word_len=3)
    shares = np.array([sum(name.count(".") == 1 for name in row.shown) / len(row.shown) for row in rows])
    for what, picked in (("the query", [row.query for row in rows]), ("the first", [row.answer[0] for row in rows])):
        surplus = np.array([name.count(".") == 1 for name in picked]) - shares
        assert_mean(surplus, 0, float(surplus.std()), what)


# ---- against the plain generator, and the figures measured on the reference -------------------------------

SETTINGS: list[dict[str, Any]] = [
    {},
    {"n_max": 40, "multi": True},
    {"n_max": 30, "qa": True, "query": "last_quarter", "leaf_bound": "ceil"},
    {"n_max": 25, "max_in": 7},
]


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_rows_are_like_the_plain_generators(params: dict[str, Any]) -> None:
    prepared = plain.prepare(resolve("brevo", **params))
    rng = Random(12)
    others = [plain.generate(rng, prepared) for _ in range(3000)]
    rows = draw(8000, 12, **params)

    def array(values: Any) -> Ints:
        return np.array(list(values), dtype=np.int64)

    assert_same_law(array(row.tokens for row in rows), array(len(ids) for ids, _ in others), "tokens")
    assert_same_law(array(len(row.answer) for row in rows), array(names(mask, ids) for ids, mask in others), "answers")
    assert_same_law(array(len(row.edges) for row in rows), array(edges(ids) for ids, _ in others), "edges")


def names(mask: list[int], ids: list[int]) -> int:
    """Count the names of the answer: the final tokens."""
    return sum(bit and token > 132 for bit, token in zip(mask, ids, strict=True))


def edges(ids: list[int]) -> int:
    """Count the edges."""
    return sum(token > 132 for token in ids[: ids.index(4)]) // 2


@pytest.mark.parametrize(
    ("n_max", "multi", "answer", "edge_count", "tokens"),
    [(70, False, 30.0, 153, 337), (110, False, 39.6, 238, 526), (30, True, 16.3, 63, 452), (50, True, 22.7, 106, 752)],
)
def test_means_are_those_of_the_reference(n_max: int, multi: bool, answer: float, edge_count: int, tokens: int) -> None:
    """Means over 400 draws of the reference at n = n_max, within six of their standard errors."""
    rows = draw(3000, 7, n_max=n_max, multi=multi, qa=True)
    for found, mean in (
        ([len(row.answer) for row in rows], answer),
        ([len(row.edges) for row in rows], edge_count),
        ([row.tokens for row in rows], tokens),
    ):
        error = float(np.std(found)) / sqrt(400)
        assert abs(float(np.mean(found)) - mean) < 6 * error + 0.5, (np.mean(found), mean)


# ---- answers in any order ---------------------------------------------------------------------------------

PROMPT = "1 3 2 3 1 4 3 5 4 5 | QUERY 5 ->"


@pytest.mark.parametrize("answer", ["1 2 3 4 5", "1 4 2 3 5", "2 1 4 3 5", "2 1 3 4 5", "1 2 4 3 5"])
def test_every_valid_order_is_right(answer: str) -> None:
    example = {"input_text": PROMPT, "target": answer}
    assert synthgen.brevo.validate(example, n_max=5)
    assert synthgen.brevo.score(f"ANSWER: {answer}", {"input_text": PROMPT, "target": "1 2 3 4 5"}).correct


@pytest.mark.parametrize(
    "answer",
    [
        *["5", "", "1 2 3 4", "1 2 3 5", "5 4 3 2 1", "1 3 2 4 5", "3 1 2 4 5", "1 2 3 4 5 5", "1 1 2 3 4 5"],
        *["1 2 3 4 6 5", "1 2 3 4 5 ->", "1 2 3 4 5  ", " 1 2 3 4 5", "1  2 3 4 5", "1 2 3 4 5.", "1, 2, 3, 4, 5"],
    ],
)
def test_anything_else_is_wrong(answer: str) -> None:
    assert not synthgen.brevo.validate({"input_text": PROMPT, "target": answer}, n_max=5)
    assert not synthgen.brevo.validate(
        {"input_text": PROMPT, "target": answer}, n_max=5, query="last_quarter", leaf_bound="ceil"
    )


def test_words_must_be_whole() -> None:
    prompt = "1.2 2.1.4 1.2 3.3 2.1.4 3.3 | QUERY 3.3 ->"
    right = {"input_text": prompt, "target": "1.2 2.1.4 3.3"}
    assert synthgen.brevo.validate(right, n_max=5, multi=True)
    for wrong in ("1.2 2.1.4 3.3 1.", "1.2 2.1 4 3.3", "1.2 2.1.4 3.", "1.2 2.1.4. 3.3"):
        assert not synthgen.brevo.validate({**right, "target": wrong}, n_max=5, multi=True), wrong


# ---- the reference's row ----------------------------------------------------------------------------------

ROW = [9999, 8, 4, 5, 4, 8, 5, 3, 5, 3, 8, 3, 4, 9997, 4, 9998, 3, 8, 5, 4, 9998]


def test_a_row_of_the_reference_is_read() -> None:
    mask = [0] * 15 + [1] * 6
    assert synthgen.brevo.validate(ROW, mask, compat_ids=True, n_max=8)
    for wrong in ([*ROW[:-1], 9999], [*ROW[:-2], 4, 4, 9998], [*ROW[:16], 8, 3, 5, 4, 9998], ROW[:-1]):
        assert not synthgen.brevo.validate(wrong, compat_ids=True, n_max=8)


def test_measured_numbers_are_right() -> None:
    for example in synthgen.brevo.examples(300, 8, n_max=20, query="last_quarter"):
        graph, query = example["input_text"].removesuffix(" ->").split("| QUERY ")
        ends = graph.split()
        pairs = list(zip(ends[1::2], ends[0::2], strict=True))
        level, depth = {query}, 0
        while level <= {end for end, _ in pairs}:
            level, depth = {start for end, start in pairs if end in level}, depth + 1
        size = len(example["target"].split())
        facts = example["metadata"]
        assert facts["measured"] == {"answer_size": size, "depth": depth, "edges": len(pairs), "n": facts["n"]}
        assert (facts["query"], facts["vertices"]) == (query, len(set(ends)))
