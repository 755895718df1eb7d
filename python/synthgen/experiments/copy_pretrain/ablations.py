"""Ablations of the copy experiment: how long, on what, and how large a model is pre-trained."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ... import drawing
from ...data.files import json_bytes, write_atomic
from .experiment import CopyTaskExperiment
from .results import Conclusion, conclude
from .settings import MIXTURES, SIZES, CopyConfig


def variants(config: CopyConfig, kind: str) -> Iterator[tuple[str, CopyConfig]]:
    """The configurations that an ablation compares, by their labels."""
    if kind == "duration":
        for steps in config.durations:
            yield str(steps), replace(config, steps=steps)
    elif kind == "mixture":
        for name, mixture in MIXTURES.items():
            yield name, replace(config, mixture=dict(mixture))
    else:
        for name, size in SIZES.items():
            yield name, replace(config, model={**copy.deepcopy(config.model), **size})


def ablate(config: CopyConfig, kind: str) -> dict[str, Any]:
    """Run the experiment once for each variant, and compare their conclusions; variants share the runs they can."""
    root = Path(config.output_dir)
    found = {name: conclude(CopyTaskExperiment(own, root).run()) for name, own in variants(config, kind)}
    table = {name: _row(one) for name, one in found.items()}
    write_atomic(root / "ablations" / f"{kind}.json", json_bytes(table))
    write_atomic(root / "ablations" / f"{kind}.png", _figure(kind, found))
    return table


def _row(one: Conclusion) -> dict[str, Any]:
    return {
        "manipulation_check": one.check.passed,
        "verdict": one.verdict,
        "differences": {
            other: {"mean": found.mean, "low": max(found.low, -1.0), "high": min(found.high, 1.0)}
            for other, found in one.headline.items()
        },
    }


def _figure(kind: str, found: dict[str, Conclusion]) -> bytes:
    made = drawing.figure(7, 4, f"Retrieval tasks, copy minus other arms, by {kind} of pre-training")
    grid = made.subplots()
    others = list(next(iter(found.values())).headline)
    for i, other in enumerate(others):
        gaps = [one.headline[other] for one in found.values()]
        middle = [100 * gap.mean for gap in gaps]
        ends = [
            [100 * (gap.mean - max(gap.low, -1)) for gap in gaps],
            [100 * (min(gap.high, 1) - gap.mean) for gap in gaps],
        ]
        places = [at + 0.08 * i for at in range(len(found))]
        grid.errorbar(places, middle, yerr=ends, marker="o", capsize=3, label=f"copy - {other}", **drawing.line(i))
    names = [name if one.check.passed else f"{name}\n(not learned)" for name, one in found.items()]
    grid.set_xticks(range(len(found)), names)
    grid.axhline(0, color="#555555", linewidth=0.9)
    grid.set_ylabel("percentage points (95 % over seeds)")
    drawing.tidy(grid)
    grid.legend(frameon=False)
    return drawing.png(made)
