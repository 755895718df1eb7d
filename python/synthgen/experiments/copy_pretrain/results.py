"""What the copy experiment comes to: differences between arms over paired seeds, and a verdict."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from ..statistics import Difference, Mean, differences, mean_interval
from .experiment import Outcome

RETRIEVAL = "retrieval"
"""The group of tasks that the hypothesis is about."""
LEARNED = 0.9
"""Share of held-out copy rows that the copy arm must complete for the comparison to mean anything."""
SMALLEST_BASE = 0.01
"""Below this a relative improvement says nothing, and is left out."""

SUPPORTED, INCONCLUSIVE, NOT_SUPPORTED = "supported", "inconclusive", "not supported"


class Check(NamedTuple):
    """Did the copy arm learn to copy?"""

    completion: dict[int, float]  # by seed: held-out copy rows completed, the mean over copy tasks
    passed: bool


class Conclusion(NamedTuple):
    """What follows from the outcome. Differences are of the share of rows completed, meaned over budgets above 0."""

    check: Check
    headline: dict[str, Difference]  # of the retrieval tasks together: copy against each other arm
    by_task: dict[str, dict[str, Difference]]  # by other arm, then by task; each is one family
    verdict: str
    reason: str


def conclude(outcome: Outcome) -> Conclusion:
    """Compare the arms.

    The primary figure is the mean share of retrieval rows completed, over the budgets above 0 (the area under the curve
    of budgets), as paired differences over seeds with 95 % t intervals. The hypothesis is supported where copy minus
    scratch and copy minus control both lie above 0, not supported where one of them lies at or below 0, and else open.
    As both must hold, neither interval is widened; intervals of single tasks are, by Holm.
    """
    check = _checked(outcome)
    others = [arm for arm in outcome.config.arms if arm != "copy"]
    groups = {point.task: point.group for point in outcome.points}
    retrieval = [task for task, group in groups.items() if group == RETRIEVAL]
    headline: dict[str, Difference] = {}
    for other in others:
        pair = (_area(outcome, "copy", retrieval), _area(outcome, other, retrieval))
        headline |= differences({other: pair})
    by_task = {
        other: differences({task: (_area(outcome, "copy", [task]), _area(outcome, other, [task])) for task in groups})
        for other in others
    }
    return Conclusion(check, headline, by_task, *_verdict(check, headline))


def _checked(outcome: Outcome) -> Check:
    found = {one.seed: float(np.mean(list(one.completion.values()))) for one in outcome.pretrained if one.arm == "copy"}
    return Check(found, bool(found) and min(found.values()) >= LEARNED)


def _verdict(check: Check, headline: dict[str, Difference]) -> tuple[str, str]:
    deciding = {other: headline[other] for other in ("scratch", "control") if other in headline}
    if not check.passed:
        least = min(check.completion.values(), default=math.nan)
        return INCONCLUSIVE, f"the copy arm completes {least:.1%} of held-out copy rows, and needs {LEARNED:.0%}"
    if any(one.n < 2 for one in deciding.values()):
        return INCONCLUSIVE, "one seed has no interval; give several"
    if any(one.high <= 0 for one in deciding.values()):
        worse = ", ".join(other for other, one in deciding.items() if one.high <= 0)
        return NOT_SUPPORTED, f"copy pre-training is no better than {worse} on the retrieval tasks"
    if all(one.low > 0 for one in deciding.values()) and "control" in deciding:
        return SUPPORTED, "copy pre-training is better than both scratch and control on the retrieval tasks"
    open_ = ", ".join(other for other, one in deciding.items() if one.low <= 0) or "no control arm was run"
    return INCONCLUSIVE, f"the interval of the difference includes 0 ({open_})"


def _area(outcome: Outcome, arm: str, tasks: Sequence[str]) -> list[float]:
    """Share of rows completed by seed, meaned over tasks and budgets above 0."""
    found: dict[int, list[float]] = defaultdict(list)
    for point in outcome.points:
        if point.arm == arm and point.task in tasks and point.steps > 0:
            found[point.seed].append(point.completion)
    return [float(np.mean(found[seed])) for seed in outcome.config.seeds]


def means(outcome: Outcome, metric: str = "completion") -> dict[tuple[str, str, int], Mean]:
    """A metric by task, arm and budget: the mean over seeds and its interval."""
    found: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for point in outcome.points:
        found[point.task, point.arm, point.steps].append(getattr(point, metric))
    return {key: mean_interval(values) for key, values in found.items()}


def as_json(outcome: Outcome, conclusion: Conclusion) -> dict[str, Any]:
    """The results as the original's file has them, and all that it lacks."""
    config, last = asdict(outcome.config), max(outcome.config.budgets)
    for name in ("workers", "output_dir", "save_results"):
        del config[name]
    accuracy, exact = means(outcome, "accuracy"), means(outcome)
    evaluated = {}
    for task, floor in outcome.floors.items():
        base, copy = _ends(accuracy, task, last)
        evaluated[task] = {
            "baseline_accuracy": base,
            "pretrained_accuracy": copy,
            "improvement": copy - base,
            "improvement_pct": _relative(base, copy),
            "floor": floor,
            "exact_match": {arm: exact[task, arm, last]._asdict() for arm in outcome.config.arms},
            "differences": {other: _finite(found[task]._asdict()) for other, found in conclusion.by_task.items()},
        }
    percents = [found for task in outcome.floors if (found := _relative(*_ends(accuracy, task, last))) is not None]
    losses = [one for one in outcome.pretrained if one.arm == "copy"]
    return {
        "config": {
            "model_config": outcome.model,
            "copy_config": config["copy"],
            "training": {
                "pretrain_steps": config["steps"],
                "batch_size": config["batch_size"],
                "learning_rate": config["lr"],
                "eval_samples": config["eval_samples"],
            },
            "all": config,
        },
        "pretrain_results": {
            "losses": [loss for _, loss in losses[0].losses],
            "held_out": [
                {"seed": one.seed, "arm": one.arm, "exact_match": one.completion, "accuracy": one.accuracy}
                for one in outcome.pretrained
            ],
            "manipulation_check": {
                "needed": LEARNED,
                "exact_match": {str(seed): value for seed, value in conclusion.check.completion.items()},
                "passed": conclusion.check.passed,
            },
        },
        "eval_results": evaluated,
        "seeds": [point._asdict() for point in outcome.points],
        "summary": {
            "average_improvement_pct": float(np.mean(percents)) if percents else None,
            "significant_improvements": sum(percent > 5 for percent in percents),
            "total_tasks": len(evaluated),
            "retrieval_difference": {other: _finite(found._asdict()) for other, found in conclusion.headline.items()},
            "verdict": conclusion.verdict,
            "reason": conclusion.reason,
        },
    }


def _ends(found: dict[tuple[str, str, int], Mean], task: str, steps: int) -> tuple[float, float]:
    """What scratch and copy came to."""
    return found[task, "scratch", steps].mean, found[task, "copy", steps].mean


def _relative(base: float, value: float) -> float | None:
    return None if base < SMALLEST_BASE else 100 * (value - base) / base


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinite numbers: what is none is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
