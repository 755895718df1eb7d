"""What the copy experiment is asked: its arms, its budgets, and what is trained before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...errors import param_error
from ...train.config import MODEL
from ...tree import Tree

COPY_TASKS = {
    "simple_copy": "copying",
    "key_value": "kv",
    "pattern": "pattern",
    "associative_recall": "recall",
    "list_reversal": "reversal",
    "selective_copy": "selective",
}
"""Copy tasks by the names of the experiment, and as the registry knows them."""

ARMS = ("scratch", "copy", "control", "compute_matched")
"""scratch: not pre-trained. copy: on copy tasks. control: on the same rows with random answers. compute_matched: not
pre-trained, and trained downstream for as many steps more."""

MIXTURES = {
    "simple": {"simple_copy": 1.0},
    "complex": {"key_value": 1.0, "pattern": 1.0},
    "default": {"simple_copy": 1.0, "key_value": 1.0, "pattern": 1.0},
    "all": dict.fromkeys(COPY_TASKS, 1.0),
}
"""Mixtures of copy tasks that the ablation compares."""

SIZES = {
    "small": {"num_layers": 2, "width": 128, "num_heads": 4},
    "default": {"num_layers": 4, "width": 256, "num_heads": 8},
    "large": {"num_layers": 6, "width": 256, "num_heads": 8},
}
"""Sizes of models that the ablation compares."""

ABLATIONS = ("duration", "mixture", "model")


@dataclass
class Downstream:
    """Training on the downstream tasks, the same for all arms."""

    batch_size: int = 32
    lr: float = 1e-3
    warmup_steps: int = 20
    max_context_length: int = 128
    num_examples: int = 3  # shown before the question


@dataclass
class CopyConfig:
    """The copy experiment. Without a preset, the values are those of the original's command line."""

    steps: int = 1000  # of pre-training
    batch_size: int = 8
    lr: float = 1e-4
    schedule: str = "constant"
    warmup_steps: int = 0
    loss_on: str = "target"  # all: on the prompt too
    mixture: dict[str, float] = field(default_factory=dict)  # shares of copy tasks; empty: three at even odds
    copy: dict[str, Any] = field(default_factory=dict)  # fields of CopyTaskGenerator
    arms: list[str] = field(default_factory=lambda: ["scratch", "copy", "control"])
    seeds: list[int] = field(default_factory=lambda: [42, 43, 44, 45, 46])
    budgets: list[int] = field(default_factory=lambda: [0, 100, 300, 1000])  # steps of downstream training
    downstream: Downstream = field(default_factory=Downstream)
    eval_samples: int = 1000  # held-out rows of each task
    jsonl: dict[str, str] = field(default_factory=dict)  # further held-out sets: files of prompts and targets
    model: dict[str, Any] = field(default_factory=dict)
    ablation: list[str] = field(default_factory=list)
    durations: list[int] = field(default_factory=lambda: [100, 500, 1000, 2000])  # of the ablation
    workers: int = 1
    output_dir: str = "results"
    save_results: bool = True


TREE = Tree("copy_pretrain", CopyConfig, {"model": MODEL}, mappings=("mixture.", "copy.", "jsonl."))


def compose(overrides: Iterable[str] = (), preset: str | None = None) -> CopyConfig:
    """Make the settings, see `synthgen.tree.Tree.compose`. Raises ParamError."""
    config: CopyConfig = TREE.compose(overrides, preset)
    check(config)
    return config


def check(config: CopyConfig) -> None:
    """Check what needs no model. Raises ParamError."""
    for name, low in (("steps", 1), ("batch_size", 1), ("eval_samples", 1), ("warmup_steps", 0), ("workers", 1)):
        if getattr(config, name) < low:
            raise param_error(None, name, getattr(config, name), f"allowed: an integer >= {low}")
    if config.loss_on not in ("target", "all"):
        raise param_error(None, "loss_on", config.loss_on, "allowed: one of target, all")
    for name, known in (("arms", ARMS), ("ablation", ABLATIONS)):
        for one in getattr(config, name):
            if one not in known:
                raise param_error(None, name, one, f"allowed: {', '.join(known)}")
    for name in ("scratch", "copy"):
        if name not in config.arms:
            raise param_error(None, "arms", config.arms, f"allowed: arms with {name} among them")
    for name, least in (("budgets", 0), ("seeds", 0), ("durations", 1)):
        values = getattr(config, name)
        if not values or min(values) < least or len(set(values)) < len(values):
            raise param_error(None, name, values, f"allowed: different integers >= {least}, at least one")
    if max(config.budgets) < 1:
        raise param_error(None, "budgets", config.budgets, "allowed: a number of steps above 0 among them")
