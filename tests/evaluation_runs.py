"""Runs against a server of a test's own: a model that knows most answers, and what asks it."""

import sys
from pathlib import Path
from typing import Any

import synthgen
from synthgen.evaluate import Evaluation, Pace, Questions, Result, evaluate

from tests.evaluation_server import Body, Running, Say, number, question_of, reply

FAST = Pace(requests_per_minute=0, max_concurrent=16, max_retries=7, timeout=1.0, stop_after_errors=0)
TASKS = ("dyna", "inducto", "filtro", "logic")


def solved(text: str) -> str:
    """The right answer to a prompt of any of the four tasks."""
    task = {"ST": "dyna", "Ex": "inducto", "ED": "filtro", "IN": "logic"}
    name = next(found for start, found in task.items() if text.startswith(start))
    return str(synthgen.get(name).solve(text))


def knowing(body: Body, _: int) -> Say:
    """Answer rightly, but for one question in four."""
    text = question_of(body).rpartition("\n\n")[2]
    kind = number(text) % 8
    if kind == 0:
        return reply("I do not know.\nReally.")
    if kind == 1:
        return reply("<think>hm", finish="length")
    return reply(f"ANSWER: {solved(text)}")


def asked(url: str, **settings: Any) -> Evaluation:
    """A run of plain prompts."""
    own: dict[str, Any] = {"tasks": TASKS, "difficulties": (1, 2), "samples": 5}
    own |= {
        name: settings.pop(name)
        for name in ("tasks", "difficulties", "samples", "split", "shots", "seed")
        if name in settings
    }
    return Evaluation("tiny", url, questions=Questions(**own), **{"prompt": "plain", **settings})


def go(url: str, directory: Path, pace: Pace = FAST, **settings: Any) -> Result:
    """Run it."""
    return evaluate(asked(url, **settings), directory, pace=pace)


COMMAND = [sys.executable, "-m", "synthgen.cli", "evaluate"]


def command(running: Running, directory: Path, *more: str) -> list[str]:
    """The command line of a run of 480 questions."""
    words = ["--base-url", running.url, "--model", "tiny", "--prompt", "plain", "--samples-per-combo", "40"]
    return [*COMMAND, *words, "--max-concurrent", "8", "--output-dir", str(directory), "--quiet", *more]
