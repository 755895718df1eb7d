"""Two runs on the same questions: what one gets right and the other does not, with intervals and tests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import EvaluationError, show
from ..statistics import holm, mcnemar, paired_interval, sign_flips
from .store import read_state, rows

DRAWN = ("versions", "seed", "params")
"""Settings that decide what a question says."""
CHOSEN = ("tasks", "difficulties", "split")
"""Settings that decide which questions there are."""
NAMES = ("model", "base_url", "checkpoint", *DRAWN, *CHOSEN)
"""Settings that are not told as differences: who is asked, and what."""


class Paired(NamedTuple):
    """Questions that both runs answered, and what each got right of them; the difference is second less first."""

    questions: int
    first: float
    second: float
    difference: float
    low: float  # Bonett and Price's 95 % interval of the difference
    high: float
    only_first: int  # questions at which the first did better
    only_second: int
    p: float  # of the comparison's test, two-sided
    p_holm: float | None = None  # corrected for the family of tasks, where it is one of them


class Differing(NamedTuple):
    """A question at which the runs differ, with the share of right answers of each."""

    sample_id: str
    first: float
    second: float


@dataclass(frozen=True)
class Comparison:
    """Two runs held beside each other."""

    first: Path
    second: Path
    test: str  # "McNemar" where every question has one answer, "sign flips" of the questions' differences otherwise
    overall: Paired
    by_task: dict[str, Paired]
    by_difficulty: dict[int, Paired]
    by_cell: dict[tuple[str, int], Paired]
    differing: tuple[Differing, ...]
    settings: dict[str, tuple[Any, Any]]  # in which the runs differ, other than in who was asked
    left_out: int  # questions that not both answered
    family: int  # tests that p_holm is corrected for


class _Asked(NamedTuple):
    """What a run says of a question."""

    task: str
    level: int
    content: bytes
    right: int
    answers: int


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs, question by question; answers to a question that was repeated are averaged.

    Questions that one of them did not answer are left out. Raises EvaluationError where the questions are not the same.
    """
    return _corrected([_compared(first, second)])[0]


def compare_all(directories: Sequence[Path]) -> list[Comparison]:
    """Compare each run with the first; the tests of all tasks of all comparisons are one family."""
    return _corrected([_compared(directories[0], other) for other in directories[1:]])


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    places = [(at, task) for at, one in enumerate(found) for task in one.by_task]
    corrected = holm([found[at].by_task[task].p for at, task in places])
    tasks: list[dict[str, Paired]] = [{} for _ in found]
    for (at, task), p in zip(places, corrected, strict=True):
        tasks[at][task] = found[at].by_task[task]._replace(p_holm=p)
    return [replace(one, by_task=own, family=len(places)) for one, own in zip(found, tasks, strict=True)]


def _compared(first: Path, second: Path) -> Comparison:
    configs = [read_state(directory)["config"] for directory in (first, second)]
    asked = [_asked(directory) for directory in (first, second)]
    common = [sample_id for sample_id in asked[0] if sample_id in asked[1]]
    for sample_id in common:
        if asked[0][sample_id].content != asked[1][sample_id].content:
            message = f"{first} and {second}: {sample_id} is another question in each of them"
            raise EvaluationError(f"{message}{_why(configs[0], configs[1], DRAWN)}; compare runs of the same questions")
    if not common:
        why = _why(configs[0], configs[1], CHOSEN + DRAWN)
        message = f"{first} and {second} have no question in common{why}"
        raise EvaluationError(f"{message}; compare runs of the same tasks, levels, seed and split")
    both = [sample_id for sample_id in common if all(run[sample_id].answers for run in asked)]
    if not both:
        message = f"{first} and {second}: no question was answered by both, without an error"
        raise EvaluationError(f"{message}; resume the runs, which asks again what ended in an error")
    order = {task: at for at, task in enumerate(configs[0]["tasks"])}
    both.sort(key=lambda one: (order.get(asked[0][one].task, -1), asked[0][one].level, len(one), one))
    shares = {one: tuple(run[one].right / run[one].answers for run in asked) for one in both}
    single = all(run[one].answers == 1 for run in asked for one in both)

    def grouped(key: Callable[[_Asked], Any]) -> dict[Any, Paired]:
        groups: dict[Hashable, list[str]] = {}
        for one in both:
            groups.setdefault(key(asked[0][one]), []).append(one)
        return {name: _paired([shares[one] for one in group], single) for name, group in groups.items()}

    settings = {
        name: (configs[0].get(name), configs[1].get(name))
        for name in sorted(configs[0].keys() | configs[1].keys())
        if name not in NAMES and configs[0].get(name) != configs[1].get(name)
    }
    return Comparison(
        first=first,
        second=second,
        test="McNemar" if single else "sign flips",
        overall=grouped(lambda one: "")[""],
        by_task=grouped(lambda one: one.task),
        by_difficulty=dict(sorted(grouped(lambda one: one.level).items())),
        by_cell=grouped(lambda one: (one.task, one.level)),
        differing=tuple(Differing(one, *shares[one]) for one in both if shares[one][0] != shares[one][1]),
        settings=settings,
        left_out=len(asked[0].keys() | asked[1].keys()) - len(both),
        family=0,
    )


def _asked(directory: Path) -> dict[str, _Asked]:
    found: dict[str, _Asked] = {}
    for row in rows(directory):
        sample_id, task, level = row["sample_id"], row["task"], row["difficulty"]
        said = f"{task}\0{level}\0{row['input_text']}\0{row['target']}"
        content = hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        before = found.get(sample_id, _Asked(task, level, content, 0, 0))
        if before.content != content:
            message = f"{directory}: {sample_id} is another question in each of its repeats"
            raise EvaluationError(f"{message}; put the rows of one run together")
        found[sample_id] = before._replace(
            right=before.right + (row["outcome"] == "correct"), answers=before.answers + (row["outcome"] != "error")
        )
    return found


def _paired(shares: Sequence[tuple[float, ...]], single: bool) -> Paired:
    gaps = [second - first for first, second in shares]
    behind, ahead = sum(gap < 0 for gap in gaps), sum(gap > 0 for gap in gaps)
    count = len(gaps)
    low, high = paired_interval(gaps)
    return Paired(
        questions=count,
        first=math.fsum(first for first, _ in shares) / count,
        second=math.fsum(second for _, second in shares) / count,
        difference=math.fsum(gaps) / count,
        low=low,
        high=high,
        only_first=behind,
        only_second=ahead,
        p=mcnemar(behind, ahead) if single else sign_flips(gaps),
    )


def _why(first: dict[str, Any], second: dict[str, Any], names: Sequence[str]) -> str:
    """The setting that makes questions differ, as the end of a message."""
    for name in names:
        one, other = first.get(name), second.get(name)
        if name == "versions" and isinstance(one, dict) and isinstance(other, dict):
            common = one.keys() & other.keys()
            one, other = ({task: found[task] for task in sorted(common)} for found in (one, other))
        if one != other:
            return f": {name} is {_short(one)} here and {_short(other)} there"
    return ""


def _short(value: Any) -> str:
    text = show(value)
    return text if len(text) <= 60 else text[:57] + "..."


def console(found: Comparison, names: tuple[str, str]) -> str:
    """A comparison as it is printed."""
    whole = found.overall
    wide = max([8, *(len(task) for task in found.by_task)])
    lines = [
        f"{names[1]} less {names[0]}, of {whole.questions} questions that both answered:",
        f"  {'ALL':{wide}} {told(whole)}, p {p_text(whole.p)}",
    ]
    for task, one in found.by_task.items():
        lines.append(f"  {task.upper():{wide}} {told(one)}, p {p_text(one.p)} (Holm {p_text(one.p_holm)})")
    if found.left_out:
        lines.append(f"  left out, since not both answered them: {found.left_out} questions")
    for name, (one, other) in found.settings.items():
        lines.append(f"  the runs differ in {name}: {_short(one)} and {_short(other)}")
    return "\n".join(lines)


def told(one: Paired) -> str:
    """A difference with its interval, in points of a percent."""
    return f"{100 * one.difference:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def p_text(p: float | None) -> str:
    """A p value in three digits."""
    return "-" if p is None or math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
