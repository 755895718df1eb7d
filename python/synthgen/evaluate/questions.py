"""What is asked: rows of tasks as questions, each a function of its own place alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from .._task import Split
from ..checks import MAX_U64, integer
from ..errors import param_error
from ..registry import at_level, get, tasks
from .prompts import STYLES

SEEDS = ("dyna", "inducto", "filtro", "logic")
"""Evaluated by default, as in SynthLM."""
ASKED: dict[str, dict[str, Any]] = {"capo": {"form": "qa"}}
"""Parameters under which a task asks: its rows of training are statements."""
BLOCK = 64
MAX_SHOTS = 64


class Shot(NamedTuple):
    """A row that is shown with its answer."""

    input_text: str
    target: str


@dataclass(frozen=True)
class Question:
    """A row that a model is asked about."""

    sample_id: str
    task: str
    difficulty: int  # the level that was asked for, under the parameters that were given
    input_text: str
    target: str
    metadata: Mapping[str, Any]
    shots: tuple[Shot, ...] = ()


@dataclass(frozen=True)
class Questions:
    """Which rows of which tasks at which levels: `samples` of each, from row 0 of the seed.

    Question i of a task and level is row i of `synthgen.<task>.examples(..., seed, split=split, difficulty=level)`, so
    it does not depend on the other tasks and levels, nor on their number, nor on how it is asked. Its shots are rows of
    the train split, the same for everybody who asks it.
    """

    tasks: Sequence[str] = SEEDS
    difficulties: Sequence[int] = (1, 2, 3)
    samples: int = 100
    seed: int = 42
    split: Split | None = "test"
    shots: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)  # of all tasks, over those of the level

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Questions:
        """The questions of a run's settings, as its state has them. Raises KeyError and TypeError."""
        names = ("tasks", "difficulties", "seed", "split", "shots")
        # JSON has lists where parameters have pairs.
        params = {name: tuple(value) if isinstance(value, list) else value for name, value in config["params"].items()}
        return cls(**{name: config[name] for name in names}, samples=config["samples_per_combo"], params=params)

    def check(self, style: str) -> None:
        """Raise ParamError, UnknownTaskError or SplitExhausted for what cannot be asked in this style."""
        for name, values in (("tasks", self.tasks), ("difficulties", self.difficulties)):
            if not values or len(set(values)) < len(values):
                raise param_error(None, name, list(values), "allowed: one at least, each once")
        for level in self.difficulties:
            integer(None, "difficulties", level, 1, 3)
        integer(None, "samples_per_combo", self.samples, 1, 2**31 - 1)
        integer(None, "seed", self.seed, 0, MAX_U64)
        integer(None, "shots", self.shots, 0, MAX_SHOTS)
        for task in self.tasks:
            if not askable(task, style):
                raise param_error(task, "prompt", style, "its questions are empty; allowed: described")
            rows_of = [self._keywords(task, level) for level in self.difficulties]
            if any(one in rows_of[:i] for i, one in enumerate(rows_of)):
                allowed = f"allowed: one level, since {', '.join(self.params)} decides what the levels would"
                raise param_error(task, "difficulties", list(self.difficulties), allowed)
            for level in self.difficulties:
                next(self.of(task, level))

    def __len__(self) -> int:
        return len(self.tasks) * len(self.difficulties) * self.samples

    def __iter__(self) -> Iterator[Question]:
        for task in self.tasks:
            for level in self.difficulties:
                yield from self.of(task, level)

    def of(self, task: str, level: int, start: int = 0) -> Iterator[Question]:
        """Questions of one task at one level, from number `start` on."""
        keywords = self._keywords(task, level)
        for first in range(start, self.samples, BLOCK):
            count = min(BLOCK, self.samples - first)
            rows = get(task).examples(count, self.seed, start=first, split=self.split, **keywords)
            for i, row in enumerate(rows, first):
                own = Shot(row["input_text"], row["target"])
                shots = self._shots(task, level, i, own) if self.shots else ()
                yield Question(row["sample_id"], task, level, *own, row["metadata"], shots)

    def asked(self, task: str) -> dict[str, Any]:
        """Parameters of a task, over those of its level."""
        return {**ASKED.get(task, {}), **self.params}

    def _keywords(self, task: str, level: int) -> dict[str, Any]:
        return at_level(task, level, self.asked(task))

    def _shots(self, task: str, level: int, i: int, asked: Shot) -> tuple[Shot, ...]:
        """The first shots of question i, none of which is the question itself."""
        rows = get(task).examples(
            self.shots + 1, self.seed, start=i * (MAX_SHOTS + 1), split="train", **self._keywords(task, level)
        )
        found = [Shot(row["input_text"], row["target"]) for row in rows]
        return tuple([shot for shot in found if shot != asked][: self.shots])


@lru_cache(maxsize=256)
def askable(task: str, style: str) -> bool:
    """Has a task questions in this style? Lano's are empty: only a description says what to write."""
    if style not in STYLES:
        raise param_error(None, "prompt", style, f"allowed: {' or '.join(STYLES)}")
    row = get(task).example(0, **at_level(task, 1, ASKED.get(task, {})))
    return style == "described" or bool(row["input_text"])


def named(words: Sequence[str], style: str) -> list[str]:
    """The tasks of words such as `dyna logic`, `dyna,logic`, or `all`, which is every one that can be asked."""
    names = [name for word in words for name in word.split(",") if name]
    return [task for task in tasks() if askable(task, style)] if names == ["all"] else names
