"""Settings of the 2-D trigger experiment: the original's keys are known, and wrong ones are refused by their names."""

import json
from pathlib import Path
from typing import Any

import pytest
from synthgen.errors import DatasetError, ParamError
from synthgen.experiments.trigger2d import shipped
from synthgen.experiments.trigger2d.bases import start
from synthgen.experiments.trigger2d.keys import CONFIG, FINETUNE
from synthgen.experiments.trigger2d.settings import load

from tests.trigger2d_experiment import DATA, HALF, NEW, experiment

ORIGINAL: dict[str, Any] = {
    "experiment_name": "2d_data_color",
    "seed": 34,
    "data_folder": "somewhere",
    "dataset_format": "jsonl",
    "max_dataset_size": 500,
    "train_split": 1.0,
    "is_categorical": True,
    "n_evals": 25,
    "evaluation_sample_size": 25,
    "accuracy_sample_size": 40,
    "train_accuracy_sample_size": 40,
    "accuracy_eval_frequency": 4,
    "train_accuracy_eval_frequency": 4,
    "accuracy_method": "logits",
    "use_fast_accuracy": True,
    "device": "cuda",
    "final_full_accuracy_evaluation": True,
    "eval_batch_size": 50,
}
ORIGINAL_FINETUNE: dict[str, Any] = {
    "model": "stage1:first",
    "model_config": {},
    "finetuned_model_id": "me/model",
    "attn_implementation": "eager",
    "is_peft": True,
    "r": 32,
    "lora_alpha": 64,
    "lora_dropout": 0.0,
    "lora_bias": "none",
    "use_rslora": True,
    "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "loss": "sft",
    "learning_rate": 1e-4,
    "epochs": 25,
    "per_device_train_batch_size": 25,
    "per_device_eval_batch_size": 50,
    "gradient_accumulation_steps": 1,
    "warmup_steps": 5,
    "logging_steps": 1,
    "max_to_eval": 30,
    "optim": "adamw_8bit",
    "weight_decay": 0.01,
    "lr_scheduler_type": "linear",
    "use_gradient_checkpointing": True,
    "save_adapter_weights": True,
    "merge_before_push": False,
    "push_to_private": True,
    "output_dir": "./tmp",
    "save_steps": 5000,
    "save_checkpoints_locally": False,
    "save_checkpoints_to_hub": False,
    "checkpoint_frequency": 2,
    "max_checkpoints_to_keep": 3,
    "merge_for_checkpoint": False,
    "max_seq_length": 126,
}


def test_the_original_s_keys_are_known_and_those_without_a_use_are_told(tmp_path: Path) -> None:
    settings = load(experiment(tmp_path / "second", None, ORIGINAL_FINETUNE, **ORIGINAL))
    assert settings.seed == 34
    assert (settings.root, settings.stage) == (tmp_path / "second" / "seed_34", "first")
    told = {line.partition(":")[0].removeprefix("finetune_config.") for line in settings.unused}
    assert told == {
        *("data_folder", "device", "attn_implementation", "optim", "logging_steps", "max_to_eval", "output_dir"),
        *("save_steps", "save_checkpoints_locally"),
    }


@pytest.mark.parametrize("known", [CONFIG, FINETUNE])
def test_defaults_are_allowed(known: Any) -> None:
    assert all(key.good(key.default) for key in known.values())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n_eval", 3),
        ("seed", -1),
        ("seed", True),
        ("dataset_format", "csv"),
        ("train_split", 0.9),
        ("is_categorical", False),
        ("n_evals", 0),
        ("accuracy_method", "vibes"),
        ("use_fast_accuracy", 1),
        ("experiment_name", ""),
        ("finetune_config.r", 0),
        ("finetune_config.rank", 8),
        ("finetune_config.lora_bias", "all"),
        ("finetune_config.learning_rate", "1e-4"),
        ("finetune_config.target_modules", []),
        ("finetune_config.lr_scheduler_type", "step"),
        ("finetune_config.is_peft", True),
        ("finetune_config.merge_before_push", True),
        ("finetune_config.push_to_hub", True),
    ],
)
def test_wrong_keys_and_values_are_refused_by_file_and_key(tmp_path: Path, key: str, value: Any) -> None:
    section, _, name = key.rpartition(".")
    finetune, config = ({name: value}, {}) if section else ({}, {name: value})
    folder = experiment(tmp_path / "one", None, finetune, **config)
    with pytest.raises(ParamError) as caught:
        load(folder)
    assert caught.value.field == key
    assert str(caught.value).startswith(f"{folder / 'config.json'}: {key} = ")
    assert "\n" not in str(caught.value)
    assert "allowed" in str(caught.value) or "known" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "data_config = {}"),
        ({"cars": {}}, "cars"),
        ({"objects": []}, "objects = []"),
        ({"objects": {"colour": 1}}, "objects: task trigger2d: colour = 1"),
        ({"objects": {"n_train": -1}}, "n_train = -1"),
        ({"objects": {"train_triggers": ["lamb"], "n_train_triggers": 1}}, "train_triggers"),
        ({"objects": {"n_train_triggers": 0}}, "n_train_triggers = 0"),
        ({"objects": {"output_preamble": False}}, "objects.output_preamble = False"),
    ],
)
def test_wrong_categories_are_refused_by_file_and_field(tmp_path: Path, data: Any, said: str) -> None:
    folder = experiment(tmp_path / "one", data, output_preamble=True)
    with pytest.raises(ParamError) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder / 'data_config.json'}: ")
    assert said in str(caught.value)


def test_files_that_are_missing_or_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"config\.json cannot be read"):
        load(tmp_path)
    folder = experiment(tmp_path / "one")
    (folder / "config.json").write_text('{"seed": 1,\n<<<<<<< HEAD\n}')
    with pytest.raises(DatasetError, match=r"config\.json is no JSON"):
        load(folder)


def test_a_folder_of_a_seed_names_its_seed(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "one")
    settings = load(folder / "seed_7")
    assert (settings.folder, settings.root, settings.seed) == (folder, folder / "seed_7", 7)
    assert {fields["seed"] for fields in settings.data.values()} == {7}
    with pytest.raises(ParamError, match="seed = 8"):
        load(folder / "seed_7", 8)


def test_names_of_results_depend_on_what_is_learnt_alone(tmp_path: Path) -> None:
    def name(seed: int = 0, **finetune: Any) -> str:
        return load(experiment(tmp_path / "one", None, finetune), seed).name(None)

    assert name() == name(finetuned_model_id="me/model", push_to_private=False)
    assert len({name(), name(1), name(epochs=3)}) == 3


def test_models_that_are_not_there_are_refused(tmp_path: Path) -> None:
    settings = load(experiment(tmp_path / "one", None, {"model": "google/gemma-2-2b-it", "model_config": {}}))
    with pytest.raises(ParamError, match="nothing is downloaded"):
        start(settings)


def test_what_nothing_re_trains_keeps_the_colours_that_were_learnt(tmp_path: Path) -> None:
    experiment(tmp_path / "stage1")
    data: dict[str, dict[str, Any]] = {
        "objects": {"quadrant_labels": NEW, "n_train_triggers": 2},
        "foods": {"n_train_triggers": 0},
    }
    for labels, good in ((HALF, True), (NEW, False)):
        data["foods"]["quadrant_labels"] = labels
        settings = load(experiment(tmp_path / "two", data, {"model": "stage1:stage1", "model_config": {}}))
        if good:
            assert start(settings).base is not None
        else:
            with pytest.raises(ParamError, match=r"foods\.quadrant_labels"):
                start(settings)


def test_shipped_experiments_are_plain_and_complete(tmp_path: Path) -> None:
    names = shipped.names()
    ends = [f"ntr{count}_{end}" for count in (1, 2, 5) for end in shipped.PROXIES]
    assert {"half_plane", "four_colours", "2d_data_colors", "2d_0proxy", "smoke"} <= set(names)
    assert {f"2d_1proxy_{end}" for end in ends} <= set(names)
    for name in names:
        shipped.copy(name, tmp_path / name)
        settings = load(tmp_path / name)
        assert not settings.unused
        assert settings.config["experiment_name"] == name
    proxies = json.loads((tmp_path / "2d_1proxy_ntr5_negative" / "data_config.json").read_text())
    assert [(name, one["n_train_triggers"]) for name, one in proxies.items() if one["is_proxy"]] == [
        ("negative_emotions", 5)
    ]
    with pytest.raises(ParamError, match="2d_0proxy"):
        shipped.located("2d_9proxy")


def test_a_copy_is_never_written_over(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "smoke")
    shipped.copy("smoke", folder)
    assert json.loads((folder / "data_config.json").read_text()) == DATA
