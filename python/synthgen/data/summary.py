"""What a whole dataset holds: rows, lengths, and rows that occur again, counted in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import add
from pathlib import Path
from typing import Any

from .. import _native
from .engines import cores
from .files import temporary
from .plan import LEVELS, SPLITS, Cell, Plan, Shard
from .shards import FACTS

Summary = dict[str, Any]
CHUNK = 1 << 20
"""Rows read at a time."""
BUCKET = 1 << 21
"""Rows counted at a time, about."""
_EDGES = sorted({round(2 ** (step / 4)) for step in range(8, 81)})


def summarise(plan: Plan, parts: Sequence[tuple[Shard, Path]], work: Path, workers: int | None = None) -> Summary:
    """Count rows, tokens, lengths and repetitions out of the facts of all shards.

    Memory is bounded by the workers: hashes go into buckets on disk by their value, and each bucket is counted alone.
    """
    cells = plan.cells()
    total = sum(path.stat().st_size for _, path in parts) // FACTS
    sums, counts = Totals(cells), Counts(len(cells))
    with Buckets(work, max(1, -(-total // BUCKET))) as buckets, ThreadPoolExecutor(workers or cores()) as pool:

        def count(part: tuple[Shard, Path]) -> Totals:
            own, (shard, path) = Totals(cells), part
            for facts in read(path):
                own.add(facts, shard.split)
                buckets.add(facts, SPLITS.index(shard.split) * len(cells))
            return own

        for own in pool.map(count, parts):
            sums.merge(own)
        for found in pool.map(lambda at: Counts(len(cells)).add(*buckets.read(at)), range(buckets.count)):
            counts.merge(found)
    return sums.describe(counts)


class Totals:
    """Rows, tokens and lengths, by split, cell and level."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self.rows, self.tokens = ([[0] * len(cells) for _ in SPLITS] for _ in range(2))
        self.lengths = [[0] * (len(_EDGES) + 1) for _ in LEVELS]
        self.leaked = 0

    def add(self, facts: bytes, name: str) -> None:
        """Add rows of a split."""
        split = SPLITS.index(name)
        counted = _native.count_facts(facts, name, len(self._cells), _EDGES)
        for at, (cell, (tokens, misplaced, lengths)) in enumerate(zip(self._cells, counted, strict=True)):
            if rows := sum(lengths):
                self.rows[split][at] += rows
                self.tokens[split][at] += tokens
                self.lengths[cell.level - 1] = _sum(self.lengths[cell.level - 1], lengths)
                self.leaked += 0 if cell.only_train else misplaced

    def merge(self, other: Totals) -> None:
        """Add what was counted elsewhere."""
        self.rows = list(map(_sum, self.rows, other.rows))
        self.tokens = list(map(_sum, self.tokens, other.tokens))
        self.lengths = list(map(_sum, self.lengths, other.lengths))
        self.leaked += other.leaked

    def describe(self, counts: Counts) -> Summary:
        """The summary, with what was counted of repetitions."""
        used = [at for at, bins in enumerate(zip(*self.lengths, strict=True)) if any(bins)]
        low, high = (used[0], used[-1] + 1) if used else (0, 0)
        return {
            "rows": dict(zip(SPLITS, map(sum, self.rows), strict=True)),
            "tokens": dict(zip(SPLITS, map(sum, self.tokens), strict=True)),
            "cells": [
                {"task": cell.task, "level": cell.level, "split": name, "rows": rows, "tokens": tokens}
                | counts.cell(split * len(self._cells) + at, rows)
                for split, name in enumerate(SPLITS)
                for at, cell in enumerate(self._cells)
                for rows, tokens in [(self.rows[split][at], self.tokens[split][at])]
                if rows
            ],
            "lengths": {
                "edges": [0, *_EDGES, 2**31][low : high + 1],
                "counts": {str(level): self.lengths[level - 1][low:high] for level in LEVELS},
            },
            "duplicates": {
                "within": {name: counts.within[at] for at, name in enumerate(SPLITS) if any(self.rows[at])},
                "across": counts.across,
            },
            "leaked": self.leaked,
        }


def _sum(ours: list[int], theirs: list[int]) -> list[int]:
    return list(map(add, ours, theirs))


def read(path: Path) -> Iterator[bytes]:
    """The facts in a file, chunk by chunk."""
    with path.open("rb") as file:
        while facts := file.read(CHUNK * FACTS):
            yield facts


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

    def add(self, facts: bytes, first: int) -> None:
        """Sort facts into the buckets, each with its group; cell 0 is group `first`."""
        for at, pair in enumerate(_native.sort_facts(facts, first, self.count)):
            for side, keyed in enumerate(pair):
                if keyed:
                    self._append(2 * at + side, keyed)

    def _append(self, at: int, keyed: bytes) -> None:
        with self._locks[at], self._paths[at].open("ab") as file:
            file.write(keyed)

    def read(self, at: int) -> tuple[bytes, bytes]:
        """Contents and hashes of a bucket."""
        content, hashes = (path.read_bytes() for path in self._paths[2 * at : 2 * at + 2])
        return content, hashes


class Counts:
    """Rows and instances that occur again, by split and cell, and rows that two splits share."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._again, self._pairs, self._rows = ([0] * (len(SPLITS) * cells) for _ in range(3))
        self.within = [0] * len(SPLITS)
        self.across = 0

    def add(self, content: bytes, hashes: bytes) -> Counts:
        """Count one bucket."""
        self._add(_native.count_again(content, hashes, self._cells))
        return self

    def merge(self, other: Counts) -> None:
        """Add what was counted in another bucket."""
        self._add((other._again, other._pairs, other._rows, other.within, other.across))

    def _add(self, found: tuple[list[int], list[int], list[int], list[int], int]) -> None:
        own = (self._again, self._pairs, self._rows, self.within)
        self._again, self._pairs, self._rows, self.within = map(_sum, own, found[:4])
        self.across += found[4]

    def cell(self, at: int, rows: int) -> dict[str, Any]:
        """Distinct instances, repeated rows, and the size of the space by the birthday estimate."""
        every = rows * (rows - 1) // 2
        pairs, instances = self._pairs[at], rows - self._again[at]
        return {
            "instances": instances,
            "duplicate_rows": self._rows[at],
            "space": every // pairs if pairs else None,
            # Without a repetition the space is larger than this at 95 %: exp(-every / space) > 0.05.
            "space_at_least": instances if pairs else max(instances, every // 3),
        }
