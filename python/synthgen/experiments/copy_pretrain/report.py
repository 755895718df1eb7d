"""The copy experiment told: the console's sections, the results file, and three figures."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ... import drawing
from ...data.files import json_bytes, write_atomic
from .experiment import Outcome
from .results import INCONCLUSIVE, SUPPORTED, Conclusion, as_json, means

RESULTS = "copy_task_experiment_results.json"
ENVIRONMENT = "environment.json"
_RULE, _LINE = "=" * 60, "-" * 40
_EVERY = 100

Print = Callable[[str], object]


def tell(outcome: Outcome, conclusion: Conclusion, say: Print = print) -> None:
    """Print the sections of the original, with the figures that it lacks."""
    say(_RULE)
    say("COPY-TASK PRE-TRAINING EXPERIMENT")
    say(f"{_RULE}\n")
    say(f"Model vocabulary size: {outcome.model['vocab_size']}")
    shown = {name: outcome.model[name] for name in ("mixers", "num_layers", "width", "num_heads", "canon", "positions")}
    say(f"Model configuration: {shown}")
    config = outcome.config
    say(f"Arms: {', '.join(config.arms)}; paired seeds: {', '.join(map(str, config.seeds))}\n")
    _tell_pretraining(outcome, conclusion, say)
    _tell_tasks(outcome, conclusion, say)
    _tell_summary(outcome, conclusion, say)


def _tell_pretraining(outcome: Outcome, conclusion: Conclusion, say: Print) -> None:
    say("PHASE 1: Copy-task Pre-training")
    say(_LINE)
    for one in outcome.pretrained:
        if one.arm == "copy" and one.seed == outcome.config.seeds[0]:
            for step, loss in one.losses:
                if step == 1 or step % _EVERY == 0:
                    say(f"Copy pre-training step {step}, loss: {loss:.4f}")
            first, last = one.losses[0][1], one.losses[-1][1]
            say(f"Initial loss: {first:.4f}")
            say(f"Final loss: {last:.4f}")
            say(f"Loss reduction: {(first - last) / first:.1%}")
    for one in outcome.pretrained:
        figures = ", ".join(f"{task} {share:.1%}" for task, share in one.completion.items())
        say(f"Held-out exact match, {one.arm}, seed {one.seed}: {figures}")
    check = "passed" if conclusion.check.passed else "FAILED"
    say(f"Manipulation check (copy arm completes >= 90% of held-out copy rows at every seed): {check}\n")


def _tell_tasks(outcome: Outcome, conclusion: Conclusion, say: Print) -> None:
    config, last = outcome.config, max(outcome.config.budgets)
    accuracy, exact = means(outcome, "accuracy"), means(outcome)
    say("PHASE 2: Downstream Task Evaluation")
    say(_LINE)
    say(f"(accuracy of answers and exact match after {last} steps of downstream training, means over seeds)")
    for task, floor in outcome.floors.items():
        base, copy = accuracy[task, "scratch", last].mean, accuracy[task, "copy", last].mean
        relative = f" ({(copy - base) / base:+.1%})" if base >= 0.01 else ""
        say(f"\nEvaluating on {task}...")
        say(f"  Baseline accuracy: {base:.4f}")
        say(f"  Pretrained accuracy: {copy:.4f}")
        say(f"  Improvement: {100 * (copy - base):+.1f} points{relative}")
        shares = ", ".join(f"{arm} {exact[task, arm, last].mean:.1%}" for arm in config.arms)
        say(f"  Exact match: {shares}; best constant answer {floor:.1%}")
        for other, found in conclusion.by_task.items():
            p = f"p = {found[task].p_holm:.3g} (Holm)"
            say(f"  Exact match over all budgets, copy - {other}: {points(found[task])}, {p}")
    say("")


def _tell_summary(outcome: Outcome, conclusion: Conclusion, say: Print) -> None:
    summary = as_json(outcome, conclusion)["summary"]
    average = summary["average_improvement_pct"]
    say("EXPERIMENT SUMMARY")
    say(_RULE)
    say("OVERALL RESULTS:")
    say(f"  Average improvement: {'n/a' if average is None else f'{average:+.1f}%'}")
    say(f"  Tasks with >5% improvement: {summary['significant_improvements']}/{summary['total_tasks']}")
    for other, found in conclusion.headline.items():
        say(f"  Retrieval tasks, exact match over all budgets, copy - {other}: {points(found)}")
    mark = {SUPPORTED: "✅", INCONCLUSIVE: "❔"}.get(conclusion.verdict, "❌")
    say("\nHYPOTHESIS VALIDATION:")
    say(f"{mark} HYPOTHESIS {conclusion.verdict.upper()}: {conclusion.reason}")


def points(found: Any) -> str:
    """A difference of shares in percentage points, with its interval."""
    ends = " to ".join("?" if math.isinf(end) else f"{100 * end:+.1f}" for end in (found.low, found.high))
    return f"{100 * found.mean:+.1f} points ({ends})"


def save(outcome: Outcome, conclusion: Conclusion, directory: Path) -> list[Path]:
    """Write the results file and the figures; what ran it stands in a file of its own."""
    made = {
        RESULTS: json_bytes(as_json(outcome, conclusion)),
        ENVIRONMENT: json_bytes(environment()),
        "copy_task_budgets.png": _budgets(outcome),
        "copy_task_differences.png": _differences(outcome, conclusion),
        "copy_task_pretraining.png": _pretraining(outcome),
    }
    for name, content in made.items():
        write_atomic(directory / name, content)
    return [directory / name for name in made]


def environment() -> dict[str, str]:
    """Versions of what figures depend on."""
    found = {name: metadata.version(name) for name in ("synthgen-lm", "jax", "flax", "optax", "numpy")}
    return {"python": platform.python_version(), **found}


def _budgets(outcome: Outcome) -> bytes:
    """Exact match by steps of downstream training, a panel for each task."""
    exact, tasks, config = means(outcome), list(outcome.floors), outcome.config
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    made = drawing.figure(4.2 * columns, 0.8 + 3 * rows, "Held-out exact match after downstream training")
    grids = made.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for grid in grids[len(tasks) :]:
        grid.set_visible(False)
    for grid, task in zip(grids, tasks, strict=False):
        for i, arm in enumerate(config.arms):
            found = [exact[task, arm, step] for step in config.budgets]
            look = drawing.line(i)
            grid.plot(config.budgets, [one.mean for one in found], marker="o", markersize=3, label=arm, **look)
            low, high = ([np.clip(getattr(one, end), 0, 1) for one in found] for end in ("low", "high"))
            grid.fill_between(config.budgets, low, high, color=look["color"], alpha=0.15, linewidth=0)
        grid.axhline(outcome.floors[task], color="#888888", linewidth=0.9, linestyle=":", label="best constant answer")
        grid.set_title(task.replace("_", " "), fontsize="medium")
        grid.set_ylim(-0.02, 1.02)
        drawing.tidy(grid)
    for grid in grids[max(0, len(tasks) - columns) : len(tasks)]:
        grid.set_xlabel("steps of downstream training")
    made.supylabel("share of rows completed (band: 95 % over seeds)")
    handles, labels = grids[0].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return drawing.png(made)


def _differences(outcome: Outcome, conclusion: Conclusion) -> bytes:
    """Differences between the copy arm and the others, by task and for the retrieval tasks together."""
    others, tasks = list(conclusion.by_task), list(outcome.floors)
    labels = [*(task.replace("_", " ") for task in tasks), "retrieval tasks together"]
    made = drawing.figure(8, 1.4 + 0.45 * len(labels), "Exact match over all budgets: copy minus other arms")
    grid = made.subplots()
    for i, other in enumerate(others):
        found = [*(conclusion.by_task[other][task] for task in tasks), conclusion.headline[other]]
        places = np.arange(len(labels)) + 0.2 * (i - (len(others) - 1) / 2)
        middle = np.array([100 * one.mean for one in found])
        ends = np.array([[100 * one.low, 100 * one.high] for one in found])
        reach = np.where(np.isfinite(ends), np.abs(ends - middle[:, None]), 0).T
        look = drawing.line(i)
        grid.errorbar(middle, places, xerr=reach, fmt="o", color=look["color"], capsize=3, label=f"copy - {other}")
    grid.axvline(0, color="#555555", linewidth=0.9)
    grid.set_yticks(range(len(labels)), labels)
    grid.invert_yaxis()
    grid.set_xlabel("percentage points (95 %; single tasks by Holm)")
    drawing.tidy(grid)
    grid.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawing.png(made)


def _pretraining(outcome: Outcome) -> bytes:
    """Losses of pre-training, a line for each arm and seed."""
    made = drawing.figure(8, 4, "Loss of pre-training")
    grid = made.subplots()
    arms = list(dict.fromkeys(one.arm for one in outcome.pretrained))
    for one in outcome.pretrained:
        steps, losses = zip(*one.losses, strict=True)
        label = one.arm if one.seed == outcome.config.seeds[0] else None
        grid.plot(steps, losses, linewidth=1.1, label=label, **drawing.line(arms.index(one.arm)))
    grid.set_xlabel("step")
    grid.set_ylabel("loss (nats per predicted token)")
    drawing.tidy(grid)
    grid.legend(frameon=False)
    return drawing.png(made)
