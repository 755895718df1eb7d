"""Oracle for Brevo: a graph given as shuffled edges, then all that one vertex depends on, dependencies first.

A row is read piece by piece into names (tuples of name tokens). What a vertex depends on is found by asking for its
direct dependencies again and again; an answer is right if it names exactly these, each after its own dependencies.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Name = tuple[int, ...]
Edge = tuple[Name, Name]

# A piece has the first tag whose pattern fits the whole piece. Its value is the group, a number.
TAGS = [
    ("non-final", r"(\d+)\."),
    ("final", r"(\d+) "),
]


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@dataclass
class Row:
    """A row that follows the grammar; nothing is said yet about its truth."""

    edges: list[Edge]  # what is depended on, what depends on it
    query: Name
    answer: list[Name]
    learned: range  # the positions of the marker, the answer and the end


def tag_piece(piece: str) -> tuple[str, int]:
    """Tag one piece; fixed text such as ``"->"`` or ``"<bos>"`` is its own tag."""
    for tag, pattern in TAGS:
        found = re.fullmatch(pattern, piece)
        if found:
            return tag, int(found[1])
    return piece, -1


@lru_cache(maxsize=8)
def tag_table(pieces: tuple[str, ...]) -> list[tuple[str, int]]:
    """Tag every id."""
    return [tag_piece(piece) for piece in pieces]


class Reader:
    """Walks over the tagged pieces of one row, without its trailing pads."""

    def __init__(self, ids: Sequence[int], pieces: Sequence[str]) -> None:
        table = tag_table(tuple(pieces))
        for position, token in enumerate(ids):
            if not 0 <= token < len(table):
                raise RowError(f"id {token} at {position} is outside the vocabulary")
        self.tags = [table[token] for token in ids]
        while self.tags and self.tags[-1][0] == "<pad>":
            self.tags.pop()
        self.at = 0

    def peek(self) -> str:
        """Return the tag of the next piece."""
        return self.tags[self.at][0] if self.at < len(self.tags) else "the end"

    def take(self, wanted: str) -> int:
        """Step over the next piece, which must have this tag, and return its value."""
        if self.peek() != wanted:
            raise RowError(f"expected {wanted!r} at {self.at}, found {self.peek()!r}")
        self.at += 1
        return self.tags[self.at - 1][1]

    def take_name(self) -> Name:
        """Step over any number of non-final tokens, then the final one."""
        name = []
        while self.peek() == "non-final":
            name.append(self.take("non-final"))
        name.append(self.take("final"))
        return tuple(name)

    def take_names(self) -> list[Name]:
        """Step over as many names as there are."""
        names = []
        while self.peek() in ("non-final", "final"):
            names.append(self.take_name())
        return names


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read ``<bos> edges | QUERY name -> names <eos>``; raise RowError where the grammar is broken."""
    reader = Reader(ids, pieces)
    reader.take("<bos>")
    ends = reader.take_names()
    if len(ends) % 2:
        raise RowError("an edge with one end")
    reader.take("| QUERY ")
    query = reader.take_name()
    marker = reader.at
    reader.take("->")
    answer = reader.take_names()
    reader.take("<eos>")
    if reader.peek() != "the end":
        raise RowError(f"{reader.peek()!r} after the end")
    edges = list(zip(ends[0::2], ends[1::2], strict=True))
    return Row(edges, query, answer, range(marker, reader.at))


def closure(of: Hashable, pairs: Sequence[tuple[Any, Any]]) -> set[Any]:
    """Give everything that a chain of pairs leads to from ``of``, without ``of`` itself unless it is led to."""
    found: set[Any] = set()
    new = {of}
    while new:
        new = {end for start, end in pairs if start in new} - found
        found |= new
    return found


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    judge_names(row, params)
    judge_graph(row.edges, params["max_in"])
    judge_query(row, params)
    judge_answer(row)


def judge_names(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless every name is one that the params allow."""
    names = [name for edge in row.edges for name in edge] + [row.query, *row.answer]
    for name in names:
        if params["multi"]:
            if not params["min_word_len"] <= len(name) <= params["max_word_len"]:
                raise RowError(f"a name of {len(name)} tokens")
            if max(name) > params["mini_vocab"]:
                raise RowError(f"name token {max(name)}")
        elif len(name) != 1 or name[0] > params["n_max"]:
            raise RowError(f"vertex {name}")


def judge_graph(edges: Sequence[Edge], bound: int) -> None:
    """Raise RowError unless the edges are different, lead in no circle, and no vertex has too many."""
    if len(set(edges)) != len(edges):
        raise RowError("an edge occurs twice")
    for place, what in ((0, "dependents"), (1, "dependencies")):
        ends = [edge[place] for edge in edges]
        if any(ends.count(name) > bound for name in set(ends)):
            raise RowError(f"too many {what}")
    left = set(edges)
    while left:  # peel off what depends on nothing that is left
        waiting = {end for _, end in left}
        rest = {edge for edge in left if edge[0] in waiting}
        if rest == left:
            raise RowError("the edges lead in a circle")
        left = rest


def judge_query(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless some number of vertices allows this graph and this query."""
    inner = {end for _, end in row.edges}
    shown = inner | {start for start, _ in row.edges}
    if row.query not in shown:
        raise RowError(f"query {row.query} is not in the graph")
    if row.query not in inner:
        raise RowError("the query depends on nothing")
    later = len(closure(row.query, row.edges))
    if params["query"] == "last" and later:
        raise RowError("something depends on the query")
    n_max = params["n_max"]
    for n in [n_max] if params["qa"] else range(3, n_max + 1):
        most = (n - 1) // 4 + 1 if params["leaf_bound"] == "floor" else -(-(n - 1) // 4)
        enough = len(shown) <= n and 1 <= n - len(inner) <= most
        if enough and (params["query"] == "last" or n - 1 - later >= 3 * n // 4):
            return
    raise RowError(f"{len(shown)} vertices, {len(inner)} with dependencies, {later} after the query")


def judge_answer(row: Row) -> None:
    """Raise RowError unless the answer is all that the query depends on, in a valid order."""
    dependencies = [(end, start) for start, end in row.edges]
    wanted = closure(row.query, dependencies) | {row.query}
    if len(set(row.answer)) != len(row.answer):
        raise RowError("a name is listed twice")
    if set(row.answer) != wanted:
        raise RowError(f"the answer should name {sorted(wanted)}")
    place = {name: i for i, name in enumerate(row.answer)}
    for start, end in row.edges:
        if end in place and place[start] > place[end]:
            raise RowError(f"{end} is listed before {start}")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        row = read_row(ids, pieces)
        judge(row, params)
    except RowError as problem:
        return str(problem)
    if mask is not None and list(mask) != [int(position in row.learned) for position in range(len(ids))]:
        return "the mask is not 1 exactly from the marker to the end"
    return None


def solve(text: str) -> str:
    """Answer a prompt (``... ->``) by one of its right answers: what depends on least comes first."""
    prompt = re.fullmatch(r"((?:[\d.]+ [\d.]+ )+)\| QUERY ([\d.]+) ->", text)
    if prompt is None:
        raise ValueError(f"not a Brevo prompt: {text!r}")
    ends = prompt[1].split()
    dependencies = list(zip(ends[1::2], ends[0::2], strict=True))
    names = closure(prompt[2], dependencies) | {prompt[2]}
    return " ".join(sorted(names, key=lambda name: (len(closure(name, dependencies)), name)))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: its edges, in no order."""
    return tuple(sorted(read_row(ids, pieces).edges))
