"""Logic draws what it says: sizes, types, circuits, numbering, assignments and answers follow their laws."""

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import logic as plain
from tests.kits import logic as kit
from tests.laws import assert_follows, assert_mean, assert_same_law, assert_uniform
from tests.oracles import logic as oracle
from tests.oracles.params import resolve


@lru_cache(maxsize=4)
def facts(rows: int, seed: int, **params: Any) -> list[dict[str, Any]]:
    """Metadata of rows, with the answer."""
    examples = synthgen.logic.examples(rows, seed, **params)
    return [{**row["metadata"], **row["metadata"]["measured"], "answer": int(row["target"])} for row in examples]


LEVELS = pytest.mark.parametrize("level", [1, 2, 3])


@LEVELS
def test_depth_and_width_are_uniform_and_inputs_as_far_as_they_can_be_read(level: int) -> None:
    params = resolve("logic", difficulty=level)
    found = facts(5000, 1, difficulty=level)
    for name in ("depth", "width"):
        low, high = params[name]
        assert_uniform([fact[name] for fact in found], low, high, name)
    for shape in {(fact["depth"], fact["width"]) for fact in found}:
        inputs = [fact["num_inputs"] for fact in found if (fact["depth"], fact["width"]) == shape]
        assert_uniform(inputs, params["num_inputs"][0], min(params["num_inputs"][1], plain.capacity(*shape)))


def test_the_inputs_of_shallow_circuits_are_as_many_as_they_can_read() -> None:
    found = facts(8000, 2)
    for depth, most in ((2, 4), (3, 6), (6, 6)):
        inputs = [fact["num_inputs"] for fact in found if fact["depth"] == depth]
        assert_uniform(inputs, 3, most, f"inputs at depth {depth}")


XOR_SETTINGS: list[dict[str, Any]] = [
    {"difficulty": 1},
    {"difficulty": 2},
    {"difficulty": 3},
    {},
    {"xor_percent": 50, "distractors": (0, 4)},
    {"xor_percent": 90},
    {"num_inputs": 3, "depth": (2, 4), "width": (1, 5), "xor_percent": 50},
]


@pytest.mark.parametrize("given", XOR_SETTINGS, ids=str)
def test_each_gate_is_xor_with_the_chance_that_was_asked_for(given: dict[str, Any]) -> None:
    """The sum of (XOR or not, minus its chance) over the gates is a martingale: its variance is that of fair draws."""
    share = resolve("logic", **given)["xor_percent"] / 100
    batch = synthgen.logic.batch(60_000, 3, **given)
    ids = np.asarray(batch.input_ids)
    kind = (ids >= kit.IDS["AND("]) & (ids <= kit.IDS["NOT("])
    gates, xors = kind.sum(axis=1), (ids == kit.IDS["XOR("]).sum(axis=1)
    deviation = np.sqrt(share * (1 - share) * gates.mean())
    assert_mean(xors - share * gates, 0, float(deviation), "XOR gates beyond their share")


@pytest.mark.parametrize("share", [0, 100])
def test_no_gate_or_every_gate_is_xor_at_the_ends(share: int) -> None:
    for fact in facts(500, 4, xor_percent=share):
        assert fact["xor_count"] == (fact["num_gates"] if share else 0)


@LEVELS
def test_everything_is_used_and_the_depth_is_exact(level: int) -> None:
    for row in synthgen.logic.examples(1500, 5, difficulty=level):
        read, fact = oracle.read_text(row["input_text"]), row["metadata"]
        measured = fact["measured"]
        cone = oracle.cone_of(read)
        assert len(cone) == fact["num_inputs"] + fact["num_gates"]
        assert oracle.layers_of(read)[read.asked] == measured["depth"] == fact["depth"]
        assert oracle.matter(read) == measured["inputs_that_matter"] >= 2
        assert (measured["inputs_used"], measured["gates_in_cone"]) == (fact["num_inputs"], fact["num_gates"])
        assert measured["proof_depth"] == proof_depth(read) <= measured["depth"]
        assert fact["all_values"] == oracle.values_of(read, [value for _, value in read.inputs])


def proof_depth(row: oracle.Row) -> int:
    """Layers that a shortest proof of the answer goes through."""
    values = oracle.values_of(row, [value for _, value in row.inputs])
    gates = {gate.name: gate for gate in row.gates}

    def depth(name: str) -> int:
        if name not in gates:
            return 0
        gate = gates[name]
        settling = {"AND": False, "NAND": False, "OR": True, "NOR": True}.get(gate.kind)
        settled = [depth(operand) for operand in gate.operands if values[operand] is settling]
        return 1 + (min(settled) if settled else max(depth(operand) for operand in gate.operands))

    return depth(row.asked)


@LEVELS
def test_the_answer_is_a_fair_coin_whatever_the_circuit(level: int) -> None:
    found = facts(5000, 1, difficulty=level)
    views: dict[str, Callable[[dict[str, Any]], Any]] = {
        "type": lambda fact: fact["gates"][-1][1],
        "types": lambda fact: (fact["gates"][-1][1], fact["gates"][-2][1]),
        "XOR gates": lambda fact: fact["xor_count"],
        "gates": lambda fact: fact["num_gates"],
        "depth": lambda fact: fact["depth"],
        "inputs that matter": lambda fact: fact["inputs_that_matter"],
        "first operand": lambda fact: fact["gates"][-1][2][0],
    }
    for what, view in views.items():
        groups: defaultdict[Any, list[int]] = defaultdict(list)
        for fact in found:
            groups[view(fact)].append(fact["answer"])
        statistic = sum((2 * sum(group) - len(group)) ** 2 / len(group) for group in groups.values())
        # Chi-square: as many degrees of freedom as groups, within six deviations.
        assert statistic < len(groups) + 6 * np.sqrt(2 * len(groups)) + 20, what


def test_assignments_are_uniform_among_those_that_give_the_answer() -> None:
    ranks: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for row in synthgen.logic.examples(6000, 6, num_inputs=(3, 4), depth=(2, 3)):
        read = oracle.read_text(row["input_text"])
        n = len(read.inputs)
        own = tuple(value for _, value in read.inputs)
        every = [tuple(number >> i & 1 for i in range(n)) for number in range(2**n)]
        alike = [inputs for inputs in every if oracle.values_of(read, inputs)[read.asked] == (row["target"] == "1")]
        ranks[len(alike)][alike.index(own)] += 1
    for size, counts in ranks.items():
        if size > 1 and counts.total() > 40 * size:
            assert_follows([counts[rank] for rank in range(size)], [1] * size, f"{size} assignments")


def test_distractors_are_as_many_as_asked_and_anywhere() -> None:
    found = facts(6000, 7, distractors=(1, 4))
    assert_uniform([fact["num_gates"] - fact["gates_in_cone"] for fact in found], 1, 4)
    last = sum(fact["output_gate"] == f"g{fact['num_gates'] - 1}" for fact in found)
    assert 0.1 < last / len(found) < 0.9


def test_parity_trees_are_those_of_the_original_and_their_bits_fair() -> None:
    found = synthgen.logic.examples(8000, 8, mode="parity", num_inputs=5)
    gates = "g0=XOR(x0,x1) | g1=XOR(x2,x3) | g2=XOR(g0,g1) | g3=XOR(g2,x4)"
    counts: Counter[str] = Counter()
    for row in found:
        bits = [row["metadata"]["input_vars"][f"x{i}"] for i in range(5)]
        inputs = " ".join(f"x{i}={bit}" for i, bit in enumerate(bits))
        assert row["input_text"] == f"INPUTS {inputs} || GATES {gates} || QUERY g3 ->"
        assert row["target"] == str(sum(bits) % 2)
        assert (row["metadata"]["task_type"], row["metadata"]["num_bits"]) == ("pure_parity", 5)
        counts[inputs] += 1
    assert len(counts) == 32
    assert_follows(list(counts.values()), [1] * 32)


PLAIN_SETTINGS: list[tuple[int, dict[str, Any]]] = [
    (3000, {}),
    (3000, {"difficulty": 1}),
    (1200, {"difficulty": 3}),
    (2500, {"num_inputs": (3, 5), "depth": (2, 4), "width": (1, 6), "xor_percent": 50, "distractors": (0, 3)}),
    (3000, {"num_inputs": 3, "depth": (3, 5), "width": (2, 4), "xor_percent": 100}),
]


@pytest.mark.parametrize(("rows", "given"), PLAIN_SETTINGS, ids=str)
def test_the_plain_generator_draws_by_the_same_law(rows: int, given: dict[str, Any]) -> None:
    params = resolve("logic", **given)
    rng = Random(9)
    theirs = [plain.generate(rng, params)[0] for _ in range(rows)]
    batch = synthgen.logic.batch(rows, 10, **given)
    ours = [ids[:length].tolist() for ids, length in zip(batch.input_ids, batch.lengths, strict=True)]
    one, other = [measures(ids) for ids in ours], [measures(ids) for ids in theirs]
    for what in one[0]:
        a, b = (np.array([found[what] for found in side]) for side in (one, other))
        if len(np.unique(np.append(a, b))) > 1:
            assert_same_law(a, b, what)


def measures(ids: list[int]) -> dict[str, int]:
    """Count what could differ between two laws of circuits."""
    row = oracle.read_row(ids, kit.PIECES)
    layers, cone = oracle.layers_of(row), oracle.cone_of(row)
    inside = [gate for gate in row.gates if gate.name in cone]
    sizes = Counter(layers[gate.name] for gate in inside)
    reads = Counter(name for gate in inside for name in gate.operands)
    kinds = Counter(gate.kind for gate in inside)
    depth = layers[row.asked]
    listed = [layers[gate.name] for gate in row.gates]
    return {
        "tokens": len(ids),
        "inputs": len(row.inputs),
        "gates": len(row.gates),
        "depth": depth,
        **{f"gates of layer {layer}": sizes[layer] for layer in range(1, 5)},
        "gates of the layer below the last but one": sizes[depth - 2],
        **{kind: kinds[kind] for kind in kit.KINDS},
        "NOT in the first layer": sum(gate.kind == "NOT" and layers[gate.name] == 1 for gate in inside),
        "most reads of a node": max(reads.values()),
        "reads of inputs": sum(reads[name] for name, _ in row.inputs),
        "reads of the first input": reads["x0"],
        "operands far below": sum(layers[gate.name] - layers[name] - 1 for gate in inside for name in gate.operands),
        "inputs above the first layer": sum(
            name[0] == "x" and layers[gate.name] > 1 for gate in inside for name in gate.operands
        ),
        "layers out of order": sum(a > b for a, b in pairwise(listed)),
        "first gate listed": listed[0] + 10 * listed[min(1, len(listed) - 1)],
        "place of the query": len(row.gates) - int(row.asked[1:]),
        "operands in order": sum(gate.operands == sorted(gate.operands) for gate in row.gates),
        "inputs that matter": oracle.matter(row),
        "ones": sum(value for _, value in row.inputs),
        "answer": int(row.answer),
        "proof depth": proof_depth(row),
    }
