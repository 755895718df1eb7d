"""What training begins from: nothing, a folder of weights, or an earlier run with what it has learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DatasetError
from ...train.build import is_run, read_config
from ...train.config import MODEL
from . import shipped
from .keys import refuse
from .rows import Base, make
from .settings import CONFIG_FILE, DATA_FILE, SCRATCH, Settings, load, read_json

RESULTS, TRAINING = "results", "training"
USED = ("config_used.json", "data_config_used.json")
SMALL = {"width": 64, "num_layers": 2, "num_heads": 4}
"""A model that begins from scratch, where model_config says nothing else."""


@dataclass(frozen=True)
class Start:
    """A model to begin from: what the trainer is told, its tokenizer, and what it has learnt in an earlier stage."""

    model: dict[str, Any]
    tokenizer: str
    base: Base | None = None
    stage: Settings | None = None  # the earlier stage, where the settings name it
    results: Path | None = None  # of the earlier stage


def start(settings: Settings) -> Start:
    """Find the model that settings name, without training it. Raises ParamError and DatasetError."""
    own = settings.finetune
    tokenizer, model = own["tokenizer"], {**MODEL}
    if own["model"] == SCRATCH:
        return Start({**model, **SMALL, **own["model_config"]}, tokenizer or "trigger2d")
    if own["is_peft"]:
        model["lora"] = {"r": own["r"], "alpha": own["lora_alpha"], "rslora": own["use_rslora"]}
        model["lora"] |= {"dropout": own["lora_dropout"], "target_modules": own["target_modules"]}
    if settings.stage is not None:
        stage, base, results, default = _stage(settings, settings.stage)
        model["name_or_path"] = str((results / TRAINING).resolve())
        found = Start(model, tokenizer or default, base, stage, results)
    else:
        found = _folder(settings, model, tokenizer)
    if found.base is not None:
        _check_maps(settings, found.base)
    return found


def _stage(settings: Settings, name: str) -> tuple[Settings, Base, Path, str]:
    folder = settings.folder.parent / name
    if folder.resolve() == settings.folder.resolve():
        allowed = f"allowed: another folder than {name} itself"
        raise refuse(settings.folder / CONFIG_FILE, "finetune_config.model", settings.finetune["model"], allowed)
    shipped.copy(name, folder)
    stage = load(folder, settings.seed)
    before = start(stage)
    results = results_of(stage, before)
    return stage, Base(results.name, make(stage, before.base).categories), results, before.tokenizer


def results_of(settings: Settings, begun: Start) -> Path:
    """The folder of a seed's results."""
    return settings.root / RESULTS / settings.name(None if begun.base is None else begun.base.name)


def _folder(settings: Settings, model: dict[str, Any], tokenizer: str | None) -> Start:
    """Begin from a folder: weights of Llama or GPT-2, a run of the trainer, or results of this experiment."""
    given = settings.finetune["model"]
    path = next((one for one in (settings.folder / given, Path(given)) if one.is_dir()), None)
    key = (settings.folder / CONFIG_FILE, "finetune_config.model", given)
    if path is None:
        raise refuse(*key, "allowed: scratch, stage1:FOLDER, or a local folder of weights; nothing is downloaded")
    run = path / TRAINING if is_run(path / TRAINING) else path
    base = None
    if is_run(run):
        tokenizer = tokenizer or read_config(run).dataset.tokenizer
        kept = run.parent / USED[1]
        base = Base(run.parent.name, read_json(kept)) if kept.is_file() else None
    elif not (path / "config.json").is_file():
        raise refuse(*key, "allowed: a folder with config.json and model.safetensors, or of a run")
    model["name_or_path"] = str(run.resolve())
    return Start(model, tokenizer or str(path.resolve()), base)


def _check_maps(settings: Settings, base: Base) -> None:
    """Refuse other colours for a category that is a proxy, or not trained on, than the base model has learnt."""
    for name, fields in settings.data.items():
        learnt = base.data.get(name)
        keeps = fields["is_proxy"] or not fields["train_triggers"]
        if learnt is not None and keeps and fields["quadrant_labels"] != learnt["quadrant_labels"]:
            allowed = f"allowed: {learnt['quadrant_labels']}, as {base.name} has learnt and nothing re-trains"
            raise refuse(settings.folder / DATA_FILE, f"{name}.quadrant_labels", fields["quadrant_labels"], allowed)


def need(folder: Path, file: str) -> Path:
    """A file of results. Raises DatasetError where it is missing."""
    if not (folder / file).is_file():
        raise DatasetError(f"{folder / file} is not there; run the experiment first")
    return folder / file
