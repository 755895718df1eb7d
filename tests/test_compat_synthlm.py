"""The task classes of SynthLM: samples, views, fields and refusals are as their users know them."""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from synthgen import compat, dyna
from synthgen.errors import ParamError

from tests.public_cases import law

SAMPLE = {"input_text", "target", "metadata"}
FACTS = {"state_size", "num_ops", "initial_state", "final_state", "operations", "all_queries", "all_answers"}
ELEMENT = r"(?:[A-Z]\d*|\d+)"
OPERATION = r"(?:(?:SWAP|REVERSE)\(\d+,\d+\)|ROTATE_(?:LEFT|RIGHT)\(\d+\))"
QUESTION = rf"QUERY (?:position \d+|element {ELEMENT}) ->"
STATE = rf"STATE \[{ELEMENT}(?:, {ELEMENT})+\] \|\| OPS {OPERATION}(?: \| {OPERATION})* \|\| "
TRAINING = re.compile(rf"{STATE}{QUESTION} {ELEMENT}(?: \| {QUESTION} {ELEMENT})*")
EVALUATION = re.compile(STATE + QUESTION)


def apply(state: list[str], operation: list[Any]) -> list[str]:
    """Apply an operation of the metadata."""
    name, arguments = operation
    if name == "ROTATE_LEFT":
        return state[arguments[0] :] + state[: arguments[0]]
    if name == "ROTATE_RIGHT":
        return state[-arguments[0] :] + state[: -arguments[0]]
    i, j = arguments
    if name == "REVERSE_SEGMENT":
        return state[:i] + state[i : j + 1][::-1] + state[j + 1 :]
    assert name == "SWAP"
    changed = list(state)
    changed[i], changed[j] = state[j], state[i]
    return changed


@law(st.integers(0, 2**64 - 1), st.integers(4, 30), st.integers(1, 40), st.integers(1, 3), st.booleans())
def test_dyna_samples(seed: int, size: int, ops: int, queries: int, symbolic: bool) -> None:
    config: dict[str, Any] = {
        "state_size_min": size,
        "state_size_max": size + 2,
        "num_ops_min": ops,
        "num_ops_max": ops + 3,
        "num_queries": queries,
        "use_symbolic_names": symbolic,
        "seed": seed,
    }
    training, evaluation = compat.DynaTask(config), compat.DynaTask(**config)
    for _ in range(3):
        train, cut = training.generate_sample(), evaluation.generate_evaluation_sample()
        assert set(train) == set(cut) == SAMPLE
        assert TRAINING.fullmatch(train["input_text"])
        assert EVALUATION.fullmatch(cut["input_text"])
        # The same draw in both views, one a beginning of the other.
        assert (train["target"], train["metadata"]) == (cut["target"], cut["metadata"])
        assert train["input_text"].startswith(f"{cut['input_text']} {cut['target']}")
        assert train["input_text"].count(" ->") == queries
        facts = train["metadata"]
        assert set(facts) >= FACTS
        assert size <= facts["state_size"] == len(facts["initial_state"]) <= size + 2
        assert ops <= facts["num_ops"] == len(facts["operations"]) <= ops + 3
        assert all(name.isdigit() != symbolic for name in facts["initial_state"])
        state = facts["initial_state"]
        for operation in facts["operations"]:
            state = apply(state, operation)
        assert state == facts["final_state"]
        assert len(facts["all_queries"]) == len(facts["all_answers"]) == queries
        for question, answer in zip(facts["all_queries"], facts["all_answers"], strict=True):
            kind, about = question.split()
            assert answer == (state[int(about)] if kind == "position" else str(state.index(about)))
            assert f"QUERY {question} -> {answer}" in train["input_text"]
        assert train["target"] == facts["all_answers"][0]
        assert dyna.solve(cut["input_text"]) == cut["target"]
        assert compat.validate_dyna_example(train)
        assert compat.validate_dyna_example(cut)
        assert not compat.validate_dyna_example(cut | {"target": "Z25"})


def test_dyna_sizes_of_one_sample_go_before_the_configuration() -> None:
    task = compat.DynaTask(seed=1)
    facts = task.generate_sample(state_size=18, num_ops=2)["metadata"]
    assert (facts["state_size"], facts["num_ops"]) == (18, 2)
    facts = task.generate_evaluation_sample(num_ops=40)["metadata"]
    assert facts["num_ops"] == 40
    assert 5 <= facts["state_size"] <= 15


@pytest.mark.parametrize("sizes", [{"state_size": 0}, {"num_ops": 0}, {"state_size": 1}, {"num_ops": -1}])
def test_dyna_sizes_that_cannot_be_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ParamError):
        compat.DynaTask(seed=1).generate_sample(**sizes)


@pytest.mark.parametrize(
    ("level", "sizes", "ops"), [(1, (5, 7), (5, 10)), (2, (8, 12), (10, 20)), (3, (13, 20), (20, 50))]
)
def test_dyna_datasets_are_of_their_level(level: int, sizes: tuple[int, int], ops: tuple[int, int]) -> None:
    rows = compat.DynaTask(seed=2).generate_dataset(400, level)
    assert len(rows) == 400
    assert all(TRAINING.fullmatch(row["input_text"]) for row in rows)
    drawn_sizes = {row["metadata"]["state_size"] for row in rows}
    drawn_ops = {row["metadata"]["num_ops"] for row in rows}
    assert drawn_sizes == set(range(sizes[0], sizes[1] + 1))
    assert drawn_ops == set(range(ops[0], ops[1] + 1))
    if level == 1:
        assert compat.DynaTask(seed=2).generate_dataset(400) == rows


# --- The other three ---


def arrow(text: str) -> int:
    """Where the prompt of a sample of one query ends."""
    return text.rindex(" ->") + 3


def chunks(letters: list[str], k: int) -> list[list[str]]:
    return [letters[at : at + k] for at in range(0, len(letters), k)]


def interleaved(letters: list[str]) -> list[str]:
    half = len(letters) // 2
    return [x for pair in zip(letters[:half], letters[half:], strict=False) for x in pair] + letters[2 * half :]


RULES: dict[str, Any] = {
    "REVERSE": lambda s: s[::-1],
    "DUPLICATE_EACH": lambda s: [x for x in s for _ in range(2)],
    "INTERLEAVE_HALVES": interleaved,
    "SWAP_PAIRS": lambda s: [x for chunk in chunks(s, 2) for x in chunk[::-1]],
    "REMOVE_CONSECUTIVE_DUPS": lambda s: [x for i, x in enumerate(s) if i == 0 or x != s[i - 1]],
    "SORT": sorted,
    "MIRROR": lambda s: s + s[::-1],
}
COUNTED_RULES: dict[str, Any] = {
    "ROTATE_LEFT": lambda s, k: s[k % len(s) :] + s[: k % len(s)],
    "ROTATE_RIGHT": lambda s, k: s[-k % len(s) :] + s[: -k % len(s)],
    "DROP_FIRST": lambda s, k: s[k:],
    "DROP_LAST": lambda s, k: s[: len(s) - k],
    "EVERY_2_FROM": lambda s, k: s[k::2],
    "EVERY_3_FROM": lambda s, k: s[k::3],
    "REVERSE_CHUNKS": lambda s, k: [x for chunk in chunks(s, k) for x in chunk[::-1]],
}


def apply_rule(name: str, letters: list[str], size: int) -> list[str]:
    """Apply a rule of the original's list; of composites, one after another."""
    for step in name.split("_THEN_"):
        kind, _, number = step.rpartition("_")
        if step in RULES:
            letters = RULES[step](letters)
        elif kind == "CAESAR_SHIFT":
            letters = [chr((ord(x) - 65 + int(number)) % size + 65) for x in letters]
        else:
            letters = COUNTED_RULES[kind](letters, int(number))
    return letters


@law(st.integers(0, 2**64 - 1), st.integers(1, 6), st.integers(4, 10), st.integers(5, 26))
def test_inducto_samples(seed: int, examples: int, length: int, letters: int) -> None:
    config = {
        "min_examples": examples,
        "max_examples": examples + 2,
        "min_seq_len": length,
        "max_seq_len": length + 2,
        "vocab_size": letters,
        "seed": seed,
    }
    training, evaluation = compat.InductoTask(config), compat.InductoTask(config)
    for _ in range(3):
        train, cut = training.generate_sample(), evaluation.generate_evaluation_sample()
        assert set(train) == set(cut) == SAMPLE
        assert train["input_text"] == f"{cut['input_text']} [{cut['target']}]"
        assert arrow(cut["input_text"]) == len(cut["input_text"])
        facts = train["metadata"]
        assert facts == cut["metadata"]
        assert set(facts) >= {"rule_name", "rule_complexity", "num_examples", "examples", "test_input", "test_output"}
        assert examples <= facts["num_examples"] == len(facts["examples"]) <= examples + 2
        pairs = [(pair["input"], pair["output"]) for pair in facts["examples"]]
        pairs.append((facts["test_input"], facts["test_output"]))
        told = [f"Ex{i}: " for i in range(1, len(pairs))] + ["Query: "]
        shown = [f"{name}[{' '.join(a)}] -> [{' '.join(b)}]" for name, (a, b) in zip(told, pairs, strict=True)]
        assert train["input_text"] == " | ".join(shown)
        assert train["target"] == " ".join(pairs[-1][1])
        for before, after in pairs:
            assert length <= len(before) <= length + 2
            assert all("A" <= letter <= chr(64 + letters) for letter in before)
            assert apply_rule(facts["rule_name"], before, letters) == after
        if letters == 10:  # a text does not say how many letters there are
            assert compat.validate_inducto_example(train)
            assert compat.validate_inducto_example(cut)
        for wrong in ("", f"{cut['target']} A", "?"):
            assert not compat.validate_inducto_example(cut | {"target": wrong})
            assert not compat.validate_inducto_example(train | {"target": wrong})


@law(
    st.integers(0, 2**64 - 1),
    st.integers(3, 12),
    st.integers(1, 8),
    st.sampled_from(["alternating", "random", "blocked"]),
)
def test_filtro_samples(seed: int, nodes: int, hops: int, pattern: str) -> None:
    nodes = max(nodes, hops + 1)
    config = {"min_nodes": nodes, "max_nodes": nodes + 3, "min_hops": hops, "max_hops": hops, "pattern": pattern}
    training, evaluation = compat.FiltroTask(config, seed=seed), compat.FiltroTask(config | {"seed": seed})
    for _ in range(3):
        train, cut = training.generate_sample(), evaluation.generate_evaluation_sample()
        assert set(train) == set(cut) == SAMPLE
        assert train["input_text"] == f"{cut['input_text']} {cut['target']}"
        facts = train["metadata"]
        assert nodes <= facts["num_nodes"] <= nodes + 3
        assert (facts["num_hops"], facts["pattern"]) == (hops, pattern)
        listed, query = train["input_text"].removeprefix("EDGES ").split(" || ")
        edges = [edge.split(":") for edge in listed.split(" | ")]
        for stream, cycle in (("A", facts["cycle_a"]), ("B", facts["cycle_b"])):
            assert dict(edge.split("->") for tag, edge in edges if tag == stream) == cycle
            assert len(cycle) == facts["num_nodes"]
        found = re.fullmatch(r"QUERY ([AB]):(\w+) hops=(\d+) -> (\w+)", query)
        assert found
        cycle, node = facts["cycle_a" if found[1] == "A" else "cycle_b"], found[2]
        for _ in range(int(found[3])):
            node = cycle[node]
        assert node == found[4] == train["target"] == facts["correct_answer"]
        for sample in (train, cut):
            assert compat.validate_filtro_example(sample)
            assert not compat.validate_filtro_example(sample | {"target": found[2]})
            assert not compat.validate_filtro_example(sample | {"target": ""})
        assert not compat.validate_filtro_example({"input_text": train["input_text"] + " x", "target": train["target"]})


GATES: dict[str, Any] = {
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "XOR": lambda a, b: a ^ b,
    "NAND": lambda a, b: 1 - (a & b),
    "NOR": lambda a, b: 1 - (a | b),
    "NOT": lambda a: 1 - a,
}


def check_circuit(sample: dict[str, Any]) -> None:
    """Check a circuit's text, values and answer against its metadata."""
    facts = sample["metadata"]
    values = dict(facts["input_vars"])
    gates = []
    for name, kind, operands in facts["gates"]:
        values[name] = GATES[kind](*(values[operand] for operand in operands))
        gates.append(f"{name}={kind}({','.join(operands)})")
    assert values == facts["all_values"]
    inputs = " ".join(f"x{i}={facts['input_vars'][f'x{i}']}" for i in range(len(facts["input_vars"])))
    output = facts["output_gate"]
    assert sample["target"] == str(values[output])
    prompt = f"INPUTS {inputs} || GATES {' | '.join(gates)} || QUERY {output} ->"
    assert sample["input_text"] in (prompt, f"{prompt} {sample['target']}")
    assert compat.validate_logic_example(sample)
    for other in ({"0": "1", "1": "0"}[sample["target"]], "", "2"):
        assert not compat.validate_logic_example(sample | {"target": other})


@law(st.integers(0, 2**64 - 1), st.integers(3, 5), st.integers(3, 6), st.sampled_from([0, 0.1, 0.3, 1.0]))
def test_logic_samples(seed: int, inputs: int, depth: int, xor: float) -> None:
    config: dict[str, Any] = {
        "num_inputs_min": inputs,
        "num_inputs_max": inputs + 1,
        "depth_min": depth,
        "depth_max": depth,
        "xor_probability": xor,
        "seed": seed,
    }
    training, evaluation = compat.LogicTask(config), compat.LogicTask(**config)
    for _ in range(3):
        train, cut = training.generate_sample(), evaluation.generate_evaluation_sample()
        assert set(train) == set(cut) == SAMPLE
        assert train["input_text"] == f"{cut['input_text']} {cut['target']}"
        facts = train["metadata"]
        assert set(facts) >= {"num_inputs", "depth", "width", "num_gates", "xor_count"}
        assert inputs <= facts["num_inputs"] == len(facts["input_vars"]) <= inputs + 1
        assert facts["depth"] == facts["measured"]["depth"] == depth
        xors = [kind for _, kind, _ in facts["gates"]].count("XOR")
        assert facts["xor_count"] == xors
        assert xors == {0: 0, 1.0: facts["num_gates"]}.get(xor, xors)
        check_circuit(train)
        check_circuit(cut)


@law(st.integers(0, 2**64 - 1), st.integers(2, 64))
def test_logic_parities(seed: int, bits: int) -> None:
    task = compat.LogicTask(seed=seed)
    sample = task.generate_xor_parity_sample(bits)
    facts = sample["metadata"]
    assert (facts["task_type"], facts["num_bits"]) == ("pure_parity", bits)
    assert len(facts["gates"]) == bits - 1
    assert sample["target"] == str(sum(facts["input_vars"].values()) % 2)
    check_circuit(sample)
    assert sample == compat.LogicTask(seed=seed).generate_xor_parity_sample(bits)
    assert task.generate_xor_parity_sample(64) != compat.LogicTask(seed=seed).generate_xor_parity_sample(64)


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
