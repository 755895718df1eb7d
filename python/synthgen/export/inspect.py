"""Exports to inspect_ai: a task for any of our tasks and levels. Needs inspect_ai, and imports it.

`synthgen` is made for a file of one's own, `synthgen/<task>` are found by the entry point of the package.
"""

from __future__ import annotations

import site
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..checks import extra
from ..evaluate.judging import judge
from ..evaluate.prompts import messages
from ..evaluate.questions import Questions
from ..registry import tasks
from .common import OUTCOMES, checked, given

inspect: Any = extra("inspect_ai", "harness")
dataset: Any = extra("inspect_ai.dataset", "harness")
model: Any = extra("inspect_ai.model", "harness")
scorers: Any = extra("inspect_ai.scorer", "harness")
solver: Any = extra("inspect_ai.solver", "harness")

ROLES = {
    "system": model.ChatMessageSystem,
    "user": model.ChatMessageUser,
    "assistant": model.ChatMessageAssistant,
}
CUT = ("max_tokens", "model_length")


def samples(questions: Questions, task: str, level: int, style: str) -> list[Any]:
    """The samples of a task at a level."""
    params = questions.asked(task)
    return [
        dataset.Sample(
            input=[ROLES[turn["role"]](content=turn["content"]) for turn in messages(question, style, params)],
            target=question.target,
            id=question.sample_id,
            metadata={
                "task": task,
                "difficulty": level,
                "input_text": question.input_text,
                "row": dict(question.metadata),
            },
        )
        for question in questions.of(task, level)
    ]


def _shares() -> Any:
    """Shares of the outcomes that are not right."""

    def metric(found: Sequence[Any]) -> dict[str, float]:
        names = [one.score.metadata["outcome"] for one in found]
        return {name: names.count(name) / len(names) if names else 0.0 for name in OUTCOMES[1:]}

    return metric


outcomes: Any = scorers.metric(name="outcomes")(_shares)


def _thoughts(output: Any) -> str | None:
    """What the provider gave apart from the answer."""
    content = output.message.content if output.choices else ""
    parts = [] if isinstance(content, str) else content
    return "".join(part.reasoning for part in parts if part.type == "reasoning") or None


def _scorer() -> Any:
    """Our scorer; the outcome stands in the metadata of the score."""

    async def score_state(state: Any, target: Any) -> Any:
        row, output = state.metadata, state.output
        found = judge(
            row["task"],
            output.completion,
            row["input_text"],
            target.text,
            thoughts=_thoughts(output),
            cut=str(output.stop_reason) in CUT,
        )
        return scorers.Score(
            value=scorers.CORRECT if found.correct else scorers.INCORRECT,
            answer=found.extracted,
            explanation=found.outcome,
            metadata={"outcome": found.outcome},
        )

    return score_state


synthgen_scorer: Any = scorers.scorer(metrics=[scorers.accuracy(), scorers.stderr(), outcomes()], name="synthgen")(
    _scorer
)


def build(
    task: str,
    difficulty: int = 1,
    samples_per_combo: int = 100,
    seed: int = 42,
    split: str | None = "test",
    shots: int = 0,
    prompt: str = "described",
    **params: Any,
) -> Any:
    """The Task of one of our tasks at one level; `params` are parameters of the task.

    Raises ParamError, UnknownTaskError or SplitExhausted for what cannot be asked.
    """
    values = {name: given(value) for name, value in params.items()}
    asked: Any = split
    questions = Questions([task], [difficulty], samples_per_combo, seed, asked, shots, values)
    checked(questions, prompt)
    return inspect.Task(
        dataset=dataset.MemoryDataset(samples(questions, task, difficulty, prompt), name=f"{task}_{difficulty}"),
        solver=solver.generate(),
        scorer=synthgen_scorer(),
        version=tasks()[task].version,
        metadata={"split": split, "seed": seed, "shots": shots, "prompt": prompt, "params": values},
    )


def _of(task: str) -> Callable[..., Any]:
    def made(
        difficulty: int = 1,
        samples_per_combo: int = 100,
        seed: int = 42,
        split: str | None = "test",
        shots: int = 0,
        prompt: str = "described",
        **params: Any,
    ) -> Any:
        return build(task, difficulty, samples_per_combo, seed, split, shots, prompt, **params)

    made.__doc__ = tasks()[task].summary
    return made


def _installed() -> bool:
    """Does this file lie among installed packages, as inspect_ai sees it?"""
    folders = [*site.getsitepackages(), site.getusersitepackages(), *(p for p in sys.path if "site-packages" in p)]
    return any(__file__.lower().startswith(folder.lower()) for folder in folders)


def _register() -> None:
    # Names in packages are given the package's name by inspect_ai itself; a clone it does not know as a package.
    before = "" if _installed() else "synthgen/"
    for task in tasks():
        inspect.task(name=before + task)(_of(task))


_register()
