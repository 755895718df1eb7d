"""Oracle for Reversal: a string, and the same string backwards."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.symbols import Reader, hold, parted, verdict, within


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    reader.take("<s>")
    string = reader.symbols(params["num_symbols"])
    within(len(string), params["num_items"], "symbols")
    reader.take("⟨sep⟩")
    start = reader.at
    hold(reader.symbols() == string[::-1], "the second string is not the first backwards")
    reader.end()
    return set(range(start, reader.at))


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def solve(text: str) -> str:
    """Answer a prompt."""
    string, rest = parted(text, "reversal", "⟨sep⟩")
    if not string or rest:
        raise ValueError(f"not a reversal prompt: {text!r}")
    return "".join(reversed(string))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the string of the prompt."""
    reader = Reader(ids, pieces)
    reader.take("<s>")
    return tuple(reader.symbols())
