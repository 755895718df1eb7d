"""The report of one run or of several: a page and figures, made of the directories alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks import integer
from ..data.files import write_atomic
from ..errors import EvaluationError, param_error
from .comparison import Comparison, compare_all
from .page import Run, render
from .samples import gather
from .store import read_state
from .summary import printable, summarise

SAMPLES = 2000
"""Questions whose answers a page shows; more make it slow to open."""


@dataclass(frozen=True)
class Report:
    """What was written, and what it says."""

    page: Path
    figures: tuple[Path, ...]
    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]  # why runs were not compared


def report(
    directories: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    samples: int = SAMPLES,
    figures: bool = True,
) -> Report:
    """Write the report of runs, finished or not: a page, and beside it the scaling curves as a PNG file.

    By default the page is `report.html` in the directory of the run, or `comparison.html` in that of the first of
    several. Runs whose questions are not the same stand side by side, and a note says why they are not compared.
    Raises EvaluationError.
    """
    if not directories:
        raise param_error(None, "directories", list(directories), "allowed: one run at least")
    integer(None, "samples", samples, 0, 2**31 - 1)
    roots = [Path(directory) for directory in directories]
    if len({root.resolve() for root in roots}) < len(roots):
        raise param_error(None, "directories", [str(root) for root in roots], "allowed: each run once")
    states = [read_state(root) for root in roots]
    runs = tuple(
        Run(name, root, summarise(root)) for name, root in zip(names(roots, states), roots, strict=True)
    )  # fmt: skip
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    if len(roots) > 1:
        try:
            comparisons = tuple(compare_all(roots))
        except EvaluationError as error:
            notes = (f"Not compared pair by pair. {printable(error)}",)
    page = Path(output) if output else roots[0] / ("report.html" if len(roots) == 1 else "comparison.html")
    shown = gather(roots, [state["config"] for state in states], samples)
    write_atomic(page, render(runs, shown, comparisons, notes), durable=False)
    drawn: tuple[Path, ...] = ()
    if figures:
        from .figures import curves

        drawn = (page.with_name(f"{page.stem}-curves.png"),)
        write_atomic(drawn[0], curves([(run.name, run.summary) for run in runs]), durable=False)
    return Report(page, drawn, runs, comparisons, notes)


def names(directories: Sequence[Path], states: Sequence[dict[str, Any]]) -> list[str]:
    """Names of runs: their models, and where those are the same, the directories as well."""
    models = [
        str(state["config"].get("model") or directory.name)
        for directory, state in zip(directories, states, strict=True)
    ]
    if len(set(models)) == len(models):
        return models
    return [f"{model} ({directory.resolve().name})" for model, directory in zip(models, directories, strict=True)]
