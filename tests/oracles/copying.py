"""Oracle for Copying: a string, and the same string again."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.symbols import Reader, hold, parted, verdict, within


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    reader.take("<s>")
    string = reader.symbols(params["num_symbols"])
    within(len(string), params["num_items"], "symbols")
    reader.take("⟨copy⟩")
    start = reader.at
    hold(reader.symbols() == string, "the copy differs")
    reader.end()
    return set(range(start, reader.at))


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def solve(text: str) -> str:
    """Answer a prompt."""
    string, rest = parted(text, "copying", "⟨copy⟩")
    if not string or rest:
        raise ValueError(f"not a copying prompt: {text!r}")
    return "".join(string)


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the string."""
    reader = Reader(ids, pieces)
    reader.take("<s>")
    return tuple(reader.symbols())
