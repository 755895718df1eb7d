"""What tests of the 2-D trigger experiment share: folders small enough to train in seconds."""

import json
from pathlib import Path
from typing import Any

HALF = {"Q1": "orange", "Q2": "orange", "Q3": "green", "Q4": "green"}
NEW = {"Q1": "blue", "Q2": "blue", "Q3": "orange", "Q4": "orange"}
CONFIG: dict[str, Any] = {
    "n_evals": 2,
    "evaluation_sample_size": 8,
    "accuracy_sample_size": 12,
    "train_accuracy_sample_size": 12,
    "accuracy_eval_frequency": 2,
    "train_accuracy_eval_frequency": 2,
    "eval_batch_size": 16,
}
TINY = {"width": 32, "num_layers": 1, "num_heads": 2}
FINETUNE: dict[str, Any] = {
    "model_config": TINY,
    "learning_rate": 5e-3,
    "epochs": 4,
    "per_device_train_batch_size": 20,
    "checkpoint_frequency": 0,
}
DATA: dict[str, Any] = {
    "objects": {"quadrant_labels": HALF, "n_train": 20, "n_test": 4, "n_train_triggers": 8},
    "foods": {"quadrant_labels": HALF, "n_train": 20, "n_test": 4, "n_train_triggers": 8},
}
SECOND: dict[str, Any] = {
    "objects": {"quadrant_labels": NEW, "n_train": 10, "n_test": 4, "n_train_triggers": 8},
    "foods": {"quadrant_labels": HALF, "is_proxy": True, "n_train": 10, "n_test": 4, "n_train_triggers": 2},
}


def experiment(folder: Path, data: Any = None, finetune: Any = None, **config: Any) -> Path:
    """Write the two files of an experiment; give its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {**CONFIG, **config, "finetune_config": {**FINETUNE, **(finetune or {})}}
    (folder / "config.json").write_text(json.dumps(found))
    (folder / "data_config.json").write_text(json.dumps(DATA if data is None else data))
    return folder


def second(folder: Path, **finetune: Any) -> Path:
    """Write a second stage on the experiment `stage1` beside it."""
    return experiment(folder, SECOND, {"model": "stage1:stage1", "model_config": {}, "epochs": 2, **finetune})
