"""Three rates of a second stage, and shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .rows import Base, Row, colour

RATES = ("learned", "retained", "leaked")
_MAP = ("quadrant_labels", "label_rule", "proxy_triggers")
Answered = tuple[Row, str]
"""A row, and what the model answers."""


def wilson(right: int, total: int) -> list[float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if total == 0:
        return [0.0, 1.0]
    z, share = 1.959963984540054, right / total
    middle, scale = share + z * z / (2 * total), 1 + z * z / total
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return [max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)]


def share(found: Sequence[bool]) -> dict[str, Any]:
    """A share of rows with its interval."""
    right, total = sum(found), len(found)
    rate = right / total if total else None
    return {"rate": rate, "total_examples": total, "interval": wilson(right, total)}


def remapped(categories: Mapping[str, Mapping[str, Any]], base: Base) -> list[str]:
    """Categories that are trained on with another map than the base model has learnt."""
    return [
        name
        for name, fields in categories.items()
        if fields["train_triggers"] and name in base.data and any(fields[key] != base.data[name][key] for key in _MAP)
    ]


def rates(answered: Sequence[Answered], categories: Mapping[str, Mapping[str, Any]], base: Base) -> dict[str, Any]:
    """How far the new map is learned, the old ones are retained, and the new one has leaked.

    learned: right answers in categories with a new map. retained: right answers in all others, whose maps are the old
    ones. leaked: the new map's colour in those others, among rows of which the new and the old colour differ.
    """
    changed = remapped(categories, base)
    there = [answer == row["output"] for row, answer in answered if row["category"] in changed]
    elsewhere = [(row, answer) for row, answer in answered if row["category"] not in changed]
    leaks = []
    for row, answer in elsewhere:
        new = {colour(categories[name], row) for name in changed} - {row["output"]}
        if new:
            leaks.append(answer in new)
    kept = [answer == row["output"] for row, answer in elsewhere]
    return dict(zip(RATES, map(share, (there, kept, leaks)), strict=True))
