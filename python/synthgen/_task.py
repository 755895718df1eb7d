"""The one engine behind every task module: checks Python types, keeps generators, calls the native module."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, Unpack

from . import _native
from .batch import Batch, Origin, Packed, Score, Verdict
from .checks import MAX_U64, integer, one_dimensional, switch, text_argument
from .errors import param_error, show
from .vocab import EOS, TokenizerKind, Vocab

if TYPE_CHECKING:
    import datasets

    from .data.sources import Source

Split = Literal["train", "validation", "test"]
DType = Literal["int32", "uint16"]
Overflow = Literal["error", "redraw", "truncate"]
Policy = Literal["truncate", "pad"]
Columns = Literal["all", "text", "tokens"]

_KEPT_GENERATORS = 256
EXAMPLES = 64
"""Rows drawn as text at a time: between blocks Python may be interrupted, or run out of memory in its own way."""
_generators: dict[tuple[Any, ...], _native.Generator] = {}


def thread_count(task: str | None, threads: int | None) -> int:
    """Threads to use: the argument, else SYNTHGEN_NUM_THREADS, else the cores this process may run on."""
    if threads is not None:
        return integer(task, "threads", threads, 1, 1024)
    given = os.environ.get("SYNTHGEN_NUM_THREADS")
    if given:
        number = int(given) if given.isascii() and given.isdigit() else given
        return integer(task, "SYNTHGEN_NUM_THREADS", number, 1, 1024)
    return _cores()


@lru_cache(maxsize=1)
def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Asked(TypedDict):
    """Arguments that every batch call takes."""

    start: int
    split: Split | None
    seq_len: int | None
    dtype: DType
    overflow: Overflow
    threads: int | None
    compat_ids: NotRequired[bool]


def request(task: str, n: int, seed: int, **asked: Unpack[Asked]) -> dict[str, Any]:
    """Check the types of a batch call's arguments and put them into the form the native module takes."""
    # What answers the call is arrays. Ctrl-C while NumPy is imported is an exception here, and a panic in the core.
    importlib.import_module("numpy")
    split, seq_len, compat_ids = asked["split"], asked["seq_len"], asked.get("compat_ids", False)
    if split is not None:
        text_argument(task, "split", split)
    return {
        "n": integer(task, "n", n, 0, 2**47),
        "seed": integer(task, "seed", seed, 0, MAX_U64),
        "start": integer(task, "start", asked["start"], 0, MAX_U64),
        "split": split,
        "seq_len": None if seq_len is None else integer(task, "seq_len", seq_len, 1, 2**30),
        "dtype": text_argument(task, "dtype", asked["dtype"]),
        "overflow": text_argument(task, "overflow", asked["overflow"]),
        "threads": thread_count(task, asked["threads"]),
        "compat_ids": switch(task, "compat_ids", compat_ids),
    }


def frozen(params: Mapping[str, Any]) -> dict[str, Any]:
    """Copy parameters so that no later change of a list reaches the copy."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}


def generator(task: str, params: Mapping[str, Any], difficulty: int | None) -> _native.Generator:
    """Return the native generator of a task with its parameters fixed; the last few hundred are kept."""
    for name in params:
        text_argument(task, "params", name)
    # By repr: 1, True and 1.0 are equal and hash alike, but only one of them is an integer parameter.
    key = (task, show(difficulty), *((name, show(value)) for name, value in sorted(params.items())))
    found = _generators.get(key)
    if found is None:
        level = None if difficulty is None else integer(task, "difficulty", difficulty, 1, 3)
        found = _native.Generator(task, dict(params), level)
        if len(_generators) >= _KEPT_GENERATORS:
            _generators.clear()
        _generators[key] = found
    return found


class Task:
    """Everything that can be asked of one task; the generated modules spell out its parameters."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def vocab(self) -> Vocab:
        """The piece table."""
        native = generator(self.name, {}, None)
        return Vocab(self.name, native.pieces, native.encode)

    def _origin(
        self,
        native: _native.Generator,
        asked: dict[str, Any],
        params: Mapping[str, Any],
        difficulty: int | None,
    ) -> Origin:
        markers = (EOS, *native.markers)
        if asked["compat_ids"]:
            table = native.compat_ids or []
            markers = tuple(table[marker] for marker in markers)
        fit = asked["seq_len"] if asked["overflow"] == "redraw" else None
        return Origin(
            asked["seed"],
            asked["split"],
            asked["start"],
            fit,
            ((self.name, frozen(params), difficulty),),
            None if native.loss_exceeds_answers else markers,
        )

    def batch(
        self, n: int, seed: int, *, difficulty: int | None, params: Mapping[str, Any], **asked: Unpack[Asked]
    ) -> Batch:
        """Rows start .. start + n as padded arrays."""
        native = generator(self.name, params, difficulty)
        checked = request(self.name, n, seed, **asked)
        return Batch(native.batch(checked), self._origin(native, checked, params, difficulty))

    def packed(
        self,
        n: int,
        seed: int,
        *,
        difficulty: int | None,
        policy: Policy,
        params: Mapping[str, Any],
        **asked: Unpack[Asked],
    ) -> Packed:
        """Windows start .. start + n."""
        native = generator(self.name, params, difficulty)
        integer(self.name, "seq_len", asked["seq_len"], 1, 2**30)
        checked = request(self.name, n, seed, **asked)
        arrays = native.packed(checked, text_argument(self.name, "policy", policy))
        return Packed(arrays, self._origin(native, checked, params, difficulty))

    def examples(
        self,
        n: int,
        seed: int,
        *,
        start: int,
        split: Split | None,
        difficulty: int | None,
        params: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        """Rows start .. start + n as dicts."""
        native = generator(self.name, params, difficulty)
        if split is not None:
            text_argument(self.name, "split", split)
        count = integer(self.name, "n", n, 0, 2**31)
        first = integer(self.name, "start", start, 0, MAX_U64 - count)
        checked = integer(self.name, "seed", seed, 0, MAX_U64)
        rows: list[dict[str, Any]] = []
        for at in range(first, first + count, EXAMPLES):
            block = (at, 0, min(EXAMPLES, first + count - at))
            rows += json.loads(native.records(checked, split, None, block, "example"))
        return rows

    def validate(
        self,
        sample: Any,
        loss_mask: Any,
        *,
        difficulty: int | None,
        params: Mapping[str, Any],
        compat_ids: bool = False,
    ) -> Verdict:
        """Validate a row of ids, or an example."""
        native = generator(self.name, params, difficulty)
        if isinstance(sample, Mapping):
            prompt = text_argument(self.name, "input_text", sample.get("input_text"))
            flaw = native.validate_example(prompt, text_argument(self.name, "target", sample.get("target")))
        else:
            ids = one_dimensional(self.name, "ids", sample)
            mask = None if loss_mask is None else one_dimensional(self.name, "loss_mask", loss_mask)
            flaw = native.validate(ids, mask, switch(self.name, "compat_ids", compat_ids))
        return Verdict(True) if flaw is None else Verdict(False, *flaw)

    def solve(self, text: str, *, difficulty: int | None = None, params: Mapping[str, Any] | None = None) -> str:
        """Answer a prompt; the parameters matter where it does not say everything."""
        return generator(self.name, params or {}, difficulty).solve(text_argument(self.name, "text", text))

    def instructions(self, *, difficulty: int | None, params: Mapping[str, Any]) -> str:
        """Say in words what is asked, and in which form."""
        return generator(self.name, params, difficulty).instructions

    def score(
        self, response: str, example: Mapping[str, Any], *, cut: bool = False, continuation: bool = False
    ) -> Score:
        """Score a response."""
        if not isinstance(example, Mapping):
            raise param_error(self.name, "example", example, "allowed: a dict with at least 'target'")
        target = text_argument(self.name, "target", example.get("target"))
        prompt = text_argument(self.name, "input_text", example.get("input_text", ""))
        native = generator(self.name, {}, None)
        given = text_argument(self.name, "response", response)
        ended = switch(self.name, "cut", cut), switch(self.name, "continuation", continuation)
        outcome, extracted = native.score(given, prompt, target, *ended)
        return Score(outcome == "correct", extracted, outcome)

    def source(
        self,
        seed: int,
        length: int,
        *,
        start: int,
        split: Split | None,
        difficulty: int | None,
        seq_len: int | None,
        params: Mapping[str, Any],
    ) -> Source:
        """Rows as a random-access source."""
        from .data.sources import Source

        source = Source(
            task=self.name,
            params=frozen(params),
            difficulty=difficulty,
            seed=integer(self.name, "seed", seed, 0, MAX_U64),
            length=integer(self.name, "length", length, 0, 2**62),
            start=integer(self.name, "start", start, 0, 2**63),
            split=split,
            seq_len=seq_len,
        )
        source.rows(0, 0)  # refuses here what every row would refuse
        return source

    def dataset(
        self,
        n: int,
        seed: int,
        *,
        start: int,
        split: Split | None,
        difficulty: int | None,
        columns: Columns,
        params: Mapping[str, Any],
    ) -> datasets.Dataset:
        """Rows as a datasets.Dataset."""
        from .data.sources import dataset

        return dataset(
            self.source(seed, n, start=start, split=split, difficulty=difficulty, seq_len=None, params=params),
            columns,
        )

    def iterable(
        self,
        seed: int,
        length: int,
        *,
        start: int,
        split: Split | None,
        difficulty: int | None,
        columns: Columns,
        shards: int,
        params: Mapping[str, Any],
    ) -> datasets.IterableDataset:
        """Rows as a datasets.IterableDataset."""
        from .data.sources import iterable

        rows = self.source(seed, length, start=start, split=split, difficulty=difficulty, seq_len=None, params=params)
        return iterable(rows, columns, integer(self.name, "shards", shards, 1, 2**20))

    def tokenizer(self, kind: TokenizerKind) -> Any:
        """Export the vocabulary."""
        return self.vocab.tokenizer(kind)
