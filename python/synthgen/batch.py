"""What generation returns: padded batches and packed windows, as read-only views of memory that Rust owns."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .checks import integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

IGNORED = -100
"""Label of tokens that carry no loss, as PyTorch and transformers expect it."""

SPLITS = ("train", "validation", "test")
"""Names of the split codes in `Batch.splits`."""


class Query(NamedTuple):
    """One question of a row: texts, and token spans within the row (ends excluded)."""

    question: str
    answer: str
    question_start: int
    answer_start: int
    answer_end: int


class Verdict(NamedTuple):
    """What a validator says: `position` is the token (or, for an example, the character) at which `reason` shows."""

    ok: bool
    reason: str | None = None
    position: int | None = None

    def __bool__(self) -> bool:
        return self.ok


class Score(NamedTuple):
    """What a scorer says. `outcome` is "correct", "wrong", "unparsed" or "truncated"."""

    correct: bool
    extracted: str
    outcome: str


class Origin(NamedTuple):
    """Where rows come from: enough to draw any of them again, alone."""

    seed: int
    split: str | None
    start: int
    fit: int | None  # rows longer than this were redrawn
    parts: tuple[tuple[str, dict[str, Any], int | None], ...]  # task, parameters and level of each part
    markers: tuple[int, ...] | None  # predicted ids that carry no answer; None: answers are found by their spans
    joint: bool = False  # do rows begin with a task piece?

    def view(self, part: int, row: int, sub: int = 0) -> dict[str, Any]:
        """Everything about one row."""
        from ._task import generator

        at = (self.start + row, sub, 1)
        records = generator(*self.parts[part]).records(self.seed, self.split, self.fit, at, "view")
        view: dict[str, Any] = json.loads(records)[0]
        # The task piece of a joint row is one token, right after <bos>.
        view["piece"] = f"<{view['task']}>" if self.joint else ""
        for query in view["queries"]:
            for span in ("question_start", "answer_start", "answer_end"):
                query[span] += self.joint
        return view

    def spans(self, part: int, row: int) -> list[tuple[int, int]]:
        """Token spans of the answers of one row."""
        from ._task import generator

        at = (self.start + row, 0, 1)
        records = generator(*self.parts[part]).records(self.seed, self.split, self.fit, at, "spans")
        return [(start + self.joint, end + self.joint) for start, end in json.loads(records)[0]]


class _Tokens(ABC):
    """What padded rows and packed windows share."""

    input_ids: NDArray[Any]
    loss_mask: NDArray[np.uint8]
    _origin: Origin

    def __len__(self) -> int:
        return len(self.input_ids)

    def __repr__(self) -> str:
        rows, width = self.input_ids.shape
        return f"<{type(self).__name__} {rows} rows x {width} {self.input_ids.dtype} tokens>"

    @property
    def start(self) -> int:
        """Number of the first row."""
        return self._origin.start

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """int32 (n, seq_len); the token id where it is predicted, -100 elsewhere (unshifted: the model shifts)."""
        return labels(self.input_ids, self.loss_mask)

    @cached_property
    def answer_mask(self) -> NDArray[np.uint8]:
        """uint8 (n, seq_len); 1 on predicted tokens of answers: not on markers, `<eos>`, nor on predicted questions."""
        import numpy as np

        if self._origin.markers is not None:
            answers: NDArray[np.uint8] = self.loss_mask & ~np.isin(self.input_ids, self._origin.markers)
            return answers
        inside = np.zeros_like(self.loss_mask)
        for row, start, end in self._answer_spans():
            inside[row, start:end] = 1
        return inside & self.loss_mask

    @abstractmethod
    def _answer_spans(self) -> Iterator[tuple[int, int, int]]:
        """Row, start and end of every answer."""


def labels(input_ids: NDArray[Any], loss_mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Token ids where the mask is 1, -100 elsewhere, as int32."""
    import numpy as np

    return np.where(loss_mask, input_ids, np.int32(IGNORED)).astype(np.int32, copy=False)


class Batch(_Tokens):
    """Padded rows `start .. start + n` of a task or a mixture.

    Attributes:
        input_ids: int32 or uint16 (n, seq_len); token ids, `<pad>` = 0 after the row's end.
        loss_mask: uint8 (n, seq_len); 1 where the token itself is predicted (unshifted, target-aligned).
        lengths: int32 (n,); tokens in each row.
        splits: uint8 (n,); the split that each row's content belongs to, as an index into `SPLITS`.
        parts: uint8 (n,); for a mixture, which of its tasks each row comes from; 0 otherwise.

    All arrays are read-only views of 64-byte-aligned memory, freed with the last view.

    """

    def __init__(self, arrays: tuple[Any, Any, Any, Any, Any], origin: Origin) -> None:
        self.input_ids, self.loss_mask, self.lengths, self.splits, self.parts = arrays
        self._origin = origin
        self._views: dict[int, dict[str, Any]] = {}

    @cached_property
    def attention_mask(self) -> NDArray[np.uint8]:
        """uint8 (n, seq_len); 1 on tokens, 0 on padding."""
        import numpy as np

        inside: NDArray[np.bool_] = np.arange(self.input_ids.shape[1]) < self.lengths[:, None]
        return inside.astype(np.uint8)

    def _answer_spans(self) -> Iterator[tuple[int, int, int]]:
        for row, part in enumerate(self.parts.tolist()):
            for start, end in self._origin.spans(part, row):
                yield row, start, end

    def _view(self, i: int) -> dict[str, Any]:
        row = range(len(self))[i]
        if row not in self._views:
            self._views = {row: self._origin.view(int(self.parts[row]), row)}
        return self._views[row]

    def text(self, i: int) -> str:
        """Text of row i, specials left out; the whole row, also where a narrow window cuts its tokens."""
        view = self._view(i)
        return f"{view['piece']}{view['text']}"

    def prompt(self, i: int) -> str:
        """Text of row i up to the first answer."""
        view = self._view(i)
        return f"{view['piece']}{view['input_text']}"

    def answer(self, i: int) -> str:
        """The first answer of row i."""
        return str(self._view(i)["target"])

    def queries(self, i: int) -> list[Query]:
        """All questions of row i, with their token spans in the row."""
        return [Query(**query) for query in self._view(i)["queries"]]

    def metadata(self, i: int) -> dict[str, Any]:
        """Facts about row i; what was measured is under `measured`."""
        return dict(self._view(i)["metadata"])

    def example(self, i: int) -> dict[str, Any]:
        """Row i as a dict: input_text, target, task, difficulty, split, sample_id, metadata."""
        view = self._view(i)
        keys = ("input_text", "target", "task", "difficulty", "split", "sample_id", "metadata")
        return {key: view[key] for key in keys}

    def examples(self) -> list[dict[str, Any]]:
        """All rows as dicts."""
        return [self.example(i) for i in range(len(self))]


class Packed(_Tokens):
    """Packed windows `start .. start + n`: each begins with a whole instance, later ones follow.

    Attributes:
        input_ids: int32 or uint16 (n, seq_len).
        loss_mask: uint8 (n, seq_len); 1 where the token itself is predicted.
        segment_ids: int32 (n, seq_len); 1 for a window's first instance, 2 for the next, 0 on padding.
        position_ids: int32 (n, seq_len); position within the instance, 0 on padding.
        instance_offsets: int64 (n + 1,); the instances of window r are numbers offsets[r] .. offsets[r + 1].
        instance_starts: int32; where each instance starts in its window.
        instance_complete: uint8; 0 for an instance that the end of its window cuts.
        instance_splits, instance_parts: uint8; split code, and task of a mixture.
        query_offsets: int64 (n + 1,); the queries of window r are numbers offsets[r] .. offsets[r + 1].
        query_spans: int32 (queries, 3); question start, answer start and answer end in the window, cut at its end.
        query_complete: uint8; 0 for a query whose answer is cut.

    """

    def __init__(self, arrays: dict[str, NDArray[Any]], origin: Origin) -> None:
        self.input_ids = arrays["input_ids"]
        self.loss_mask: NDArray[np.uint8] = arrays["loss_mask"]
        self.segment_ids: NDArray[np.int32] = arrays["segment_ids"]
        self.position_ids: NDArray[np.int32] = arrays["position_ids"]
        self.instance_offsets: NDArray[np.int64] = arrays["instance_offsets"]
        self.instance_starts: NDArray[np.int32] = arrays["instance_starts"]
        self.instance_complete: NDArray[np.uint8] = arrays["instance_complete"]
        self.instance_splits: NDArray[np.uint8] = arrays["instance_splits"]
        self.instance_parts: NDArray[np.uint8] = arrays["instance_parts"]
        self.query_offsets: NDArray[np.int64] = arrays["query_offsets"]
        self.query_spans: NDArray[np.int32] = arrays["query_spans"].reshape(-1, 3)
        self.query_complete: NDArray[np.uint8] = arrays["query_complete"]
        self._origin = origin

    def _answer_spans(self) -> Iterator[tuple[int, int, int]]:
        import numpy as np

        counts = np.diff(self.query_offsets)
        for row, (_, start, end) in zip(np.repeat(np.arange(len(self)), counts), self.query_spans, strict=True):
            yield int(row), int(start), int(end)

    def instance(self, r: int, j: int) -> dict[str, Any]:
        """Instance j of window r: text, prompt, target, queries and metadata, drawn again alone."""
        row = range(len(self))[r]
        first, end = self.instance_offsets[row : row + 2].tolist()
        number = integer(None, "j", j, 0, end - first - 1)
        return self._origin.view(int(self.instance_parts[first + number]), row, number + 1)
