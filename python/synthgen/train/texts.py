"""Rows of files: prompts and targets in JSON Lines, as rows that a model trains on or is scored on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.permute import key, permute
from ..data.tokenizer import Foreign
from ..errors import SolveError, param_error
from ..registry import get, tasks
from ..vocab import BOS, EOS, PAD

BYTES = "bytes"
WIDTH = 32
"""Rows are padded to a multiple of so many tokens."""
ALL = "all"
"""The split that is every row."""
_BYTE = 3
"""Id of byte 0, after the specials."""
_SPLITS = {"test": (0.0, 0.05), "validation": (0.05, 0.1), "train": (0.1, 1.0), ALL: (0.0, 1.0)}
_FORM = 'allowed: files of {"prompt": .., "target": ..}, or {"messages": [.., {"role": "assistant", ..}]}'


@dataclass(frozen=True)
class Text:
    """A prompt, what is to follow it, as texts or as ids, and whatever else is said of it."""

    prompt: str | tuple[int, ...]
    target: str | tuple[int, ...]
    facts: Mapping[str, Any]

    @cached_property
    def split(self) -> str:
        """The split that the prompt's hash decides: 5 % test, 5 % validation."""
        place = int.from_bytes(hashlib.sha256(str(self.prompt).encode()).digest()[:8], "big") / 2**64
        return next(name for name, (low, high) in _SPLITS.items() if low <= place < high)


def read_texts(path: str | Path) -> list[Text]:
    """Read a JSON Lines file, or all of a folder: one object a line, with `prompt` and `target`, or with `messages`.

    `input_text` and `output` do for `prompt` and `target`; lists of ids are taken as they are, ends and all. Of
    messages, the last is the target; the others are the prompt, a user's turn alone as it is, several as
    `System: .. / User: .. / Assistant:` on lines of their own. Raises ParamError that names the file and the line.
    """
    found = Path(path)
    files = sorted(found.glob("*.jsonl")) if found.is_dir() else [found]
    rows = []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            allowed = f"allowed: a file of JSON Lines, or a folder of some ({error})"
            raise param_error(None, "dataset.path", str(path), allowed) from error
        rows += [_text(line, file, at) for at, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise param_error(None, "dataset.path", str(path), "allowed: a file or a folder with a row at least")
    return rows


def _text(line: str, file: Path, at: int) -> Text:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    return text_of(row, str(file), f"; line {at} is something else")


def text_of(row: Any, where: str = "a row", what: str = "") -> Text:
    """A row of a file, as `read_texts` reads it. Raises ParamError that says where it is, and what is wrong there."""
    refusal = param_error(None, "dataset.path", where, _FORM + what)
    if not isinstance(row, dict):
        raise refusal
    prompt, target = row.get("prompt", row.get("input_text")), row.get("target", row.get("output"))
    if "messages" in row:
        prompt, target = _turns(row["messages"])
    prompt, target = (tuple(one) if isinstance(one, list) else one for one in (prompt, target))
    if prompt is None or target is None or not target or not _is_text(prompt) or not _is_text(target):
        raise refusal
    left_out = ("prompt", "target", "messages", "input_text")
    return Text(prompt, target, {name: value for name, value in row.items() if name not in left_out})


def _is_text(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(id_, int) and id_ >= 0 for id_ in value)
    return isinstance(value, str)


def _turns(messages: Any) -> tuple[str | None, str | None]:
    good = isinstance(messages, list) and len(messages) > 1
    if not good or not all(isinstance(one, dict) and isinstance(one.get("content"), str) for one in messages):
        return None, None
    *before, last = messages
    if len(before) == 1:
        return before[0]["content"], f" {last['content']}"
    turns = [f"{str(one.get('role')).capitalize()}: {one['content']}" for one in before]
    return "\n".join([*turns, "Assistant:"]), f" {last['content']}"


class Spelling(NamedTuple):
    """How texts become ids and ids texts: an encoder, the ends of a row, the number of ids, and a decoder."""

    encode: Callable[[str], list[int]]
    bos: int | None
    eos: int | None
    size: int
    decode: Callable[[list[int]], str]


def spelling(name: str) -> Spelling:
    """The spelling of a name: `bytes`, a task, whose pieces are used, or the path of a tokenizer. Raises ParamError."""
    if name == BYTES:
        return Spelling(lambda text: [_BYTE + byte for byte in text.encode()], BOS, EOS, _BYTE + 256, _from_bytes)
    if name in tasks():
        vocab = get(name).vocab
        return Spelling(lambda text: list(vocab.encode(text)), BOS, EOS, len(vocab), vocab.decode)
    foreign = Foreign.load(name)
    return Spelling(foreign.plain, foreign.token_id("bos"), foreign.token_id("eos"), foreign.size, foreign.decode)


def _from_bytes(ids: list[int]) -> str:
    return bytes(one - _BYTE for one in ids if one >= _BYTE).decode(errors="replace")


class Encoded(NamedTuple):
    """A text as ids, of which those from `start` to `end` are the answer."""

    ids: list[int]
    start: int
    end: int


def encoded(text: Text, own: Spelling) -> Encoded:
    """`<bos> prompt target <eos>`, as far as there are such ids. Raises ParamError for texts that cannot be spelled."""
    if isinstance(text.prompt, tuple) or isinstance(text.target, tuple):
        return _given(text, own)
    try:
        prompt, target = own.encode(text.prompt), own.encode(text.target)
    except SolveError as error:
        whole = text.prompt + text.target
        allowed = f"allowed: a spelling of all texts, such as bytes; here: {error}"
        raise param_error(None, "dataset.tokenizer", whole, allowed) from error
    ids = [*([] if own.bos is None else [own.bos]), *prompt]
    return Encoded([*ids, *target, *([] if own.eos is None else [own.eos])], len(ids), len(ids) + len(target))


def _given(text: Text, own: Spelling) -> Encoded:
    """A text that is ids already."""
    prompt, target = ([int(id_) for id_ in part] for part in (text.prompt, text.target))
    if max([*prompt, *target]) >= own.size:
        allowed = f"allowed: a spelling of more ids than these {own.size}"
        raise param_error(None, "dataset.tokenizer", [*prompt, *target], allowed)
    return Encoded([*prompt, *target], len(prompt), len(prompt) + len(target) - (target[-1] == own.eos))


@dataclass(frozen=True)
class TextBatch:
    """Padded rows, as `synthgen.Batch` has them: arrays (n, seq_len), int32 and uint8, and lengths int32 (n,)."""

    input_ids: NDArray[np.int32]
    loss_mask: NDArray[np.uint8]
    answer_mask: NDArray[np.uint8]
    attention_mask: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    start: int
    texts: tuple[Text, ...]

    def __len__(self) -> int:
        return len(self.input_ids)

    def spans(self, i: int) -> list[tuple[int, int]]:
        """Where the answer of row i is; none where the row is cut before it."""
        inside = np.flatnonzero(self.answer_mask[i])
        return [(int(inside[0]), int(inside[-1]) + 1)] if inside.size else []

    def facts(self, i: int) -> dict[str, Any]:
        """What is said of row i."""
        facts = self.texts[i].facts
        return {"task": facts.get("task"), "difficulty": facts.get("difficulty"), "metadata": {"measured": facts}}


class Texts:
    """The rows of a file or a folder in one spelling, as a source of batches.

    `shuffled` rows come endlessly, in another order in every epoch; others in the file's order, each once.
    """

    def __init__(self, texts: list[Text], tokenizer: str = BYTES, *, shuffled: bool = True) -> None:
        self.texts, self.shuffled, self.spelling = texts, shuffled, spelling(tokenizer)
        self._rows = [encoded(text, self.spelling) for text in texts]
        self.vocab = range(self.spelling.size)

    @classmethod
    def read(cls, path: str | Path, tokenizer: str = BYTES, *, shuffled: bool = True) -> Texts:
        """Read files, see `read_texts`."""
        return cls(read_texts(path), tokenizer, shuffled=shuffled)

    @cached_property
    def _places(self) -> dict[str, NDArray[np.int64]]:
        splits = np.array([text.split for text in self.texts])
        return {name: np.flatnonzero((splits == name) | (name == ALL)) for name in _SPLITS}

    def rows_of(self, split: str) -> int:
        """How many rows a split has."""
        return len(self._places[split])

    def _numbers(self, start: int, n: int, seed: int, split: str) -> Iterator[int]:
        places = self._places[split]
        if n and not len(places):
            allowed = "allowed: files with rows of this split; with few rows, name held-out files in eval.paths"
            raise param_error(None, "dataset.split", split, allowed)
        for number in range(start, start + n):
            epoch, at = divmod(number, len(places))
            yield int(places[permute(at, len(places), key(seed, epoch)) if self.shuffled else at])

    def batch(
        self,
        n: int,
        seed: int,
        *,
        start: int = 0,
        split: str = "train",
        seq_len: int | None = None,
        overflow: str = "error",
        threads: int | None = None,
    ) -> TextBatch:
        """Rows start .. start + n. Rows longer than `seq_len` are an error, or are cut with overflow="truncate"."""
        longest = max(len(row.ids) for row in self._rows)
        width = -(-longest // WIDTH) * WIDTH if seq_len is None else seq_len
        if longest > width and overflow != "truncate":
            allowed = f"allowed: {longest} or more, the longest row, or dataset.overflow=truncate"
            raise param_error(None, "dataset.seq_len", width, allowed)
        numbers = list(self._numbers(start, n, seed, split))
        ids = np.full((n, width), PAD, np.int32)
        loss, answers, lengths = np.zeros((n, width), np.uint8), np.zeros((n, width), np.uint8), np.zeros(n, np.int32)
        for i, row in enumerate(self._rows[number] for number in numbers):
            length = min(len(row.ids), width)
            ids[i, :length], lengths[i] = row.ids[:length], length
            loss[i, row.start : length] = 1
            answers[i, row.start : row.end] = 1
        inside = (np.arange(width) < lengths[:, None]).astype(np.uint8)
        return TextBatch(ids, loss, answers, inside, lengths, start, tuple(self.texts[number] for number in numbers))

    def packed(self, *_: Any, **__: Any) -> Any:
        """Refuse: windows are made of tasks."""
        raise param_error(None, "dataset.layout", "packed", "allowed: padded, where the dataset is file")
