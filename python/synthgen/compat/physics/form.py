"""What the five tasks share: a configuration in the reference's names, and rows in its token ids."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from ..._task import Split, Task, generator
from ...batch import IGNORED, Verdict
from ...checks import integer, one_dimensional
from ...errors import ParamError, param_error
from ...registry import tasks
from ...vocab import BOS, EOS
from ..names import SEED_NAMES, Generators, filled, our_params, said_as, seed_from, views

Row = dict[str, Any]

DEFAULTS: dict[str, dict[str, Any]] = {
    "depo": {
        "N": 225,
        "K": 8,
        "M": 10,
        "qa": False,
        "separator": False,
        "mini_vocab": 50,
        "min_tlen": 1,
        "max_tlen": 2,
        "fixed_k": None,
        "bos_token_id": 0,
        "separator_token_id": 9700,
        "query_token_base": 9000,
        "answer_token_id": 9500,
    },
    "brevo": {
        "N": 70,
        "multi": False,
        "qa": False,
        "max_in": 4,
        "bos_token_id": 9999,
        "eos_token_id": 9998,
        "query_token_id": 9997,
        "answer_token_id": 9998,
    },
    "mano": {"L": 10, "ttype": "asm", "value_mod": 23, "knowledge_augment": True, "bos_token_id": 9999},
    "capo": {"num_people": 50_000, "exposures": 100, "reverse_md": False, "order": 0, "tokenize": True},
    "lano": {"config_name": "cfg3f", "config_path": None},
}
"""The configurations of the original inspector, and Capo's `tokenize`."""

DEPO_DEFAULTS = DEFAULTS["depo"]

_LARGEST_ID = 2**31 - 129

SEED = 42
"""The seed that the originals use."""


class Seen(NamedTuple):
    """A row, the names of its tokens (none where it is a text), and what the validator says of it."""

    row: Row
    names: list[str]
    verdict: Verdict


class Form(ABC):
    """A task at a configuration: its parameters in our names, and the caller's ids."""

    task: ClassVar[str]

    def __init__(self, config: Mapping[str, Any]) -> None:
        defaults = DEFAULTS[self.task]
        ours = [param.name for param in tasks()[self.task].params]
        self.given = config
        self.settings = filled(self.task, defaults, config, ours)
        for theirs, our in SEED_NAMES.items():
            if theirs in config and our in config:
                raise param_error(self.task, our, config[our], f"allowed: only one of {theirs} and {our}")
        self.names = {SEED_NAMES.get(name, name): name for name in self.settings}
        self.params = self._params()
        with said_as(self.names):
            native = generator(self.task, self.params, None)
        self.resolved: dict[str, Any] = json.loads(native.params)
        self.ids = self._ids(native.compat_ids or [])
        self.back = {wanted: own for own, wanted in self.ids.items() if own != EOS}
        if EOS in self.ids:
            self.back.setdefault(self.ids[EOS], EOS)

    def _params(self) -> dict[str, Any]:
        return our_params(self.task, self.settings, DEFAULTS[self.task])

    @abstractmethod
    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        """Fields that are ids: those of ours that each decides, and their distance from it."""

    def _ids(self, table: list[int]) -> dict[int, int]:
        """The caller's id of each of ours that has one; `table` holds the reference's."""
        reference = {own: id_ for own, id_ in enumerate(table) if id_}
        own_of = {id_: own for own, id_ in reference.items() if own != EOS}
        special = self._special(own_of)
        for field, distances in special.items():
            first = integer(self.task, field, self.settings[field], 0, _LARGEST_ID)
            reference |= {own: first + distance for own, distance in distances.items()}
        # What the configuration itself says is at fault before what it leaves at its default.
        for field, distances in sorted(special.items(), key=lambda item: item[0] not in self.given):
            mine = {reference[own] for own in distances}
            others = {id_ for own, id_ in reference.items() if own not in distances}
            clash = mine & (others - self._shared(field))
            if clash or (0 in mine and field != "bos_token_id"):
                standing = f"{min(clash)} stands for something else" if clash else "0 is for bos_token_id alone"
                allowed = f"allowed: an integer in 0..={_LARGEST_ID} that nothing else has; {standing}"
                raise param_error(self.task, field, self.settings[field], allowed)
        return reference

    def _shared(self, field: str) -> set[int]:
        """Ids that this field may have in common with others."""
        del field
        return set()

    def _own(self, input_ids: Any) -> list[int] | None:
        """Our ids of a row; what the caller's ids do not have becomes -1, and what is no row None."""
        try:
            ids = one_dimensional(self.task, "input_ids", input_ids).tolist()
        except ParamError:
            return None
        own = [self.back.get(id_, -1) for id_ in ids]
        if ids and ids[-1] == self.ids.get(EOS):
            own[-1] = EOS
        return own

    def verdict(self, row: Mapping[str, Any]) -> Verdict:
        """Check a row strictly."""
        own = self._own(row["input_ids"])
        if own is None:
            return Verdict(False, "this is no row of the task", 0)
        return Task(self.task).validate(own, None, difficulty=None, params=self.params)

    def is_valid(self, input_ids: Any) -> bool:
        """Check tokens strictly."""
        return self.verdict({"input_ids": input_ids}).ok

    def seen(self, n: int, seed: int, *, start: int = 0, split: Split | None = None) -> list[Seen]:
        """Rows start .. start + n, and what there is to say about them."""
        found = []
        for view in views(self.task, n, seed, self.params, start=start, split=split):
            row = self._row(view)
            found.append(Seen(row, self._names(view), self.verdict(row)))
        return found

    def _names(self, view: Mapping[str, Any]) -> list[str]:
        """The original inspector's names of a row's tokens."""
        ends = {BOS: "<bos>", EOS: "<eos>"}
        return [ends.get(own) or self._name(own) for own in view["input_ids"]]

    def _name(self, own: int) -> str:
        """The name of one of our tokens that is no end; by what it is, as its id may stand for something else too."""
        return str(self.ids[own])

    def rows(self, n: int, seed: int) -> list[Row]:
        """The first n rows of a seed."""
        return [self._row(view) for view in views(self.task, n, seed, self.params)]

    def example(self, rng: Generators) -> Row:
        """One row, its seed drawn from a generator."""
        return self.rows(1, seed_from(self.task, rng))[0]

    @abstractmethod
    def _row(self, view: Mapping[str, Any]) -> Row:
        """Tokens, the original's further fields, and ours."""

    def _tokens(self, view: Mapping[str, Any]) -> Row:
        return labelled([self.ids[own] for own in view["input_ids"]], view["loss_mask"])

    def _answers(self, view: Mapping[str, Any]) -> Row:
        """Where the answers are, without markers."""
        spans = [[query["answer_start"], query["answer_end"]] for query in view["queries"]]
        return {"answer_mask": answer_mask(len(view["input_ids"]), spans), "answer_spans": spans}


def answer_mask(length: int, spans: list[list[int]]) -> list[int]:
    """1 within the spans, 0 elsewhere."""
    mask = [0] * length
    for start, end in spans:
        mask[start:end] = [1] * (end - start)
    return mask


def labelled(ids: list[int], mask: list[int]) -> Row:
    """Ids, their mask, and the labels that follow from both."""
    labels = [id_ if predicted else IGNORED for id_, predicted in zip(ids, mask, strict=True)]
    return {"input_ids": ids, "loss_mask": mask, "labels": labels}
