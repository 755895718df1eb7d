"""Oracle for Depo: one directed cycle given as shuffled edges, then queries "k steps on from here".

A row is read piece by piece into words (tuples of name tokens), the edges become a plain dictionary from each
word to the next, and every query is answered by taking its steps one at a time.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

Word = tuple[int, ...]

# A piece has the first tag whose pattern fits the whole piece. Its value is the group, a number.
TAGS = [
    ("query", r"\| QUERY hops=(\d+) "),
    ("non-final", r"(\d+)\."),
    ("final", r"(\d+) "),
]


class RowError(Exception):
    """The row breaks a rule; the message says which."""


class Query(NamedTuple):
    """One question with the answer that the row gives."""

    hops: int
    node: Word
    answer: Word


@dataclass
class Row:
    """A row that follows the grammar; nothing is said yet about its truth."""

    words: list[Word]  # source, target, source, target, ...
    separators: list[int]  # how many words stood before each separator
    queries: list[Query]
    learned: set[int]  # the positions of every answer marker and answer token


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

    def take_word(self) -> Word:
        """Step over any number of non-final tokens, then the final one."""
        word = []
        while self.peek() == "non-final":
            word.append(self.take("non-final"))
        word.append(self.take("final"))
        return tuple(word)


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read ``<bos> edges queries``; raise RowError where the grammar is broken."""
    reader = Reader(ids, pieces)
    row = Row([], [], [], set())
    reader.take("<bos>")
    while reader.peek() in ("; ", "non-final", "final"):
        if reader.peek() == "; ":
            reader.take("; ")
            row.separators.append(len(row.words))
        else:
            row.words.append(reader.take_word())
    while reader.peek() == "query":
        hops = reader.take("query")
        node = reader.take_word()
        marker = reader.at
        reader.take("->")
        answer = reader.take_word()
        row.queries.append(Query(hops, node, answer))
        row.learned.update(range(marker, reader.at))
    if reader.peek() != "the end":
        raise RowError(f"{reader.peek()!r} at {reader.at} has no place there")
    return row


def edges_of(row: Row) -> list[tuple[Word, Word]]:
    """Pair the words of the graph part."""
    return list(zip(row.words[0::2], row.words[1::2], strict=False))


def allowed_hops(params: Mapping[str, Any]) -> set[int]:
    """Return every number of hops that these params can draw."""
    if params["fixed_k"] is not None:
        return {params["fixed_k"]}
    if params["k_set"] is not None:
        return set(params["k_set"])
    k_max = params["k_max"]
    if not params["qa"]:
        return set(range(1, k_max + 1))
    powers = {2**i for i in range(8) if 2**i <= k_max}
    return powers | {k_max} | ({24} if k_max == 32 else set())


def may_wrap(params: Mapping[str, Any]) -> bool:
    """Tell whether a query may go around the cycle; unless said, only a fixed number of hops may not."""
    if params["allow_wrap"] is None:
        return params["fixed_k"] is None
    return bool(params["allow_wrap"])


def walk(successor: Mapping[Any, Any], node: Any, hops: int) -> Any:
    """Take the steps one at a time and return where they lead."""
    for _ in range(hops):
        node = successor[node]
    return node


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    judge_size(row, params)
    judge_words(row, params)
    successor = judge_cycle(edges_of(row))
    judge_queries(row.queries, successor, params)


def judge_size(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the graph part has whole edges, set apart as asked, and as many as asked."""
    if len(row.words) % 2:
        raise RowError("an edge without a target")
    n = len(row.words) // 2
    if row.separators != (list(range(0, 2 * n, 2)) if params["separator"] else []):
        raise RowError("separators are not where they should be")
    if not (n == params["n_max"] if params["qa"] else 3 <= n <= params["n_max"]):
        raise RowError(f"{n} edges")
    longest = max(allowed_hops(params))
    if not may_wrap(params) and not n > longest:
        raise RowError(f"{longest} hops would go around {n} nodes")


def judge_words(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless every word has an allowed length and allowed tokens."""
    asked = [word for query in row.queries for word in (query.node, query.answer)]
    for word in row.words + asked:
        if not params["min_word_len"] <= len(word) <= params["max_word_len"]:
            raise RowError(f"a word of {len(word)} tokens")
        if max(word) > params["mini_vocab"]:
            raise RowError(f"name token {max(word)}")


def judge_cycle(edges: Sequence[tuple[Word, Word]]) -> dict[Word, Word]:
    """Raise RowError unless the edges form one cycle; return the successor of every word."""
    n = len(edges)
    successor = dict(edges)
    if len(successor) != n:
        raise RowError("a source occurs twice")
    if len({target for _, target in edges}) != n:
        raise RowError("a target occurs twice")
    if any(target not in successor for _, target in edges):
        raise RowError("a target is no source")
    start = edges[0][0]
    node, length = successor[start], 1
    while node != start:
        node, length = successor[node], length + 1
    if length != n:
        raise RowError(f"a cycle of {length} in a graph of {n}")
    return successor


def judge_queries(queries: Sequence[Query], successor: Mapping[Word, Word], params: Mapping[str, Any]) -> None:
    """Raise RowError unless the queries are as many and of the kind asked for, and their answers right."""
    if len(queries) != min(len(successor), params["num_queries"]):
        raise RowError(f"{len(queries)} queries")
    if len({query.node for query in queries}) != len(queries):
        raise RowError("two queries start at the same node")
    hops = allowed_hops(params)
    for query in queries:
        if query.hops not in hops:
            raise RowError(f"a query of {query.hops} hops")
        if query.node not in successor:
            raise RowError(f"query node {query.node} is not in the graph")
        truth = walk(successor, query.node, query.hops)
        if query.answer != truth:
            raise RowError(f"{query.hops} hops from {query.node} lead to {truth}, not {query.answer}")


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
        return "the mask is not 1 exactly on the answer markers and answers"
    return None


def solve(text: str) -> str:
    """Answer the query in which the text ends (``... ->``) by a word without its trailing space."""
    question = re.search(r"\| QUERY hops=(\d+) ([\d.]+) ->\s*$", text)
    if question is None:
        raise ValueError(f"not a Depo prompt: {text!r}")
    graph = text.split("| QUERY", 1)[0]
    words = re.findall(r"\d[\d.]*", graph)
    successor = dict(zip(words[0::2], words[1::2], strict=True))
    return str(walk(successor, question[2], int(question[1])))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: its edges, in no order."""
    return tuple(sorted(edges_of(read_row(ids, pieces))))
