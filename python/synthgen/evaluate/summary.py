"""What a run came to: counts, shares with intervals, times and tokens, worked out from its rows alone."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data.files import json_bytes, write_atomic
from ..errors import EvaluationError
from ..statistics import interval
from .store import OUTCOMES, RESULTS, SUMMARY, read_state, rows

LEVELS = {"1": "Easy", "2": "Medium", "3": "Hard"}
PERCENTILES = (50, 95, 99)
BINS = 24
OWN = ("run_id", "started_at", "completed_at", "timing")
"""What a run does not share with an equal one: its name, times of day, and durations."""
RULE = "=" * 65


class Tally:
    """Answers of a part of a run, added up."""

    def __init__(self, repeated: bool) -> None:
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self._questions: dict[str, tuple[int, int]] | None = {} if repeated else None

    def add(self, sample_id: str, outcome: str) -> None:
        """Count an answer."""
        self.counts[outcome] += 1
        if self._questions is not None and outcome != "error":
            right, answers = self._questions.get(sample_id, (0, 0))
            self._questions[sample_id] = (right + (outcome == "correct"), answers + 1)

    def block(self) -> dict[str, Any]:
        """The counts as the summary has them: `total` answers, of which `correct`; errors are beside them."""
        right, total = self.counts["correct"], sum(self.counts.values()) - self.counts["error"]
        questions = total if self._questions is None else len(self._questions)
        # Answers to one question are no independent draws: the interval is as wide as that of so many questions.
        low, high = interval(right * questions / total if total else 0, questions)
        found = {
            "total": total,
            "correct": right,
            "accuracy": right / total if total else None,
            "accuracy_low": low,
            "accuracy_high": high,
            "wrong": self.counts["wrong"],
            "unparsed": self.counts["unparsed"],
            "truncated": self.counts["truncated"],
            "errors": self.counts["error"],
        }
        if self._questions is not None:
            each = self._questions.values()
            found |= {
                "questions": questions,
                "any_correct": sum(right > 0 for right, _ in each) / questions if questions else None,
                "all_correct": sum(right == answers for right, answers in each) / questions if questions else None,
            }
        return found


def summarise(directory: Path) -> dict[str, Any]:
    """Summarise a run, finished or not, out of its rows. Raises EvaluationError."""
    state = read_state(directory)
    config: dict[str, Any] = state["config"]
    repeated = config.get("repeats", 1) > 1
    places = [(task, level) for task in config["tasks"] for level in config["difficulties"]]
    cells = {place: Tally(repeated) for place in places}
    tasks = {task: Tally(repeated) for task in config["tasks"]}
    levels = {level: Tally(repeated) for level in config["difficulties"]}
    overall = Tally(repeated)
    latencies, prompts, completions = array("d"), array("d"), array("d")
    for row in rows(directory):
        task, level, outcome = row["task"], row["difficulty"], row["outcome"]
        if (task, level) not in cells or outcome not in OUTCOMES:
            message = f"{directory / RESULTS}: {row['sample_id']} is of {task}, level {level}, with outcome {outcome!r}"
            raise EvaluationError(f"{message}, which state.json knows nothing of; put the files of one run together")
        for tally in (overall, tasks[task], levels[level], cells[task, level]):
            tally.add(row["sample_id"], outcome)
        if outcome != "error":
            latencies.append(row["latency_ms"])
            prompts.append(row["prompt_tokens"])
            completions.append(row["completion_tokens"])
    whole = overall.block()
    put = whole["total"] + whole["errors"]
    expected = max(int(state.get("total_samples") or 0), put)
    timing = _figures(latencies)
    return {
        "run_id": state["run_id"],
        **{name: config[name] for name in ("model", "base_url", "checkpoint") if config.get(name) is not None},
        "started_at": state.get("started_at"),
        "completed_at": state.get("last_updated") if put == expected else None,
        "finished": put == expected,
        "config": {name: value for name, value in config.items() if name not in ("model", "base_url", "checkpoint")},
        "overall": {
            "total_samples": put,
            "expected_samples": expected,
            **whole,
            "avg_latency_ms": timing["avg"],
            "total_prompt_tokens": int(math.fsum(prompts)),
            "total_completion_tokens": int(math.fsum(completions)),
        },
        "by_task": {
            task: tally.block()
            | {"by_difficulty": {str(level): cells[task, level].block() for level in config["difficulties"]}}
            for task, tally in tasks.items()
        },
        "by_difficulty": {str(level): tally.block() for level, tally in levels.items()},
        "tokens": {"prompt": _figures(prompts), "completion": _figures(completions)},
        "timing": {f"{name}_latency_ms": value for name, value in timing.items()} | {"histogram": histogram(latencies)},
    }


def _figures(values: Iterable[float]) -> dict[str, float | None]:
    """The least, the largest, the mean and percentiles, which do not depend on the order of the values."""
    found = sorted(values)
    if not found:
        return dict.fromkeys(("min", "max", "avg", *(f"p{percent}" for percent in PERCENTILES)))
    return {
        "min": found[0],
        "max": found[-1],
        "avg": math.fsum(found) / len(found),
        **{f"p{percent}": found[min(len(found) * percent // 100, len(found) - 1)] for percent in PERCENTILES},
    }


def histogram(values: Iterable[float]) -> dict[str, list[float]]:
    """Counts of values between edges whose ratios are equal: latencies spread over powers of ten."""
    found = sorted(max(value, 0.1) for value in values)
    if not found:
        return {"edges": [], "counts": []}
    low, high = found[0], max(found[-1], found[0] * 1.1)
    edges = [low * (high / low) ** (i / BINS) for i in range(BINS + 1)]
    counts = [0.0] * BINS
    at = 0
    for value in found:
        while at < BINS - 1 and value >= edges[at + 1]:
            at += 1
        counts[at] += 1
    return {"edges": edges, "counts": [int(count) for count in counts]}


def write_summary(directory: Path) -> dict[str, Any]:
    """Summarise a run into its `summary.json`."""
    found = summarise(directory)
    write_atomic(directory / SUMMARY, json_bytes(found))
    return found


def figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without names, times of day and durations: a run that was resumed has that of one that was not."""
    found = {name: value for name, value in summary.items() if name not in OWN}
    found["overall"] = {name: value for name, value in summary["overall"].items() if name != "avg_latency_ms"}
    return found


def level_name(level: str) -> str:
    """A level in words."""
    return LEVELS.get(level, f"Level {level}")


def percent(share: float | None, digits: int = 1) -> str:
    """A share as text; a dash where nothing was answered."""
    return "-" if share is None else f"{100 * share:.{digits}f}%"


def between(block: Mapping[str, Any]) -> str:
    """The interval of an accuracy as text."""
    return f"{100 * block['accuracy_low']:.1f}-{100 * block['accuracy_high']:.1f}%" if block["total"] else "-"


def console(summary: Mapping[str, Any], directory: Path) -> str:
    """A summary as it is printed at the end of a run."""
    whole, timing = summary["overall"], summary["timing"]
    lines = [RULE, "RESULTS SUMMARY", RULE, f"Model: {printable(summary.get('model'))}"]
    share = f"{whole['correct']}/{whole['total']} correct ({percent(whole['accuracy'])})"
    lines.append(f"Total: {share}, 95% interval {between(whole)}")
    missed = [f"{whole[name]} {name}" for name in ("wrong", "unparsed", "truncated") if whole[name]]
    if missed:
        lines.append(f"Not correct: {', '.join(missed)}")
    if whole["errors"]:
        lines.append(f"Errors: {whole['errors']}, left out of every share; to ask again: --resume {directory}")
    if not summary["finished"]:
        put = f"{whole['total_samples']} of {whole['expected_samples']} samples"
        lines.append(f"NOT FINISHED: {put}; to go on: --resume {directory}")
    if "questions" in whole:
        each = f"any answer right {percent(whole['any_correct'])}, all right {percent(whole['all_correct'])}"
        lines.append(f"Repeats: {summary['config']['repeats']} of {whole['questions']} questions; {each}")
    lines += ["", "By Task:"]
    wide = max([8, *(len(task) for task in summary["by_task"])])
    for task, block in summary["by_task"].items():
        levels = " | ".join(f"L{level}: {percent(one['accuracy'], 0)}" for level, one in block["by_difficulty"].items())
        lines.append(f"  {task.upper():{wide}} {_counted(block)}  [{levels}]  {between(block)}")
    lines += ["", "By Difficulty:"]
    for level, block in summary["by_difficulty"].items():
        lines.append(f"  {level_name(level):{wide}} {_counted(block)}  {between(block)}")
    lines.append("")
    if whole["total"]:
        times = ", ".join(f"{name} {timing[f'{name}_latency_ms']:.0f}ms" for name in ("avg", "p50", "p95"))
        lines.append(f"Timing: {times}")
    used, made = whole["total_prompt_tokens"], whole["total_completion_tokens"]
    lines.append(f"Tokens: {used:,} prompt + {made:,} completion = {used + made:,} total")
    lines += ["", f"Results saved to: {str(directory).rstrip('/')}/", RULE]
    return "\n".join(lines)


def _counted(block: Mapping[str, Any]) -> str:
    return f"{percent(block['accuracy']):>6} ({block['correct']}/{block['total']})"


def printable(text: Any) -> str:
    """A text that moves no cursor and can be encoded."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(text))
