"""The keys of `config.json`: defaults, what is allowed, and which of the original's have nothing to decide here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ParamError, param_error

LORA_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Names of a Llama's linear layers."""


@dataclass(frozen=True)
class Key:
    """A key: its default, what is allowed in words and as a check, and why it decides nothing here, if so."""

    default: Any
    allowed: str
    good: Callable[[Any], bool]
    unused: str = ""


def refuse(file: Any, key: str, value: Any, allowed: str) -> ParamError:
    """Make the error for a key of a file."""
    found = param_error(None, key, value, allowed)
    return ParamError(f"{file}: {found}", field=key, value=found.value, allowed=allowed)


def _whole(default: int | None, low: int, high: int = 2**32 - 1) -> Key:
    def good(value: Any) -> bool:
        return (value is None and default is None) or (type(value) is int and low <= value <= high)

    return Key(default, f"allowed: an integer in {low}..={high}" + (", or null" if default is None else ""), good)


def _number(default: float, low: float, high: float) -> Key:
    def good(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return Key(default, f"allowed: a number in {low:g}..={high:g}", good)


def _truth(default: bool | None) -> Key:
    suffix = ", or null" if default is None else ""
    return Key(default, f"allowed: true or false{suffix}", lambda value: isinstance(value, bool) or value is default)


def _one_of(*choices: Any, because: str = "") -> Key:
    allowed = f"allowed: {', '.join(map(repr, choices))}" + (f"; {because}" if because else "")
    return Key(choices[0], allowed, lambda value: any(value == one and type(value) is type(one) for one in choices))


def _text(default: str | None) -> Key:
    return Key(default, "allowed: a text", lambda value: value is default or (isinstance(value, str) and value != ""))


def _names() -> Key:
    def good(value: Any) -> bool:
        listed = isinstance(value, list) and len(value) > 0 and all(isinstance(one, str) for one in value)
        return value is None or listed

    return Key(None, "allowed: a list of names of layers, or null for all", good)


def _unused(why: str) -> Key:
    return Key(None, "", lambda _: True, why)


CONFIG: dict[str, Key] = {
    "experiment_name": _text("trigger2d"),
    "seed": _whole(0, 0),
    "data_folder": _unused("rows are written to seed_<s>/generated_data"),
    "dataset_format": _one_of("jsonl"),
    "max_dataset_size": _whole(None, 1),
    "train_split": _one_of(1.0, 1, because="held-out rows are files of their own"),
    "is_categorical": _one_of(True, because="labels are colours"),
    "output_preamble": _truth(None),
    "n_evals": _whole(None, 1),
    "eval_every": _whole(None, 1),
    "evaluation_sample_size": _whole(25, 1),
    "accuracy_sample_size": _whole(40, 1),
    "train_accuracy_sample_size": _whole(40, 1),
    "accuracy_eval_frequency": _whole(4, 0),
    "train_accuracy_eval_frequency": _whole(4, 0),
    "accuracy_method": _one_of("logits", "generation"),
    "use_fast_accuracy": _truth(True),
    "final_full_accuracy_evaluation": _truth(True),
    "eval_batch_size": _whole(50, 1),
    "device": _unused("JAX chooses the device"),
}
"""Keys of config.json, `finetune_config` apart."""

FINETUNE: dict[str, Key] = {
    "model": _text("scratch"),
    "model_config": Key({}, "allowed: an object of fields of ModelConfig", lambda value: isinstance(value, dict)),
    "tokenizer": _text(None),
    "finetuned_model_id": _text(None),
    "is_peft": _truth(None),
    "r": _whole(32, 1),
    "lora_alpha": _number(64, 1e-6, 1e6),
    "lora_dropout": _number(0.0, 0.0, 0.999),
    "lora_bias": _one_of("none"),
    "use_rslora": _truth(True),
    "target_modules": _names(),
    "loss": _one_of("sft"),
    "learning_rate": _number(1e-4, 0.0, 10.0),
    "epochs": _whole(25, 1),
    "per_device_train_batch_size": _whole(25, 1),
    "per_device_eval_batch_size": _whole(50, 1),
    "gradient_accumulation_steps": _whole(1, 1),
    "warmup_steps": _whole(5, 0),
    "weight_decay": _number(0.01, 0.0, 100.0),
    "lr_scheduler_type": _one_of("linear", "cosine", "constant"),
    "use_gradient_checkpointing": _truth(False),
    "max_seq_length": _whole(None, 1),
    "checkpoint_frequency": _whole(2, 0),
    "max_checkpoints_to_keep": _whole(3, 1),
    "save_adapter_weights": _truth(True),
    "push_to_hub": _truth(False),
    "save_checkpoints_to_hub": _truth(False),
    "push_to_private": _truth(True),
    "merge_before_push": _one_of(False, because="adapters are pushed as they are"),
    "merge_for_checkpoint": _one_of(False, because="adapters are kept as they are"),
    "attn_implementation": _unused("attention is chosen for the device"),
    "optim": _unused("the optimizer is AdamW"),
    "logging_steps": _unused("every step is recorded"),
    "max_to_eval": _unused("evaluation_sample_size decides"),
    "output_dir": _unused("results go to seed_<s>/results"),
    "save_steps": _unused("checkpoint_frequency decides, in epochs"),
    "save_checkpoints_locally": _unused("checkpoints are always kept, max_checkpoints_to_keep of them"),
}
"""Keys of `finetune_config`."""


def checked(file: Any, keys: Mapping[str, Key], given: Any, before: str = "") -> tuple[dict[str, Any], list[str]]:
    """Give all used keys with their values, and say which of the given ones are not used. Raises ParamError."""
    if not isinstance(given, Mapping):
        raise refuse(file, before.rstrip(".") or "config", given, "allowed: an object")
    unused = []
    for name, value in given.items():
        key = keys.get(name)
        if key is None:
            raise refuse(file, before + str(name), value, f"no such key; known: {', '.join(keys)}")
        if not key.good(value):
            raise refuse(file, before + name, value, key.allowed)
        if key.unused:
            unused.append(f"{before}{name}: {key.unused}")
    return {name: given.get(name, key.default) for name, key in keys.items() if not key.unused}, unused
