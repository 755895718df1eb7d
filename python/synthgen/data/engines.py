"""Who makes the shards: threads of this process, or the tasks of a Ray cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from ..checks import extra, integer
from .plan import Plan, Shard
from .shards import Stopped, write_shard

RETRIES = 8
"""Times that a shard is begun again when its node dies."""
Engine = Callable[[Plan, Sequence[Shard], Path, int | None, Callable[[int], None] | None, str | None], None]
"""Makes the shards of a plan in a directory: (plan, shards, directory, workers, progress, address)."""


MAX_WORKERS = 1024


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local(
    plan: Plan,
    shards: Sequence[Shard],
    root: Path,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    address: str | None = None,
) -> None:
    """Make shards in threads: generation, encoding and hashing run without the interpreter lock.

    Ctrl-C and the first error stop all threads after their block; what is complete stays.
    """
    count = integer(None, "workers", cores() if workers is None else workers, 1, MAX_WORKERS)
    stop, lock, done = threading.Event(), threading.Lock(), 0

    def advance(tokens: int) -> None:
        nonlocal done
        with lock:
            done += tokens
            if progress:
                progress(done)

    def make(shard: Shard) -> None:
        if not stop.is_set():
            write_shard(plan, shard, root, advance, stop)

    def work(shard: Shard) -> int:
        # A token of validation or test costs twenty draws, any token about one more to be written.
        return sum(shard.budgets) * (2 if shard.split == "train" else 21)

    # The longest come first: a long shard that begins late keeps everybody waiting.
    longest = sorted(shards, key=work, reverse=True)
    with ThreadPoolExecutor(count) as pool:
        futures: list[Future[None]] = []
        try:
            # Ctrl-C may come before the last shard is on the list.
            futures += [pool.submit(make, shard) for shard in longest]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    failed = [error for future in futures if (error := future.exception()) and not isinstance(error, Stopped)]
    if failed:
        raise failed[0]


def on_ray(
    plan: Plan,
    shards: Sequence[Shard],
    root: Path,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    address: str | None = None,
) -> None:
    """Make shards as tasks of a Ray cluster whose nodes share the directory.

    Tasks of a node that dies run again elsewhere: at least once, which does no harm, since a shard is pure and its
    files are renamed whole.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = extra("ray", "ray")
    own = not ray.is_initialized()
    if own:
        ray.init(address=address, num_cpus=workers if address is None else None, log_to_driver=False)
    try:
        task = ray.remote(max_retries=RETRIES)(_one)
        waiting = [task.remote(plan, shard, str(root.resolve())) for shard in shards]
        done = 0
        try:
            while waiting:
                ready, waiting = ray.wait(waiting)
                done += sum(ray.get(ready))
                if progress:
                    progress(done)
        finally:
            for left in waiting:
                ray.cancel(left, force=True)
    finally:
        if own:
            ray.shutdown()


def _one(plan: Plan, shard: Shard, root: str) -> int:
    return int(write_shard(plan, shard, Path(root))["tokens"])


ENGINES: dict[str, Engine] = {"local": local, "ray": on_ray}
