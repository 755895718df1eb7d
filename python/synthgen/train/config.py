"""What a run is made of: one tree of groups, composed from `synthgen/conf` and overrides, and checked here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import param_error
from ..tree import FILE, MIX, DatasetConfig, Tree
from .models.config import ModelConfig


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
    at: list[int] = field(default_factory=list)  # steps at which it is scored too; 0: before the first
    split: str = "validation"
    num_examples: int = 256
    batch_size: int | None = None  # None: train.batch_size
    axis: str | None = None  # a parameter that is varied, or difficulty
    values: list[Any] = field(default_factory=list)  # its values: one set of rows for each
    config: dict[str, Any] = field(default_factory=dict)  # parameters that held-out rows have otherwise
    paths: dict[str, str] = field(default_factory=dict)  # of the dataset file: held-out files, one set for each
    seed: int | None = None  # None: that of training; the split keeps the rows apart
    resample: bool = False  # other rows at every evaluation
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

TREE = Tree("train", RunConfig, {"model": MODEL}, ALIASES)
"""The settings of `synthgen train`."""

CHOICES = {
    "dataset.layout": ("padded", "packed"),
    "dataset.overflow": ("error", "redraw", "truncate"),
    "dataset.policy": ("truncate", "pad"),
    "dataset.loss": ("answer", "all"),
    "dataset.split": ("train", "validation", "test", "all"),
    "dataset.answers": ("given", "random"),
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


def compose(overrides: Iterable[str] = (), preset: str | None = None) -> RunConfig:
    """Make a run's configuration from Hydra overrides: `compose(["task=depo", "model=gla", "optimizer.lr=3e-4"])`.

    Parameters of the task stand under `dataset.config`, or under `dataset` itself, by our names or by those of the
    originals; a preset stands under the overrides. Raises ParamError that names the key; ModuleNotFoundError without
    the extra `train`.
    """
    config: RunConfig = composed(TREE, overrides, preset)
    check(config)
    return config


def composed(tree: Tree, overrides: Iterable[str], preset: str | None) -> Any:
    """The settings of a tree with the group model; a folder of weights that is named is the choice of that group."""
    words = list(overrides)
    named = {word.partition("=")[0] for word in words if isinstance(word, str)}
    if "model.name_or_path" in named and "model" not in named:
        words.append("model=from_pretrained")
    return tree.compose(words, preset)


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
    _check_dataset(config.dataset)
    _check_eval(config)
    if config.model.get("name_or_path") == "":
        allowed = "allowed: a folder of Llama or GPT-2 weights, or of a run"
        raise param_error(None, "model.name_or_path", None, allowed)


def _check_dataset(own: DatasetConfig) -> None:
    if own.layout == "packed" and own.seq_len is None:
        raise param_error(None, "dataset.seq_len", None, "allowed: an integer, where dataset.layout is packed")
    if (own.name == FILE) != (own.path is not None):
        raise param_error(None, "dataset.path", own.path, "allowed: a path, where the dataset is file")
    if own.name != FILE and own.split == "all":
        raise param_error(
            None, "dataset.split", own.split, "allowed: train, validation or test; all, of the rows of files"
        )
    if own.name == MIX and not own.weights:
        raise param_error(None, "dataset.weights", {}, "allowed: tasks and weights, as {dyna: 0.4, depo: 0.6}")


def _check_eval(config: RunConfig) -> None:
    own = config.eval
    if (own.axis is None) != (not own.values):
        raise param_error(None, "eval.axis", own.axis, "allowed: a parameter's name, with eval.values, or both")
    if any(step < 0 for step in own.at):
        raise param_error(None, "eval.at", own.at, "allowed: steps, 0 or more")
    if own.paths and (config.dataset.name != FILE or own.axis is not None):
        allowed = "allowed: where the dataset is file, and without eval.axis"
        raise param_error(None, "eval.paths", own.paths, allowed)


def as_dict(config: RunConfig) -> dict[str, Any]:
    """The whole configuration as plain values, as config.json holds it."""
    return dataclasses.asdict(config)


def _value(config: RunConfig, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found
