"""The model that a configuration describes, or that a run came to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import nnx

from ..errors import DatasetError, param_error
from .checkpoints import Checkpoints
from .config import MODEL, RunConfig
from .feed import Rows
from .lora import LoraConfig, add_lora, merge_lora
from .models import LanguageModel, ModelConfig, sized
from .steps import adamw, program
from .weights import load_pretrained

CONFIG = "config.json"
"""What a run was asked, in its directory."""


def build(choice: Mapping[str, Any], vocab_size: int, seed: int) -> LanguageModel:
    """A model with its first parameters: new, or of a folder, with adapters where asked for. Raises ParamError."""
    path = choice.get("name_or_path")
    model = LanguageModel(described(choice, vocab_size), nnx.Rngs(seed)) if path is None else _read(choice, vocab_size)
    if choice.get("lora") is not None:
        add_lora(model, LoraConfig(**_fields(LoraConfig, choice["lora"], "model.lora.")), seed)
    return model


def load(directory: str | Path, *, best: bool = False) -> LanguageModel:
    """The model of a run, from its last checkpoint or its best. Raises DatasetError where there is none."""
    path = Path(directory)
    config = read_config(path)
    model = build(config.model, Rows(config.dataset, 0).vocab_size, config.train.seed)
    own, state = program(model, adamw(config.optimizer, config.train.max_steps), config.train.seed)
    checkpoints = Checkpoints(path, config.train.keep)
    try:
        state, _ = checkpoints.load(state, best=best)
    finally:
        checkpoints.close()
    return own.model(state.trained, state.fixed)


def read_config(directory: Path) -> RunConfig:
    """The configuration of a run."""
    from omegaconf import OmegaConf

    try:
        kept = json.loads((directory / CONFIG).read_text())
        config: RunConfig = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RunConfig), kept))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{directory}: no run is here ({error})") from error
    return config


def is_run(directory: str | Path) -> bool:
    """Is this the directory of a run of ours?"""
    path = Path(directory)
    return (path / CONFIG).is_file() and (path / "checkpoints").is_dir()


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
    path = choice["name_or_path"]
    if is_run(path):
        model = load(path)
        merge_lora(model)
    else:
        model = load_pretrained(path, dtype=choice.get("dtype") or "float32")
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
