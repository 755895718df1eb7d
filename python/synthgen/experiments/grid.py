"""Many runs: each in a directory of its own, done once, several at a time where there are several devices."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.files import json_bytes, write_atomic
from ..errors import DatasetError, param_error

if TYPE_CHECKING:
    from ..train.config import RunConfig
    from ..train.loop import Judge

RESULT = "result.json"
"""What a run came to, in its directory: there when the run is done."""
_FREE = ("logging", "output_dir", "overwrite")
"""Settings that a result does not depend on."""


@dataclass(frozen=True)
class Job:
    """A run by name. Its judge, see `synthgen.train.train`, must be picklable where there are several workers."""

    name: str
    config: RunConfig
    judge: Judge | None = None


Figures = Mapping[str, float]
Told = Callable[[int, int, Job, float], None]
"""Hears of every run that is done: how many of how many, which, and its seconds (0: it was done before)."""


def run_jobs(jobs: Sequence[Job], root: Path, *, workers: int = 1, told: Told | None = None) -> dict[str, Figures]:
    """Train all runs that are not done, each in `root/NAME`, and give the figures of all, by name.

    A run that was stopped goes on where it was; one that is done is not touched. With several workers each is a
    process with its share of the cores, or with a GPU of its own where there are some. Raises DatasetError for a
    directory that has a run of other settings, and whatever a run raises.
    """
    if len({job.name for job in jobs}) < len(jobs):
        raise param_error(None, "jobs", [job.name for job in jobs], "allowed: a name for each")
    tell = told or said
    placed = [replace(job, config=replace(job.config, output_dir=str(root / job.name))) for job in jobs]
    found: dict[str, Figures] = {}
    waiting = []
    for job in placed:
        if (figures := _done(job)) is None:
            waiting.append(job)
        else:
            found[job.name] = figures
            tell(len(found), len(placed), job, 0.0)
    with tempfile.TemporaryDirectory() as compiled:
        # Runs that differ in their seeds alone are one program: it is compiled once.
        together = workers > 1 and len(waiting) > 1
        for job, figures, seconds in _together(waiting, workers, compiled) if together else _alone(waiting, compiled):
            found[job.name] = figures
            tell(len(found), len(placed), job, seconds)
    return {job.name: found[job.name] for job in placed}


def said(done: int, total: int, job: Job, seconds: float) -> None:
    """Say on standard error that a run is done."""
    print(f"[{done}/{total}] {job.name}" + (f", {seconds:.0f} s" if seconds else ", done before"), file=sys.stderr)


def _kept(config: RunConfig) -> dict[str, Any]:
    from ..train.config import as_dict

    return {name: value for name, value in as_dict(config).items() if name not in _FREE}


def _done(job: Job) -> Figures | None:
    """The figures of a run that is done. Raises DatasetError where it was another."""
    path = Path(job.config.output_dir) / RESULT
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    if found["config"] != json.loads(json_bytes(_kept(job.config))):
        raise DatasetError(f"{path}: this run had other settings; choose another output_dir, or remove the directory")
    return {name: float(value) for name, value in found["figures"].items()}


_interrupted = False
"""In a worker: was it interrupted? Then it begins nothing more."""


def _run(job: Job, compiled: str) -> tuple[Figures, float]:
    import jax

    from ..train.loop import train

    if _interrupted:
        raise KeyboardInterrupt
    began, own = time.perf_counter(), jax.config.jax_compilation_cache_dir is None
    if own:
        _remember(compiled)
    try:
        result = train(job.config, job.judge)
    finally:
        if own:
            _remember(None)
        # Programs of runs that are done would fill the memory.
        jax.clear_caches()
    # What is no number, as the accuracy of no rows, is kept as a word that float reads.
    figures = {name: value if value - value == 0 else str(value) for name, value in result.figures.items()}
    write_atomic(Path(job.config.output_dir) / RESULT, json_bytes({"config": _kept(job.config), "figures": figures}))
    return {name: float(value) for name, value in figures.items()}, time.perf_counter() - began


def _remember(folder: str | None) -> None:
    """Keep compiled programs in a folder, or no more."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    compilation_cache.reset_cache()


def _alone(jobs: Sequence[Job], compiled: str) -> Any:
    for job in jobs:
        yield job, *_run(job, compiled)


def _together(jobs: Sequence[Job], workers: int, compiled: str) -> Any:
    context = multiprocessing.get_context("spawn")
    numbers = context.Queue()
    for number in range(workers):
        numbers.put(number)
    with ProcessPoolExecutor(workers, context, _settle, (numbers, workers)) as pool:
        coming: dict[Future[Any], Job] = {pool.submit(_run, job, compiled): job for job in jobs}
        try:
            while coming:
                for done in wait(coming, return_when=FIRST_COMPLETED).done:
                    yield coming.pop(done), *done.result()
        except BaseException:
            # Workers make a checkpoint when they are interrupted, and begin nothing more.
            for one in coming:
                one.cancel()
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, signal.SIGINT)
            raise


def _settle(numbers: Any, workers: int) -> None:
    """Give a worker its own cores, and its own GPU where the machine has some, before JAX looks for either."""
    number = numbers.get()
    signal.signal(signal.SIGINT, _interrupt)
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(_gpus())))).split(",")
    if gpus != [""]:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = cores[number % len(cores) :: workers]
        os.sched_setaffinity(0, own)


def _interrupt(*_: Any) -> None:
    global _interrupted  # noqa: PLW0603 - a signal has nowhere else to leave word
    if not _interrupted:
        # A second interrupt, as when a terminal and the parent both send one, must not break a checkpoint.
        _interrupted = True
        raise KeyboardInterrupt


def _gpus() -> int:
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
