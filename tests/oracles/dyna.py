"""Oracle for Dyna: a list of elements, some operations on it, some questions about the final list.

A row is read piece by piece: every id is first turned into a tag and a value by the text of its piece, then a
left-to-right reader asks for the tag that the grammar wants next. Operations are simulated on plain lists.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

Operation = tuple[str, tuple[int, ...]]

OPERATION = "SWAP|ROTATE_LEFT|ROTATE_RIGHT|REVERSE"
QUERY = "position|element"

# A piece has the first tag whose pattern fits the whole piece. Its value is the group.
TAGS = [
    ("first op", rf"({OPERATION})"),
    ("later op", rf" \| ({OPERATION})"),
    ("first query", rf" \|\| QUERY ({QUERY}) "),
    ("later query", rf" \| QUERY ({QUERY}) "),
    ("left argument", r"\((\d+),"),
    ("right argument", r"(\d+)\)"),
    ("amount", r"\((\d+)\)"),
    ("number", r"(\d+)"),
    ("number answer", r" (\d+)"),
    ("name", r"([A-Z]\d*)"),
    ("name answer", r" ([A-Z]\d*)"),
]


class RowError(Exception):
    """The row breaks a rule; the message says which."""


class Tagged(NamedTuple):
    """What a piece is for, and what it says (an operation, a query kind, or a number in decimal)."""

    tag: str
    word: str
    value: int


class Query(NamedTuple):
    """One question and its answer, each with the family of the piece that spells it."""

    kind: str
    asked_tag: str
    asked: int
    answer_tag: str
    answer: int


@dataclass
class Row:
    """A row that follows the grammar; nothing is said yet about its truth."""

    elements: list[Tagged]
    operations: list[Operation]
    queries: list[Query]
    answer_positions: list[int]
    eos_position: int


def name_index(name: str) -> int:
    """Return the number of a name: A..Z are 0..25, A0..A25 are 26..51, B0.. are 52.."""
    letter = ord(name[0]) - ord("A")
    return letter if len(name) == 1 else 26 * (letter + 1) + int(name[1:])


def tag_piece(piece: str) -> Tagged:
    """Tag one piece; fixed text such as ``", "`` or ``"<bos>"`` is its own tag."""
    for tag, pattern in TAGS:
        found = re.fullmatch(pattern, piece)
        if found:
            word = found[1]
            if word.isdigit():
                return Tagged(tag, word, int(word))
            return Tagged(tag, word, name_index(word) if tag.startswith("name") else -1)
    return Tagged(piece, piece, -1)


@lru_cache(maxsize=8)
def tag_table(pieces: tuple[str, ...]) -> list[Tagged]:
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
        while self.tags and self.tags[-1].tag == "<pad>":
            self.tags.pop()
        self.at = 0

    def next_is(self, *wanted: str) -> bool:
        """Tell whether the next piece has one of these tags."""
        return self.at < len(self.tags) and self.tags[self.at].tag in wanted

    def take(self, *wanted: str) -> Tagged:
        """Step over the next piece, which must have one of these tags, and return it."""
        if not self.next_is(*wanted):
            found = repr(self.tags[self.at].tag) if self.at < len(self.tags) else "the end"
            raise RowError(f"expected {' or '.join(map(repr, wanted))} at {self.at}, found {found}")
        self.at += 1
        return self.tags[self.at - 1]


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read ``<bos> state operations queries <eos>``; raise RowError where the grammar is broken."""
    reader = Reader(ids, pieces)
    reader.take("<bos>")

    reader.take("STATE [")
    elements = [reader.take("name", "number")]
    while reader.next_is(", "):
        reader.take(", ")
        elements.append(reader.take("name", "number"))
    reader.take("] || OPS ")

    operations = [read_operation(reader, "first op")]
    while reader.next_is("later op"):
        operations.append(read_operation(reader, "later op"))

    queries: list[Query] = []
    answer_positions = []
    while not queries or reader.next_is("later query"):
        kind = reader.take("later query" if queries else "first query").word
        asked = reader.take("number", "name")
        reader.take(" ->")
        answer = reader.take("number answer", "name answer")
        queries.append(Query(kind, asked.tag, asked.value, answer.tag, answer.value))
        answer_positions.append(reader.at - 1)

    reader.take("<eos>")
    if reader.at < len(reader.tags):
        raise RowError(f"something follows <eos> at {reader.at}")
    return Row(elements, operations, queries, answer_positions, reader.at - 1)


def read_operation(reader: Reader, tag: str) -> Operation:
    """Read one operation, whose first piece has this tag, with its arguments."""
    name = reader.take(tag).word
    if name.startswith("ROTATE"):
        return name, (reader.take("amount").value,)
    left = reader.take("left argument").value
    right = reader.take("right argument").value
    return name, (left, right)


def apply(state: list[Any], operation: Operation) -> list[Any]:
    """Return the list after one operation, which must be legal for its length."""
    name, arguments = operation
    if name == "ROTATE_LEFT":
        (k,) = arguments
        return state[k:] + state[:k]
    if name == "ROTATE_RIGHT":
        (k,) = arguments
        return state[-k:] + state[:-k]
    i, j = arguments
    if name == "REVERSE":
        return state[:i] + state[i : j + 1][::-1] + state[j + 1 :]
    after = list(state)
    after[i], after[j] = state[j], state[i]
    return after


def is_legal(operation: Operation, n: int) -> bool:
    """Tell whether the operation may be used on a list of n."""
    name, arguments = operation
    if name.startswith("ROTATE"):
        return 1 <= arguments[0] <= n - 1
    i, j = arguments
    if name == "REVERSE":
        return 0 <= i < j < n
    return i != j and 0 <= i < n and 0 <= j < n


def history(state: list[Any], operations: Sequence[Operation]) -> list[list[Any]]:
    """Return the list as it was before the first operation, and after each."""
    states = [state]
    for operation in operations:
        states.append(apply(states[-1], operation))
    return states


def effective_depth(states: Sequence[list[Any]], element: Any) -> int:
    """Count the operations that moved this element."""
    places = [state.index(element) for state in states]
    return sum(before != after for before, after in pairwise(places))


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    states = judge_facts(row, params)
    elements = judge_queries(row.queries, states[-1], params)
    if params["effective_depth"] is not None:
        low, high = params["effective_depth"]
        depth = effective_depth(states, elements[0])
        if not low <= depth <= high:
            raise RowError(f"effective depth {depth}")


def family_of(params: Mapping[str, Any]) -> str:
    """Return the tag of the pieces that spell elements."""
    return "name" if params["symbolic_names"] else "number"


def judge_facts(row: Row, params: Mapping[str, Any]) -> list[list[int]]:
    """Raise RowError unless list and operations are legal; return the list after 0, 1, 2... operations."""
    family = family_of(params)
    n = len(row.elements)
    if not params["state_size"][0] <= n <= params["state_size"][1]:
        raise RowError(f"{n} elements")
    if any(element.tag != family for element in row.elements):
        raise RowError(f"an element is not a {family}")
    state = [element.value for element in row.elements]
    if sorted(state) != list(range(n)):
        raise RowError(f"the elements are not the first {n} {family}s, each once")

    if not params["num_ops"][0] <= len(row.operations) <= params["num_ops"][1]:
        raise RowError(f"{len(row.operations)} operations")
    for operation in row.operations:
        if not is_legal(operation, n):
            raise RowError(f"illegal operation {operation} for {n} elements")
    return history(state, row.operations)


def judge_queries(queries: Sequence[Query], final: list[int], params: Mapping[str, Any]) -> list[int]:
    """Raise RowError unless the queries are legal and answered right; return the element each is about."""
    family = family_of(params)
    n = len(final)
    if len(queries) != params["num_queries"]:
        raise RowError(f"{len(queries)} queries")
    asked_about = []
    for query in queries:
        if params["query_kind"] not in ("both", query.kind):
            raise RowError(f"a query about {query.kind}")
        position_query = query.kind == "position"
        if query.asked_tag != ("number" if position_query else family) or not query.asked < n:
            raise RowError(f"a query about {query.kind} {query.asked} of family {query.asked_tag}")
        if query.answer_tag != (f"{family} answer" if position_query else "number answer"):
            raise RowError(f"the answer to a query about {query.kind} is a {query.answer_tag}")
        truth = final[query.asked] if position_query else final.index(query.asked)
        if query.answer != truth:
            raise RowError(f"the answer to {query.kind} {query.asked} is {truth}, not {query.answer}")
        asked_about.append(truth if position_query else query.asked)
    if len(set(asked_about)) != len(asked_about):
        raise RowError("two queries are about the same element")
    return asked_about


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        row = read_row(ids, pieces)
        judge(row, params)
    except RowError as problem:
        return str(problem)
    if mask is not None:
        learned = {*row.answer_positions, row.eos_position}
        if list(mask) != [int(position in learned) for position in range(len(ids))]:
            return "the mask is not 1 exactly on the answers and <eos>"
    return None


def solve(text: str) -> str:
    """Answer the query in which the text ends (``... ->``)."""
    facts = re.match(r"STATE \[(.+?)\] \|\| OPS (.+?) \|\| QUERY ", text)
    question = re.search(rf"QUERY ({QUERY}) (\w+) ->\s*$", text)
    if facts is None or question is None:
        raise ValueError(f"not a Dyna prompt: {text!r}")
    state = facts[1].split(", ")
    for spelled in facts[2].split(" | "):
        call = re.fullmatch(rf"({OPERATION})\((\d+)(?:,(\d+))?\)", spelled)
        if call is None:
            raise ValueError(f"not an operation: {spelled!r}")
        arguments = tuple(int(number) for number in call.groups()[1:] if number is not None)
        state = apply(state, (call[1], arguments))
    if question[1] == "position":
        return state[int(question[2])]
    return str(state.index(question[2]))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: initial list and operations, a swap's positions in order."""
    row = read_row(ids, pieces)
    operations = [(name, tuple(sorted(args)) if name == "SWAP" else args) for name, args in row.operations]
    return tuple(element.value for element in row.elements), tuple(operations)
