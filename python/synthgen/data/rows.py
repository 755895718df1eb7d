"""What every sequence of rows shares: a length, access by number, and iteration in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from operator import index
from typing import Any, Generic, SupportsIndex, TypeVar

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


def take(rows: Any, indices: Sequence[int]) -> list[Any]:
    """Rows of a sequence by their numbers, in one call where the sequence has one (`__getitems__`)."""
    many = getattr(rows, "__getitems__", None)
    return list(many(indices)) if many else [rows[i] for i in indices]
