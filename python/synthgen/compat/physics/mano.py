"""Mano in the manner of the Hugging Face generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...vocab import BOS
from ..names import Generators, hf_dataset, own_seed
from .form import SEED, Form, Row, labelled

if TYPE_CHECKING:
    import datasets


_OPERATORS = ("+", "-", "*", "/")
_VALUE = 5000


class Mano(Form):
    """Rows of Mano at a configuration."""

    task = "mano"

    def _params(self) -> dict[str, Any]:
        params = super()._params()
        letters = params["operators"]
        if isinstance(letters, str) and set(letters) <= set("asmd"):
            params["operators"] = "".join(letter for letter in "asmd" if letter in letters)
        return params

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {"bos_token_id": {BOS: 0}}

    def _own(self, input_ids: Any) -> list[int] | None:
        own = super()._own(input_ids)
        # The reference writes its start, too, as one of two synonyms.
        synonym = self.ids[BOS] - 1
        if own and self.resolved["knowledge_augment"] and input_ids[0] == synonym >= 0:
            own[0] = BOS
        return own

    def _name(self, own: int) -> str:
        id_ = self.ids[own]
        if id_ >= _VALUE:
            return f"<v{id_ - _VALUE}>"
        if id_ < 10:
            synonym, which = divmod(id_ - 1, len(_OPERATORS))
            return f"<{_OPERATORS[which]}{'a' * synonym}>"
        # Tens are the length; 0 and 1 say it before the expression, 4 and 5 after it.
        length, kind = divmod(id_, 10)
        return f"<{'len' if kind < 4 else 'ans'}_{length}{'a' * (kind % 4)}>"

    def _row(self, view: Mapping[str, Any]) -> Row:
        ids = [self.ids[own] for own in view["input_ids"]]
        length = view["metadata"]["length"]
        return {**labelled(ids, [1] * len(ids)), "length": length, "qid": length, **self._answers(view)}


def generate_mano_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Mano row: input_ids, loss_mask, labels, length, qid, and where the answer is. The mask is 1 throughout."""
    return Mano(config).example(rng)


def validate_mano_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check a Mano row strictly."""
    return Mano(config).is_valid(input_ids)


def make_mano_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Mano rows as a datasets.Dataset."""
    return hf_dataset(Mano(config).rows(num_examples, own_seed("mano", seed)))
