"""The task classes of SynthLM: samples, views, fields and refusals are as their users know them."""

import re
from typing import Any

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
