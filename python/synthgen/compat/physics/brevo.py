"""Brevo in the manner of the Hugging Face generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...checks import one_dimensional
from ...errors import ParamError
from ...vocab import BOS, EOS
from ..names import Generators, hf_dataset, own_seed
from .form import SEED, Form, Row

if TYPE_CHECKING:
    import datasets


class Brevo(Form):
    """Rows of Brevo at a configuration."""

    task = "brevo"

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {
            "bos_token_id": {BOS: 0},
            "query_token_id": {own_of[9997]: 0},
            "answer_token_id": {own_of[9998]: 0},
            "eos_token_id": {EOS: 0},
        }

    def _shared(self, field: str) -> set[int]:
        # One id for the answer marker and the end, as in the reference: the end is the last.
        partner = {"answer_token_id": "eos_token_id", "eos_token_id": "answer_token_id"}.get(field)
        return {self.settings[partner]} if partner else set()

    def _ends_name(self, id_: int) -> bool:
        """Does this token end the name of a vertex?"""
        values = self.resolved["mini_vocab"]
        return not self.resolved["multi"] or values < id_ <= 2 * values

    def _name(self, own: int) -> str:
        markers = {self.settings["query_token_id"]: "<query>", self.settings["answer_token_id"]: "<ans>"}
        return markers.get(self.ids[own], super()._name(own))

    def _row(self, view: Mapping[str, Any]) -> Row:
        row, answers, depth = self._tokens(view), self._answers(view), view["metadata"]["depth"]
        ids, kinds = row["input_ids"], [0] * len(row["input_ids"])
        kinds[:2] = [-1, -2 - depth]
        for at in range(answers["answer_spans"][0][0], len(ids)):
            kinds[at] = min(depth, 9) + 1
            if self._ends_name(ids[at]):
                break
        return {
            "input_ids": ids,
            "token_type": kinds,
            "loss_mask": row["loss_mask"],
            "labels": row["labels"],
            "n": view["metadata"]["n"],
            "depth": depth,
            "multi": self.resolved["multi"],
            **answers,
        }

    def passes_reference(self, input_ids: Any) -> bool:
        """Check by the reference's laxer rules."""
        try:
            ids = one_dimensional(self.task, "input_ids", input_ids).tolist()
        except ParamError:
            return False
        names = ("bos_token_id", "eos_token_id", "query_token_id", "answer_token_id")
        bos, eos, query, answer = (self.settings[name] for name in names)
        if not {query, answer} <= set(ids) or ids[0] != bos or ids[-1] != eos:
            return False
        at, marker = ids.index(query), ids.index(answer)
        edges, rest = self._words(ids[1:at])
        asked = self._words(ids[at + 1 : marker] if self.resolved["multi"] else ids[at + 1 : at + 2])
        listed, _ = self._words(ids[marker + 1 : -1])
        if rest or len(edges) % 2 or asked[1] or len(asked[0]) != 1:
            return False
        needs: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for first, then in zip(edges[::2], edges[1::2], strict=True):
            needs.setdefault(then, []).append(first)
        wanted, open_ = set(asked[0]), list(asked[0])
        while open_:
            new = set(needs.get(open_.pop(), ())) - wanted
            wanted |= new
            open_ += new
        seen: set[tuple[int, ...]] = set()
        for vertex in listed:
            if not seen.issuperset(needs.get(vertex, ())):
                return False
            seen.add(vertex)
        return seen == wanted

    def _words(self, ids: list[int]) -> tuple[list[tuple[int, ...]], list[int]]:
        """Names, and what is left of a last, unfinished one."""
        names, begun = [], []
        for id_ in ids:
            begun.append(id_)
            if self._ends_name(id_):
                names.append(tuple(begun))
                begun = []
        return names, begun


def generate_brevo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Brevo row: input_ids, token_type, loss_mask, labels, n, depth, multi, and where the answer is."""
    return Brevo(config).example(rng)


def validate_brevo_example(input_ids: Any, config: Mapping[str, Any], strict: bool = True) -> bool:
    """Check a Brevo row. Not `strict`, like the original: a vertex may be listed twice, a last name be unfinished."""
    form = Brevo(config)
    return form.is_valid(input_ids) if strict else form.passes_reference(input_ids)


def make_brevo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Brevo rows as a datasets.Dataset."""
    return hf_dataset(Brevo(config).rows(num_examples, own_seed("brevo", seed)))
