"""Several sequences of rows shuffled together, epoch after epoch, one position at a time.

Generated rows, stored shards and anybody's own rows (tokenised text, say) mix in one order. The order is a keyed
bijection, so nothing is held in memory but the sources, position p can be asked for alone, and training resumes by
position.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from ..checks import MAX_U64, integer
from ..errors import param_error
from ..mixture import weight_of
from .permute import key, permute
from .rows import Rows, take

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH, _OWN = 1, 2
"""What a key is for: the order of an epoch, or the order in which a part of a source comes."""


class Joint(Rows[Any]):
    """Rows of several sources in one shuffled order: `len` and `getitem`, picklable where its sources are.

    An epoch holds a fixed number of rows of each source and is a permutation of them; the next epoch is another.
    Positions 0 .. rows_per_epoch are the first epoch, and so on. Made by `synthgen.data.joint` and `shuffled`.
    """

    def __init__(self, sources: Mapping[str, Any], counts: Sequence[int], seed: int, epochs: int | None) -> None:
        self.names = tuple(sources)
        self.rows_per_epoch = sum(counts)
        self._sources = tuple(sources.values())
        self._sizes = tuple(len(source) for source in self._sources)
        self._counts = tuple(counts)
        self._offsets = (0, *accumulate(counts))
        self._seed = integer(None, "seed", seed, 0, MAX_U64)
        most = sys.maxsize // max(1, self.rows_per_epoch)
        self.epochs = most if epochs is None else integer(None, "epochs", epochs, 0, most)

    def __len__(self) -> int:
        return self.epochs * self.rows_per_epoch

    def __repr__(self) -> str:
        parts = (f"{name}: {count}" for name, count in zip(self.names, self._counts, strict=True))
        return f"<Joint of {', '.join(parts)} rows, {self.epochs} epochs, seed {self._seed}>"

    def where(self, position: SupportsIndex) -> tuple[str, int]:
        """Name of the source, and number of its row, at a position."""
        part, row = self._place(position)
        return self.names[part], row

    def _place(self, position: SupportsIndex) -> tuple[int, int]:
        epoch, at = divmod(self._number(position), self.rows_per_epoch)
        place = permute(at, self.rows_per_epoch, key(self._seed, _EPOCH, epoch))
        part = bisect_right(self._offsets, place) - 1
        return part, self._row(part, epoch, place - self._offsets[part])

    def _row(self, part: int, epoch: Any, k: Any) -> Any:
        """Row of the source that is number k of its rows in an epoch; plain integers, or uint64 arrays."""
        size, count = self._sizes[part], self._counts[part]
        if count % size == 0:
            return k % size
        # An epoch takes the next `count` rows of an endless order, in which every row comes before any comes again.
        lap, at = divmod(epoch * count + k, size)
        return permute(at, size, key(self._seed, _OWN, part, lap))

    def order(self, start: int = 0, stop: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where positions start .. stop lie: index into `names`, and row number, both int64 (stop - start,)."""
        first, end, _ = slice(start, stop).indices(len(self))
        positions = np.arange(first, max(first, end), dtype=np.uint64)
        if not len(positions):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        epochs, at = np.divmod(positions, np.uint64(self.rows_per_epoch))
        places: NDArray[np.uint64] = permute(at, self.rows_per_epoch, key(self._seed, _EPOCH, epochs))
        offsets = np.array(self._offsets, dtype=np.uint64)
        parts = np.searchsorted(offsets, places, side="right") - 1
        rows = np.empty(len(positions), np.int64)
        for part in np.unique(parts).tolist():
            here = parts == part
            rows[here] = self._row(part, epochs[here], places[here] - offsets[part])
        return parts, rows

    def __getitem__(self, position: SupportsIndex) -> Any:
        """The row at a position, as its source gives it."""
        part, row = self._place(position)
        return self._sources[part][row]

    def __getitems__(self, positions: Sequence[int]) -> list[Any]:
        """The rows at several positions."""
        found: list[Any] = [None] * len(positions)
        wanted: dict[int, list[tuple[int, int]]] = {}
        for at, position in enumerate(positions):
            part, row = self._place(position)
            wanted.setdefault(part, []).append((at, row))
        for part, pairs in wanted.items():
            rows = take(self._sources[part], [row for _, row in pairs])
            for (at, _), row in zip(pairs, rows, strict=True):
                found[at] = row
        return found


def joint(
    sources: Mapping[str, Any],
    seed: int = 0,
    *,
    repeats: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    rows_per_epoch: int | None = None,
    epochs: int | None = 1,
) -> Joint:
    """Shuffle the concatenation of several sequences (anything with `len` and `getitem`), by name.

    Without more, each epoch holds every row of every source exactly once. `repeats` changes how often the rows of a
    source come in an epoch: 2 is twice each, 0.5 a half of them, the other half in the next epoch. `weights` gives
    shares of the rows instead: an epoch has `rows_per_epoch` rows, or else as many as it takes until the first source
    runs out. In any case no row of a source comes again before all others of that source have come.

    `epochs` is the number of epochs that the sequence is long; None for as many as `len` can count. Rows are not
    changed: sources that share a model must share their ids.

    Raises ParamError for sources without rows, unknown names, and shares that leave nothing.
    """
    if not isinstance(sources, Mapping) or not sources:
        raise param_error(None, "sources", sources, "allowed: a dict of one or more names to sequences of rows")
    sizes = {name: len(source) for name, source in sources.items()}
    for name, size in sizes.items():
        if not size:
            raise param_error(None, f"sources[{name!r}]", size, "allowed: a sequence of one or more rows")
    if weights is not None and repeats is not None:
        raise param_error(None, "weights", weights, "allowed: weights or repeats, not both")
    if weights is None:
        if rows_per_epoch is not None:
            raise param_error(None, "rows_per_epoch", rows_per_epoch, "allowed: only with weights")
        given = _numbers("repeats", repeats or {}, sizes)
        counts = [_times(size, given.get(name, 1.0)) for name, size in sizes.items()]
    else:
        counts = _shares(sizes, _numbers("weights", weights, sizes), rows_per_epoch)
    if not 0 < sum(counts) <= 2**62:
        raise param_error(None, "rows per epoch", sum(counts), f"allowed: 1..={2**62}; change repeats or weights")
    return Joint(sources, counts, seed, epochs)


def shuffled(rows: Any, seed: int = 0, *, epochs: int | None = 1) -> Joint:
    """One sequence in shuffled order: each epoch is another permutation of all its rows."""
    return joint({"rows": rows}, seed, epochs=epochs)


def _numbers(field: str, given: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise param_error(None, field, given, "allowed: a dict of names of sources to numbers >= 0")
    numbers = {name: weight_of("joint", f"{field}[{name!r}]", value) for name, value in given.items()}
    for name, number in numbers.items():
        if name not in sizes:
            raise param_error(None, field, name, f"allowed: names of the sources, {', '.join(sizes)}")
        if not 0 <= number < float("inf"):
            raise param_error(None, f"{field}[{name!r}]", number, "allowed: a number >= 0")
    return numbers


def _times(size: int, factor: float) -> int:
    # Whole factors stay exact beyond 2^53 rows.
    return size * int(factor) if factor.is_integer() else round(size * factor)


def _shares(sizes: Mapping[str, int], weights: Mapping[str, float], rows: int | None) -> list[int]:
    """Rows of each source in an epoch; a source without a weight has none. Running sums are rounded, so all adds up."""
    edges = [0.0, *accumulate(weights.get(name, 0.0) for name in sizes)]
    if not 0 < edges[-1] < float("inf"):
        raise param_error(None, "weights", dict(weights), "allowed: numbers >= 0, at least one of them positive")
    if rows is None:
        most = min(size * edges[-1] / weights[name] for name, size in sizes.items() if weights.get(name))
        rows = max(1, min(int(most), 2**53))
    rows = integer(None, "rows_per_epoch", rows, 1, 2**53)
    return [stop - start for start, stop in pairwise(round(rows * (edge / edges[-1])) for edge in edges)]
