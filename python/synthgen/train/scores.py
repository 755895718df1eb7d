"""What a model got right: answers found once in a batch, then compared with any predictions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..batch import Batch, Packed
from ..errors import param_error
from ..registry import tasks
from ..statistics import interval
from .texts import TextBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALONE = 16
"""The largest number that is a group of its own; larger ones are grouped by powers of two."""


@dataclass(frozen=True)
class Tally:
    """How many were right, of how many, by the metric's name. Tallies of parts add up to the tally of the whole.

    The metrics are `answer_accuracy` (tokens of answers), `exact_match` (whole answers), `row_exact_match` (rows all
    of whose answers are right; of a packed window, instances), `token_accuracy` (predicted tokens, markers and ends
    included) and `completion` (rows whose predicted tokens are all right: what greedy decoding writes, if only answers
    are predicted). The first two come broken down as well, as `exact_match/hops=2`, and `completion` where all queries
    of a row are of one kind.
    """

    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        sums = dict(self.counts)
        for name, (correct, total) in other.counts.items():
            before = sums.get(name, (0, 0))
            sums[name] = (before[0] + correct, before[1] + total)
        return Tally(sums)

    def values(self) -> dict[str, float]:
        """Give the share of each metric; nan where nothing was counted."""
        return {name: correct / total if total else math.nan for name, (correct, total) in self.counts.items()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Give the 95 % interval of each share."""
        return {name: interval(*count) for name, count in self.counts.items()}


class _Instance(NamedTuple):
    """One row, or one instance of a window, from `offset` to `stop`."""

    row: int
    offset: int
    stop: int
    spans: list[tuple[int, int]]
    facts: Mapping[str, Any]


class Answers:
    """The answers of a batch or of packed windows, and what each is like.

    Making it draws every row again, which takes about a tenth of a millisecond each; comparing takes far less. So make
    it once for rows that a model is evaluated on repeatedly.

    `by` names what the metrics are broken down by: `task`, `difficulty` (the level), or anything that a row's metadata
    tells (under `measured` or beside it) as a whole number or a word, or as a list with one of these for each query.
    Numbers above 16 are grouped as 17-32, 33-64 and so on. By default it is the task, the level, the hops where rows
    have some, and if all rows are of one task, the first of the task's axes.

    An answer that the end of its row cuts is left out, with all its tokens; `row_exact_match` leaves out its row.
    An answer is compared token for token: where a task accepts several (Brevo, Lano), only the one in the row counts.
    """

    def __init__(self, batch: Batch | Packed | TextBatch, by: Sequence[str] | None = None) -> None:
        self._ids, self._mask = batch.input_ids, batch.loss_mask.astype(bool)
        width = self._ids.shape[1]
        wanted = _default(batch) if by is None else tuple(by)
        members: dict[str, dict[_Group, list[int]]] = {axis: defaultdict(list) for axis in wanted}
        rows_of: dict[str, dict[_Group, list[int]]] = {axis: defaultdict(list) for axis in wanted}
        places: list[tuple[int, int, int]] = []
        wholes: list[tuple[int, int]] = []
        self._whole = 0
        for row, offset, stop, spans, facts in _instances(batch):
            features = [(axis, _feature(facts, axis, len(spans), strict=by is not None)) for axis in wanted]
            complete = bool(spans) and all(offset + end <= width for _, end in spans)
            for query, (start, end) in enumerate(spans):
                if offset + end > width:
                    continue
                for axis, groups in features:
                    if (group := groups[query]) is not None:
                        members[axis][group].append(len(places))
                first = row * width + offset
                places.append((first + start, first + end, self._whole if complete else -1))
            self._whole += complete
            if complete:
                for axis, groups in features:
                    if groups[0] is not None and len(set(groups)) == 1:
                        rows_of[axis][groups[0]].append(len(wholes))
                wholes.append((row * width + offset, row * width + stop))
        self._firsts, self._stops = np.array(wholes, np.int64).reshape(-1, 2).T
        self._starts, self._ends, self._instances = np.array(places, np.int64).reshape(-1, 3).T
        self._groups: dict[str, NDArray[np.int64]] = {}
        self._row_groups = {
            f"{axis}={group.label}": np.array(found[group], np.int64)
            for axis, found in rows_of.items()
            for group in sorted(found)
        }
        for axis, found in members.items():
            if by is not None and places and not found:
                raise param_error(None, "by", axis, "allowed: task, difficulty, or what the rows' metadata has")
            for group in sorted(found):
                self._groups[f"{axis}={group.label}"] = np.array(found[group], np.int64)

    def __len__(self) -> int:
        return len(self._starts)

    def tally(self, predictions: Any) -> Tally:
        """Compare predictions, (n, width) as the batch's ids: at t the token predicted for t from those before it."""
        predicted = np.asarray(predictions)
        if predicted.shape != self._ids.shape:
            raise param_error(None, "predictions", predicted.shape, f"allowed: the shape {self._ids.shape} of the ids")
        differs = predicted != self._ids
        flaws, missed = (
            np.concatenate([[0], np.cumsum(one, dtype=np.int64)]) for one in (differs, differs & self._mask)
        )
        wrong = flaws[self._ends] - flaws[self._starts]
        whole = missed[self._stops] == missed[self._firsts]
        sizes = self._ends - self._starts
        inside = self._instances >= 0
        failed = np.bincount(self._instances[inside], wrong[inside], self._whole)
        counts = _counts("", wrong, sizes)
        counts["row_exact_match"] = (int((failed == 0).sum()), self._whole)
        predicted_tokens = int(self._mask.sum())
        counts["token_accuracy"] = (predicted_tokens - int(missed[-1]), predicted_tokens)
        counts["completion"] = (int(whole.sum()), len(whole))
        for name, members in self._row_groups.items():
            counts[f"completion/{name}"] = (int(whole[members].sum()), len(members))
        for name, members in self._groups.items():
            counts |= _counts(f"/{name}", wrong[members], sizes[members])
        return Tally(counts)


def _counts(suffix: str, wrong: NDArray[np.int64], sizes: NDArray[np.int64]) -> dict[str, tuple[int, int]]:
    return {
        f"answer_accuracy{suffix}": (int((sizes - wrong).sum()), int(sizes.sum())),
        f"exact_match{suffix}": (int((wrong == 0).sum()), len(wrong)),
    }


def _default(batch: Batch | Packed | TextBatch) -> tuple[str, ...]:
    if isinstance(batch, TextBatch):
        return ("task", "category", "difficulty")
    names = {task for task, _, _ in batch._origin.parts}
    first = tasks()[names.pop()].axes[:1] if len(names) == 1 else ()
    return tuple(dict.fromkeys(("task", "difficulty", "hops", *first)))


def _instances(batch: Batch | Packed | TextBatch) -> Iterator[_Instance]:
    width = batch.input_ids.shape[1]
    if isinstance(batch, TextBatch):
        for row in range(len(batch)):
            yield _Instance(row, 0, width, batch.spans(row), batch.facts(row))
    elif isinstance(batch, Batch):
        for row in range(len(batch)):
            spans = [(query.answer_start, query.answer_end) for query in batch.queries(row)]
            yield _Instance(row, 0, width, spans, batch.example(row))
    else:
        for row, (first, end) in enumerate(zip(batch.instance_offsets, batch.instance_offsets[1:], strict=False)):
            starts = batch.instance_starts[first:end].tolist()
            for number, (offset, stop) in enumerate(zip(starts, [*starts[1:], width], strict=True)):
                view = batch.instance(row, number)
                spans = [(query["answer_start"], query["answer_end"]) for query in view["queries"]]
                yield _Instance(row, offset, stop, spans, view)


class _Group(NamedTuple):
    """A group of queries; groups of one axis sort by their numbers, then by their words."""

    number: float
    label: str


def _feature(facts: Mapping[str, Any], axis: str, queries: int, *, strict: bool) -> list[_Group | None]:
    """The group of each query of an instance."""
    metadata = facts["metadata"]
    found = facts[axis] if axis in ("task", "difficulty") else metadata["measured"].get(axis, metadata.get(axis))
    values = found if isinstance(found, list) else [found] * queries
    if len(values) != queries or not all(value is None or isinstance(value, int | str) for value in values):
        if strict:
            allowed = "allowed: what rows tell as a whole number or a word, once or for each query"
            raise param_error(facts["task"], "by", axis, allowed)
        values = [None] * queries
    return [None if value is None else _group(value) for value in values]


def _group(value: int | str) -> _Group:
    if isinstance(value, str):
        return _Group(math.inf, value)
    if isinstance(value, bool):
        return _Group(value, str(value).lower())
    if value <= ALONE:
        return _Group(value, str(value))
    high = 1 << (value - 1).bit_length()
    return _Group(high, f"{high // 2 + 1}-{high}")
