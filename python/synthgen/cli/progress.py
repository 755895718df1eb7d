"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAUSE = 10.0
"""Seconds between two plain lines."""


@contextmanager
def tokens_made(total: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Show tokens, tokens/s and time left; the value is called with the tokens made so far."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(total) as advance:
            yield advance
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None] | None]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield _lines(total)
        return
    with tqdm(total=total, unit="tok", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:
        yield lambda tokens: bar.update(tokens - bar.n) and None


def _lines(total: int) -> Callable[[int], None]:
    began = last = time.monotonic()

    def advance(tokens: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PAUSE and tokens < total:
            return
        last = now
        rate = tokens / max(now - began, 1e-9)
        left = max(total - tokens, 0) / rate if rate else 0
        print(
            f"{tokens / total:4.0%}  {tokens:,} of {total:,} tokens, {rate / 1e6:.1f}M tokens/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return advance
