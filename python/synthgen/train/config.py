"""What a run is made of: one tree of groups, composed by Hydra from `synthgen/conf` and overrides, and checked here."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..checks import extra
from ..compat.names import SEED_NAMES
from ..errors import ParamError, param_error
from ..registry import tasks
from .models.config import ModelConfig

MIX = "mix"
"""Name of the dataset that is a mixture of tasks."""


@dataclass
class DatasetConfig:
    """Rows to train on: of a task, or of a mixture of tasks."""

    name: str = MIX
    config: dict[str, Any] = field(default_factory=dict)  # parameters; of a mixture, those of each task by its name
    weights: dict[str, float] = field(default_factory=dict)  # of a mixture: tasks and their shares of rows
    difficulty: int | None = None  # preset 1, 2 or 3, under the parameters
    split: str = "train"
    seed: int | None = None  # None: train.seed
    layout: str = "padded"  # padded: a row each; packed: windows full of rows
    seq_len: int | None = None  # None: as long as the longest row can be
    overflow: str = "error"  # rows longer than seq_len: error, redraw, or truncate
    policy: str = "truncate"  # the row that crosses a window's end: truncate or pad
    isolated: bool = True  # packed rows do not see each other
    loss: str = "answer"  # answer: what the task predicts; all: every token but the first


@dataclass
class OptimizerConfig:
    """AdamW (Loshchilov and Hutter, 2019) with a warm-up and a schedule."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-6
    weight_decay: float = 0.03  # of parameters with two dimensions or more
    schedule: str = "cosine"  # constant, linear or cosine, over all steps
    warmup_steps: int = 100
    final_share: float = 0.1  # share of lr that linear and cosine end at
    clip_norm: float | None = 1.0  # largest norm of a gradient


@dataclass
class TrainConfig:
    """Steps, their size, the devices they run on, and what is kept."""

    max_steps: int = 1000
    stop_after: int | None = None  # stop with a checkpoint after so many steps of this call; the same call goes on
    batch_size: int = 64  # rows or windows of a step, over all devices, hosts and accumulated parts
    accumulate: int | None = None  # parts that a step's batch is worked through in; None: 1, on a CPU more
    seed: int = 0  # of rows (unless dataset.seed), of first parameters and of dropout
    parallel: str = "jit"  # jit: one program over a mesh of all devices; pmap: a program a device
    devices: int | None = None  # use only so many
    remat: bool = False  # work out activations of a block again in the backward pass, and keep none
    prefetch: int = 2  # batches made ahead
    export: bool = False  # when done, write weights and tokenizer as transformers reads them
    coordinator: str | None = None  # host:port of the first of several hosts; None: as the cluster says, or one host
    num_processes: int = 1
    process_id: int = 0
    checkpoint_every: int = 500  # steps; 0: only at the end
    keep: int = 2  # checkpoints kept, beside the best


@dataclass
class EvalConfig:
    """Held-out rows, and how often they are scored."""

    every: int = 100  # steps; 0: only at the end
    split: str = "validation"
    num_examples: int = 256
    batch_size: int | None = None  # None: train.batch_size
    axis: str | None = None  # a parameter that is varied, or difficulty
    values: list[Any] = field(default_factory=list)  # its values: one set of rows for each
    seed: int | None = None  # None: that of training; the split keeps the rows apart
    best: str = "loss"  # the checkpoint that is best by this figure is kept: loss, answer_accuracy or exact_match


@dataclass
class WandbConfig:
    """Weights & Biases."""

    enabled: bool = False
    project: str = "synthgen"
    entity: str | None = None
    name: str | None = None
    mode: str = "online"  # or offline


@dataclass
class LoggingConfig:
    """What is told of a run beside metrics.csv and metrics.jsonl, which are always written."""

    every: int = 10  # steps
    progress: bool = True
    figures: bool = True
    tensorboard: bool = False
    wandb: WandbConfig = field(default_factory=WandbConfig)


@dataclass
class RunConfig:
    """A training run."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: dict[str, Any] = field(default_factory=dict)  # see MODEL
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    output_dir: str = "outputs/train"
    overwrite: bool = False  # replace a run that is there with other settings


MODEL: dict[str, Any] = {
    "size": "0.2m",
    "name_or_path": None,
    "lora": None,
    **{one.name: None for one in dataclasses.fields(ModelConfig) if one.name != "vocab_size"},
}
"""Keys of the group model: a preset size, a local folder of Llama or GPT-2 weights, fields of LoraConfig if only
adapters are to be trained, and fields of ModelConfig."""

ALIASES = {
    "task": "dataset",
    "train.learning_rate": "optimizer.lr",
    "train.weight_decay": "optimizer.weight_decay",
    "train.eval_every_steps": "eval.every",
    "train.gradient_accumulation_steps": "train.accumulate",
    "seed": "train.seed",
}
"""Other names of keys."""

CHOICES = {
    "dataset.layout": ("padded", "packed"),
    "dataset.overflow": ("error", "redraw", "truncate"),
    "dataset.policy": ("truncate", "pad"),
    "dataset.loss": ("answer", "all"),
    "dataset.split": ("train", "validation", "test"),
    "optimizer.schedule": ("constant", "linear", "cosine"),
    "train.parallel": ("jit", "pmap"),
    "eval.split": ("train", "validation", "test"),
    "eval.best": ("loss", "answer_accuracy", "exact_match"),
    "logging.wandb.mode": ("online", "offline"),
}
AT_LEAST = {
    "optimizer.warmup_steps": 0,
    "train.max_steps": 1,
    "train.stop_after": 1,
    "train.batch_size": 1,
    "train.accumulate": 1,
    "train.seed": 0,
    "train.devices": 1,
    "train.prefetch": 1,
    "train.num_processes": 1,
    "train.process_id": 0,
    "train.checkpoint_every": 0,
    "train.keep": 1,
    "eval.every": 0,
    "eval.num_examples": 1,
    "eval.batch_size": 1,
    "logging.every": 1,
}
WITHIN = {
    "optimizer.lr": (0.0, 10.0),
    "optimizer.beta1": (0.0, 1.0),
    "optimizer.beta2": (0.0, 1.0),
    "optimizer.eps": (0.0, 1.0),
    "optimizer.weight_decay": (0.0, 100.0),
    "optimizer.final_share": (0.0, 1.0),
    "optimizer.clip_norm": (0.0, 1e9),
}


def compose(overrides: Iterable[str] = ()) -> RunConfig:
    """Make a run's configuration from Hydra overrides: `compose(["task=depo", "model=gla", "optimizer.lr=3e-4"])`.

    Parameters of the task stand under `dataset.config`, or under `dataset` itself, by our names or by those of the
    originals. Raises ParamError that names the key; ModuleNotFoundError without the extra `train`.
    """
    hydra, omegaconf = extra("hydra", "train"), extra("omegaconf", "train")
    _register()
    words = [_ours(word) for word in overrides]
    named = {word.partition("=")[0] for word in words}
    if "model.name_or_path" in named and "model" not in named:
        words.append("model=from_pretrained")
    try:
        with hydra.initialize_config_module("synthgen.conf", version_base="1.3"):
            composed = hydra.compose("train", overrides=words)
        config: RunConfig = omegaconf.OmegaConf.to_object(composed)
    except (hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException) as error:
        raise _plain(error, words) from None
    check(config)
    return config


def check(config: RunConfig) -> None:
    """Check what needs no task and no device. Raises ParamError."""
    for key, choices in CHOICES.items():
        if (value := _value(config, key)) not in choices:
            raise param_error(None, key, value, f"allowed: one of {', '.join(choices)}")
    for key, low in AT_LEAST.items():
        if (value := _value(config, key)) is not None and value < low:
            raise param_error(None, key, value, f"allowed: an integer >= {low}")
    for key, (lo, hi) in WITHIN.items():
        if (value := _value(config, key)) is not None and not lo <= value <= hi:
            raise param_error(None, key, value, f"allowed: a number in {lo:g}..={hi:g}")
    if config.train.batch_size % (config.train.accumulate or 1):
        allowed = f"allowed: a divisor of train.batch_size = {config.train.batch_size}"
        raise param_error(None, "train.accumulate", config.train.accumulate, allowed)
    if (config.eval.axis is None) != (not config.eval.values):
        raise param_error(None, "eval.axis", config.eval.axis, "allowed: a parameter's name, with eval.values, or both")
    if config.dataset.layout == "packed" and config.dataset.seq_len is None:
        raise param_error(None, "dataset.seq_len", None, "allowed: an integer, where dataset.layout is packed")
    if config.model.get("name_or_path") == "":
        raise param_error(None, "model.name_or_path", None, "allowed: a folder of Llama or GPT-2 weights")
    if config.dataset.name == MIX and not config.dataset.weights:
        raise param_error(None, "dataset.weights", {}, "allowed: tasks and weights, as {dyna: 0.4, depo: 0.6}")


def as_dict(config: RunConfig) -> dict[str, Any]:
    """The whole configuration as plain values, as config.json holds it."""
    return dataclasses.asdict(config)


def _value(config: RunConfig, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found


def _register() -> None:
    """Give Hydra what stands in Python: types and defaults, keys of models, and a dataset for each task."""
    store = extra("hydra.core.config_store", "train").ConfigStore.instance()
    store.store(name="schema", node=RunConfig)
    store.store(group="model", name="base", node=MODEL)
    for name in (*tasks(), MIX):
        store.store(group="dataset", name=name, node={"name": name})


def _ours(word: Any) -> str:
    """Translate an override: other names of keys, and parameters of a task, which Hydra must be told to add."""
    if not isinstance(word, str) or "=" not in word or word.startswith("~"):
        raise param_error(None, "overrides", word, "allowed: key=value, as train.max_steps=100")
    key, equals, value = word.lstrip("+").partition("=")
    key = ALIASES.get(key, key)
    head, _, rest = key.partition(".")
    if key.startswith("model.lora."):
        key = f"++{key}"
    elif head == "dataset" and rest:
        known = {one.name for one in dataclasses.fields(DatasetConfig)}
        section, _, name = rest.partition(".")
        if section in ("config", "weights"):
            key = f"++dataset.{section}" + (f".{SEED_NAMES.get(name, name)}" if name else "")
        elif section not in known:
            key = f"++dataset.config.{SEED_NAMES.get(rest, rest)}"
    return f"{key}{equals}{value}"


def _plain(error: Exception, words: Iterable[str]) -> ParamError:
    """Say what Hydra says in one line that names the key and the way out."""
    cause = error.__cause__ or error
    named = next((word.partition("=")[0] for word in words if word in str(error)), "")
    key = getattr(cause, "full_key", None) or named
    first = str(cause).partition("\n")[0]
    if isinstance(error, extra("hydra.errors", "train").OverrideParseException):
        key, first = error.override.partition("=")[0], f"{error.override} is no value as Hydra writes them ({first})"
    if "not in" in first:
        near = difflib.get_close_matches(key, list(keys()), 1, 0.5)
        groups = ", ".join(one.name for one in dataclasses.fields(RunConfig))
        hint = f"did you mean {near[0]}?" if near else f"groups: {groups}"
        return ParamError(f"{key}: no such key; {hint}", field=key, allowed=hint)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "Could not find" in lines[0]:
        wanted = lines[0].rpartition(" ")[2].strip("'")
        group, _, name = wanted.partition("/")
        options = [line for line in lines[2:] if ":" not in line and "=" not in line and line != "base"]
        near = difflib.get_close_matches(name, options, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        return ParamError(f"{group} = {name}: no such choice; {hint}known: {', '.join(options)}", field=group)
    return ParamError(f"{key}: {first}" if key else first, field=key)


def keys() -> list[str]:
    """All keys of a run."""
    return [*_fields(RunConfig), *(f"model.{name}" for name in MODEL)]


def _fields(kind: Any, before: str = "") -> list[str]:
    found = []
    for one in dataclasses.fields(kind):
        default = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
        if dataclasses.is_dataclass(default):
            found += _fields(type(default), f"{before}{one.name}.")
        else:
            found.append(f"{before}{one.name}")
    return found


def params_of(config: DatasetConfig) -> Mapping[str, Any]:
    """The parameters of a dataset, by our names."""
    return {SEED_NAMES.get(name, name): value for name, value in config.config.items()}
