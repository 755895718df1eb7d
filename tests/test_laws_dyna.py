"""Dyna draws what it says: lists, operations, queries and the depth of the first query follow their laws."""

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import dyna as plain
from tests.kits.dyna import PRESETS
from tests.laws import (
    Ints,
    assert_all_equally_likely,
    assert_follows,
    assert_same_law,
    assert_uniform,
    flatten,
    tag_arrays,
)
from tests.oracles import dyna as oracle
from tests.oracles.params import resolve

PIECES = synthgen.dyna.vocab.pieces
KINDS = ["SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE"]
SWAP, LEFT, RIGHT, REVERSE = range(4)
POSITION, ELEMENT = range(2)


def tagged(piece: str) -> tuple[str, int]:
    """Tag a piece, without "first" and "later", and say what it stands for as a number."""
    found = oracle.tag_piece(piece)
    if found.tag.endswith(" op"):
        return "op", KINDS.index(found.word)
    if found.tag.endswith(" query"):
        return "query", ["position", "element"].index(found.word)
    return found.tag, found.value


OP, QUERY, COMMA, OPENING = range(4)
TAG, VALUE = tag_arrays([tagged(piece) for piece in PIECES], ["op", "query", ", ", "STATE ["])


@dataclass
class Drawn:
    """A batch taken apart, one entry for each row, operation or query, in the order of the text."""

    tokens: Ints  # by row: its length
    size: Ints  # by row: elements
    operations: Ints  # by row: operations
    element: Ints  # by listed element: its number
    kind: Ints  # by operation
    first: Ints  # by operation: its argument, or the first of two
    second: Ints  # by operation: the second argument, where there is one
    asked_kind: Ints  # by query: POSITION or ELEMENT
    asked: Ints  # by query: the position or element asked about
    answer: Ints  # by query: the element or position that is the answer

    def grid(self, values: Ints) -> Ints:
        """Give each row a line, where all rows have equally many values."""
        return values.reshape(len(self.tokens), -1)

    def asked_position(self) -> Ints:
        """Return by row and query the position that it is about, asked or answered."""
        return self.grid(np.where(self.asked_kind == POSITION, self.asked, self.answer))


@lru_cache(maxsize=2)
def draw(rows: int, seed: int, **params: Any) -> Drawn:
    """Take a batch apart."""
    batch = synthgen.dyna.batch(rows, seed=seed, **params)
    ids, row = flatten(batch)
    tag, value = TAG[ids], VALUE[ids]
    op = np.flatnonzero(tag == OP)
    query = np.flatnonzero(tag == QUERY)
    element = np.flatnonzero((tag == COMMA) | (tag == OPENING)) + 1
    return Drawn(
        tokens=np.asarray(batch.lengths).astype(np.int64),
        size=np.bincount(row[element], minlength=rows),
        operations=np.bincount(row[op], minlength=rows),
        element=value[element],
        kind=value[op],
        first=value[op + 1],
        second=value[op + 2],
        asked_kind=value[query],
        asked=value[query + 1],
        answer=value[query + 3],
    )


def small(seed: int = 1) -> Drawn:
    """Draw many lists of five with six operations and three queries."""
    return draw(40_000, seed, state_size=5, num_ops=6, num_queries=3)


def test_sizes_and_numbers_of_operations_are_uniform_together() -> None:
    drawn = draw(40_000, 2)
    assert_uniform(drawn.size, 5, 15, "elements")
    assert_uniform(drawn.operations, 5, 30, "operations")
    assert_all_equally_likely(np.column_stack([drawn.size, drawn.operations]), 11 * 26, "both")


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_sizes_and_numbers_of_operations_are_uniform_in_the_presets(difficulty: int) -> None:
    drawn = draw(10_000, 3, difficulty=difficulty)
    low, high = PRESETS[difficulty]["state_size"]
    assert_uniform(drawn.size, low, high, "elements")
    low, high = PRESETS[difficulty]["num_ops"]
    assert_uniform(drawn.operations, low, high, "operations")


@pytest.mark.parametrize("symbolic_names", [True, False])
def test_every_initial_order_is_equally_likely(symbolic_names: bool) -> None:
    params: dict[str, Any] = {"state_size": 4, "num_ops": 1, "num_queries": 1}
    drawn = draw(24_000, 4, symbolic_names=symbolic_names, **params)
    assert_all_equally_likely(drawn.grid(drawn.element), 24)


def test_kinds_of_operation_are_uniform_and_independent() -> None:
    kind = small().grid(small().kind)
    for place in range(6):
        assert_uniform(kind[:, place], 0, 3, f"operation {place}")
    assert_all_equally_likely(kind[:, :2], 16, "first two operations")
    assert_all_equally_likely(kind[:, 2:5], 64, "operations 2 to 4")


def test_arguments_of_operations_are_uniform() -> None:
    drawn = small()
    pairs = np.column_stack([drawn.first, drawn.second])
    swaps, reversals = pairs[drawn.kind == SWAP], pairs[drawn.kind == REVERSE]
    assert (swaps[:, 0] != swaps[:, 1]).all()
    assert (reversals[:, 0] < reversals[:, 1]).all()
    assert_all_equally_likely(swaps, 20, "ordered pairs of a swap")
    assert_all_equally_likely(reversals, 10, "ends of a reversal")
    assert_uniform(drawn.first[drawn.kind == LEFT], 1, 4, "rotations to the left")
    assert_uniform(drawn.first[drawn.kind == RIGHT], 1, 4, "rotations to the right")


def test_arguments_are_uniform_whatever_the_size() -> None:
    drawn = draw(40_000, 5, state_size=(2, 9), num_ops=3, num_queries=1)
    size = np.repeat(drawn.size, 3)
    for n in (2, 9):
        of_size = size == n
        rotation = of_size & ((drawn.kind == LEFT) | (drawn.kind == RIGHT))
        swap = of_size & (drawn.kind == SWAP)
        reversal = of_size & (drawn.kind == REVERSE)
        if n == 2:
            assert (drawn.first[rotation] == 1).all()
            assert (drawn.first[reversal] == 0).all()
            assert_uniform(drawn.first[swap], 0, 1, "swaps of two")
        else:
            assert_uniform(drawn.first[rotation], 1, n - 1, "rotations of nine")
            assert_uniform(drawn.first[swap], 0, n - 1, "first of a swap of nine")
            assert_uniform(drawn.second[swap], 0, n - 1, "second of a swap of nine")
            starts = np.bincount(drawn.first[reversal], minlength=n)
            assert_follows(starts, np.arange(n - 1, -1, -1), "reversals of nine")


def test_arguments_do_not_depend_on_the_operation_before() -> None:
    drawn = small()
    kind, first = drawn.grid(drawn.kind), drawn.grid(drawn.first)
    both = (kind[:, 0] == LEFT) & (kind[:, 1] == LEFT)
    assert_all_equally_likely(first[both, :2], 16)


def test_queries_are_about_a_uniform_draw_of_positions_without_replacement() -> None:
    assert_all_equally_likely(small().asked_position(), 60)


def test_kinds_of_query_are_uniform_and_independent_of_the_position() -> None:
    drawn = small()
    kinds = drawn.grid(drawn.asked_kind)
    assert_all_equally_likely(kinds, 8, "the three kinds")
    for query in range(3):
        together = np.column_stack([kinds[:, query], drawn.asked_position()[:, query]])
        assert_all_equally_likely(together, 10, f"kind and position of query {query}")


def test_elements_asked_and_answered_are_uniform() -> None:
    drawn = small()
    assert_uniform(drawn.asked[drawn.asked_kind == ELEMENT], 0, 4, "asked")
    assert_uniform(drawn.answer[drawn.asked_kind == POSITION], 0, 4, "answered")


@pytest.mark.parametrize(("query_kind", "code"), [("position", POSITION), ("element", ELEMENT)])
def test_a_fixed_kind_of_query_keeps_the_law_of_positions(query_kind: str, code: int) -> None:
    drawn = draw(12_000, 6, state_size=4, num_ops=2, num_queries=2, query_kind=query_kind)
    assert (drawn.asked_kind == code).all()
    assert_all_equally_likely(drawn.asked_position(), 12)


def first_depths(rows: int, **params: Any) -> tuple[Ints, Ints, Ints]:
    """Count by row the elements, the operations, and those that move the first query's element."""
    batch = synthgen.dyna.batch(rows, seed=7, **params)
    found = []
    for ids in np.asarray(batch.input_ids).tolist():
        row = oracle.read_row(ids, PIECES)
        states = oracle.history([element.value for element in row.elements], row.operations)
        query = row.queries[0]
        element = query.answer if query.kind == "position" else query.asked
        found.append((len(row.elements), len(row.operations), oracle.effective_depth(states, element)))
    sizes, operations, depths = np.array(found).T
    return sizes, operations, depths


def test_the_effective_depth_is_uniform_as_far_as_the_operations_reach() -> None:
    sizes, operations, depths = first_depths(
        12_000, state_size=(4, 7), num_ops=(3, 9), num_queries=2, effective_depth=(2, 6)
    )
    assert_all_equally_likely(np.column_stack([sizes, operations]), 4 * 7, "elements and operations")
    for m in range(3, 10):
        assert_uniform(depths[operations == m], 2, min(6, m), f"depth among {m} operations")


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_a_single_effective_depth_is_met(depth: int) -> None:
    _, _, depths = first_depths(300, state_size=(3, 5), num_ops=(4, 8), num_queries=1, effective_depth=depth)
    assert (depths == depth).all()


def test_the_effective_depth_leaves_the_initial_order_and_the_queries_uniform() -> None:
    drawn = draw(24_000, 8, state_size=4, num_ops=5, num_queries=1, effective_depth=(1, 4))
    assert_all_equally_likely(drawn.grid(drawn.element), 24, "initial order")
    assert_uniform(drawn.asked_kind, POSITION, ELEMENT, "kind of query")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"state_size": (13, 20), "num_ops": (20, 50)},
        {"state_size": 6, "num_ops": (1, 4), "num_queries": 5},
    ],
)
def test_rows_are_as_long_as_the_plain_generators(params: dict[str, Any]) -> None:
    prepared = plain.prepare(resolve("dyna", **params))
    rng = Random(9)
    lengths = np.array([len(plain.generate(rng, prepared)[0]) for _ in range(8000)])
    assert_same_law(draw(20_000, 9, **params).tokens, lengths)
