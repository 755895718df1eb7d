"""How a question is put to a model: as a chat or as text to be continued, plain or with the task described."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..registry import at_level, get

if TYPE_CHECKING:
    from .questions import Question

STYLES = ("plain", "described")
"""`plain` is the row's prompt alone; `described` says first what the task is."""
SYSTEM = """You are given a reasoning problem with one exact answer. Think step by step, and be careful with each step.
When you are done, end with one last line of this form, and write nothing after it:
ANSWER: <value>
The value is the bare answer, as in these examples:
ANSWER: 7
ANSWER: C
ANSWER: 0
ANSWER: B A D C"""
"""The system's message of a chat."""


def messages(question: Question, style: str, params: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages of a chat: the system's, a turn of each side for every shot, and the question."""
    told = described(question.task, question.difficulty, params) + "\n\n" if style == "described" else ""
    turns = [{"role": "system", "content": SYSTEM}]
    for shot in question.shots:
        turns.append({"role": "user", "content": told + shot.input_text})
        turns.append({"role": "assistant", "content": f"ANSWER: {shot.target}"})
        told = ""
    return [*turns, {"role": "user", "content": told + question.input_text}]


def text(question: Question, style: str, params: Mapping[str, Any]) -> str:
    """Text to be continued: rows with their answers, a line each, then the question up to where its answer begins."""
    told = described(question.task, question.difficulty, params) + "\n\n" if style == "described" else ""
    joint = between(question.task) if question.shots else ""
    shown = "".join(f"{shot.input_text}{joint}{shot.target}\n\n" for shot in question.shots)
    return told + shown + question.input_text


def described(task: str, level: int, params: Mapping[str, Any]) -> str:
    """A task in words, as its rows at this level are."""
    return _described(task, level, tuple(sorted(params.items())))


@lru_cache(maxsize=256)
def _described(task: str, level: int, params: tuple[tuple[str, Any], ...]) -> str:
    return str(get(task).instructions(**at_level(task, level, dict(params))))


@lru_cache(maxsize=64)
def between(task: str) -> str:
    """What stands between prompt and answer in a row of a task."""
    batch = get(task).batch(1)
    prompt, row = batch.prompt(0), batch.text(0)
    return str(row[len(prompt) : row.index(batch.answer(0), len(prompt))])
