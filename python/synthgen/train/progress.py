"""The progress of training: a line that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

PAUSE, REDRAW = 10.0, 0.1
"""Seconds between two plain lines, and between two states of the line on a terminal."""


def line(step: int, total: int, values: Mapping[str, float], left: float | None = None) -> str:
    """Say how far training is: `loss` and `tokens_per_second` of the values, and the seconds left, where known."""
    parts = [f"{step / max(total, 1):4.0%}  step {step:,} of {total:,}"]
    if "loss" in values:
        parts.append(f"loss {values['loss']:.4f}")
    if "tokens_per_second" in values:
        parts.append(f"{_short(values['tokens_per_second'])} tokens/s")
    if left is not None:
        parts.append(f"{_duration(left)} left")
    return ", ".join(parts)


def figures(step: int, values: Mapping[str, float]) -> str:
    """Say what an evaluation found, breakdowns left out."""
    shown = [f"{name} {value:.4f}" for name, value in values.items() if "=" not in name]
    return f"step {step:,} evaluated: " + ", ".join(shown)


class Progress:
    """Shows on standard error (or a stream of choice) how far training is, unless it is to be quiet."""

    def __init__(self, total: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._total = total
        self._quiet = quiet
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._began: tuple[float, int] | None = None
        self._shown = -PAUSE
        self._drawn = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._write("\n")

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Show the state after a step; most calls do nothing, so that it may be called after each."""
        now = time.monotonic()
        # The first step, which compiles, says nothing about the others.
        self._began = self._began or (now, step)
        pause = REDRAW if self._live else PAUSE
        if self._quiet or (now - self._shown < pause and step < self._total):
            return
        self._shown = now
        since, first = self._began
        left = (now - since) / (step - first) * (self._total - step) if step > first else None
        text = line(step, self._total, values, left)
        if self._live:
            self._drawn = text[: shutil.get_terminal_size().columns - 1]
            self._write(f"\r{self._drawn}\x1b[K")
        else:
            self._write(f"{text}\n")

    def evaluated(self, step: int, values: Mapping[str, float]) -> None:
        """Show what an evaluation found, on a line that stays."""
        if self._quiet:
            return
        text = figures(step, values)
        self._write(f"\r{text}\x1b[K\n{self._drawn}" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _short(value: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= size:
            return f"{value / size:.1f}{letter}"
    return f"{value:.0f}"


def _duration(seconds: float) -> str:
    """Spell a time in its largest unit and the next."""
    minutes, hours, days = (round(seconds / size) for size in (60, 3600, 86400))
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{days} d"
