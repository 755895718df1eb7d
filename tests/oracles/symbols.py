"""What the oracles of the copy tasks share: pieces as numbers of symbols, a reader, and prompts cut into symbols."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

SPECIALS = ("<pad>", "<s>", "</s>", "⟨sep⟩", "⟨copy⟩", "⟨key⟩", "⟨val⟩")


class RowError(Exception):
    """The row breaks a rule; the message says which."""


def number(piece: str) -> int:
    """Return the number of a regular symbol: a printable ASCII character counts from the space, ``⟨i⟩`` is i."""
    return ord(piece) - ord(" ") if len(piece) == 1 else int(piece[1:-1])


@lru_cache(maxsize=8)
def meanings(pieces: tuple[str, ...]) -> list[str | int]:
    """Give for every id the special that it is, or the number of the regular symbol."""
    return [piece if piece in SPECIALS else number(piece) for piece in pieces]


class Reader:
    """Walks over one row, without its trailing pads."""

    def __init__(self, ids: Sequence[int], pieces: Sequence[str]) -> None:
        table = meanings(tuple(pieces))
        for position, token in enumerate(ids):
            if not 0 <= token < len(table):
                raise RowError(f"id {token} at {position} is outside the vocabulary")
        self.tokens = [table[token] for token in ids]
        while self.tokens and self.tokens[-1] == "<pad>":
            self.tokens.pop()
        self.at = 0

    def ahead(self, steps: int = 0) -> str | int | None:
        """Return a token that was not taken yet; None beyond the end."""
        return self.tokens[self.at + steps] if self.at + steps < len(self.tokens) else None

    def take(self, special: str) -> None:
        """Step over this special."""
        if self.ahead() != special:
            raise RowError(f"expected {special} at {self.at}, found {self.ahead()!r}")
        self.at += 1

    def symbol(self, count: int = 500) -> int:
        """Step over a regular symbol among the first ``count``, and return its number."""
        found = self.ahead()
        if not isinstance(found, int) or found >= count:
            raise RowError(f"expected one of {count} symbols at {self.at}, found {found!r}")
        self.at += 1
        return found

    def symbols(self, count: int = 500) -> list[int]:
        """Step over as many regular symbols as there are."""
        found = []
        while isinstance(self.ahead(), int):
            found.append(self.symbol(count))
        return found

    def end(self) -> None:
        """Step over the end of the row."""
        self.take("</s>")
        if self.ahead() is not None:
            raise RowError(f"{self.ahead()!r} follows </s>")


def hold(condition: bool, problem: str) -> None:
    """Raise RowError unless the condition holds."""
    if not condition:
        raise RowError(problem)


def within(value: int, bounds: tuple[int, int], what: str) -> None:
    """Raise RowError unless the value lies in the range."""
    hold(bounds[0] <= value <= bounds[1], f"{value} {what}")


Judge = Callable[[Reader, Mapping[str, Any]], set[int]]


def verdict(
    judge: Judge,
    ids: Sequence[int],
    mask: Sequence[int] | None,
    pieces: Sequence[str],
    params: Mapping[str, Any],
) -> str | None:
    """Return None if the row is valid, and its mask 1 exactly where the judge says; else why not."""
    try:
        learned = judge(Reader(ids, pieces), params)
    except RowError as problem:
        return str(problem)
    if mask is not None and list(mask) != [int(position in learned) for position in range(len(ids))]:
        return "the mask is not 1 exactly on the answers and </s>"
    return None


def cut_up(text: str) -> list[str]:
    """Cut a text into the pieces of the table; ValueError if it has others."""
    found = re.findall(r"⟨(?:sep|copy|key|val|\d+)⟩|[ -~]", text)
    if "".join(found) != text:
        raise ValueError(f"not a text of symbols: {text!r}")
    return found


def parted(text: str, task: str, *marks: str) -> list[list[str]]:
    """Cut a prompt at marks that must occur once each, in this order; ValueError if they do not."""
    rest = cut_up(text)
    parts = []
    for mark in marks:
        if rest.count(mark) != 1:
            raise ValueError(f"not a {task} prompt: {text!r}")
        at = rest.index(mark)
        parts.append(rest[:at])
        rest = rest[at + 1 :]
    parts.append(rest)
    if any(piece in SPECIALS for part in parts for piece in part):
        raise ValueError(f"not a {task} prompt: {text!r}")
    return parts
