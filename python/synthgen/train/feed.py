"""Rows for a model: the batch of a step is a pure function of (dataset, seed, step, host), and is made ahead of use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..batch import Batch, Packed
from ..data.permute import key
from ..errors import param_error
from ..mixture import Mixture
from ..registry import get
from ..tree import FILE, MIX, DatasetConfig, params_of
from .texts import TextBatch, Texts

Arrays = dict[str, NDArray[Any]]
Drawn = Batch | Packed | TextBatch
T = TypeVar("T")

POOL = 4096
"""Rows whose answers random answers are drawn from."""


@dataclass(frozen=True)
class Rows:
    """Rows of a task, of a mixture or of files, any of them, alone."""

    config: DatasetConfig
    seed: int
    held_out: bool = False  # rows of files come in the files' order, each once

    def __post_init__(self) -> None:
        self.draw(0, 0)  # refuses here what every batch would refuse

    @cached_property
    def source(self) -> Any:
        """The task's module, the mixture, or the files."""
        config = self.config
        if config.name == MIX:
            return Mixture(config.weights, config.config, config.difficulty, joint=config.joint)
        if config.name == FILE:
            return Texts.read(config.path or "", config.tokenizer, shuffled=not self.held_out)
        return get(config.name)

    @property
    def count(self) -> int | None:
        """How many rows there are, where they are not endless."""
        return self.source.rows_of(self.config.split) if self.config.name == FILE and self.held_out else None

    def tokenizer(self) -> Any:
        """A tokenizer of these rows as transformers knows them; None where nothing that sees only text can be one."""
        if self.config.name == FILE or (self.config.name == MIX and self.config.joint):
            return None
        return self.source.vocab.tokenizer() if self.config.name == MIX else self.source.tokenizer()

    def draw(self, start: int, n: int) -> Drawn:
        """Rows or windows start .. start + n."""
        config = self.config
        asked: dict[str, Any] = {"start": start, "split": config.split, "overflow": config.overflow, "threads": 1}
        if config.name not in (MIX, FILE):
            asked |= {**params_of(config), "difficulty": config.difficulty}
        found: Drawn
        if config.layout == "packed":
            found = self.source.packed(n, config.seq_len, self.seed, policy=config.policy, **asked)
        else:
            found = self.source.batch(n, self.seed, seq_len=config.seq_len, **asked)
        return found

    @property
    def vocab_size(self) -> int:
        """Pieces of the vocabulary."""
        return len(self.source.vocab)

    @cached_property
    def seq_len(self) -> int:
        """Tokens of a row with its padding."""
        return int(self.draw(0, 0).input_ids.shape[1])

    def of(self, rows: Drawn) -> Arrays:
        """What a step reads of rows, each (n, seq_len).

        input_ids int32; weights uint8, 1 where the token itself is predicted; of packed windows also segments and,
        where rows do not see each other, positions, int32.
        """
        weights, found = rows.loss_mask, {}
        if not isinstance(rows, Packed):
            inside, firsts = rows.attention_mask, np.arange(rows.input_ids.shape[1]) == 0
        else:
            inside, firsts = (rows.segment_ids > 0).astype(np.uint8), rows.position_ids == 0
            found["segments"] = rows.segment_ids if self.config.isolated else inside.astype(np.int32)
            if self.config.isolated:
                found["positions"] = rows.position_ids
        if self.config.loss == "all":
            weights = inside * ~firsts
        ids = rows.input_ids
        if self.config.answers == "random":
            ids = self._random(rows)
        return {"input_ids": ids, "weights": weights, **found}

    @cached_property
    def _pool(self) -> NDArray[np.int32]:
        """Tokens of the answers of other rows."""
        others = replace(self, seed=key(self.seed, POOL)).draw(0, POOL)
        found: NDArray[np.int32] = others.input_ids[others.answer_mask == 1].astype(np.int32, copy=False)
        return found

    def _random(self, rows: Drawn) -> NDArray[np.int32]:
        """The ids with every token of an answer drawn from the pool, by the row's number and its place alone."""
        if isinstance(rows, Packed):
            raise param_error(None, "dataset.answers", "random", "allowed: given, where dataset.layout is packed")
        width = rows.input_ids.shape[1]
        numbers = np.arange(rows.start, rows.start + len(rows), dtype=np.uint64)
        own = np.full((1, 1), self.seed, np.uint64)
        words = key(own, numbers[:, None], np.arange(width, dtype=np.uint64)[None])
        others = self._pool[words % np.uint64(len(self._pool))]
        return np.where(rows.answer_mask == 1, others, rows.input_ids).astype(np.int32, copy=False)

    @staticmethod
    def tokens(rows: Drawn) -> int:
        """Tokens of rows, padding left out."""
        return int(np.count_nonzero(rows.segment_ids) if isinstance(rows, Packed) else rows.lengths.sum())


def host_share(batch_size: int, host: int, hosts: int, step: int) -> tuple[int, int]:
    """First row and number of rows of a host's part of a step: parts of all hosts together are the step's batch."""
    share, left = divmod(batch_size, hosts)
    if left:
        raise param_error(None, "train.batch_size", batch_size, f"allowed: a multiple of {hosts}, the number of hosts")
    return step * batch_size + host * share, share


def varied(config: DatasetConfig, axis: str | None, value: Any) -> DatasetConfig:
    """The same dataset with another value of one parameter, or of the difficulty."""
    if axis is None:
        return config
    if axis == "difficulty":
        return replace(config, difficulty=value)
    return replace(config, config={**params_of(config), axis: value})


class Ahead(Generic[T]):
    """Values of `make(step)` for the steps of a range, worked out by a thread while others are in use.

    `waited` counts the seconds for which the reader had to wait. What `make` raises is raised where it would be read.
    """

    def __init__(self, make: Callable[[int], T], first: int, end: int, ahead: int) -> None:
        self.waited = 0.0
        self._make, self._range, self._ahead = make, range(first, end), ahead

    def __iter__(self) -> Iterator[T]:
        """Values in order."""
        coming: deque[Future[T]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as side:
            try:
                for step in self._range[: self._ahead]:
                    coming.append(side.submit(self._make, step))
                for at in range(len(self._range)):
                    began = time.perf_counter()
                    value = coming.popleft().result()
                    self.waited += time.perf_counter() - began
                    if at + self._ahead < len(self._range):
                        coming.append(side.submit(self._make, self._range[at + self._ahead]))
                    yield value
            finally:
                for one in coming:
                    one.cancel()
