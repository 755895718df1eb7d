"""What a dataset will hold, decided and checked before any work: cells, budgets, shards."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._task import generator
from ..checks import MAX_U64, integer
from ..errors import param_error
from ..mixture import Mixture, mix
from ..registry import get, tasks
from .tokenizer import Foreign

LEVELS = (1, 2, 3)
SPLITS = ("train", "validation", "test")
FORMATS = ("jsonl", "parquet", "arrow", "bin", "npy")
ORDERS = ("shuffled", "easy-to-hard")
METADATA = ("full", "none")
PACKINGS = ("truncate", "pad")
COMPRESSIONS = {
    "auto": FORMATS,
    "none": FORMATS,
    "gzip": ("jsonl", "parquet"),
    "zstd": ("jsonl", "parquet", "arrow"),
}
"""Codecs, and the formats that have them. `auto` is zstd for parquet and none for the others."""
SHARD_TOKENS = 16_000_000
MAX_SHARD_TOKENS = 10**9
SHARD_DOMAIN = 2**32
"""Shard s draws rows s * 2^32 onward of every cell, so that no two shards share a row number."""
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def token_count(text: str | int, name: str = "total_tokens") -> int:
    """Read a number of tokens: 500K, 10M, 1.5B, 1e9 or a plain integer."""
    allowed = "allowed: a positive number with an optional suffix K, M, B or T, such as 500K, 10M, 1.5B, 1e9"
    if isinstance(text, int) and not isinstance(text, bool):
        return integer(None, name, text, 1, 10**15)
    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE]\+?\d+)?)([KMBT]?)", str(text).strip().upper())
    number = float(match[1]) * _UNITS[match[2]] if match else math.nan
    if not 1 <= number <= 10**15:
        raise param_error(None, name, text, allowed)
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


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise param_error(None, name, value, f"allowed: one of {', '.join(allowed)}")
    return str(value)


def _formats(formats: Sequence[str], compress: str) -> tuple[str, ...]:
    wrong = [fmt for fmt in formats if fmt not in FORMATS]
    if wrong or not formats:
        raise param_error(None, "format", ",".join(formats), f"allowed: any of {', '.join(FORMATS)}")
    wrong = [fmt for fmt in formats if fmt not in COMPRESSIONS[compress]]
    if wrong:
        some = ", ".join(COMPRESSIONS[compress])
        raise param_error(None, "compress", compress, f"allowed for {some}, not for {wrong[0]}; use auto or none")
    return tuple(fmt for fmt in FORMATS if fmt in formats)


class Cell(NamedTuple):
    """A task at a level: what one generator draws."""

    task: str
    level: int
    version: int
    params: dict[str, Any]

    @property
    def only_train(self) -> bool:
        """Does the task have no other split than train, as Capo's biographies?"""
        return generator(self.task, {}, self.level).only_train is not None


class Shard(NamedTuple):
    """One unit of work: the cells' budgets in tokens, and its place among the shards of its split."""

    split: str
    number: int
    of: int
    budgets: tuple[int, ...]  # one per cell; 0 leaves a cell out

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}"


class Plan(NamedTuple):
    """A dataset, described in full: the same plan always gives the same bytes."""

    tasks: tuple[str, ...]
    total_tokens: int
    curriculum_weights: tuple[float, ...] = (0.4, 0.35, 0.25)
    split_ratios: tuple[float, ...] = (0.9, 0.05, 0.05)
    seed: int = 42
    formats: tuple[str, ...] = ("jsonl",)
    shard_tokens: int = SHARD_TOKENS
    joint: bool = True  # joint vocabulary; False only for a single task
    order: str = "shuffled"
    metadata: str = "full"
    seq_len: int | None = None  # width of packed windows; None: a row an instance
    packing: str = "truncate"
    compress: str = "auto"
    tokenizer: str | None = None  # SHA-256 of the foreign tokenizer's JSON
    foreign: Foreign | None = None  # that tokenizer

    @classmethod
    def make(
        cls,
        names: Sequence[str],
        total_tokens: str | int,
        *,
        curriculum_weights: Sequence[float] = (0.4, 0.35, 0.25),
        split_ratios: Sequence[float] = (0.9, 0.05, 0.05),
        seed: int = 42,
        formats: Sequence[str] = ("jsonl",),
        shard_tokens: str | int = SHARD_TOKENS,
        joint: bool | None = None,
        order: str = "shuffled",
        metadata: str = "full",
        seq_len: int | None = None,
        packing: str = "truncate",
        compress: str = "auto",
        tokenizer: str | Path | Foreign | None = None,
    ) -> Plan:
        """Check everything, and normalise it.

        Args:
            names: tasks, each once.
            total_tokens: tokens of all splits, in pieces of our vocabulary or, with `tokenizer`, in its tokens.
            curriculum_weights: shares of tokens at levels 1, 2, 3.
            split_ratios: shares of tokens in train, validation, test.
            seed: 0 .. 2^64 - 1.
            formats: any of jsonl, parquet, arrow, bin, npy.
            shard_tokens: tokens of a shard, about; at least 1000.
            joint: joint ids; None: where there are several tasks.
            order: "shuffled", or "easy-to-hard" through the shards of each split.
            metadata: "full", or "none" to leave the column out.
            seq_len: width of packed windows in token formats; None: a row an instance.
            packing: what becomes of the instance that crosses a window's end: "truncate" or "pad".
            compress: "auto", "none", "gzip" or "zstd".
            tokenizer: a tokenizer.json, or a folder with one, to re-encode texts with.

        Raises ParamError naming the field, and UnknownTaskError.

        """
        for name in names:
            get(name)
        if not names or len(set(names)) != len(names):
            raise param_error(None, "tasks", ",".join(names), "allowed: one or more task names, each once")
        compress = _one_of("compress", compress, tuple(COMPRESSIONS))
        formats = _formats(formats, compress)
        if seq_len is not None:
            seq_len = integer(None, "seq_len", seq_len, 8, 2**20)
            if "jsonl" in formats:
                raise param_error(
                    None, "seq_len", seq_len, "allowed with parquet, arrow, bin and npy; jsonl holds rows"
                )
        foreign = tokenizer if isinstance(tokenizer, Foreign) or tokenizer is None else Foreign.load(tokenizer)
        return cls(
            tasks=tuple(name for name in tasks() if name in names),
            total_tokens=token_count(total_tokens),
            curriculum_weights=shares("curriculum_weights", curriculum_weights, len(LEVELS)),
            split_ratios=shares("split_ratios", split_ratios, len(SPLITS)),
            seed=integer(None, "seed", seed, 0, MAX_U64),
            formats=formats,
            shard_tokens=integer(None, "shard_size", token_count(shard_tokens, "shard_size"), 1000, MAX_SHARD_TOKENS),
            joint=len(names) > 1 if joint is None else joint,
            order=_one_of("order", order, ORDERS),
            metadata=_one_of("metadata", metadata, METADATA),
            seq_len=seq_len,
            packing=_one_of("packing", packing, PACKINGS),
            compress=compress,
            tokenizer=foreign.sha256 if foreign else None,
            foreign=foreign,
        )

    @property
    def dtype(self) -> str:
        """Type of token ids: uint32 where a foreign tokenizer needs it, else uint16."""
        return self.foreign.dtype if self.foreign else "uint16"

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
        cells = self.cells()
        for split in SPLITS:
            budgets = [self.budget(split, cell) for cell in cells]
            count = max(1, round(sum(budgets) / self.shard_tokens))
            edges = [[round(part) for part in parts] for parts in self._edges(cells, budgets, count)]
            for number in range(count):
                parts = tuple(edge[number + 1] - edge[number] for edge in edges)
                if any(parts):
                    found.append(Shard(split, number, count, parts))
        return found

    def _edges(self, cells: list[Cell], budgets: list[float], count: int) -> list[list[float]]:
        """Tokens of each cell that the first 0, 1, ... shards hold."""
        if self.order == "shuffled":
            return [[budget * i / count for i in range(count + 1)] for budget in budgets]
        # Levels lie one after another along the split; each shard holds its stretch of them.
        sums = [sum(b for c, b in zip(cells, budgets, strict=True) if c.level <= level) for level in (0, *LEVELS)]

        def share(cell: Cell, at: float) -> float:
            low, high = sums[cell.level - 1], sums[cell.level]
            return min(1.0, max(0.0, (at - low) / (high - low))) if high > low else 0.0

        ends = [sums[-1] * i / count for i in range(count + 1)]
        return [[budget * share(cell, end) for end in ends] for cell, budget in zip(cells, budgets, strict=True)]

    def describe(self) -> dict[str, Any]:
        """The plan as data, with the cells' versions and parameters."""
        known = {name: value for name, value in self._asdict().items() if name != "foreign"}
        eos = self.foreign.eos if self.foreign else None
        return known | {"dtype": self.dtype, "eos": eos, "cells": [cell._asdict() for cell in self.cells()]}

    def joint_vocabulary(self) -> Mixture | None:
        """The joint vocabulary of a merged dataset; None for a single task's own."""
        return mix(dict.fromkeys(self.tasks, 1.0)) if self.joint else None

    def check(self) -> None:
        """Build every generator and a stream of every split, so that nothing is refused later.

        Raises ParamError, and ModuleNotFoundError for a package that a format needs.
        """
        from .formats import packages
        from .shards import stream

        packages(self)
        shards = self.shards()
        if not shards:
            allowed = "allowed: more; shared out among tasks, levels and splits it leaves none of them a token"
            raise param_error(None, "total_tokens", self.total_tokens, allowed)
        for split in SPLITS:
            first = next((shard for shard in shards if shard.split == split), None)
            if first:
                stream(self, first)
