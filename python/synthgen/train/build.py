"""The model that a configuration describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flax import nnx

from ..errors import param_error
from .config import MODEL
from .models import LanguageModel, ModelConfig, sized


def model_config(choice: Mapping[str, Any], vocab_size: int) -> ModelConfig:
    """The description of a new model: a preset size, under the fields that are given. Raises ParamError."""
    changes = {}
    for one in dataclasses.fields(ModelConfig):
        value = choice.get(one.name)
        if value is not None:
            changes[one.name] = tuple(value) if isinstance(value, list) else value
    return sized(choice.get("size") or MODEL["size"], vocab_size, **changes)


def build(choice: Mapping[str, Any], vocab_size: int, seed: int) -> LanguageModel:
    """A model with its first parameters. Raises ParamError."""
    if choice.get("name_or_path") is not None:
        raise param_error(None, "model.name_or_path", choice["name_or_path"], "not yet")
    return LanguageModel(model_config(choice, vocab_size), nnx.Rngs(seed))
