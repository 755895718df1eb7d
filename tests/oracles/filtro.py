"""Oracle for Filtro: two streams of edges, each one cycle, and a walk along one of them.

A row is turned back into its text first; everything is read from the text by patterns. Which piece spells which part is
checked by spelling the text anew, edge by edge.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

GREEK = [
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon"),
]
COLOURS = [
    *("red", "blue", "green", "yellow", "orange", "purple", "pink", "black", "white", "gray"),
    *("brown", "cyan", "magenta", "lime", "navy", "teal", "maroon", "olive", "silver", "gold"),
]
NAMES = GREEK + COLOURS
INTERLEAVINGS = {
    "alternating_random": ("alternating", "random"),
    "random_blocked": ("random", "blocked"),
    "any": ("alternating", "random", "blocked"),
}

Edge = tuple[str, str, str]


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@dataclass
class Row:
    """What a row says."""

    edges: list[Edge]  # stream, source, target
    stream: str
    start: str
    hops: int
    answer: str  # "" in a prompt


def spelled(row: Row) -> list[str]:
    """Spell a row in pieces."""
    text = ["<bos>"]
    for i, (stream, source, target) in enumerate(row.edges):
        text += [f" | {stream}:" if i else f"EDGES {stream}:", f"{source}->", target]
    return [*text, f" || QUERY {row.stream}:", row.start, f" hops={row.hops} ->", f" {row.answer}", "<eos>"]


def read_text(text: str) -> Row:
    """Read the text of a row or of a prompt, whatever it says."""
    found = re.fullmatch(r"EDGES (.+) \|\| QUERY ([AB]):(\w+) hops=(\d+) ->(?: (\w+))?", text)
    if found is None:
        raise RowError("not a Filtro row")
    edges = []
    for part in found[1].split(" | "):
        edge = re.fullmatch(r"([AB]):(\w+)->(\w+)", part)
        if edge is None:
            raise RowError(f"not an edge: {part!r}")
        edges.append((edge[1], edge[2], edge[3]))
    return Row(edges, found[2], found[3], int(found[4]), found[5] or "")


@lru_cache(maxsize=4)
def numbers(pieces: tuple[str, ...]) -> dict[str, int]:
    """Map the pieces to their ids."""
    return {piece: i for i, piece in enumerate(pieces)}


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read a row, which must be spelled as rows are spelled."""
    ids = list(ids)
    while ids and ids[-1] == 0:
        ids.pop()
    if any(not 0 <= token < len(pieces) for token in ids):
        raise RowError("an id outside the vocabulary")
    row = read_text("".join(pieces[token] for token in ids if token > 2))
    table = numbers(tuple(pieces))
    if [table.get(piece, -1) for piece in spelled(row)] != ids:
        raise RowError("spelled otherwise")
    return row


def cycle_of(edges: Sequence[Edge], stream: str) -> list[str]:
    """Return the nodes of a stream in the order of its cycle, from the first listed source."""
    after: dict[str, str] = {}
    for _, source, target in (edge for edge in edges if edge[0] == stream):
        if source in after:
            raise RowError(f"two edges leave {stream}:{source}")
        after[source] = target
    cycle: list[str] = []
    node = next(iter(after), "")
    while node not in cycle:
        if node not in after:
            raise RowError(f"stream {stream} is not a cycle")
        cycle.append(node)
        node = after[node]
    if len(cycle) != len(after) or node != cycle[0]:
        raise RowError(f"stream {stream} is not one cycle")
    return cycle


def walk(row: Row) -> str:
    """Follow the query."""
    cycle = cycle_of(row.edges, row.stream)
    if row.start not in cycle:
        raise RowError("the query starts nowhere")
    if not 1 <= row.hops < len(cycle):
        raise RowError(f"{row.hops} hops among {len(cycle)} nodes")
    return cycle[(cycle.index(row.start) + row.hops) % len(cycle)]


def is_blocked(streams: str) -> bool:
    """Can blocks of two or three, the streams in turn, have made this? Tried block by block."""
    left = {stream: streams.count(stream) for stream in "AB"}

    def fits(at: int, stream: str, left: dict[str, int]) -> bool:
        rest = streams[at:]
        other = "AB".replace(stream, "")
        if not left[other]:
            return rest == stream * left[stream]
        for drawn in (2, 3):
            size = min(drawn, left[stream])
            if rest.startswith(stream * size) and fits(at + size, other, {**left, stream: left[stream] - size}):
                return True
        return False

    return fits(0, streams[0], left)


def is_interleaved(streams: str, pattern: str) -> bool:
    """Can this interleaving have made this sequence of streams?"""
    if pattern == "alternating":
        return all(len(list(run)) == 1 for _, run in groupby(streams))
    return pattern == "random" or is_blocked(streams)


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    cycles = {stream: cycle_of(row.edges, stream) for stream in "AB"}
    n = len(cycles["A"])
    if len(cycles["B"]) != n or not params["num_nodes"][0] <= n <= params["num_nodes"][1]:
        raise RowError(f"{n} and {len(cycles['B'])} nodes")
    if params["shared_vocab"]:
        if set(cycles["A"]) != set(cycles["B"]):
            raise RowError("the streams do not share their names")
        allowed = {"A": NAMES, "B": NAMES}
    else:
        allowed = {"A": GREEK, "B": COLOURS}
    for stream, cycle in cycles.items():
        if not set(cycle) <= set(allowed[stream]):
            raise RowError(f"stream {stream} has a name of another vocabulary")
    patterns = INTERLEAVINGS.get(params["pattern"], (params["pattern"],))
    streams = "".join(edge[0] for edge in row.edges)
    if not any(is_interleaved(streams, pattern) for pattern in patterns):
        raise RowError(f"{streams} is not {params['pattern']}")
    if params["query_stream"] not in ("both", row.stream.lower()):
        raise RowError(f"a query on stream {row.stream}")
    truth = walk(row)
    if not params["hops"][0] <= row.hops <= params["hops"][1]:
        raise RowError(f"{row.hops} hops")
    if row.answer != truth:
        raise RowError(f"the answer is {truth}, not {row.answer}")


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
        length = len(spelled(row))
        if list(mask) != [int(length - 2 <= position < length) for position in range(len(ids))]:
            return "the mask is not 1 exactly on the answer and <eos>"
    return None


def solve(text: str) -> str:
    """Answer the query in which the text ends (``... ->``)."""
    try:
        return walk(read_text(text.rstrip()))
    except RowError as problem:
        raise ValueError(f"not a Filtro prompt: {problem}") from None


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: its edges, in no order."""
    return frozenset(read_row(ids, pieces).edges)
