"""Oracle for pattern completion: a pattern some times over; where the prompt ends is a function of the pattern."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.symbols import Reader, cut_up, hold, verdict, within


def is_repetition(pattern: Sequence[Any]) -> bool:
    """Tell whether the pattern is itself something shorter, repeated."""
    n = len(pattern)
    return any(n % part == 0 and list(pattern[:part]) * (n // part) == list(pattern) for part in range(1, n))


def cut(pattern: Sequence[int]) -> int:
    """Return how much of the pattern the prompt ends with."""
    mixed = 0
    for symbol in pattern:
        mixed = (mixed ^ (symbol + 7)) * 0x9E3779B97F4A7C15 % 2**64  # symbols count from id 7
        mixed ^= mixed >> 32
    return 1 + mixed % (len(pattern) - 1)


def judge(reader: Reader, params: Mapping[str, Any]) -> set[int]:
    """Raise RowError unless the row is right; return the positions to be predicted."""
    reader.take("<s>")
    text = reader.symbols(params["num_symbols"])
    times = params["repeats"] + 1
    length, over = divmod(len(text), times)
    hold(over == 0, f"{len(text)} symbols are not {times} patterns")
    within(length, params["pattern_length"], "symbols in the pattern")
    pattern = text[:length]
    hold(text == pattern * times, "the patterns differ")
    hold(not is_repetition(pattern), "the pattern is itself a repetition")
    start = reader.at - length + cut(pattern)
    reader.end()
    return set(range(start, reader.at))


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    return verdict(judge, ids, mask, pieces, params)


def shortest_pattern(text: Sequence[Any]) -> Sequence[Any]:
    """Return the shortest start of the text of which the text is repetitions, the last one cut or not."""
    n = len(text)
    return next(text[:k] for k in range(1, n + 1) if all(text[i] == text[i - k] for i in range(k, n)))


def solve(text: str) -> str:
    """Answer a prompt."""
    pieces = cut_up(text)
    if not pieces or any(piece in ("⟨sep⟩", "⟨copy⟩", "⟨key⟩", "⟨val⟩") for piece in pieces):
        raise ValueError(f"not a pattern prompt: {text!r}")
    pattern = shortest_pattern(pieces)
    repeats, over = divmod(len(pieces), len(pattern))
    if repeats < 2 or not over:
        raise ValueError(f"not a pattern prompt: {text!r}")
    return "".join(pattern[over:])


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the pattern."""
    reader = Reader(ids, pieces)
    reader.take("<s>")
    return tuple(shortest_pattern(reader.symbols()))
