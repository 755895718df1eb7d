"""Exports to TRL: a dataset of prompts, and a reward for its trainers. Imports nothing of TRL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import param_error
from ..evaluate.judging import judge
from ..evaluate.questions import Questions
from ..evaluate.replies import joined
from .common import checked, json_lines, prompt, row, told, write_folder

KIND = "trl"
Completion = str | Sequence[Mapping[str, Any]]
"""Text, or the messages that were generated."""
REWARD = '''"""The reward of these prompts: `GRPOTrainer(..., reward_funcs=reward)`."""

from synthgen.export.trl import reward, rewarder

# For wrong answers of the right form a tenth, say: reward = rewarder(wrong=0.1)
__all__ = ["reward", "rewarder"]
'''


def said(completion: Completion) -> str:
    """The text of a completion: a string as it is, or what the last message of the assistant says."""
    if isinstance(completion, str):
        return completion
    for message in reversed(completion):
        if message.get("role", "assistant") == "assistant":
            return joined(message.get("content")) or ""
    return ""


def rewarder(
    correct: float = 1.0, wrong: float = 0.0, unparsed: float = 0.0, truncated: float = 0.0
) -> Callable[..., list[float]]:
    """A reward function that gives so much for each outcome of our scorer."""
    worth = {"correct": correct, "wrong": wrong, "unparsed": unparsed, "truncated": truncated}

    def reward(
        completions: Sequence[Completion], task: Any, input_text: Any, target: Any, **kwargs: Any
    ) -> list[float]:
        columns = {"task": task, "input_text": input_text, "target": target}
        for name, values in columns.items():
            if isinstance(values, str) or len(values) != len(completions):
                allowed = f"allowed: a value for each of the {len(completions)} completions"
                raise param_error(None, name, values, allowed)
        return [
            worth[judge(name, said(one), given, answer, continuation=isinstance(one, str)).outcome]
            for one, name, given, answer in zip(completions, task, input_text, target, strict=True)
        ]

    return reward


reward = rewarder()
"""1 for a right answer, 0 for anything else: TRL's trainers call it with completions and the columns of the dataset."""


def rows(questions: Questions, style: str = "described", completions: bool = False) -> Iterator[dict[str, Any]]:
    """Rows of a dataset in TRL's prompt format: conversational, or with `completions` text."""
    for question in questions:
        asked = prompt(question, style, questions.asked(question.task), completions)
        yield {"prompt": asked, **row(question)}


def export(
    directory: str | Path,
    questions: Questions,
    style: str = "described",
    *,
    completions: bool = False,
    held_out: int = 100,
    overwrite: bool = False,
) -> Path:
    """Write `train.jsonl`, `test.jsonl` with `held_out` questions of each task and level, and `reward.py`.

    Raises ParamError, UnknownTaskError or SplitExhausted for what cannot be asked or written.
    """
    if questions.split == "test":
        raise param_error(None, "split", "test", "it is held out; allowed: train or validation")
    files = {"train.jsonl": json_lines(rows(checked(questions, style), style, completions))}
    if held_out:
        test = checked(replace(questions, samples=held_out, split="test"), style)
        files["test.jsonl"] = json_lines(rows(test, style, completions))
    settings = told(questions, style, completions=completions, held_out=held_out)
    return write_folder(directory, KIND, {**files, "reward.py": [REWARD.encode()]}, settings, overwrite)
