"""Seeds of experiments one after another, and their means with intervals as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...data.files import json_bytes, write_atomic
from ..statistics import mean_interval
from .rates import RATES
from .run import FINAL, run
from .settings import load, read_json

SEEDS = (0, 1, 2, 3, 4)
COLUMNS = ("figure", "seeds", "mean", "low", "high")


def sweep(directory: str | Path, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Run seeds in order, write sweep.json and sweep.csv beside the settings, and give the table.

    What goes wrong with a seed is raised: nothing is left out of a table.
    """
    folder = Path(directory)
    for seed in seeds:
        load(folder, seed)  # settings that are wrong are refused before anything is trained
    results = {seed: run(folder, seed) for seed in seeds}
    finals = {seed: read_json(path / FINAL) for seed, path in results.items()}
    table = aggregate(list(finals.values()))
    found = {
        "seeds": list(seeds),
        "results": {str(seed): str(path.relative_to(folder)) for seed, path in results.items()},
        "table": table,
    }
    write_atomic(folder / "sweep.json", json_bytes(found))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_atomic(folder / "sweep.csv", text.getvalue().encode())
    return table


def aggregate(finals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mean of every figure over seeds, and its 95 % interval by Student's t, cut to 0..1."""
    values: dict[str, list[float]] = {}
    for final in finals:
        for name, value in _figures(final).items():
            values.setdefault(name, []).append(value)
    table = []
    for name, found in values.items():
        mean, low, high, count = mean_interval(found)
        table.append({"figure": name, "seeds": count, "mean": mean, "low": max(low, 0.0), "high": min(high, 1.0)})
    return table


def shown(table: Sequence[Mapping[str, Any]]) -> str:
    """The table as text."""
    lines = [f"{'figure':44} seeds   mean   95 % interval"]
    for row in table:
        ends = f"{row['low']:.4f} .. {row['high']:.4f}"
        lines.append(f"{row['figure']:44} {row['seeds']:5} {row['mean']:6.4f}   {ends}")
    return "\n".join(lines)


def _figures(final: Mapping[str, Any]) -> dict[str, float]:
    found = {"train": final["train"]["accuracy"], **{name: one["accuracy"] for name, one in final["test"].items()}}
    groups = {"": final["rates"], **{f"/{kind}": one for kind, one in (final["rates_by_set"] or {}).items()}}
    for end, rates in groups.items():
        for name in RATES if rates is not None else ():
            if rates[name]["rate"] is not None:
                found[f"{name}{end}"] = rates[name]["rate"]
    return found
