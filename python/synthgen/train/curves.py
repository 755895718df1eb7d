"""The curves of a run, drawn from its table of metrics."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import drawing
from ..data.files import write_atomic
from ..errors import SynthgenError
from .records import TABLE

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps, and the finite values at these steps or nan."""

_BREAKDOWN = re.compile(r"eval/([^/=]+)/([^/=]+)=(.+)")
_RIGHT = {
    "answer_accuracy": "answer tokens right",
    "exact_match": "answers all right",
    "row_exact_match": "rows all right",
}


class _Panel(NamedTuple):
    """Curves over the steps, by their labels, and what is measured upwards."""

    label: str
    curves: Mapping[str, Curve]
    kind: Literal["loss", "share", "wait", "amount"]


def plot(directory: Path) -> list[Path]:
    """Draw the curves of a run as PNG files beside its `metrics.csv`, and give their paths.

    These are `loss.png`, `accuracy.png`, `throughput.png`, and for every metric that is broken down, as columns
    `eval/<metric>/<axis>=<value>` say, `<metric>_by_<axis>.png`. A figure without a value is not drawn. The same table
    gives the same bytes, with one version of matplotlib.
    """
    curves = read(directory / TABLE)
    loss = _some(curves, {"train/loss": "train", "eval/loss": "eval"})
    right = {f"{kind}/{name}": f"{kind}: {label}" for name, label in _RIGHT.items() for kind in ("train", "eval")}
    speed = _some(curves, {"train/tokens_per_second": "tokens"})
    wait = _some(curves, {"train/data_wait": "wait"})
    figures = [
        ("loss", "Loss", [_Panel("loss (nats per predicted token)", loss, "loss")], ""),
        ("accuracy", "Accuracy", [_Panel("share", _some(curves, right), "share")], ""),
        *_breakdowns(curves),
        (
            "throughput",
            "Throughput",
            [
                _Panel("tokens per second", speed, "amount"),
                _Panel("time spent waiting for data", wait, "wait"),
            ],
            "",
        ),
    ]
    paths = []
    for name, title, panels, axis in figures:
        if shown := [panel for panel in panels if panel.curves]:
            paths.append(directory / (re.sub(r"[^\w.-]+", "-", name) + ".png"))
            write_atomic(paths[-1], _figure(title, shown, axis), durable=False)
    return paths


class Line(NamedTuple):
    """A measured share along an axis, with its 95 % interval, and the floor below which nothing was learned."""

    label: str
    at: Sequence[float]
    values: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None
    floor: float | None = None


def share_figure(title: str, lines: Sequence[Line], below: str, left: str) -> bytes:
    """Draw shares as a PNG of 9 x 5 inches; floors are dotted. `below` and `left` say what the axes are."""
    made = drawing.figure(9, 5, title, dpi=180)
    grid = made.subplots()
    for line, look in zip(lines, _looks([line.label for line in lines]), strict=True):
        grid.plot(line.at, line.values, label=line.label, linewidth=1.6, marker="o", markersize=3, **look)
        if line.band is not None:
            grid.fill_between(line.at, *line.band, color=look["color"], alpha=0.15, linewidth=0)
        if line.floor is not None:
            grid.axhline(line.floor, color=look["color"], linestyle=":", linewidth=1)
    grid.set_xlabel(below)
    grid.set_ylabel(left)
    grid.set_ylim(-0.02, 1.02)
    drawing.tidy(grid)
    _count(grid)
    if any(line.floor is not None for line in lines):
        grid.plot([], [], color="#555555", linestyle=":", linewidth=1, label="floor")
    grid.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawing.png(made)


def read(table: Path) -> dict[str, Curve]:
    """Read the columns of a table of metrics; a last row that is torn is left out."""
    if not table.exists():
        raise SynthgenError(f"{table} does not exist; name the directory of a run")
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    whole = table.read_text(encoding="utf-8").rpartition("\n")[0]
    for row in csv.DictReader(io.StringIO(whole)):
        step = int(row.pop("step"))
        del row["kind"]
        for name, value in row.items():
            if value:
                points[name].append((step, float(value)))
    curves = {}
    for name, found in points.items():
        steps, values = np.array([step for step, _ in found]), np.array([value for _, value in found])
        curves[name] = (steps, np.where(np.isfinite(values), values, np.nan))
    return {name: curve for name, curve in curves.items() if np.isfinite(curve[1]).any()}


def _some(curves: Mapping[str, Curve], labels: Mapping[str, str]) -> dict[str, Curve]:
    """Those curves that exist, by their labels."""
    return {label: curves[name] for name, label in labels.items() if name in curves}


def _breakdowns(curves: Mapping[str, Curve]) -> list[tuple[str, str, list[_Panel], str]]:
    groups: dict[tuple[str, str], dict[str, Curve]] = defaultdict(dict)
    for name, curve in curves.items():
        if found := _BREAKDOWN.fullmatch(name):
            metric, axis, value = found.groups()
            groups[metric, axis][value] = curve
    made = []
    for (metric, axis), lines in sorted(groups.items()):
        label = f"share of {_RIGHT[metric]}" if metric in _RIGHT else _words(metric)
        panel = _Panel(label, {value: lines[value] for value in sorted(lines, key=_order)}, _kind(metric))
        title = f"{_words(metric).capitalize()} by {_words(axis)}, evaluation"
        made.append((f"{metric}_by_{axis}", title, [panel], axis))
    return made


def _kind(metric: str) -> Literal["loss", "share", "amount"]:
    if metric in _RIGHT:
        return "share"
    return "loss" if metric == "loss" else "amount"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _order(value: str) -> tuple[float, str]:
    """Numbers and ranges of numbers by the first one, then words."""
    found = re.match(r"[\[(]?(-?\d+(?:\.\d+)?)", value)
    return (float(found[1]) if found else math.inf, value)


def _figure(title: str, panels: list[_Panel], axis: str) -> bytes:
    made = drawing.figure(9, 1.2 + 3.6 * len(panels), title)
    grids = made.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for grid, panel in zip(grids, panels, strict=True):
        _draw(grid, panel, axis)
    grids[-1].set_xlabel("step")
    return drawing.png(made)


def _count(grid: Any) -> None:
    """Whole numbers below."""
    grid.xaxis.set_major_formatter("{x:,.0f}")
    grid.xaxis.get_major_locator().set_params(integer=True)


def _draw(grid: Any, panel: _Panel, axis: str) -> None:
    for (label, (steps, values)), look in zip(panel.curves.items(), _looks(panel.curves), strict=True):
        # Points that are few show where a line is only drawn between them, and a single one shows at all.
        marker = "o" if len(steps) <= 40 else ""
        grid.plot(steps, values, label=label, linewidth=1.4, marker=marker, markersize=3, **look)
    grid.set_ylabel(panel.label)
    drawing.tidy(grid)
    _count(grid)
    _scale(grid, panel)
    if axis or len(panel.curves) > 1:
        columns = -(-len(panel.curves) // 18)
        grid.legend(title=_words(axis), loc="upper left", bbox_to_anchor=(1, 1), frameon=False, ncols=columns)


def _scale(grid: Any, panel: _Panel) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator, PercentFormatter

    found = np.concatenate([values[np.isfinite(values)] for _, values in panel.curves.values()])
    low, high = float(found.min()), float(found.max())
    if panel.kind == "share":
        grid.set_ylim(-0.02, 1.02)
    elif panel.kind == "wait":
        grid.set_ylim(0, max(1.05 * high, 0.05))
        grid.yaxis.set_major_formatter(PercentFormatter(1))
    elif panel.kind == "amount":
        grid.set_ylim(bottom=min(0, low))
        grid.yaxis.set_major_formatter(EngFormatter(sep=""))
    elif low > 0 and high >= 10 * low:
        grid.set_yscale("log")
        grid.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e4 * low else (1,)))
        grid.yaxis.set_minor_locator(NullLocator())
        grid.yaxis.set_major_formatter("{x:g}")


def _looks(labels: Collection[str]) -> list[dict[str, Any]]:
    """A colour and a style for each line: along one scale if all labels are numbers, else apart."""
    if all(_order(label)[0] < math.inf for label in labels):
        from matplotlib import colormaps

        # The scale's last part is too bright for white paper.
        places = np.linspace(0, 0.88, max(len(labels), 2))[: len(labels)]
        return [{"color": colormaps["viridis"](place)} for place in places]
    return [drawing.line(i) for i in range(len(labels))]
