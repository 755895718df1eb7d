"""Rows on a terminal: predicted pieces green and given ones dim, or in brackets where there is no colour."""

from __future__ import annotations

import os
import sys

DIM, GREEN, PLAIN = "\x1b[2m", "\x1b[92m", "\x1b[0m"
CHOICES = ("auto", "always", "never")
"""When output is coloured; auto: on a terminal, unless NO_COLOR is set."""


def in_colour(choice: str) -> bool:
    """Should the output be coloured?"""
    if choice == "auto":
        return sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return choice == "always"


def marked(piece: str, predicted: bool, colour: bool) -> str:
    """A piece that shows whether it is predicted."""
    if colour:
        return f"{GREEN if predicted else DIM}{piece}{PLAIN}"
    return f"[{piece}]" if predicted else piece


def legend(colour: bool) -> str:
    """What the marks mean."""
    if colour:
        return f"{GREEN}green{PLAIN}: predicted (loss mask 1)   {DIM}dim{PLAIN}: given (loss mask 0)"
    return "[brackets]: predicted (loss mask 1)"
