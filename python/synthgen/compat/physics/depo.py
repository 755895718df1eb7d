"""Depo in the manner of the Hugging Face generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...vocab import BOS
from ..names import Generators, hf_dataset, own_seed
from .form import SEED, Form, Row

if TYPE_CHECKING:
    import datasets


class Depo(Form):
    """Rows of Depo at a configuration."""

    task = "depo"

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {
            "bos_token_id": {BOS: 0},
            "answer_token_id": {own_of[9500]: 0},
            "separator_token_id": {own_of[9700]: 0},
            "query_token_base": {own_of[9000 + k]: k for k in range(1, 129)},
        }

    def _name(self, own: int) -> str:
        hops = self.ids[own] - self.settings["query_token_base"]
        markers = {self.settings["answer_token_id"]: "<ans>", self.settings["separator_token_id"]: "<sep>"}
        return f"<query_{hops}>" if 1 <= hops <= 128 else markers.get(self.ids[own], super()._name(own))

    def _row(self, view: Mapping[str, Any]) -> Row:
        facts = view["metadata"]
        return {
            **self._tokens(view),
            "n": facts["n"],
            "query_count": facts["query_count"],
            "K": self.resolved["k_max"],
            "mini_vocab": facts["mini_vocab"],
            **self._answers(view),
            "query_hops": facts["hops"],
        }


def generate_depo_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Depo row: input_ids, loss_mask, labels, n, query_count, K, mini_vocab, and where and how far the answers are.

    With `fixed_k`, n is larger, so that no walk wraps; `allow_wrap=True` lifts that.
    """
    return Depo(config).example(rng)


def validate_depo_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check a Depo row strictly."""
    return Depo(config).is_valid(input_ids)


def make_depo_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Depo rows as a datasets.Dataset."""
    return hf_dataset(Depo(config).rows(num_examples, own_seed("depo", seed)))
