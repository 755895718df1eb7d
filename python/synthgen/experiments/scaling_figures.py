"""The figures of a grid of runs, in the look of a run's curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .. import drawing

if TYPE_CHECKING:
    from .scaling_report import Summary

NOISE = "≈"
"""Beside a number: not told apart from the best of its row."""


def figures(summaries: Sequence[Summary]) -> dict[str, bytes]:
    """PNG files by their names.

    A heat map of each size, the curves of each task against the difficulty, and where there are several sizes, also
    against the parameters.
    """
    sizes, made = _order(one.size for one in summaries), {}
    for size in sizes:
        name = "heatmap.png" if len(sizes) == 1 else f"heatmap-{size}.png"
        made[name] = _heat_map([one for one in summaries if one.size == size], size if len(sizes) > 1 else "")
    for task in _order(one.task for one in summaries):
        own = [one for one in summaries if one.task == task]
        made[f"difficulty-{_plain(task)}.png"] = _curves(task, own, sizes)
        if len(sizes) > 1:
            made[f"parameters-{_plain(task)}.png"] = _by_parameters(task, own)
    return made


def _heat_map(own: Sequence[Summary], size: str) -> bytes:
    models = _order(one.model for one in own)
    places = _order((one.task, one.level) for one in own)
    title = "Exact match, %" + (f", size {size}" if size else "")
    figure = drawing.figure(3.2 + 1.25 * len(models), 1.2 + max(1.4, 0.4 + 0.34 * len(places)), title)
    grid = figure.subplots()
    colours = [[float("nan")] * len(models) for _ in places]
    for one in own:
        row, column = places.index((one.task, one.level)), models.index(one.model)
        score = min(max(one.score, 0.0), 1.0)
        colours[row][column] = score
        text = f"{100 * one.exact_match:.1f}" + (f" {NOISE}" if one.against_best == "noise" else "")
        look = {"color": "white" if score < 0.55 else "black", "style": "normal" if one.learned else "italic"}
        weight = "bold" if one.against_best == "best" else "normal"
        grid.text(column, row, text, ha="center", va="center", fontsize=9, weight=weight, **look)
    image = grid.imshow(colours, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axis = own[0].axis
    grid.set_xticks(range(len(models)), models, rotation=20, ha="right")
    grid.set_yticks(range(len(places)), [f"{task} {_label(axis, level)}" for task, level in places])
    grid.tick_params(length=0)
    grid.spines[:].set_visible(False)
    for row in range(1, len(places)):
        if places[row][0] != places[row - 1][0]:
            grid.axhline(row - 0.5, color="white", linewidth=2.5)
    figure.colorbar(image, ax=grid, label="floor to all right")
    note = f"bold: best of its row; {NOISE} not told apart from it; italic: not learned"
    grid.set_xlabel(note, fontsize=8, color="#555555")
    return drawing.png(figure)


def _curves(task: str, own: Sequence[Summary], sizes: Sequence[str]) -> bytes:
    figure, grids = _panels(f"{task}: exact match against the difficulty", len(sizes))
    levels = _order(one.level for one in own)
    for grid, size in zip(grids, sizes, strict=True):
        at = [one for one in own if one.size == size]
        _lines(grid, at, lambda one: levels.index(one.level))
        floors = {one.level: one.chance for one in at}
        grid.plot([levels.index(level) for level in floors], list(floors.values()), label="floor", **_FLOOR)
        _share(grid, f"size {size}: answers all right" if len(sizes) > 1 else "answers all right")
    grids[-1].set_xticks(range(len(levels)), levels)
    grids[-1].set_xlabel("level" if own[0].axis == "difficulty" else own[0].axis.replace("_", " "))
    return drawing.png(figure)


def _by_parameters(task: str, own: Sequence[Summary]) -> bytes:
    levels = _order(one.level for one in own)
    figure, grids = _panels(f"{task}: exact match against parameters", len(levels))
    for grid, level in zip(grids, levels, strict=True):
        at = [one for one in own if one.level == level]
        _lines(grid, at, lambda one: one.parameters)
        grid.axhline(at[0].chance, label="floor", **{**_FLOOR, "marker": ""})
        grid.set_xscale("log")
        _share(grid, f"{_label(own[0].axis, level)}: all right")
    grids[-1].set_xlabel("parameters, embeddings included")
    return drawing.png(figure)


def _panels(title: str, count: int) -> tuple[Any, Any]:
    """A figure and its panels, one below the other."""
    figure = drawing.figure(9, 1.2 + 3.6 * count, title)
    return figure, figure.subplots(count, sharex=True, squeeze=False)[:, 0]


_FLOOR: dict[str, Any] = {"color": "#999999", "linestyle": ":", "linewidth": 1.2, "marker": "_"}


def _lines(grid: Any, own: Sequence[Summary], place: Any) -> None:
    """A line for each model, in a band between the ends of the pooled interval and the seeds."""
    names = _order(one.model for one in own)
    for name, look in zip(names, map(drawing.line, range(len(names))), strict=True):
        line = sorted((one for one in own if one.model == name), key=place)
        x = [place(one) for one in line]
        grid.plot(x, [one.exact_match for one in line], label=name, linewidth=1.4, marker="o", markersize=3, **look)
        low = [min(one.pooled_low, one.lowest) for one in line]
        high = [max(one.pooled_high, one.highest) for one in line]
        if len(line) > 1:
            grid.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        else:
            grid.vlines(x, low, high, color=look["color"], alpha=0.5)


def _share(grid: Any, label: str) -> None:
    grid.set_ylabel(label)
    grid.set_ylim(-0.02, 1.02)
    drawing.tidy(grid)
    grid.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _label(axis: str, level: str) -> str:
    return f"level {level}" if axis == "difficulty" else f"{axis}={level}"


def _order(names: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(names))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
