"""The look of all figures, and how they become PNG files."""

from __future__ import annotations

import io
from typing import Any

from .checks import extra

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#555555")
"""Okabe and Ito's, told apart also without colour vision; beyond them, lines are broken."""
STYLES = ("-", "--", ":", "-.")


def figure(width: float, height: float, title: str = "", dpi: int = 120) -> Any:
    """An empty figure, in inches."""
    extra("matplotlib", "train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(made)
    if title:
        made.suptitle(title)
    return made


def tidy(grid: Any) -> None:
    """Give axes a light grid behind the lines, and no frame at the top and the right."""
    grid.grid(color="#dddddd", linewidth=0.6)
    grid.set_axisbelow(True)
    grid.spines[["top", "right"]].set_visible(False)


def line(i: int) -> dict[str, Any]:
    """Colour and style of line i."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i // len(COLOURS) % len(STYLES)]}


def png(made: Any) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes, with one version of matplotlib."""
    file = io.BytesIO()
    made.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
