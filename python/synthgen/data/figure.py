"""The picture of a dataset: how long its rows are, and how its tokens are shared out."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import extra

_COLOURS = ("#4477aa", "#ddaa33", "#bb5566")
"""Levels 1, 2, 3: told apart also without colour vision, and in grey."""
_DPI = 110


def histogram(summary: Mapping[str, Any]) -> bytes:
    """A PNG: rows by length and level above, tokens by task and level below. The same counts give the same bytes."""
    matplotlib = extra("matplotlib", "data")
    figures, agg = extra("matplotlib.figure", "data"), extra("matplotlib.backends.backend_agg", "data")
    # A reader's own style must not change the bytes.
    plain = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    names = list(dict.fromkeys(cell["task"] for cell in summary["cells"]))
    with matplotlib.rc_context(plain):
        heights = (2.8, 0.6 + 0.27 * max(len(names), 2))
        figure = figures.Figure(figsize=(8, sum(heights) + 1.6), dpi=_DPI, layout="constrained")
        agg.FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, height_ratios=heights)
        _lengths(upper, summary["lengths"])
        _tokens(lower, names, summary["cells"])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _lengths(axes: Any, lengths: Mapping[str, Any]) -> None:
    edges: Sequence[int] = lengths["edges"]
    for level, colour in zip("123", _COLOURS, strict=True):
        counts = lengths["counts"].get(level, [])
        if any(counts):
            axes.stairs(counts, edges, color=colour, linewidth=1.6, label=f"level {level}")
            axes.stairs(counts, edges, color=colour, alpha=0.18, fill=True)
    filled = [i for counts in lengths["counts"].values() for i, count in enumerate(counts) if count]
    if filled:
        lo, hi = edges[min(filled)], edges[max(filled) + 1]
        widths = [right - left for left, right in itertools.pairwise(edges[min(filled) : max(filled) + 2])]
        if max(widths) > 2 * min(widths):
            # Bins that grow with the length look alike on such an axis, so that areas may be compared.
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            lo = max(lo, 1)
        axes.set_xlim(lo, hi)
        axes.legend(frameon=False)
    _plain(axes, "Rows by length", "tokens in a row", "rows per bin")
    axes.yaxis.set_major_formatter(lambda value, _: _short(value))


def _tokens(axes: Any, names: Sequence[str], cells: Sequence[Mapping[str, Any]]) -> None:
    left = [0] * len(names)
    for level, colour in zip((1, 2, 3), _COLOURS, strict=True):
        widths = [sum(c["tokens"] for c in cells if (c["task"], c["level"]) == (name, level)) for name in names]
        axes.barh(range(len(names)), widths, left=left, height=0.72, color=colour, label=f"level {level}")
        left = [sum(pair) for pair in zip(left, widths, strict=True)]
    for row, total in enumerate(left):
        axes.annotate(_short(total), (total, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.1 * max([*left, 1]))
    _plain(axes, "Tokens by task and level", "tokens", "")
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))


def _plain(axes: Any, title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
