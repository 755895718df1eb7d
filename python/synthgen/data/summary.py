"""What a whole dataset holds: rows, lengths, and rows that occur again, counted in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from .engines import cores
from .files import temporary
from .plan import LEVELS, SPLITS, Cell, Plan, Shard
from .shards import FACTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

Summary = dict[str, Any]
CHUNK = 1 << 20
"""Rows read at a time."""
KEYED = np.dtype([("key", "<u8"), ("group", "<u2")])
BUCKET = 1 << 21
"""Rows counted at a time, about."""
# The content hashes of test lie below the first bound, those of validation below the second.
_ENDS = {"test": (0, (2**64 - 1) // 20), "validation": ((2**64 - 1) // 20, (2**64 - 1) // 10)}
_EDGES = sorted({round(2 ** (step / 4)) for step in range(8, 81)})


def summarise(plan: Plan, parts: Sequence[tuple[Shard, Path]], work: Path, workers: int | None = None) -> Summary:
    """Count rows, tokens, lengths and repetitions out of the facts of all shards.

    Memory is bounded by the workers: hashes go into buckets on disk by their value, and each bucket is counted alone.
    """
    cells = plan.cells()
    total = sum(path.stat().st_size for _, path in parts) // FACTS.itemsize
    sums, counts = Totals(cells), Counts(len(cells))
    with Buckets(work, max(1, -(-total // BUCKET))) as buckets, ThreadPoolExecutor(workers or cores()) as pool:

        def add(part: tuple[Shard, Path]) -> Totals:
            own, (shard, path) = Totals(cells), part
            for facts in read(path):
                buckets.add(facts, own.add(facts, shard.split))
            return own

        for own in pool.map(add, parts):
            sums.merge(own)
        for found in pool.map(lambda at: Counts(len(cells)).add(*buckets.read(at)), range(buckets.count)):
            counts.merge(found)
    return sums.describe(counts)


class Totals:
    """Rows, tokens and lengths, by split, cell and level."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self._levels = np.array([cell.level - 1 for cell in cells])
        self._unsplit = np.array([cell.only_train for cell in cells])
        self.rows = np.zeros((len(SPLITS), len(cells)), np.int64)
        self.tokens = np.zeros_like(self.rows)
        self.lengths = np.zeros((len(LEVELS), len(_EDGES) + 1), np.int64)
        self.leaked = 0

    def add(self, facts: NDArray[Any], name: str) -> NDArray[np.int64]:
        """Add rows of a split; give the number of each row's split and cell together."""
        split, cell = SPLITS.index(name), facts["cell"].astype(np.int64)
        self.rows[split] += np.bincount(cell, minlength=len(self._cells))
        self.tokens[split] += np.bincount(cell, facts["length"], len(self._cells)).astype(np.int64)
        bins = np.searchsorted(_EDGES, facts["length"], side="right")
        flat = np.bincount(self._levels[cell] * self.lengths.shape[1] + bins, minlength=self.lengths.size)
        self.lengths += flat.reshape(self.lengths.shape)
        self.leaked += int((misplaced(facts["content"], name) & ~self._unsplit[cell]).sum())
        found: NDArray[np.int64] = split * len(self._cells) + cell
        return found

    def merge(self, other: Totals) -> None:
        """Add what was counted elsewhere."""
        self.rows += other.rows
        self.tokens += other.tokens
        self.lengths += other.lengths
        self.leaked += other.leaked

    def describe(self, counts: Counts) -> Summary:
        """The summary, with what was counted of repetitions."""
        used = np.flatnonzero(self.lengths.any(0))
        low, high = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
        return {
            "rows": dict(zip(SPLITS, self.rows.sum(1).tolist(), strict=True)),
            "tokens": dict(zip(SPLITS, self.tokens.sum(1).tolist(), strict=True)),
            "cells": [
                {
                    "task": cell.task,
                    "level": cell.level,
                    "split": name,
                    "rows": int(self.rows[split, at]),
                    "tokens": int(self.tokens[split, at]),
                }
                | counts.cell(split * len(self._cells) + at, int(self.rows[split, at]))
                for split, name in enumerate(SPLITS)
                for at, cell in enumerate(self._cells)
                if self.rows[split, at]
            ],
            "lengths": {
                "edges": [0, *_EDGES, 2**31][low : high + 1],
                "counts": {str(level): self.lengths[level - 1, low:high].tolist() for level in LEVELS},
            },
            "duplicates": {
                "within": {name: int(counts.within[at]) for at, name in enumerate(SPLITS) if self.rows[at].any()},
                "across": counts.across,
            },
            "leaked": self.leaked,
        }


def read(path: Path) -> Iterator[NDArray[Any]]:
    """The facts in a file, chunk by chunk."""
    with path.open("rb") as file:
        while (facts := np.fromfile(file, FACTS, CHUNK)).size:
            yield facts


def misplaced(content: NDArray[np.uint64], split: str) -> NDArray[np.bool_]:
    """Which content hashes belong to another split."""
    low, high = _ENDS.get(split, (_ENDS["validation"][1], 2**64))
    inside = content >= np.uint64(low)
    return ~(inside & (content < np.uint64(high)) if high < 2**64 else inside)


class Buckets:
    """Hashes on disk, in files by value, so that equal hashes meet in one file."""

    def __init__(self, work: Path, count: int) -> None:
        self.count = count
        # Two processes may come to the end of a run at once.
        self._paths = [
            temporary(work, f"bucket-{at:05d}-{kind}") for at in range(count) for kind in ("content", "hash")
        ]
        self._locks = [threading.Lock() for _ in self._paths]

    def __enter__(self) -> Buckets:
        for path in self._paths:
            path.write_bytes(b"")
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)

    def add(self, facts: NDArray[Any], group: NDArray[np.int64]) -> None:
        """Sort facts into the buckets; `group` numbers split and cell together."""
        for side, name in enumerate(("content", "hash")):
            pairs = np.empty(len(facts), KEYED)
            pairs["key"], pairs["group"] = facts[name], group
            if self.count == 1:
                self._append(side, pairs)
                continue
            # Contents of a split share their upper bits; the lower ones are as good.
            which = (pairs["key"] % np.uint64(self.count)).astype(np.int64)
            order = np.argsort(which, kind="stable")
            ends = np.cumsum(np.bincount(which, minlength=self.count))
            for at, end in enumerate(ends.tolist()):
                begin = ends[at - 1] if at else 0
                if end > begin:
                    self._append(2 * at + side, pairs[order[begin:end]])

    def _append(self, at: int, pairs: NDArray[Any]) -> None:
        with self._locks[at], self._paths[at].open("ab") as file:
            pairs.tofile(file)

    def read(self, at: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Contents and hashes of a bucket."""
        content, hashes = (np.fromfile(path, KEYED) for path in self._paths[2 * at : 2 * at + 2])
        return content, hashes


class Counts:
    """Rows and instances that occur again, by split and cell, and rows that two splits share."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._again, self._pairs, self._rows = (np.zeros(len(SPLITS) * cells, np.int64) for _ in range(3))
        self.within = np.zeros(len(SPLITS), np.int64)
        self.across = 0

    def add(self, content: NDArray[Any], hashes: NDArray[Any]) -> Counts:
        """Count one bucket."""
        for at, keys in by_group(suspects(content)):
            found, times = distinct(keys)
            self._again[at] += len(keys) - len(found)
            self._pairs[at] += int((times * (times - 1) // 2).sum())
        of_splits: dict[int, list[NDArray[np.uint64]]] = {}
        for at, keys in by_group(suspects(hashes)):
            self._rows[at] += len(keys) - len(distinct(keys)[0])
            of_splits.setdefault(at // self._cells, []).append(keys)
        every = []
        for split, parts in of_splits.items():
            keys = np.concatenate(parts)
            every.append(distinct(keys)[0])
            self.within[split] += len(keys) - len(every[-1])
        if every:
            joined = np.concatenate(every)
            self.across += len(joined) - len(distinct(joined)[0])
        return self

    def merge(self, other: Counts) -> None:
        """Add what was counted in another bucket."""
        self._again += other._again
        self._pairs += other._pairs
        self._rows += other._rows
        self.within += other.within
        self.across += other.across

    def cell(self, at: int, rows: int) -> dict[str, Any]:
        """Distinct instances, repeated rows, and the size of the space by the birthday estimate."""
        every = rows * (rows - 1) // 2
        pairs, instances = int(self._pairs[at]), rows - int(self._again[at])
        return {
            "instances": instances,
            "duplicate_rows": int(self._rows[at]),
            "space": every // pairs if pairs else None,
            # Without a repetition the space is larger than this at 95 %: exp(-every / space) > 0.05.
            "space_at_least": instances if pairs else max(instances, every // 3),
        }


def suspects(pairs: NDArray[Any]) -> NDArray[Any]:
    """Pairs whose key occurs more than once, and a few others: one sort instead of one a group."""
    keys = np.ascontiguousarray(pairs["key"])
    again = _native.repeated(keys)
    if not again.size:
        return pairs[:0]
    seen = np.zeros(1 << 22, np.bool_)
    seen[again >> np.uint64(42)] = True
    found: NDArray[Any] = pairs[seen[keys >> np.uint64(42)]]
    return found


def distinct(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Distinct values in order, and how often each occurs. A plain sort is many times faster here than np.unique."""
    ordered = np.sort(keys)
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[first], np.diff(first, append=len(ordered))


def by_group(pairs: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """The keys of each group."""
    order = np.argsort(pairs["group"], kind="stable")
    ends = np.cumsum(np.bincount(pairs["group"])) if len(pairs) else np.zeros(0, np.int64)
    for at, end in enumerate(ends.tolist()):
        begin = int(ends[at - 1]) if at else 0
        if end > begin:
            yield at, pairs["key"][order[begin:end]]
