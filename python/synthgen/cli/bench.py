"""`synthgen bench`: tokens per second of every task, against this machine's memory."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import registry

REPEATS = 7
FILL_ELEMENTS = 2**26
BYTES_PER_TOKEN = 4
"""An int32 id; padding does not count."""


class Speed(NamedTuple):
    """One measurement, on one core unless `threads` says otherwise."""

    task: str
    level: int
    tokens_per_s: float
    tokens_per_row: float
    of_memory_fill: float  # our bytes/s over `memory_fill`
    threads: int = 1


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("bench", allow_abbrev=False, help="tokens/s of every task at every level, one core")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=run)


def best(work: Callable[[], Any], repeats: int | None = None) -> float:
    """Seconds of the fastest of several runs, after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats or REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def memory_fill() -> float:
    """Bytes per second at which NumPy makes and fills a new int32 array far larger than the caches."""
    import numpy as np

    return FILL_ELEMENTS * BYTES_PER_TOKEN / best(lambda: np.full(FILL_ELEMENTS, 7, np.int32), 3)


def speed(
    name: str,
    level: int,
    fill: float,
    *,
    rows: int = 1024,
    threads: int = 1,
    split: str | None = "train",
    repeats: int | None = None,
) -> Speed:
    """Measure padded int32 batches of a task against a memory fill in bytes/s."""
    task = registry.get(name)
    batch = task.batch(rows, 0, difficulty=level, split=split, threads=threads)
    tokens = int(batch.lengths.sum())
    seconds = best(lambda: task.batch(rows, 0, difficulty=level, split=split, threads=threads), repeats)
    return Speed(name, level, tokens / seconds, tokens / rows, tokens * BYTES_PER_TOKEN / seconds / fill, threads)


def run(args: argparse.Namespace) -> int:
    """Print a table, or JSON."""
    fill = memory_fill()
    speeds = [speed(name, level, fill) for name in registry.tasks() for level in (1, 2, 3)]
    if args.json:
        print(json.dumps([found._asdict() for found in speeds], indent=2))
        return 0
    print("one core, split=train, padded int32 batches")
    print(f"{'task':<10} {'level':>5} {'tokens/s':>12} {'tokens/row':>11} {'of memory fill':>15}")
    for found in speeds:
        print(
            f"{found.task:<10} {found.level:>5} {found.tokens_per_s / 1e6:>11.1f}M {found.tokens_per_row:>11.1f} "
            f"{found.of_memory_fill:>15.1%}"
        )
    return 0
