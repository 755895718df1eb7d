"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

PAUSE = 10.0
"""Seconds between two plain lines."""


Advance = Callable[[int], None]
"""Is told how much is done."""


def tokens_made(total: int, quiet: bool) -> AbstractContextManager[Advance | None]:
    """Show tokens, tokens/s and time left; the value is called with the tokens made so far."""
    return counted(total, "token", quiet, scaled=True)


@contextmanager
def counted(total: int, unit: str, quiet: bool, *, scaled: bool = False, start: int = 0) -> Iterator[Advance | None]:
    """Show how many are done, how fast, and the time left; the value is called with their number so far.

    `start` were done before, and say nothing of how fast it goes.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(total, unit, scaled, start) as advance:
            yield advance
    else:
        yield _lines(total, unit, scaled, start)


@contextmanager
def _bar(total: int, unit: str, scaled: bool, start: int) -> Iterator[Advance | None]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield _lines(total, unit, scaled, start)
        return
    with tqdm(
        total=total, initial=start, unit=f" {unit}s", unit_scale=scaled, file=sys.stderr, dynamic_ncols=True
    ) as bar:
        yield lambda done: bar.update(done - bar.n) and None


def _lines(total: int, unit: str, scaled: bool, start: int) -> Advance:
    began = last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PAUSE and done < total:
            return
        last = now
        rate = (done - start) / max(now - began, 1e-9)
        left = max(total - done, 0) / rate if rate else 0
        speed = f"{rate / 1e6:.1f}M" if scaled else f"{rate:.1f}"
        print(
            f"{done / total:4.0%}  {done:,} of {total:,} {unit}s, {speed} {unit}s/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return advance
