"""What a dataset will hold, decided and checked before any work: cells, budgets, shards."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .._task import generator
from ..checks import MAX_U64, integer
from ..errors import param_error
from ..registry import get, tasks

LEVELS = (1, 2, 3)
SPLITS = ("train", "validation", "test")
FORMATS = ("jsonl", "npy")
SHARD_TOKENS = 4_000_000
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}


def token_count(text: str | int) -> int:
    """Read a number of tokens: 500K, 10M, 1.5B, 1e9 or a plain integer."""
    allowed = "allowed: a positive number with an optional suffix K, M or B, such as 500K, 10M, 1.5B, 1e9"
    if isinstance(text, int) and not isinstance(text, bool):
        return integer(None, "total_tokens", text, 1, 10**15)
    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE]\d+)?)([KMB]?)", str(text).strip().upper())
    number = float(match[1]) * _UNITS[match[2]] if match else math.nan
    if not 1 <= number <= 10**15:
        raise param_error(None, "total_tokens", text, allowed)
    return round(number)


def shares(name: str, weights: Sequence[float], count: int) -> tuple[float, ...]:
    """Normalise non-negative weights."""
    allowed = f"allowed: {count} numbers >= 0, at least one of them positive"
    try:
        numbers = [float(weight) for weight in weights]
    except (TypeError, ValueError) as error:
        raise param_error(None, name, weights, allowed) from error
    total = sum(numbers)
    if len(numbers) != count or min(numbers) < 0 or not 0 < total < math.inf:
        raise param_error(None, name, weights, allowed)
    # What adds up to one stays as it is, so that a plan read back from a manifest is the same plan.
    return tuple(numbers) if math.isclose(total, 1, rel_tol=1e-12) else tuple(number / total for number in numbers)


@dataclass(frozen=True)
class Cell:
    """A task at a level: what one generator draws."""

    task: str
    level: int
    version: int
    params: dict[str, Any]

    @property
    def only_train(self) -> bool:
        """Does the task have no other split than train, as Capo's biographies?"""
        return generator(self.task, {}, self.level).only_train is not None


@dataclass(frozen=True)
class Shard:
    """One unit of work: the cells' budgets in tokens, and its place among the shards of its split."""

    split: str
    number: int
    of: int
    budgets: tuple[int, ...]  # one per cell; 0 leaves a cell out


@dataclass(frozen=True)
class Plan:
    """A dataset, described in full: the same plan always gives the same bytes."""

    tasks: tuple[str, ...]
    total_tokens: int
    curriculum_weights: tuple[float, ...] = (0.4, 0.35, 0.25)
    split_ratios: tuple[float, ...] = (0.9, 0.05, 0.05)
    seed: int = 42
    formats: tuple[str, ...] = FORMATS
    shard_tokens: int = SHARD_TOKENS
    joint: bool = field(default=True)  # joint vocabulary; False only for a single task

    @classmethod
    def make(
        cls,
        names: Sequence[str],
        total_tokens: str | int,
        *,
        curriculum_weights: Sequence[float] = (0.4, 0.35, 0.25),
        split_ratios: Sequence[float] = (0.9, 0.05, 0.05),
        seed: int = 42,
        formats: Sequence[str] = FORMATS,
        shard_tokens: int = SHARD_TOKENS,
        joint: bool | None = None,
    ) -> Plan:
        """Check everything, and normalise it."""
        for name in names:
            get(name)
        if not names or len(set(names)) != len(names):
            raise param_error(None, "tasks", ",".join(names), "allowed: one or more task names, each once")
        unknown = [fmt for fmt in formats if fmt not in FORMATS]
        if unknown or not formats:
            raise param_error(None, "format", ",".join(formats), f"allowed: any of {', '.join(FORMATS)}")
        return cls(
            tasks=tuple(name for name in tasks() if name in names),
            total_tokens=token_count(total_tokens),
            curriculum_weights=shares("curriculum_weights", curriculum_weights, len(LEVELS)),
            split_ratios=shares("split_ratios", split_ratios, len(SPLITS)),
            seed=integer(None, "seed", seed, 0, MAX_U64),
            formats=tuple(fmt for fmt in FORMATS if fmt in formats),
            shard_tokens=integer(None, "shard_tokens", shard_tokens, 1000, 10**8),
            joint=len(names) > 1 if joint is None else joint,
        )

    def cells(self) -> list[Cell]:
        """All cells, in order: tasks as registered, levels ascending."""
        return [
            Cell(name, level, tasks()[name].version, tasks()[name].presets[level - 1])
            for name in self.tasks
            for level in LEVELS
        ]

    def budget(self, split: str, cell: Cell) -> float:
        """Tokens of a cell in a split; a task that is not split gives all of its tokens to train."""
        ratio = self.split_ratios[SPLITS.index(split)]
        if cell.only_train:
            ratio = float(split == "train")
        return self.total_tokens * ratio * self.curriculum_weights[cell.level - 1] / len(self.tasks)

    def shards(self) -> list[Shard]:
        """All shards, in order. Budgets are cut at rounded running sums, so that they add up exactly."""
        found = []
        for split in SPLITS:
            budgets = [self.budget(split, cell) for cell in self.cells()]
            count = max(1, round(sum(budgets) / self.shard_tokens))
            edges = [[round(budget * i / count) for i in range(count + 1)] for budget in budgets]
            for number in range(count):
                parts = tuple(edge[number + 1] - edge[number] for edge in edges)
                if any(parts):
                    found.append(Shard(split, number, count, parts))
        return found

    def describe(self) -> dict[str, Any]:
        """The plan as data, with the cells' versions and parameters."""
        return asdict(self) | {"cells": [asdict(cell) for cell in self.cells()]}

    def check(self) -> None:
        """Build every generator once, so that nothing can be refused later."""
        for cell in self.cells():
            generator(cell.task, {}, cell.level)
