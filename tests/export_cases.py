"""What tests of exports share: replies whose outcomes are known, and questions that cost little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthgen.evaluate.judging import judge
from synthgen.evaluate.questions import Question, Questions

OUTCOMES = ("correct", "wrong", "unparsed", "truncated")
TASKS = ("dyna", "kv", "logic")


def few(samples: int = 8, **options: Any) -> Questions:
    """A few questions of three tasks at two levels."""
    return Questions(TASKS, (1, 2), samples, **options)


def replies(questions: list[Question]) -> Iterator[tuple[Question, str]]:
    """A reply to each question: right, wrong (another row's answer), without an answer, broken off, by turns."""
    others = {task: sorted({one.target for one in questions if one.task == task}) for task in TASKS}
    for i, question in enumerate(questions):
        other = next(target for target in others[question.task] if target != question.target)
        yield (
            question,
            (
                f"<think>ANSWER: {other}</think>So it is.\n**ANSWER: {question.target}**",
                f"ANSWER: {question.target}\nNo:\nANSWER: {other}",
                "I do not know.\nSorry.",
                f"<think>It may be\nANSWER: {question.target}",
            )[i % 4],
        )


def expected(pairs: list[tuple[Question, str]], continuation: bool = False) -> dict[str, str]:
    """The outcome of each reply by our scorer; for a chat all four are there."""
    found = {}
    for question, reply in pairs:
        ours = judge(question.task, reply, question.input_text, question.target, continuation=continuation)
        found[question.sample_id] = ours.outcome
    assert continuation or set(found.values()) == set(OUTCOMES)
    return found
