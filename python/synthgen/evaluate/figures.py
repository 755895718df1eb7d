"""Scaling curves as PNG files: accuracy against difficulty, with Wilson's intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .. import drawing
from ..checks import extra
from .summary import level_name

TOGETHER = 7
"""Tasks whose lines share a panel: as many as there are colours. More have a panel each."""
COLUMNS = 4


class Point(NamedTuple):
    """An accuracy at a level, with the ends of its interval."""

    level: int
    accuracy: float
    low: float
    high: float


class Line(NamedTuple):
    """The accuracies of a task, or of a run, over the levels."""

    name: str
    points: list[Point]


class Panel(NamedTuple):
    """Lines that share axes."""

    title: str
    lines: list[Line]


def panels(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Panel]:
    """What is drawn of runs, each a name and a summary.

    A line for each task of one run; of several runs, or of many tasks, a panel for each task with a line for each run.
    """
    tasks = list(dict.fromkeys(task for _, summary in runs for task in summary["by_task"]))
    if len(runs) == 1 and len(tasks) <= TOGETHER:
        name, summary = runs[0]
        return [Panel(name, [Line(task, points(block)) for task, block in summary["by_task"].items()])]
    return [
        Panel(
            task,
            [Line(name, points(summary["by_task"][task])) for name, summary in runs if task in summary["by_task"]],
        )
        for task in tasks
    ]


def points(block: Mapping[str, Any]) -> list[Point]:
    """The levels of a task at which anything was answered."""
    return [
        Point(int(level), one["accuracy"], one["accuracy_low"], one["accuracy_high"])
        for level, one in sorted(block["by_difficulty"].items(), key=lambda item: int(item[0]))
        if one["total"]
    ]


def dodged(level: float, line: int, lines: int) -> float:
    """Where a line's point stands: beside those of the others, so that no interval hides another."""
    return level + 0.08 * (line - (lines - 1) / 2) * min(1.0, 4 / lines)


def curves(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """The scaling curves of runs, as a PNG file."""
    extra("matplotlib", "eval")
    drawn = panels(runs)
    columns = min(COLUMNS, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    width, height = (7.5, 4.6) if len(drawn) == 1 else (3.1 * columns + 0.6, 2.7 * rows + 0.9)
    made = drawing.figure(width, height, "Accuracy by difficulty")
    grids = made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flatten()
    for grid, panel in zip(grids, drawn, strict=False):
        grid.set_title(_plain(panel.title), fontsize=10)
        for at, line in enumerate(panel.lines):
            places = [dodged(point.level, at, len(panel.lines)) for point in line.points]
            values = [point.accuracy for point in line.points]
            reach = [
                [max(point.accuracy - point.low, 0.0) for point in line.points],
                [max(point.high - point.accuracy, 0.0) for point in line.points],
            ]
            look = drawing.line(at)
            grid.errorbar(
                places, values, yerr=reach, label=_plain(line.name), marker="o", markersize=4, capsize=3, **look
            )
        levels = sorted({int(level) for _, summary in runs for level in summary["by_difficulty"]})
        grid.set_xticks(levels, [level_name(str(level)).lower() for level in levels])
        grid.set(ylim=(-0.03, 1.03), xlim=(levels[0] - 0.4, levels[-1] + 0.4))
        drawing.tidy(grid)
    for grid in grids[len(drawn) :]:
        grid.set_visible(False)
    for grid in grids[::columns]:
        grid.set_ylabel("accuracy")
    handles, labels = grids[0].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=9)
    made.text(0.995, 0.005, "bars: Wilson's 95 % intervals", ha="right", va="bottom", fontsize=7, color="#555555")
    return drawing.png(made)


def _plain(text: str) -> str:
    """A name as it is; matplotlib takes dollars for formulas, and has no glyphs for control characters."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text).replace("$", r"\$")
    return shown if len(shown) <= 40 else shown[:39] + "…"
