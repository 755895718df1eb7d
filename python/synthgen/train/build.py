"""The model that a configuration describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flax import nnx

from ..errors import param_error
from .config import MODEL
from .lora import LoraConfig, add_lora
from .models import LanguageModel, ModelConfig, sized
from .weights import load_pretrained


def build(choice: Mapping[str, Any], vocab_size: int, seed: int) -> LanguageModel:
    """A model with its first parameters: new, or of a folder, with adapters where asked for. Raises ParamError."""
    path = choice.get("name_or_path")
    model = LanguageModel(described(choice, vocab_size), nnx.Rngs(seed)) if path is None else _read(choice, vocab_size)
    if choice.get("lora") is not None:
        add_lora(model, LoraConfig(**_fields(LoraConfig, choice["lora"], "model.lora.")), seed)
    return model


def described(choice: Mapping[str, Any], vocab_size: int) -> ModelConfig:
    """The description of a new model: a preset size, under the fields that are given. Raises ParamError."""
    own = {name: value for name, value in choice.items() if name not in ("size", "name_or_path", "lora")}
    size = choice.get("size") or MODEL["size"]
    return sized(size, vocab_size, **_fields(ModelConfig, own, "model."))


def _read(choice: Mapping[str, Any], vocab_size: int) -> LanguageModel:
    """The model of a folder, which says itself what it is like."""
    for name, value in choice.items():
        if value is not None and name not in ("size", "name_or_path", "lora", "dtype"):
            allowed = "allowed: nothing, where model.name_or_path names a folder of weights"
            raise param_error(None, f"model.{name}", value, allowed)
    model = load_pretrained(choice["name_or_path"], dtype=choice.get("dtype") or "float32")
    if model.config.vocab_size < vocab_size:
        allowed = f"allowed: weights with at least the {vocab_size} tokens of the dataset"
        raise param_error(None, "model.name_or_path", choice["name_or_path"], allowed)
    return model


def _fields(kind: Any, given: Mapping[str, Any], before: str) -> dict[str, Any]:
    """Values that are given, lists as tuples. Raises ParamError for a name that the class does not have."""
    known = {one.name for one in dataclasses.fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise param_error(None, before + name, value, f"no such key; known: {', '.join(sorted(known))}")
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None
    }
