"""The configuration of a run: groups and values by Hydra, wrong ones refused by the key, in one line."""

from pathlib import Path

import pytest
import synthgen
from synthgen.train.config import ALIASES, TREE, as_dict, compose


def test_groups_and_values_make_one_configuration() -> None:
    config = compose(["task=depo", "model=gla", "train.max_steps=2000", "optimizer.lr=1e-3", "dataset.config.qa=true"])
    assert config.dataset.name == "depo"
    assert config.dataset.config == {"qa": True}
    assert config.model["mixers"] == ["gla"]
    assert (config.train.max_steps, config.optimizer.lr) == (2000, 1e-3)


def test_parameters_go_by_our_names_and_by_those_of_the_originals() -> None:
    config = compose(["dataset=depo", "dataset.K=16", "dataset.config.N=75", "dataset.num_queries=3"])
    assert config.dataset.config == {"k_max": 16, "n_max": 75, "num_queries": 3}


@pytest.mark.parametrize("name", synthgen.tasks())
def test_every_task_is_a_choice_of_dataset(name: str) -> None:
    assert compose([f"task={name}"]).dataset.name == name


def test_a_mixture_has_weights_and_parameters_by_task() -> None:
    config = compose(["task=mix", "dataset.weights={dyna:0.4,depo:0.6}", "dataset.config.depo.k_max=4"])
    assert config.dataset.weights == {"dyna": 0.4, "depo": 0.6}
    assert config.dataset.config == {"depo": {"k_max": 4}}


def test_other_names_of_keys_are_keys() -> None:
    known = {*TREE.keys(), "dataset"}
    assert set(ALIASES.values()) <= known
    assert compose(["train.learning_rate=0.5", "seed=7"]).optimizer.lr == 0.5


def test_every_group_on_disk_is_a_choice() -> None:
    folder = Path(synthgen.__file__).parent / "conf"
    files = [path for path in folder.glob("*/*.yaml") if path.stem != "from_pretrained"]
    assert len(files) > 10
    for path in files:
        compose([f"{path.parent.name}={path.stem}"])


WRONG = {
    ("modl=gla",): "modl: no such key; did you mean model",
    ("model=glaa",): "model = glaa: no such choice; did you mean gla",
    ("task=dpo",): "dataset = dpo: no such choice",
    ("model.widht=3",): "model.widht: no such key; did you mean model.width",
    ("+train.max_stepss=3",): "train.max_stepss: no such key; did you mean train.max_steps",
    ("train.max_steps=abc",): "train.max_steps: Value 'abc'.*Integer",
    ("train.max_steps=0",): "train.max_steps = 0; allowed: an integer >= 1",
    ("optimizer.lr=-1",): "optimizer.lr = -1.0; allowed: a number in 0..=10",
    ("optimizer.schedule=step",): "optimizer.schedule = 'step'; allowed: one of constant, linear, cosine",
    ("train.batch_size=6", "train.accumulate=4"): "train.accumulate = 4; allowed: a divisor of train.batch_size = 6",
    ("eval.axis=k_max",): "eval.axis",
    ("task=mix",): "dataset.weights",
    ("dataset.split=all",): "dataset.split = 'all'",
    ("dataset.layout=packed",): "dataset.seq_len",
    ("model=from_pretrained",): "model.name_or_path",
    ("nothing",): "overrides = 'nothing'; allowed: key=value",
    ("~train",): "overrides = '~train'; allowed: key=value",
    ("eval.values=[1,2",): "eval.values",
    ("dataset.difficulty=easy",): "dataset.difficulty: Value 'easy'.*Integer",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_override_is_refused_by_its_key_in_one_line(words: tuple[str, ...]) -> None:
    with pytest.raises(synthgen.ParamError, match=WRONG[words]) as caught:
        compose(words)
    assert "\n" not in str(caught.value)


def test_plain_values_hold_all_of_it() -> None:
    kept = as_dict(compose(["task=kv", "model=hybrid"]))
    assert kept["model"]["mixers"] == ["gdn", "gdn", "gdn", "attention"]
    assert kept["logging"]["wandb"]["enabled"] is False
