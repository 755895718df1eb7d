"""Rows as the sources that training frameworks take: random access, picklable, without state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .._task import Columns, Split, generator, request
from ..batch import labels
from ..checks import extra
from ..errors import param_error
from .rows import Rows

if TYPE_CHECKING:
    import datasets
    from datasets import IterableDataset

    from ..mixture import Mixed

_BLOCK = 256
"""Rows drawn at a time where rows are wanted one after another."""


@dataclass(frozen=True)
class Source(Rows[dict[str, Any]]):
    """Rows start .. start + length of a task: `len` and `getitem`, as Grain and torch take it.

    It holds no native handle, so it pickles to any worker; item i is the same everywhere.
    """

    task: str
    params: dict[str, Any]
    difficulty: int | None
    seed: int
    length: int
    start: int = 0
    split: Split | None = None
    seq_len: int | None = None  # pad rows to this width; None: leave rows at their own length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: SupportsIndex) -> dict[str, Any]:
        """Row i as a dict of arrays: input_ids int32, loss_mask uint8, labels int32, each (length,) or (seq_len,).

        With seq_len also attention_mask uint8 (seq_len,), 1 on tokens and 0 on padding.
        """
        return self.rows(self._number(i), 1)[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Several rows; rows in a line are drawn in one call."""
        return in_a_line(self, indices)

    def rows(self, first: int, n: int) -> list[dict[str, Any]]:
        """Rows first .. first + n, each as a dict of arrays."""
        asked = request(
            self.task,
            n,
            self.seed,
            start=self.start + first,
            split=self.split,
            seq_len=self.seq_len,
            dtype="int32",
            overflow="error",
            threads=1,
        )
        input_ids, loss_mask, lengths, _, _ = generator(self.task, self.params, self.difficulty).batch(asked)
        return unpadded(input_ids, loss_mask, lengths, self.seq_len)

    def examples(self, first: int, n: int) -> list[dict[str, Any]]:
        """Rows first .. first + n as texts, metadata as one JSON string with sorted keys."""
        native = generator(self.task, self.params, self.difficulty)
        rows = json.loads(native.records(self.seed, self.split, None, (self.start + first, 0, n), "example"))
        for row in rows:
            row["metadata"] = json.dumps(row["metadata"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return list(rows)

    def records(self, columns: Columns, first: int, end: int) -> Iterator[dict[str, Any]]:
        """Rows first .. end with text columns, token columns, or both."""
        for at in range(first, end, _BLOCK):
            n = min(_BLOCK, end - at)
            texts = self.examples(at, n) if columns != "tokens" else [{} for _ in range(n)]
            tokens = self.rows(at, n) if columns != "text" else [{} for _ in range(n)]
            for text, ids in zip(texts, tokens, strict=True):
                yield text | {name: array.tolist() for name, array in ids.items()}


@dataclass(frozen=True)
class MixedSource(Rows[dict[str, Any]]):
    """Rows start .. start + length of a mixture or a curriculum; otherwise as `Source`. Made by their `source`."""

    mixed: Mixed
    seed: int
    length: int
    start: int = 0
    split: Split | None = None
    seq_len: int | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: SupportsIndex) -> dict[str, Any]:
        """Row i, in joint ids; its fields are those of `Source`."""
        return self.rows(self._number(i), 1)[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Several rows; rows in a line are drawn in one call."""
        return in_a_line(self, indices)

    def rows(self, first: int, n: int) -> list[dict[str, Any]]:
        """Rows first .. first + n, each as a dict of arrays."""
        made = self.mixed.batch(
            n, self.seed, start=self.start + first, split=self.split, seq_len=self.seq_len, threads=1
        )
        return unpadded(made.input_ids, made.loss_mask, made.lengths, self.seq_len)


def unpadded(input_ids: Any, loss_mask: Any, lengths: Any, seq_len: int | None) -> list[dict[str, Any]]:
    """Rows of a batch, each at its own length; or all at `seq_len`, with a mask of what is no padding."""
    targets = labels(input_ids, loss_mask)
    ends = lengths.tolist() if seq_len is None else [None] * len(lengths)
    rows = [
        {"input_ids": input_ids[i, :end], "loss_mask": loss_mask[i, :end], "labels": targets[i, :end]}
        for i, end in enumerate(ends)
    ]
    if seq_len is not None:
        inside = (np.arange(seq_len) < lengths[:, None]).astype(np.uint8)
        for row, mask in zip(rows, inside, strict=True):
            row["attention_mask"] = mask
    return rows


def in_a_line(source: Source | MixedSource, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of a source by number, drawn in one call where each follows the one before."""
    if not indices or indices[0] < 0 or any(after - before != 1 for before, after in pairwise(indices)):
        return [source[i] for i in indices]
    if indices[-1] >= len(source):
        raise IndexError(f"number {indices[-1]} of {len(source)} in {source!r}")
    return source.rows(indices[0], len(indices))


def features(columns: Columns) -> datasets.Features:
    """Column types: the same whatever the rows, so that shards and splits always agree."""
    datasets = extra("datasets", "data")

    text = {name: datasets.Value("string") for name in ("input_text", "target", "task", "split", "sample_id")}
    kinds: dict[str, Any] = {}
    if columns != "tokens":
        kinds |= text | {"difficulty": datasets.Value("int64"), "metadata": datasets.Value("string")}
    if columns != "text":
        kinds |= {
            "input_ids": datasets.List(datasets.Value("int32")),
            "loss_mask": datasets.List(datasets.Value("uint8")),
            "labels": datasets.List(datasets.Value("int32")),
        }
    return datasets.Features(kinds)


def _check(source: Source, columns: Columns) -> None:
    if columns not in ("all", "text", "tokens"):
        raise param_error(source.task, "columns", columns, "allowed: 'all', 'text' or 'tokens'")


def dataset(source: Source, columns: Columns) -> datasets.Dataset:
    """All rows of a source in memory, as a datasets.Dataset."""
    datasets = extra("datasets", "data")

    _check(source, columns)
    rows = list(source.records(columns, 0, len(source)))
    kinds = features(columns)
    return datasets.Dataset.from_dict({name: [row[name] for row in rows] for name in kinds}, features=kinds)


def iterable(source: Source, columns: Columns, shards: int) -> datasets.IterableDataset:
    """All rows of a source as a stream of contiguous shards; workers take shards, so no row comes twice."""
    datasets = extra("datasets", "data")

    _check(source, columns)
    count = max(1, min(shards, len(source)))
    edges = [len(source) * i // count for i in range(count + 1)]
    ranges = list(pairwise(edges))
    stream: IterableDataset = datasets.IterableDataset.from_generator(
        _records,
        features=features(columns),
        gen_kwargs={"source": source, "columns": columns, "ranges": ranges},
    )
    return stream


def _records(source: Source, columns: Columns, ranges: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for first, end in ranges:
        yield from source.records(columns, first, end)
