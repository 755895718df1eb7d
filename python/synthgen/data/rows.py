"""What every sequence of rows shares: a length, access by number, and iteration in order."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from operator import index
from typing import Any, Generic, SupportsIndex, TypeVar

from ..checks import integer

T = TypeVar("T")


class Rows(ABC, Generic[T]):
    """A sequence of rows, as Grain and torch take it: `len` and `getitem`."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, i: SupportsIndex) -> T: ...

    def __iter__(self) -> Iterator[T]:
        for i in range(len(self)):
            yield self[i]

    def _number(self, i: SupportsIndex) -> int:
        """Number of row i, counted from the end where negative. Raises IndexError outside."""
        number = index(i)
        if not -len(self) <= number < len(self):
            raise IndexError(f"number {number} of {len(self)} in {self!r}")
        return number % len(self)


class Repeated(Rows[Any]):
    """A sequence several times over, in its own order."""

    def __init__(self, rows: Any, epochs: int) -> None:
        self._rows = rows
        self._epochs = integer(None, "epochs", epochs, 0, sys.maxsize // max(1, len(rows)))

    def __len__(self) -> int:
        return self._epochs * len(self._rows)

    def __repr__(self) -> str:
        return f"<{self._epochs} times {self._rows!r}>"

    def __getitem__(self, i: SupportsIndex) -> Any:
        """Row i of the whole."""
        return self._rows[self._number(i) % len(self._rows)]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several rows."""
        return take(self._rows, [self._number(i) % len(self._rows) for i in indices])


def take(rows: Any, indices: Sequence[int]) -> list[Any]:
    """Rows of a sequence by their numbers, in one call where the sequence has one (`__getitems__`)."""
    many = getattr(rows, "__getitems__", None)
    return list(many(indices)) if many else [rows[i] for i in indices]
