"""What a whole dataset holds: rows, lengths, and rows that occur again, counted in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .files import temporary
from .plan import LEVELS, SPLITS, Plan, Shard
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


def summarise(plan: Plan, parts: Sequence[tuple[Shard, Path]], work: Path) -> Summary:
    """Count rows, tokens, lengths and repetitions out of the facts of all shards.

    Memory is bounded: hashes go into buckets on disk by their value, and each bucket is counted alone.
    """
    cells = plan.cells()
    groups = [(split, number) for split in SPLITS for number in range(len(cells))]
    rows = np.zeros((len(SPLITS), len(cells)), np.int64)
    tokens = np.zeros_like(rows)
    lengths = np.zeros((len(LEVELS), len(_EDGES) + 1), np.int64)
    levels = np.array([cell.level - 1 for cell in cells])
    leaked = 0
    total = sum(path.stat().st_size for _, path in parts) // FACTS.itemsize
    with Buckets(work, max(1, -(-total // BUCKET))) as buckets:
        for shard, path in parts:
            split = SPLITS.index(shard.split)
            free = np.array([cell.only_train for cell in cells])
            for facts in read(path):
                cell = facts["cell"].astype(np.int64)
                rows[split] += np.bincount(cell, minlength=len(cells))
                tokens[split] += np.bincount(cell, facts["length"], len(cells)).astype(np.int64)
                bins = np.searchsorted(_EDGES, facts["length"], side="right")
                flat = np.bincount(levels[cell] * lengths.shape[1] + bins, minlength=lengths.size)
                lengths += flat.reshape(lengths.shape)
                leaked += int((misplaced(facts["content"], shard.split) & ~free[cell]).sum())
                buckets.add(facts, split * len(cells) + cell)
        counted = Counts(len(groups), len(cells))
        for content, hashes in buckets:
            counted.add(content, hashes)
    found = [
        {
            "task": cells[number].task,
            "level": cells[number].level,
            "split": split,
            "rows": int(rows[SPLITS.index(split), number]),
            "tokens": int(tokens[SPLITS.index(split), number]),
        }
        | counted.cell(at, int(rows[SPLITS.index(split), number]))
        for at, (split, number) in enumerate(groups)
        if rows[SPLITS.index(split), number]
    ]
    used = [at for at in range(lengths.shape[1]) if lengths[:, at].any()]
    low, high = (used[0], used[-1] + 1) if used else (0, 0)
    edges = [0, *_EDGES, 2**31]
    return {
        "rows": dict(zip(SPLITS, rows.sum(1).tolist(), strict=True)),
        "tokens": dict(zip(SPLITS, tokens.sum(1).tolist(), strict=True)),
        "cells": found,
        "lengths": {
            "edges": edges[low : high + 1],
            "counts": {str(level): lengths[level - 1, low:high].tolist() for level in LEVELS},
        },
        "duplicates": {
            "within": {
                split: int(rows[at].sum()) - counted.distinct[at] for at, split in enumerate(SPLITS) if rows[at].sum()
            },
            "across": counted.across,
        },
        "leaked": leaked,
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
        # Two processes may come to the end of a run at once.
        self._paths = [
            temporary(work, f"bucket-{at:05d}-{kind}") for at in range(count) for kind in ("content", "hash")
        ]
        self._count = count

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
            if self._count == 1:
                self._append(side, pairs)
                continue
            # Contents of a split share their upper bits; the lower ones are as good.
            which = (pairs["key"] % np.uint64(self._count)).astype(np.int64)
            order = np.argsort(which, kind="stable")
            ends = np.cumsum(np.bincount(which, minlength=self._count))
            for at, end in enumerate(ends.tolist()):
                begin = ends[at - 1] if at else 0
                if end > begin:
                    self._append(2 * at + side, pairs[order[begin:end]])

    def _append(self, at: int, pairs: NDArray[Any]) -> None:
        with self._paths[at].open("ab") as file:
            pairs.tofile(file)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for at in range(self._count):
            content, hashes = (np.fromfile(path, KEYED) for path in self._paths[2 * at : 2 * at + 2])
            yield content, hashes


class Counts:
    """Distinct hashes by cell and split, and those that two splits share."""

    def __init__(self, groups: int, cells: int) -> None:
        self._cells = cells
        self._instances = [0] * groups
        self._pairs = [0] * groups
        self._rows = [0] * groups
        self.distinct = [0] * (groups // cells)
        self.across = 0

    def add(self, content: NDArray[Any], hashes: NDArray[Any]) -> None:
        """Count one bucket."""
        for at, keys in by_group(content):
            _, times = np.unique(keys, return_counts=True)
            self._instances[at] += len(times)
            self._pairs[at] += int((times * (times - 1) // 2).sum())
        of_splits: dict[int, list[NDArray[np.uint64]]] = {}
        for at, keys in by_group(hashes):
            own = np.unique(keys)
            self._rows[at] += len(own)
            of_splits.setdefault(at // self._cells, []).append(own)
        joined = {split: np.unique(np.concatenate(keys)) for split, keys in of_splits.items()}
        for split, keys in joined.items():
            self.distinct[split] += len(keys)
        if joined:
            every = np.concatenate(list(joined.values()))
            self.across += len(every) - len(np.unique(every))

    def cell(self, at: int, rows: int) -> dict[str, Any]:
        """Distinct instances, repeated rows, and the size of the space by the birthday estimate."""
        every = rows * (rows - 1) // 2
        pairs = self._pairs[at]
        return {
            "instances": self._instances[at],
            "duplicate_rows": rows - self._rows[at],
            "space": every // pairs if pairs else None,
            # Without a repetition the space is larger than this at 95 %: exp(-every / space) > 0.05.
            "space_at_least": self._instances[at] if pairs else max(self._instances[at], every // 3),
        }


def by_group(pairs: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """The keys of each group."""
    order = np.argsort(pairs["group"], kind="stable")
    ends = np.cumsum(np.bincount(pairs["group"])) if len(pairs) else np.zeros(0, np.int64)
    for at, end in enumerate(ends.tolist()):
        begin = int(ends[at - 1]) if at else 0
        if end > begin:
            yield at, pairs["key"][order[begin:end]]
