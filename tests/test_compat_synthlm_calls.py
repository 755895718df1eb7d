"""The task classes of SynthLM: levels, seeds, sets and refusals are as their users know them."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from synthgen import compat
from synthgen.errors import ParamError

from tests.test_compat_synthlm import SAMPLE

LEVELS: dict[str, list[dict[str, set[Any]]]] = {
    "Inducto": [
        {"num_examples": {4, 5, 6}, "rule_complexity": {1}},
        {"num_examples": {2, 3, 4}, "rule_complexity": {1, 2}},
        {"num_examples": {1, 2, 3}, "rule_complexity": {2, 3}},
    ],
    "Filtro": [
        {"num_nodes": set(range(5, 9)), "num_hops": {1, 2}, "pattern": {"alternating"}},
        {"num_nodes": set(range(8, 13)), "num_hops": {2, 3, 4}, "pattern": {"alternating", "random"}},
        {"num_nodes": set(range(10, 16)), "num_hops": set(range(4, 9)), "pattern": {"random", "blocked"}},
    ],
    "Logic": [
        {"num_inputs": {3, 4}, "depth": {2, 3}},
        {"num_inputs": {4, 5}, "depth": {3, 4, 5}},
        {"num_inputs": {5, 6}, "depth": {5, 6, 7, 8}},
    ],
}
CLASSES: dict[str, Any] = {
    "dyna": compat.DynaTask,
    "inducto": compat.InductoTask,
    "filtro": compat.FiltroTask,
    "logic": compat.LogicTask,
}


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_datasets_are_of_their_level(name: str, level: int) -> None:
    task = CLASSES[name.lower()]
    rows = task(seed=2).generate_dataset(400, level)
    assert len(rows) == 400
    for fact, values in LEVELS[name][level - 1].items():
        assert {row["metadata"][fact] for row in rows} == values
    if level == 1:
        assert task(seed=2).generate_dataset(400) == rows


def test_datasets_keep_what_a_level_does_not_decide() -> None:
    rows = compat.InductoTask(seed=1, min_seq_len=5, max_seq_len=5, vocab_size=26).generate_dataset(50, 3)
    assert {len(row["metadata"]["test_input"]) for row in rows} == {5}
    assert {letter for row in rows for letter in row["metadata"]["test_input"]} > set("ABCDEFGHIJ")
    rows = compat.DynaTask(seed=1, num_queries=1, use_symbolic_names=False).generate_dataset(20, 2)
    assert {row["input_text"].count("QUERY") for row in rows} == {1}
    assert all(row["metadata"]["initial_state"][0].isdigit() for row in rows)


ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "dyna": [{"state_size": 18}, {"num_ops": 40}],
    "inducto": [{"num_examples": 10}, {"complexity": 3}, {"num_examples": 1, "complexity": 2}],
    "filtro": [{"num_nodes": 20}, {"num_hops": 3}, {"num_nodes": 18, "pattern": "blocked"}],
    "logic": [{"num_inputs": 9, "depth": 6}, {"depth": 8}, {"width": 1}],
}
SAID = {"complexity": "rule_complexity"}


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_of_one_sample_go_before_the_configuration(name: str) -> None:
    for arguments in ARGUMENTS[name]:
        for method in ("generate_sample", "generate_evaluation_sample"):
            facts = getattr(CLASSES[name](seed=1), method)(**arguments)["metadata"]
            assert {key: facts[SAID.get(key, key)] for key in arguments} == arguments


@pytest.mark.parametrize("name", CLASSES)
def test_samples_go_on_and_repeat_with_the_seed(name: str) -> None:
    task, generate = CLASSES[name], getattr(compat, f"generate_{name}_example")
    one, other = task(seed=5), task({"seed": 5})
    drawn = [one.generate_sample() for _ in range(20)]
    assert drawn == [other.generate_sample() for _ in range(20)]
    assert len({sample["input_text"] for sample in drawn}) == 20
    assert drawn != [task(seed=6).generate_sample() for _ in range(20)]
    assert one.generate_dataset(3, 1) == other.generate_dataset(3, 1)
    assert one.generate_sample() == other.generate_sample()
    assert task().generate_sample() != task().generate_sample()
    assert generate(Random(1), {}) == generate(Random(1), {}) != generate(Random(2), {})
    assert generate(np.random.default_rng(1), {}) == generate(np.random.default_rng(1), {})


@pytest.mark.parametrize("name", CLASSES)
def test_sets_start_with_shorter_ones(name: str) -> None:
    make, validate = getattr(compat, f"make_{name}_hf_dataset"), getattr(compat, f"validate_{name}_example")
    short, long = (make(n, {}, seed=3).to_list() for n in (4, 9))
    assert (len(short), len(long)) == (4, 9)
    assert long[:4] == short
    assert all(set(row) == SAMPLE and validate(row) for row in long)
    assert make(3, {}).to_list() == make(3, {}, seed=42).to_list() != short[:3]
    assert make(0, {}).to_list() == []


WRONG: dict[str, list[dict[str, Any]]] = {
    "dyna": [{"state_size_min": 20}, {"num_ops_max": "9"}, {"num_queries": 0}, {"num_queries": "3"}],
    "inducto": [{"min_examples": 0}, {"max_seq_len": 3}, {"vocab_size": 27}, {"vocab_size": True}],
    "filtro": [{"min_hops": 9}, {"max_nodes": 21}, {"pattern": "mixed"}, {"adversarial": False}],
    "logic": [{"num_inputs_min": 2}, {"depth_max": 13}, {"xor_probability": 1.5}, {"xor_probability": 0.333}],
}


@pytest.mark.parametrize(("name", "config"), [(name, config) for name in WRONG for config in WRONG[name]])
def test_values_that_cannot_be_are_refused(name: str, config: dict[str, Any]) -> None:
    field = next(iter(config))
    with pytest.raises(ParamError) as caught:
        CLASSES[name](config)
    assert caught.value.task == name
    assert field in caught.value.field.split(", ")
    assert "allowed" in caught.value.allowed
    assert caught.value.value


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("field", ["seeds", "num_query", "copy_prob"])
def test_fields_that_are_not_known_are_refused(name: str, field: str) -> None:
    config = {field: 1}
    calls: list[Callable[[], Any]] = [
        lambda: CLASSES[name](config),
        lambda: CLASSES[name](**config),
        lambda: getattr(compat, f"generate_{name}_example")(Random(1), config),
        lambda: getattr(compat, f"make_{name}_hf_dataset")(1, config),
    ]
    for call in calls:
        with pytest.raises(ParamError, match="no such field") as caught:
            call()
        assert (caught.value.task, caught.value.field) == (name, field)


@pytest.mark.parametrize("name", CLASSES)
def test_levels_seeds_and_generators_that_cannot_be_are_refused(name: str) -> None:
    for level in (0, 4, None, "1", True):
        with pytest.raises(ParamError) as caught:
            CLASSES[name](seed=1).generate_dataset(1, level)
        assert caught.value.field == "difficulty_level"
    for seed in (-1, "1", 2**64, True):
        with pytest.raises(ParamError) as caught:
            CLASSES[name](seed=seed)
        assert caught.value.field == "seed"
    with pytest.raises(ParamError) as caught:
        getattr(compat, f"generate_{name}_example")(1, {})
    assert caught.value.field == "rng"
    for wrong in ("config", 3):
        with pytest.raises(ParamError) as caught:
            CLASSES[name](wrong)
        assert caught.value.field == "config"


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_no_sample_is_not_valid(name: str) -> None:
    validate = getattr(compat, f"validate_{name}_example")
    for wrong in (
        None,
        3,
        "text",
        {},
        {"input_text": "a"},
        {"input_text": 1, "target": "b"},
        {"input_text": "", "target": ""},
    ):
        assert validate(wrong) is False


@pytest.mark.parametrize(
    ("name", "arguments"), [("inducto", {"complexity": 4}), ("filtro", {"num_hops": 0}), ("logic", {"depth": 1})]
)
def test_arguments_that_cannot_be_are_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ParamError) as caught:
        CLASSES[name](seed=1).generate_sample(**arguments)
    assert caught.value.field == next(iter(arguments))


def test_parities_that_cannot_be_are_refused() -> None:
    for bits in (1, 0, 65, None):
        with pytest.raises(ParamError) as caught:
            compat.LogicTask(seed=1).generate_xor_parity_sample(bits)  # type: ignore[arg-type]
        assert caught.value.field == "num_bits"
