"""The model of transformers that a config of ours describes: its config.json, and its names for our parameters.

Llama and GPT-2 compute the same here and there. What only we have is refused by the name of the field, and what only
transformers has by file, key and value.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ParamError, WeightsError, param_error, show
from .models import ModelConfig

CONFIG = "config.json"
FAMILIES = ("llama", "gpt2")
DEFAULT_CONTEXT = 2048
"""Written as `max_position_embeddings` of a Llama whose config says nothing."""


class Linear(NamedTuple):
    """Where a linear layer of transformers lies: outputs `start` to `stop` of the layer of ours at `path`."""

    path: tuple[str | int, ...]
    start: int
    stop: int


class Tensor(NamedTuple):
    """Where a tensor of transformers lies: `start` to `stop` of the last axis of our parameter, transposed or not."""

    path: tuple[str | int, ...]
    start: int | None = None
    stop: int | None = None
    transposed: bool = False


def family(config: ModelConfig) -> str:
    """Name the family of transformers that a config belongs to. Raises ParamError where there is none."""
    name, model = ("gpt2", "GPT-2") if config.norm == "layer" else ("llama", "Llama")
    wanted: dict[str, Any] = {"canon": "", "qk_norm": False, "window": None}
    if name == "gpt2":
        wanted |= {"mlp": "gelu", "positions": "learned", "bias": True}
    else:
        wanted |= {"mlp": "swiglu", "positions": "rope", "rope_share": 1.0}
    for field, value in wanted.items():
        if getattr(config, field) != value:
            raise _no_counterpart(config, field, f"{model} of transformers has {field} = {value!r}")
    if {config.mixer(layer) for layer in range(config.num_layers)} != {"attention"}:
        raise _no_counterpart(config, "mixers", f"{model} of transformers has attention in every layer")
    if config.width % config.num_heads:
        raise _no_counterpart(config, "num_heads", f"transformers wants a divisor of width = {config.width}")
    if name == "gpt2" and config.kv_heads != config.num_heads:
        raise _no_counterpart(config, "num_kv_heads", f"GPT-2 has as many as num_heads = {config.num_heads}")
    if name == "gpt2" and config.head_width * config.num_heads != config.width:
        raise _no_counterpart(config, "head_dim", f"GPT-2 has width / num_heads = {config.width // config.num_heads}")
    if name == "llama" and config.head_width % 2:
        raise _no_counterpart(config, "head_dim", "transformers rotates heads of even width")
    return name


def _no_counterpart(config: ModelConfig, field: str, why: str) -> ParamError:
    hint = f"{why}: this model has no counterpart there, keep it as a checkpoint of synthgen"
    return param_error(None, f"model.{field}", getattr(config, field), hint)


def linears(config: ModelConfig) -> dict[str, Linear]:
    """Linear layers of the blocks, by transformers' names. Raises ParamError."""
    queries, keys = config.num_heads * config.head_width, config.kv_heads * config.head_width
    inside, width = config.hidden, config.width
    if family(config) == "gpt2":
        parts = {
            "attn.c_attn": Linear(("mixer", "qkv"), 0, queries + 2 * keys),
            "attn.c_proj": Linear(("mixer", "out"), 0, width),
            "mlp.c_fc": Linear(("mlp", "up"), 0, inside),
            "mlp.c_proj": Linear(("mlp", "down"), 0, width),
        }
    else:
        parts = {
            "self_attn.q_proj": Linear(("mixer", "qkv"), 0, queries),
            "self_attn.k_proj": Linear(("mixer", "qkv"), queries, queries + keys),
            "self_attn.v_proj": Linear(("mixer", "qkv"), queries + keys, queries + 2 * keys),
            "self_attn.o_proj": Linear(("mixer", "out"), 0, width),
            "mlp.gate_proj": Linear(("mlp", "up"), 0, inside),
            "mlp.up_proj": Linear(("mlp", "up"), inside, 2 * inside),
            "mlp.down_proj": Linear(("mlp", "down"), 0, width),
        }
    stem = "transformer.h" if family(config) == "gpt2" else "model.layers"
    return {
        f"{stem}.{layer}.{name}": part._replace(path=("blocks", layer, *part.path))
        for layer in range(config.num_layers)
        for name, part in parts.items()
    }


def tensors(config: ModelConfig) -> dict[str, Tensor]:
    """All tensors, by transformers' names; together they cover our parameters exactly. Raises ParamError."""
    gpt2 = family(config) == "gpt2"
    stem, blocks = ("transformer", "transformer.h") if gpt2 else ("model", "model.layers")
    found = {f"{stem}.{'wte' if gpt2 else 'embed_tokens'}.weight": Tensor(("embedding", "embedding"))}
    if gpt2:
        found[f"{stem}.wpe.weight"] = Tensor(("positions", "embedding"))
    for name, one in linears(config).items():
        # Conv1D of GPT-2 stores (inputs, outputs), as we do; Linear stores (outputs, inputs).
        found[f"{name}.weight"] = Tensor((*one.path, "kernel"), one.start, one.stop, transposed=not gpt2)
        if config.bias:
            found[f"{name}.bias"] = Tensor((*one.path, "bias"), one.start, one.stop)
    norms: dict[str, tuple[str | int, ...]] = {f"{stem}.{'ln_f' if gpt2 else 'norm'}": ("norm",)}
    before, after = ("ln_1", "ln_2") if gpt2 else ("input_layernorm", "post_attention_layernorm")
    for layer in range(config.num_layers):
        norms[f"{blocks}.{layer}.{before}"] = ("blocks", layer, "norm")
        norms[f"{blocks}.{layer}.{after}"] = ("blocks", layer, "mlp_norm")
    for name, path in norms.items():
        found[f"{name}.weight"] = Tensor((*path, "scale"))
        if gpt2:
            found[f"{name}.bias"] = Tensor((*path, "bias"))
    if not config.tie_embeddings:
        found["lm_head.weight"] = Tensor(("head", "kernel"), transposed=True)
    return found


def describe(config: ModelConfig, ids: dict[str, int | None]) -> dict[str, Any]:
    """Give config.json, with the ids of `<bos>`, `<eos>` and padding. Raises ParamError."""
    shared = {"torch_dtype": "float32", "vocab_size": config.vocab_size, "tie_word_embeddings": config.tie_embeddings}
    if family(config) == "gpt2":
        own: dict[str, Any] = {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_embd": config.width,
            "n_layer": config.num_layers,
            "n_head": config.num_heads,
            "n_inner": config.hidden,
            "n_positions": config.max_positions,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.norm_eps,
            "attn_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "resid_pdrop": 0.0,
        }
    else:
        # Names of transformers 4, which 5 reads too.
        scaling = None
        if config.rope_scaling is not None:
            values = (*config.rope_scaling[:3], int(config.rope_scaling[3]))
            scaling = {"rope_type": "llama3", **dict(zip(_SCALING, values, strict=True))}
        own = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": config.width,
            "num_hidden_layers": config.num_layers,
            "num_attention_heads": config.num_heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_width,
            "intermediate_size": config.hidden,
            "max_position_embeddings": config.max_positions or DEFAULT_CONTEXT,
            "hidden_act": "silu",
            "rms_norm_eps": config.norm_eps,
            "rope_theta": config.rope_theta,
            "rope_scaling": scaling,
            "attention_bias": config.bias,
            "mlp_bias": config.bias,
        }
    return own | shared | ids


_SCALING = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")


class Described:
    """A JSON file of another program: values by key, and the one error for what we cannot represent."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self.values: dict[str, Any] = dict(json.loads(file.read_bytes()))
        except FileNotFoundError as error:
            message = f"{file} is missing; give a directory that save_pretrained of transformers or peft wrote"
            raise WeightsError(message) from error
        except (OSError, ValueError, TypeError) as error:
            raise WeightsError(f"{file} cannot be read: {error}; write it again") from error

    def refuse(self, key: str, value: Any, hint: str) -> WeightsError:
        """Make the error for a value."""
        return WeightsError(f"{self.file}: {key} = {show(value)}; {hint}")

    def one_of(self, key: str, allowed: Collection[Any], default: Any) -> Any:
        """A value among a few."""
        value = self.values.get(key, default)
        if value not in allowed:
            raise self.refuse(key, value, f"supported: {', '.join(map(repr, allowed))}")
        return value

    def number(self, key: str, default: float | None = None) -> Any:
        """A number."""
        value = self.values.get(key)
        value = default if value is None else value
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.refuse(key, value, "needed: a number")
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        """An integer >= 1."""
        value = self.number(key, default)
        if not isinstance(value, int) or value < 1:
            raise self.refuse(key, value, "needed: an integer >= 1")
        return value


def understand(file: Path) -> ModelConfig:
    """Read a config.json as a config of ours. Raises WeightsError for what has no counterpart here."""
    read = Described(file)
    kind = read.values.get("model_type")
    if kind not in FAMILIES:
        raise read.refuse("model_type", kind, f"supported: {', '.join(FAMILIES)}; convert the model to one of them")
    if read.values.get("quantization_config"):
        raise read.refuse("quantization_config", read.values["quantization_config"], "save the model unquantised")
    try:
        return _gpt2(read) if kind == "gpt2" else _llama(read)
    except ParamError as error:
        raise WeightsError(f"{file}: {error}") from error


def _llama(read: Described) -> ModelConfig:
    read.one_of("hidden_act", ("silu", "swish"), "silu")
    biased = [read.one_of(key, (False, True), False) for key in ("attention_bias", "mlp_bias")]
    if biased[0] != biased[1]:
        raise read.refuse("attention_bias", biased[0], f"supported: the same as mlp_bias = {biased[1]}")
    theta, scaling = _rope(read)
    heads = read.integer("num_attention_heads")
    width = read.integer("hidden_size")
    return ModelConfig(
        read.integer("vocab_size"),
        width,
        read.integer("num_hidden_layers"),
        heads,
        read.integer("num_key_value_heads", heads),
        read.integer("head_dim", width // heads),
        mlp="swiglu",
        mlp_width=read.integer("intermediate_size"),
        max_positions=read.integer("max_position_embeddings", DEFAULT_CONTEXT),
        rope_theta=theta,
        rope_scaling=scaling,
        norm_eps=read.number("rms_norm_eps", 1e-6),
        bias=biased[0],
        tie_embeddings=read.one_of("tie_word_embeddings", (False, True), False),
    )


def _rope(read: Described) -> tuple[float, tuple[float, ...] | None]:
    """Theta and scaling, from the keys of transformers 4 (rope_theta, rope_scaling) or 5 (rope_parameters)."""
    key = "rope_scaling" if read.values.get("rope_scaling") else "rope_parameters"
    rope = read.values.get(key) or {}
    if not isinstance(rope, dict):
        raise read.refuse(key, rope, "needed: an object")
    kind = rope.get("rope_type", rope.get("type", "default"))
    share = rope.get("partial_rotary_factor", read.values.get("partial_rotary_factor"))
    if kind not in ("default", "llama3"):
        raise read.refuse(f"{key}.rope_type", kind, "supported: 'default', 'llama3'")
    if share not in (None, 1):
        raise read.refuse("partial_rotary_factor", share, "supported: 1.0")
    theta = rope.get("rope_theta", read.number("rope_theta", 10_000.0))
    values = [theta, *(rope.get(name) for name in _SCALING)] if kind == "llama3" else [theta]
    if not all(isinstance(value, int | float) for value in values):
        raise read.refuse(key, rope, f"needed: numbers for rope_theta, {', '.join(_SCALING)}")
    return float(theta), tuple(values[1:]) if kind == "llama3" else None


def _gpt2(read: Described) -> ModelConfig:
    read.one_of("activation_function", ("gelu_new", "gelu_pytorch_tanh"), "gelu_new")
    read.one_of("scale_attn_weights", (True,), True)
    for key in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        read.one_of(key, (False,), False)
    width = read.integer("n_embd")
    return ModelConfig(
        read.integer("vocab_size"),
        width,
        read.integer("n_layer"),
        read.integer("n_head"),
        mlp="gelu",
        mlp_width=read.integer("n_inner", 4 * width),
        positions="learned",
        max_positions=read.integer("n_positions"),
        norm="layer",
        norm_eps=read.number("layer_norm_epsilon", 1e-5),
        bias=True,
        tie_embeddings=read.one_of("tie_word_embeddings", (False, True), True),
    )
