"""Directories of evaluations, of real questions and made-up answers."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from synthgen.evaluate.questions import Question, Questions
from synthgen.evaluate.store import spelled
from synthgen.registry import tasks

Row = dict[str, Any]
Responder = Callable[[Question, random.Random], Row]
"""What a model says to a question: any fields of a row."""
ACCURACY = (0.95, 0.7, 0.4)
"""Of a model that is made up, by level."""


def responder(accuracy: Sequence[float] = ACCURACY, rare: float = 0.0) -> Responder:
    """A model that is right as often as told at each level; a part of its other answers have rare outcomes."""

    def respond(question: Question, rng: random.Random) -> Row:
        words = rng.randint(20, 400)
        said = " ".join(f"step {i}: look at the next one." for i in range(1, words // 12 + 2))
        row: Row = {
            "latency_ms": round(40 * words * rng.lognormvariate(0, 0.4) / 10, 1),
            "prompt_tokens": len(question.input_text) // 3 + 90,
            "completion_tokens": words,
        }
        if rng.random() < accuracy[question.difficulty - 1]:
            return row | {"raw_response": f"{said}\n\nANSWER: {question.target}", "outcome": "correct",
                          "extracted_answer": question.target}  # fmt: skip
        if rng.random() < rare:
            outcome = rng.choice(("unparsed", "truncated", "error"))
            if outcome == "error":
                return {"raw_response": "", "outcome": outcome, "error": "HTTP 500: out of order", "attempts": 5,
                        "latency_ms": 12.5}  # fmt: skip
            finish = "length" if outcome == "truncated" else "stop"
            return row | {"raw_response": said, "outcome": outcome, "finish_reason": finish}
        other = {"0": "1", "1": "0"}.get(question.target, f"{question.target[1:]}{question.target[:1]}x")
        return row | {"raw_response": f"{said}\n\nANSWER: {other}", "outcome": "wrong", "extracted_answer": other}

    return respond


def make_run(
    directory: Path,
    questions: Questions | None = None,
    respond: Responder | None = None,
    *,
    model: str = "made-up-1b",
    repeats: int = 1,
    keep: Callable[[Row], bool] = lambda row: True,
    **config: Any,
) -> list[Row]:
    """Write a run's directory; `keep` tells which rows have come so far."""
    asked = questions or Questions(samples=4)
    respond = respond or responder()
    settings = {
        "base_url": "http://localhost:8000/v1",
        "model": model,
        "tasks": list(asked.tasks),
        "difficulties": list(asked.difficulties),
        "samples_per_combo": asked.samples,
        "seed": asked.seed,
        "temperature": 0.0,
        "max_tokens": 2048,
        "split": asked.split,
        "shots": asked.shots,
        "params": dict(asked.params),
        "prompt": "plain",
        "mode": "chat",
        "repeats": repeats,
        "versions": {task: tasks()[task].version for task in asked.tasks},
        "synthgen": "0.0",
    } | config
    made = []
    for repeat in range(repeats):
        for question in asked:
            name = f"{model}/{repeat}/{question.sample_id}"
            rng = random.Random(hashlib.sha256(name.encode("utf-8", "replace")).digest())
            row = {
                "sample_id": question.sample_id,
                "repeat": repeat,
                "task": question.task,
                "difficulty": question.difficulty,
                "input_text": question.input_text,
                "target": question.target,
                "reasoning": None,
                "extracted_answer": "",
                "finish_reason": "stop",
                "latency_ms": 1.0,
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "error": None,
                "attempts": 1,
                "timestamp": "2026-01-01T00:00:00.000Z",
                "metadata": question.metadata,
            } | respond(question, rng)
            made.append(row | {"is_correct": row["outcome"] == "correct"})
    kept = [row for row in made if keep(row)]
    write_rows(directory, kept, settings, len(made))
    return kept


def write_rows(directory: Path, rows: Sequence[Row], config: Row, total: int) -> None:
    """Write rows and a state."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (directory / "results.jsonl").write_text(lines, encoding="utf-8")
    done = sorted({spelled((row["sample_id"], row["repeat"])) for row in rows if row["outcome"] != "error"})
    state = {
        "run_id": directory.name,
        "config": config,
        "started_at": "2026-01-01T00:00:00.000Z",
        "last_updated": "2026-01-01T00:10:00.000Z",
        "completed_sample_ids": done,
        "total_samples": total,
        "completed_count": len(done),
    }
    (directory / "state.json").write_text(json.dumps(state), encoding="utf-8")
