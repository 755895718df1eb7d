"""Scoring the responses of a run anew: the responses stay, what is said of them changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.files import sync, temporary
from .run import SCORED, resumed, scored
from .store import RESULTS, Store, lines, read_state
from .summary import summarise, write_summary


@dataclass(frozen=True)
class Rescored:
    """How many rows there are, how many changed from one outcome to another, and the summary."""

    rows: int
    changed: Counter[tuple[str, str]]
    summary: dict[str, Any]


def rescore(directory: str | Path, *, dry_run: bool = False) -> Rescored:
    """Score all responses of a run anew, and write its summary; rows are replaced all at once or not at all.

    Raises EvaluationError for what is no directory of a run, or one that is being written.
    """
    root = Path(directory)
    state = read_state(root)
    evaluation = resumed(root)
    total, changed = 0, Counter[tuple[str, str]]()
    made = temporary(root, RESULTS)
    store = None if dry_run else Store(root, state["config"], len(evaluation))
    try:
        with made.open("wb") as file:
            for _, row in lines(root / RESULTS):
                total += 1
                before = {name: row.get(name) for name in SCORED}
                after = scored(row, evaluation.mode)
                if after != before:
                    changed[str(before["outcome"]), after["outcome"]] += 1
                file.write((json.dumps(row | after, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
        if store is not None:
            sync(made)
            made.replace(root / RESULTS)
    finally:
        made.unlink(missing_ok=True)
        if store is not None:
            store.close()
    return Rescored(total, changed, summarise(root) if dry_run else write_summary(root))
