"""Lano in the manner of the Hugging Face generators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import param_error
from ...vocab import BOS, EOS
from ..names import Generators, hf_dataset, own_seed
from .form import SEED, Form, Row, labelled

if TYPE_CHECKING:
    import datasets


class Lano(Form):
    """Rows of Lano at a configuration."""

    task = "lano"

    def _params(self) -> dict[str, Any]:
        path = self.settings["config_path"]
        if path is None:
            return super()._params()
        if not isinstance(path, str | Path):
            raise param_error(
                self.task, "config_path", path, "allowed: the path of a grammar in the reference's JSON form"
            )
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            allowed = f"allowed: the path of a grammar in the reference's JSON form; {error}"
            raise param_error(self.task, "config_path", path, allowed) from error
        # The name is a label only.
        self.names["grammar_json"] = "config_path"
        return {"grammar_json": text}

    def _special(self, own_of: Mapping[int, int]) -> dict[str, dict[int, int]]:
        return {}

    def _own(self, input_ids: Any) -> list[int] | None:
        own = super()._own(input_ids)
        if own is None or BOS in own or EOS in own:
            return None
        return [BOS, *own, EOS]

    def _names(self, view: Mapping[str, Any]) -> list[str]:
        return super()._names(view)[1:-1]

    def _row(self, view: Mapping[str, Any]) -> Row:
        ids = [self.ids[own] for own in view["input_ids"][1:-1]]
        return {**labelled(ids, [1] * len(ids)), "config_name": self.settings["config_name"]}


def generate_lano_example(rng: Generators, config: Mapping[str, Any]) -> Row:
    """One Lano row, the bare string: input_ids, loss_mask, labels, config_name. The mask is 1 throughout.

    `config_path` is a grammar in the reference's JSON form; without it, `config_name` is one of ours of that shape.
    """
    return Lano(config).example(rng)


def validate_lano_example(input_ids: Any, config: Mapping[str, Any]) -> bool:
    """Check that a string is one of the grammar's."""
    return Lano(config).is_valid(input_ids)


def make_lano_hf_dataset(num_examples: int, config: Mapping[str, Any], seed: int = SEED) -> datasets.Dataset:
    """Lano strings as a datasets.Dataset."""
    return hf_dataset(Lano(config).rows(num_examples, own_seed("lano", seed)))
