"""LoRA (Hu et al., 2021): adapters of low rank beside frozen linear layers, in PEFT's arithmetic and PEFT's files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ..checks import extra
from ..data.files import json_bytes
from ..errors import ParamError, WeightsError, param_error
from .counterpart import Described, Linear, family, linears
from .models import LanguageModel, ModelConfig
from .weights import Stored, new_directory

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."


@dataclass(frozen=True)
class LoraConfig:
    """Which linear layers get adapters, and of what shape.

    `target_modules` are names of transformers or ends of them, as in PEFT: q_proj, k_proj, v_proj, o_proj, gate_proj,
    up_proj and down_proj of a Llama; c_attn, attn.c_proj, c_fc and mlp.c_proj of a GPT-2.
    """

    r: int = 8
    alpha: float = 16.0  # adapters are scaled by alpha / r
    rslora: bool = False  # by alpha / sqrt(r) instead (Kalajdzievski, 2023)
    target_modules: tuple[str, ...] | None = None  # None: every linear layer but the head
    dropout: float = 0.0  # on what enters an adapter, in training

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or self.r < 1:
            raise self._refuse("r", "allowed: an integer >= 1")
        if not self.alpha > 0:
            raise self._refuse("alpha", "allowed: a number > 0")
        if not 0 <= self.dropout < 1:
            raise self._refuse("dropout", "allowed: 0 <= dropout < 1")
        if self.target_modules is not None and not self.target_modules:
            raise self._refuse("target_modules", "allowed: names of layers, at least one; or none, for all")

    def _refuse(self, name: str, allowed: str) -> ParamError:
        return param_error(None, f"lora.{name}", getattr(self, name), allowed)

    @property
    def scale(self) -> float:
        """What adapters are multiplied by."""
        return self.alpha / (self.r**0.5 if self.rslora else self.r)


class Adapter(nnx.Module):
    """scale * dropout(x) A B, for the outputs `start` to `stop` of a layer: A (inputs, r) and B (r, stop - start)."""

    def __init__(self, inputs: int, place: Linear, config: LoraConfig, rngs: nnx.Rngs) -> None:
        self.start, self.stop, self.scale = place.start, place.stop, config.scale
        bound = inputs**-0.5
        self.a = nnx.LoRAParam(jax.random.uniform(rngs.params(), (inputs, config.r), minval=-bound, maxval=bound))
        self.b = nnx.LoRAParam(jnp.zeros((config.r, self.stop - self.start)))
        self.dropout = nnx.Dropout(config.dropout, deterministic=True, rngs=rngs) if config.dropout else None

    def __call__(self, x: Array) -> Array:
        """Apply to x (..., inputs)."""
        if self.dropout is not None:
            x = self.dropout(x)
        found: Array = x @ self.a[...].astype(x.dtype) @ self.b[...].astype(x.dtype) * self.scale
        return found


class LoraLinear(nnx.Module):
    """A linear layer with an adapter for each of some slices of its outputs."""

    def __init__(self, base: nnx.Linear, places: list[Linear], config: LoraConfig, rngs: nnx.Rngs) -> None:
        self.base, self.config = base, config
        self.adapters = nnx.List([Adapter(base.in_features, place, config, rngs) for place in places])

    def __call__(self, x: Array) -> Array:
        """Apply to x (..., inputs)."""
        found: Array = self.base(x)
        for one in self.adapters:
            found = found.at[..., one.start : one.stop].add(one(x).astype(found.dtype))
        return found

    def merged(self) -> nnx.Linear:
        """The layer with its adapters folded in."""
        kernel = self.base.kernel[...]
        for one in self.adapters:
            update = jnp.matmul(one.a[...], one.b[...], precision="highest") * one.scale
            kernel = kernel.at[:, one.start : one.stop].add(update)
        self.base.kernel[...] = kernel
        return self.base


def add_lora(model: LanguageModel, config: LoraConfig, seed: int) -> None:
    """Put adapters beside linear layers of a Llama or GPT-2, in place; logits stay what they are, as B begins at 0.

    Only adapters are `nnx.LoRAParam`: `nnx.DiffState(0, nnx.LoRAParam)` takes gradients of nothing else. Dropout waits
    for `model.train()`, and draws from a stream named `dropout` that lies in the model. Raises ParamError.
    """
    _check_bare(model)
    keys = jax.random.split(jax.random.key(seed))
    rngs = nnx.Rngs(params=keys[0], dropout=keys[1])
    layers: dict[tuple[str | int, ...], list[Linear]] = {}
    for place in _targets(model.config, config).values():
        layers.setdefault(place.path, []).append(place)
    for path, places in layers.items():
        owner = _walk(model, path[:-1])
        setattr(owner, str(path[-1]), LoraLinear(getattr(owner, str(path[-1])), places, config, rngs))


def merge_lora(model: LanguageModel) -> None:
    """Fold all adapters into their layers, in place."""
    for owner, name, layer in _layers(model):
        setattr(owner, name, layer.merged())


def save_adapter(model: LanguageModel, directory: str | Path, *, base_model: str | None = None) -> None:
    """Write the adapters alone, so that `PeftModel.from_pretrained` reads the directory, which must be new or empty.

    `base_model` is the name or path by which others find the model without them. Raises ParamError.
    """
    extra("safetensors", "train")
    from safetensors.numpy import save_file

    layers = _layers(model)
    if not layers:
        raise param_error(None, "model", "a model without adapters", "needed: one with some; add_lora gives them")
    config = layers[0][2].config
    arrays = {}
    for name, adapter in _adapters(model):
        for letter, param in (("A", adapter.a), ("B", adapter.b)):
            arrays[_tensor(name, letter)] = np.ascontiguousarray(np.asarray(param[...], np.float32).T)
    described = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "r": config.r,
        "lora_alpha": int(config.alpha) if config.alpha == int(config.alpha) else config.alpha,
        "use_rslora": config.rslora,
        "lora_dropout": config.dropout,
        "target_modules": list(config.target_modules or _last_names(model.config)),
        "bias": "none",
        "fan_in_fan_out": family(model.config) == "gpt2",  # Conv1D of GPT-2 stores (inputs, outputs)
        "inference_mode": True,
    }
    with new_directory(directory) as folder:
        save_file(arrays, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_bytes(json_bytes(described))


def load_adapter(model: LanguageModel, directory: str | Path, *, seed: int = 0) -> LoraConfig:
    """Put the adapters of a directory, ours or PEFT's, beside the layers of a model without any, in place.

    `seed` is of dropout, should they be trained on. Raises WeightsError for files that are wrong, and for what our
    adapters cannot represent; the model then stays as it is.
    """
    _check_bare(model)
    folder = Path(directory)
    config, stored = _understand(folder, model.config)
    values = {}
    for name, place in _targets(model.config, config).items():
        inputs = _walk(model, place.path).in_features
        shapes = {"A": (config.r, inputs), "B": (place.stop - place.start, config.r)}
        for letter, shape in shapes.items():
            values[_tensor(name, letter)] = stored.read(_tensor(name, letter), shape).T
    for foreign in sorted(set(stored.files) - set(values)):
        message = f"tensor {foreign} belongs to no adapter of this model; supported: lora_A and lora_B of its layers"
        raise WeightsError(f"{stored.main}: {message}")
    add_lora(model, config, seed)
    for name, adapter in _adapters(model):
        adapter.a[...] = jnp.asarray(values[_tensor(name, "A")])
        adapter.b[...] = jnp.asarray(values[_tensor(name, "B")])
    return config


_SHAPE = {"peft_type", "r", "lora_alpha", "use_rslora", "lora_dropout", "target_modules", "bias", "init_lora_weights"}
"""Keys that are read."""
_INERT = {
    *("task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "peft_version"),
    *("fan_in_fan_out", "exclude_modules", "layers_to_transform", "layers_pattern", "megatron_core"),
    *("qalora_group_size", "loftq_config", "eva_config", "corda_config", "lora_ga_config"),
}
"""Keys that change nothing once the adapters are stored, or that the names of the tensors say too."""
_PLAIN_INITS = (True, False, "gaussian", "orthogonal", "eva")
"""Ways of PEFT to begin that leave the model itself alone."""


def _understand(folder: Path, model: ModelConfig) -> tuple[LoraConfig, Stored]:
    """Read an adapter's config, and open its tensors."""
    read = Described(folder / CONFIG)
    read.one_of("peft_type", ("LORA",), None)
    read.one_of("bias", ("none",), "none")
    read.one_of("init_lora_weights", _PLAIN_INITS, True)
    for key, value in sorted(read.values.items()):
        if value and key not in _SHAPE | _INERT:
            raise read.refuse(key, value, "not supported: leave it out when training, or merge the adapter with peft")
    stored = Stored(folder, WEIGHTS, None, CONFIG)
    known = linears(model)
    names = tuple(name for name in known if _tensor(name, "A") in stored.files)
    if not names:
        first = next(iter(sorted(stored.files)), "no tensor")
        raise WeightsError(f"{stored.main} has {first}; needed: {_tensor(next(iter(known)), 'A')} or one like it")
    listed = read.values.get("target_modules")
    try:
        config = LoraConfig(
            read.integer("r"),
            read.number("lora_alpha"),
            read.one_of("use_rslora", (False, True), False),
            names,
            read.number("lora_dropout", 0.0),
        )
    except ParamError as error:
        raise WeightsError(f"{read.file}: {error}") from error
    # A pattern, or a choice of layers, is kept as the full names of what it chose.
    if isinstance(listed, list) and _matched(known, listed) == names:
        config = replace(config, target_modules=tuple(sorted(listed)))
    return config, stored


def _tensor(name: str, letter: str) -> str:
    return f"{PREFIX}{name}.lora_{letter}.weight"


def _matched(names: Iterable[str], targets: Collection[str]) -> tuple[str, ...]:
    """Names that are a target or end in one."""
    return tuple(name for name in names if any(f".{name}".endswith(f".{target}") for target in targets))


def _targets(model: ModelConfig, config: LoraConfig) -> dict[str, Linear]:
    """The layers that get adapters, by transformers' names."""
    known = linears(model)
    if config.target_modules is None:
        return known
    for target in config.target_modules:
        if not _matched(known, [target]):
            allowed = f"allowed: names of layers or ends of them, {', '.join(_last_names(model))}"
            raise param_error(None, "lora.target_modules", target, allowed)
    return {name: known[name] for name in _matched(known, config.target_modules)}


def _last_names(model: ModelConfig) -> list[str]:
    return list(dict.fromkeys(name.rpartition(".")[2] for name in linears(model)))


def _walk(model: nnx.Module, path: Iterable[Any]) -> Any:
    found: Any = model
    for step in path:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found


def _check_bare(model: LanguageModel) -> None:
    if _layers(model):
        raise param_error(None, "model", "a model with adapters", "needed: one without; merge_lora folds them in")


def _layers(model: LanguageModel) -> list[tuple[Any, str, LoraLinear]]:
    """Layers with adapters, each with its owner and its name there."""
    found = [(path, module) for path, module in nnx.iter_modules(model) if isinstance(module, LoraLinear)]
    return [(_walk(model, path[:-1]), str(path[-1]), layer) for path, layer in found]


def _adapters(model: LanguageModel) -> Iterator[tuple[str, Adapter]]:
    """Adapters by transformers' names of the layers they belong to."""
    for name, place in linears(model.config).items():
        layer = _walk(model, place.path)
        if isinstance(layer, LoraLinear):
            yield from ((name, one) for one in layer.adapters if one.start == place.start)
