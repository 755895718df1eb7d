"""The settings of an experiment and a seed: two JSON files, checked, filled, and never written to."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...compat.trigger2d import CATEGORY_DEFAULTS, trigger2d_partition
from ...data.files import json_bytes
from ...errors import DatasetError, ParamError
from .keys import CONFIG, FINETUNE, checked, refuse

CONFIG_FILE, DATA_FILE = "config.json", "data_config.json"
RESOLVED = ("resolved_config.json", "resolved_data_config.json")
SCRATCH, STAGE = "scratch", "stage1:"
_SEED_FOLDER = re.compile(r"seed_(\d+)")
_NOT_HASHED = ("finetuned_model_id", "push_to_hub", "save_checkpoints_to_hub", "push_to_private")
"""Keys of finetune_config that do not change what is learnt."""


@dataclass(frozen=True)
class Settings:
    """What a seed of an experiment is made of."""

    folder: Path  # of the experiment: config.json and data_config.json
    root: Path  # of the seed: generated_data and results
    seed: int
    config: dict[str, Any]
    finetune: dict[str, Any]
    data: dict[str, dict[str, Any]]  # categories and all of their fields
    unused: tuple[str, ...]

    @property
    def stage(self) -> str | None:
        """The folder of the experiment that this one begins from, if any."""
        model = self.finetune["model"]
        return model.removeprefix(STAGE) if model.startswith(STAGE) else None

    @property
    def candidates(self) -> list[str]:
        """The colours of the data config, which answers are chosen from."""
        return sorted({colour for fields in self.data.values() for colour in fields["quadrant_labels"].values()})

    def resolved(self) -> dict[str, Any]:
        """The whole configuration as plain values."""
        return {**self.config, "seed": self.seed, "finetune_config": self.finetune}

    def name(self, base: str | None) -> str:
        """The name of the results: the same settings on the same base have the same name."""
        finetune = {key: value for key, value in self.finetune.items() if key not in _NOT_HASHED}
        decisive = {**self.resolved(), "finetune_config": finetune, "data": self.data, "base": base}
        del decisive["experiment_name"]
        return f"run-{hashlib.sha256(json_bytes(decisive)).hexdigest()[:10]}"


def load(directory: str | Path, seed: int | None = None) -> Settings:
    """Read and check an experiment, or its folder `seed_<s>`; `seed` stands above that of config.json.

    Raises ParamError that names the file, the key, the value and what is allowed.
    """
    folder, root, seed = _located(Path(directory), seed)
    file = folder / CONFIG_FILE
    given = read_json(file)
    if not isinstance(given, dict):
        raise refuse(file, "config", given, "allowed: an object")
    config, unused = checked(file, CONFIG, {key: one for key, one in given.items() if key != "finetune_config"})
    finetune, more = checked(file, FINETUNE, given.get("finetune_config", {}), "finetune_config.")
    seed = config["seed"] if seed is None else seed
    _check(file, config, finetune)
    data, ignored = _categories(folder / DATA_FILE, seed, config["output_preamble"])
    root = folder / f"seed_{seed}" if root is None else root
    return Settings(folder, root, seed, config, finetune, data, (*unused, *more, *ignored))


def read_json(file: Path) -> Any:
    """Read a JSON file. Raises DatasetError that names it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{file} cannot be read ({error.strerror}); needed: a folder with {CONFIG_FILE} and {DATA_FILE}"
        raise DatasetError(message) from error
    except ValueError as error:
        raise DatasetError(f"{file} is no JSON: {error}; correct it there") from error


def _located(path: Path, seed: int | None) -> tuple[Path, Path | None, int | None]:
    """The experiment's folder, the seed's where the path names it, and the seed."""
    found = _SEED_FOLDER.fullmatch(path.name)
    if found is None or (not (path / CONFIG_FILE).is_file() and not (path.parent / CONFIG_FILE).is_file()):
        return path, None, seed
    if seed is not None and seed != int(found[1]):
        raise refuse(path, "seed", seed, f"allowed: {found[1]}, as the folder says")
    return path if (path / CONFIG_FILE).is_file() else path.parent, path, int(found[1])


def _check(file: Path, config: dict[str, Any], finetune: dict[str, Any]) -> None:
    """Check what keys say together, and decide what was left open."""
    if config["n_evals"] is not None and config["eval_every"] is not None:
        raise refuse(file, "eval_every", config["eval_every"], "allowed: null, where n_evals is given")
    scratch = finetune["model"] == SCRATCH
    if finetune["is_peft"] is None:
        finetune["is_peft"] = not scratch
    if scratch and finetune["is_peft"]:
        raise refuse(file, "finetune_config.is_peft", True, "allowed: false, where model is scratch")
    if not scratch and finetune["model_config"]:
        shown = finetune["model_config"]
        raise refuse(file, "finetune_config.model_config", shown, "allowed: {}, where model is not scratch")
    if finetune["push_to_hub"] or finetune["save_checkpoints_to_hub"]:
        if not (finetune["is_peft"] and finetune["save_adapter_weights"]):
            raise refuse(file, "finetune_config.push_to_hub", True, "allowed: false, where no adapters are saved")
        if finetune["finetuned_model_id"] is None:
            raise refuse(file, "finetune_config.finetuned_model_id", None, "allowed: user/name, to push to")


def _categories(file: Path, seed: int, preamble: bool | None) -> tuple[dict[str, dict[str, Any]], list[str]]:
    given = read_json(file)
    if not isinstance(given, Mapping) or not given:
        raise refuse(file, "data_config", given, "allowed: an object of categories")
    categories, unused = {}, []
    for name, own in given.items():
        if not isinstance(own, Mapping):
            raise refuse(file, name, own, "allowed: an object of fields")
        fields = copy.deepcopy(dict(own))
        if "seed" in fields:
            unused.append(f"{name}.seed: rows are drawn by the seed of the run")
        fields["seed"] = seed
        if preamble is not None and fields.setdefault("output_preamble", preamble) != preamble:
            allowed = f"allowed: {str(preamble).lower()}, as output_preamble of {CONFIG_FILE} says"
            raise refuse(file, f"{name}.output_preamble", fields["output_preamble"], allowed)
        with naming(file, name):
            seen, _ = trigger2d_partition(name, fields)
        categories[name] = {**copy.deepcopy(CATEGORY_DEFAULTS), **fields, "train_triggers": seen}
    if not any(fields["train_triggers"] and fields["n_train"] for fields in categories.values()):
        raise refuse(file, "n_train_triggers", 0, "allowed: 1 or more, in one category at least")
    return categories, unused


@contextmanager
def naming(file: Path, category: str) -> Iterator[None]:
    """Let errors about a category's fields say which file and category they are of."""
    try:
        yield
    except ParamError as error:
        message = f"{file}: {category}: {error}"
        raise ParamError(message, field=error.field, value=error.value, allowed=error.allowed) from None
