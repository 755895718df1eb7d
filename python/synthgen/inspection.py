"""Rows as a person looks at them: token by token, with what is predicted marked and what the validator says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ._task import Split, Task
from .batch import SPLITS, Batch, Verdict
from .checks import MAX_U64, integer
from .compat.names import SEED_NAMES
from .compat.physics import FORMS
from .data.tokenizer import Foreign
from .errors import param_error
from .marks import CHOICES, in_colour, legend, marked
from .mixture import Mixture
from .registry import get
from .tree import FILE, MIX, Tree
from .vocab import SPECIALS, Vocab

TEXTS = ("capo",)
"""Tasks whose rows are prose, shown as text too."""


@dataclass
class InspectDataset:
    """Rows of a task, or of a mixture of tasks."""

    name: str = "depo"
    config: dict[str, Any] = field(default_factory=dict)  # parameters; of a mixture, those of each task by its name
    weights: dict[str, float] = field(default_factory=dict)  # of a mixture: tasks and their shares of rows
    joint: bool = True  # of a mixture: rows begin with a piece that names the task
    difficulty: int | None = None  # preset 1, 2 or 3, under the parameters
    split: str | None = None  # train, validation or test; None: rows of any


@dataclass
class InspectConfig:
    """Which rows are shown, and how."""

    dataset: InspectDataset = field(default_factory=InspectDataset)
    show: int = 3  # rows
    seed: int = 42
    start: int = 0  # the first row
    max_tokens: int = -1  # tokens of a row; 0 or less: all
    text_chars: int = 500  # characters of a text; 0 or less: all
    tokenizer_name_or_path: str | None = None  # a tokenizer.json or a folder with one, to encode the texts with
    colorize_loss_mask: bool = True  # mark predicted tokens
    compat_ids: bool = False  # the originals' token ids and names, for the tasks of the Physics of Language Models
    color: str = "auto"  # or always, never


TREE = Tree("inspect", InspectConfig, aliases={"task": "dataset"})
"""The settings of `synthgen inspect`."""


class Sample(NamedTuple):
    """A row: its tokens by name, which of them are predicted, its text where that is shown, and the verdict."""

    names: list[str]
    mask: list[int]
    text: str | None
    verdict: Verdict


@dataclass(frozen=True)
class Source:
    """Rows of a task or of a mixture, and their validator."""

    name: str
    params: Mapping[str, Any]
    weights: Mapping[str, float] = field(default_factory=dict)
    joint: bool = True
    difficulty: int | None = None

    @cached_property
    def _mixture(self) -> Mixture:
        return Mixture(self.weights, self.params, self.difficulty, joint=self.joint)

    @property
    def vocab(self) -> Vocab:
        """The pieces of rows."""
        vocab: Vocab = self._mixture.vocab if self.name == MIX else get(self.name).vocab
        return vocab

    def batch(self, n: int, seed: int, *, start: int = 0, split: Split | None = None) -> Batch:
        """Rows start .. start + n."""
        if self.name == MIX:
            return self._mixture.batch(n, seed, start=start, split=split, threads=1)
        asked: dict[str, Any] = {"start": start, "split": split, "difficulty": self.difficulty, "threads": 1}
        batch: Batch = get(self.name).batch(n, seed, **asked, **self.params)
        return batch

    def verdict(self, batch: Batch, i: int) -> Verdict:
        """Check row i of a batch."""
        length = int(batch.lengths[i])
        ids, mask = batch.input_ids[i, :length].tolist(), batch.loss_mask[i, :length].tolist()
        name, params = self.name, self.params
        if name == MIX:
            name = self._mixture.names[int(batch.parts[i])]
            params = self.params.get(name, {})
            if self.joint:
                _, ids = self._mixture.lower(ids)
                # The task piece stands after <bos>.
                del mask[1]
        return Task(name).validate(ids, mask, difficulty=self.difficulty, params=params)


def inspect(config: InspectConfig) -> Iterator[str]:
    """Lines that show rows. Raises ParamError."""
    _check(config)
    colour = in_colour(config.color)
    samples = _samples(config)
    yield f"dataset={config.dataset.name}"
    yield f"show={config.show}"
    if config.tokenizer_name_or_path is not None:
        yield f"tokenizer={config.tokenizer_name_or_path} (texts re-encoded, the loss mask carried over)"
    for number, sample in enumerate(samples, config.start):
        reason = "" if sample.verdict.ok else f" reason={sample.verdict.reason!r} position={sample.verdict.position}"
        yield f"--- example {number} (valid={sample.verdict.ok}{reason})"
        if sample.text is not None:
            text = sample.text[: _most(config.text_chars)]
            yield f"text={_escaped(text)}"
            if len(text) < len(sample.text):
                yield f"text_truncated=true shown={len(text)} total={len(sample.text)}"
        if not sample.names:
            continue
        yield f"len={len(sample.names)}"
        if config.colorize_loss_mask:
            yield legend(colour)
        shown = [_visible(name) for name in sample.names[: _most(config.max_tokens)]]
        if config.colorize_loss_mask:
            shown = [marked(name, bool(bit), colour) for name, bit in zip(shown, sample.mask, strict=False)]
        yield f"tokens={' '.join(shown)}"
        if len(shown) < len(sample.names):
            yield f"truncated=true shown={len(shown)} total={len(sample.names)}"


def _samples(config: InspectConfig) -> list[Sample]:
    own, split = config.dataset, _split(config.dataset.split)
    if config.compat_ids:
        seen = FORMS[own.name](own.config).seen(config.show, config.seed, start=config.start, split=split)
        return [Sample(one.names, one.row.get("loss_mask", []), one.row.get("text"), one.verdict) for one in seen]
    source = Source(own.name, _params(own), own.weights, own.joint, own.difficulty)
    batch = source.batch(config.show, config.seed, start=config.start, split=split)
    path = config.tokenizer_name_or_path
    rows = _own(source, batch) if path is None else _reencoded(source, batch, _tokenizer(path))
    return list(rows)


def _own(source: Source, batch: Batch) -> Iterator[Sample]:
    """Rows in pieces of the vocabulary."""
    pieces = source.vocab.pieces
    for i, length in enumerate(batch.lengths.tolist()):
        names = [pieces[id_] for id_ in batch.input_ids[i, :length].tolist()]
        text = batch.text(i) if source.name in TEXTS else None
        yield Sample(names, batch.loss_mask[i, :length].tolist(), text, source.verdict(batch, i))


def _reencoded(source: Source, batch: Batch, tokenizer: Foreign) -> Iterator[Sample]:
    """Rows in the tokens of another tokenizer."""
    pieces = source.vocab.pieces
    texts = []
    for i, length in enumerate(batch.lengths.tolist()):
        text, spans = "", []
        for id_, bit in zip(batch.input_ids[i, :length].tolist(), batch.loss_mask[i, :length].tolist(), strict=True):
            if id_ >= len(SPECIALS):
                text += pieces[id_]
                spans += [(len(text) - len(pieces[id_]), len(text))] if bit else []
        texts.append((text, spans))
    for i, (ids, mask) in enumerate(tokenizer.encode(texts)):
        yield Sample([tokenizer.spelled(id_) for id_ in ids], list(mask), texts[i][0], source.verdict(batch, i))


def _params(own: InspectDataset) -> dict[str, Any]:
    """Parameters by our names."""
    if own.name != MIX:
        return {SEED_NAMES.get(name, name): value for name, value in own.config.items()}
    return {
        task: {SEED_NAMES.get(name, name): value for name, value in params.items()}
        for task, params in own.config.items()
    }


def _check(config: InspectConfig) -> None:
    own = config.dataset
    integer(None, "show", config.show, 1, 2**20)
    integer(None, "seed", config.seed, 0, MAX_U64)
    integer(None, "start", config.start, 0, 2**62)
    if config.color not in CHOICES:
        raise param_error(None, "color", config.color, f"allowed: one of {', '.join(CHOICES)}")
    if own.name == FILE:
        raise param_error(
            None, "dataset", own.name, f"allowed: a task, or {MIX}; rows of files are shown by any editor"
        )
    if own.name == MIX and not own.weights:
        raise param_error(None, "dataset.weights", {}, "allowed: tasks and weights, as {dyna: 0.4, depo: 0.6}")
    if own.name == MIX and not all(isinstance(params, dict) for params in own.config.values()):
        raise param_error(None, "dataset.config", own.config, "allowed: parameters by task, as {depo: {k_max: 4}}")
    if config.compat_ids and own.name not in FORMS:
        raise param_error(None, "compat_ids", True, f"allowed: where the dataset is one of {', '.join(FORMS)}")
    if config.compat_ids and own.difficulty is not None:
        raise param_error(None, "dataset.difficulty", own.difficulty, "allowed: none, with compat_ids")
    if config.compat_ids and config.tokenizer_name_or_path is not None:
        allowed = "allowed: none, with compat_ids, as texts have no ids"
        raise param_error(None, "tokenizer_name_or_path", config.tokenizer_name_or_path, allowed)


def _split(name: str | None) -> Split | None:
    if name is not None and name not in SPLITS:
        raise param_error(None, "dataset.split", name, f"allowed: none, or one of {', '.join(SPLITS)}")
    return name  # type: ignore[return-value]


def _tokenizer(path: str) -> Foreign:
    if not Path(path).exists():
        allowed = "allowed: a tokenizer.json, or a folder that holds one; nothing is at this path, or downloaded"
        raise param_error(None, "tokenizer_name_or_path", path, allowed)
    return Foreign.load(path)


def _most(limit: int) -> int | None:
    return limit if limit > 0 else None


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _visible(name: str) -> str:
    """A token as one word: spaces within are drawn."""
    return _escaped(name).replace(" ", "␣") or "<empty>"
