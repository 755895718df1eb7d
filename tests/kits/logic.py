"""The kit of Logic."""

import re
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from benches.plain.logic import capacity
from tests.kits import Shortcut
from tests.mutants import blind
from tests.oracles import logic
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = logic

DEFAULTS: dict[str, Any] = {
    "num_inputs": (3, 6),
    "depth": (2, 6),
    "width": (2, 4),
    "xor_percent": 30,
    "distractors": (0, 0),
    "mode": "circuit",
}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"num_inputs": (3, 4), "depth": (2, 3), "width": (2, 3), "xor_percent": 10},
    2: {"num_inputs": (4, 5), "depth": (3, 5), "width": (2, 4), "xor_percent": 30},
    3: {"num_inputs": (5, 6), "depth": (5, 8), "width": (3, 5), "xor_percent": 50},
}
RANGES = ("num_inputs", "depth", "width", "distractors")

# ---- pieces -----------------------------------------------------------------------------------------------

KINDS = ("AND", "OR", "XOR", "NAND", "NOR", "NOT")
NODES = (*(f"x{i}" for i in range(64)), *(f"g{i}" for i in range(128)))

# 718 pieces: specials, 64 inputs, 2 values, 128 gates, 6 types, operands in either place, queries, arrow, answers.
PIECES = (
    *("<pad>", "<bos>", "<eos>", "INPUTS x0="),
    *(f" x{i}=" for i in range(1, 64)),
    *("0", "1", " || GATES g0="),
    *(f" | g{i}=" for i in range(1, 128)),
    *(f"{kind}(" for kind in KINDS),
    *(f"{node}," for node in NODES),
    *(f"{node})" for node in NODES),
    *(f" || QUERY g{i}" for i in range(128)),
    *(" ->", " 0", " 1"),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}

FAMILIES = {
    "input": r"(?:INPUTS)? ?(x\d+)=",
    "value": r"([01])",
    "gate": r" (?:\|\| GATES|\|) (g\d+)=",
    "type": r"([A-Z]+)\(",
    "operand": r"([xg]\d+),",
    "last operand": r"([xg]\d+)\)",
    "query": r" \|\| QUERY (g\d+)",
    "answer": r" ([01])",
}


def tagged(piece: str) -> tuple[str, str]:
    """Name the role of a piece, and what it says there."""
    for name, pattern in FAMILIES.items():
        found = re.fullmatch(pattern, piece)
        if found:
            return name, found[1]
    return piece, ""


def family(piece: str) -> str:
    """Name the role of a piece."""
    return tagged(piece)[0]


def said(piece: str) -> str:
    """Give the node, the type or the value that a piece says."""
    return tagged(piece)[1]


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (3500, {}),
    (5000, {"difficulty": 1, "split": "validation"}),
    (3000, {"difficulty": 2}),
    (1000, {"difficulty": 3, "split": "test"}),
    (2500, {"num_inputs": 3, "depth": 2, "width": 1, "xor_percent": 50}),
    (1000, {"num_inputs": (3, 5), "depth": (2, 4), "width": (1, 3), "xor_percent": 100}),
    (1000, {"num_inputs": (3, 5), "depth": (2, 6), "width": (1, 8), "xor_percent": 0, "distractors": (0, 6)}),
    (2500, {"num_inputs": (2, 9), "mode": "parity"}),
    (600, {"num_inputs": (10, 64), "mode": "parity"}),
    (100, {"num_inputs": (3, 4), "depth": (7, 12), "width": (1, 8)}),
    (20, {"num_inputs": (7, 9), "depth": (4, 6), "width": (3, 8), "distractors": (10, 32)}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 50, {"difficulty": 1}),
    (60, 50, {}),
    (60, 50, {"num_inputs": 3, "depth": 2, "width": 1}),
    (60, 50, {"num_inputs": 3, "depth": (2, 3), "width": (1, 2), "distractors": (1, 2)}),
    (40, 50, {"num_inputs": (3, 4), "depth": (2, 3), "xor_percent": 0}),
    (40, 50, {"num_inputs": (3, 4), "depth": (2, 3), "xor_percent": 100}),
    (60, 50, {"num_inputs": (2, 6), "mode": "parity"}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_inputs": 3, "depth": 2},
    {"num_inputs": (3, 4), "depth": 2},
    {"num_inputs": 3, "depth": (2, 3), "width": (1, 2)},
    {"num_inputs": 3, "depth": 3, "width": 1},
    {"num_inputs": 3, "depth": 3, "width": (2, 4)},
    {"num_inputs": 3, "depth": (2, 3), "xor_percent": 0},
    {"num_inputs": 3, "depth": (2, 3), "xor_percent": 100},
    {"num_inputs": 3, "depth": (2, 3), "distractors": (0, 1)},
    {"num_inputs": 3, "depth": (2, 3), "distractors": 1},
    {"num_inputs": (3, 4), "mode": "parity"},
]

# ---- splits -----------------------------------------------------------------------------------------------

CROWDED: dict[str, Any] = {"num_inputs": 3, "depth": 2, "width": 2}  # some thousands of circuits, 8 assignments each
keys = None

# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    split = draw(st.sampled_from([None, *SPLITS]))
    if draw(st.integers(0, 4)) == 0:
        inputs = draw(spans(2, 20, 64))
        return Case("logic", {"num_inputs": inputs, "mode": "parity"}, split if inputs[0] >= 12 else None)
    depth, width = draw(spans(2, 5, 9)), draw(spans(1, 4, 8))
    inputs = draw(spans(3, min(capacity(depth[0], width[0]), 8), 9))
    params: dict[str, Any] = {
        "num_inputs": inputs[0] if inputs[0] == inputs[1] else inputs,
        "depth": depth,
        "width": width,
        "xor_percent": draw(st.sampled_from([0, 10, 30, 50, 90, 100])),
        "distractors": draw(spans(0, 3, 6)),
    }
    return Case("logic", params, split if params["xor_percent"] < 90 and depth[1] >= 3 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(_level: int) -> float:
    """The answer is a fair coin, whatever the circuit."""
    return 0.5


@cache
def parsed(prompt: str) -> tuple[dict[str, bool], dict[str, logic.Gate], logic.Gate]:
    """Take a prompt apart: values of the inputs, gates, and the gate asked about."""
    row = logic.read_text(prompt)
    gates = {gate.name: gate for gate in row.gates}
    return {name: value == 1 for name, value in row.inputs}, gates, gates[row.asked]


def said_as(value: bool) -> str:
    """Spell an answer."""
    return str(int(value))


def by_type(prompt: str, rng: Random) -> str:
    """Answer as the type of the queried gate would most often."""
    kind = parsed(prompt)[2].kind
    return said_as({"AND": False, "NOR": False, "OR": True, "NAND": True}.get(kind, rng.random() < 0.5))


# How often gates of a type are 1 when their operands are fair coins.
SHARES = {"AND": 0.25, "OR": 0.75, "XOR": 0.5, "NAND": 0.75, "NOR": 0.25, "NOT": 0.5}


def by_types(prompt: str, rng: Random) -> str:
    """Answer as the type of the queried gate would most often, its operands leaning as their own types lean."""
    inputs, gates, asked = parsed(prompt)
    return leaning([SHARES[gates[name].kind] if name in gates else inputs[name] for name in asked.operands], asked, rng)


def leaning(shares: list[float], gate: logic.Gate, rng: Random) -> str:
    """Answer by the more likely value of a gate whose operands are independent and 1 with these chances."""
    a, b = shares[0], shares[-1]
    both, either = a * b, a + b - a * b
    share = {"AND": both, "OR": either, "XOR": either - both, "NAND": 1 - both, "NOR": 1 - either, "NOT": 1 - a}
    return said_as(share[gate.kind] > 0.5 if share[gate.kind] != 0.5 else rng.random() < 0.5)


def settled(prompt: str, rng: Random) -> str:
    """Answer by an input that settles the queried gate alone, else at random."""
    inputs, _, asked = parsed(prompt)
    for name in asked.operands:
        for kinds, value in ((("AND", "NAND"), False), (("OR", "NOR"), True)):
            if asked.kind in kinds and inputs.get(name) is value:
                return said_as(value != (asked.kind in ("NAND", "NOR")))
    return said_as(rng.random() < 0.5)


def majority(prompt: str, rng: Random) -> str:
    """Answer by the value that more inputs have."""
    values = list(parsed(prompt)[0].values())
    return said_as(2 * sum(values) > len(values) if 2 * sum(values) != len(values) else rng.random() < 0.5)


def polarity(prompt: str) -> str:
    """Answer by the number of gates that negate, odd or even."""
    return said_as(sum(gate.kind in ("NAND", "NOR", "NOT") for gate in parsed(prompt)[1].values()) % 2 == 1)


def first_layer(prompt: str, which: int) -> str:
    """Answer by the first or the last of the gates that read nothing but inputs."""
    inputs, gates, _ = parsed(prompt)
    low = [gate for gate in gates.values() if all(name in inputs for name in gate.operands)]
    return said_as(bool(logic.FUNCTIONS[low[which].kind]([inputs[name] for name in low[which].operands])))


def one_path(prompt: str) -> str:
    """Go down from the queried gate by first operands, and answer by the input there, turned by each negating gate."""
    inputs, gates, gate = parsed(prompt)
    turned = False
    while True:
        turned ^= gate.kind in ("NAND", "NOR", "NOT")
        name = gate.operands[0]
        if name in inputs:
            return said_as(inputs[name] != turned)
        gate = gates[name]


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "1",
    "the type of the queried gate": by_type,
    "its type and those of its operands": by_types,
    "an input that settles it": settled,
    "the parity of the inputs": lambda prompt, _: said_as(sum(parsed(prompt)[0].values()) % 2 == 1),
    "the majority of the inputs": majority,
    "the conjunction of the inputs": lambda prompt, _: said_as(all(parsed(prompt)[0].values())),
    "the first input": lambda prompt, _: said_as(parsed(prompt)[0]["x0"]),
    "the parity of the negating gates": lambda prompt, _: polarity(prompt),
    "the parity of the XOR gates": lambda prompt, _: said_as(
        sum(gate.kind == "XOR" for gate in parsed(prompt)[1].values()) % 2 == 1
    ),
    "the number of gates": lambda prompt, _: said_as(len(parsed(prompt)[1]) % 2 == 1),
    "the first gate on inputs": lambda prompt, _: first_layer(prompt, 0),
    "the last gate on inputs": lambda prompt, _: first_layer(prompt, -1),
    "one path down to an input": lambda prompt, _: one_path(prompt),
}
UNDEFEATED = {
    "one path down to an input": "it works through every layer, and gates other than XOR lean towards their operands"
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change inputs, gates or the query, then work out the answer anew."""
    row = logic.read_row(ids, PIECES)
    gates = row.gates
    at, other = rng.randrange(len(gates)), rng.randrange(len(gates))
    gate = gates[at]
    known = [name for name, _ in row.inputs] + [earlier.name for earlier in gates[:at]]
    how = rng.choice(
        ["flip", "one input more", "type", "operand", "turn", "again", "append", "last", "take out", "query", "order"]
    )
    if how == "flip":
        row.inputs = [(name, rng.randrange(2)) for name, _ in row.inputs]
    elif how == "one input more":
        row.inputs.append((f"x{len(row.inputs)}", rng.randrange(2)))
    elif how == "type":
        gate.kind = rng.choice(KINDS)
        count = 1 if gate.kind == "NOT" else 2
        gate.operands = [*gate.operands, rng.choice(known)][:count]
    elif how == "operand":
        gate.operands[rng.randrange(len(gate.operands))] = rng.choice(known)
    elif how == "turn":
        gate.operands.reverse()
    elif how == "again":
        gate.kind, gate.operands = gates[other].kind, list(gates[other].operands)
    elif how == "append":
        insert(row, rng.randrange(len(gates) + 1), rng)
    elif how == "last":
        above = [gates[-1].name, rng.choice(known)]
        gates.append(logic.Gate(f"g{len(gates)}", rng.choice(KINDS[:5]), above))
        row.asked = gates[-1].name
    elif how == "take out" and len(gates) > 1:
        take_out(row, at, rng)
    elif how == "query":
        row.asked = gates[at].name
    else:
        exchange(row, at, other)
    try:
        text = "".join(logic.spelled(row)[1:-1])
        row = logic.read_text(text)
    except logic.RowError:
        return blind(rng, "logic", ids, mask)
    row.answer = logic.right_answer(row)
    ids[:] = [IDS[piece] for piece in logic.spelled(row)]
    mask[:] = [0] * (len(ids) - 2) + [1, 1]
    return how


def renamed(row: logic.Row, order: list[logic.Gate]) -> None:
    """Put the gates in this order and name them by it."""
    names = {gate.name: f"g{i}" for i, gate in enumerate(order)}
    row.asked = names.get(row.asked, row.asked)
    row.gates = [
        logic.Gate(names[gate.name], gate.kind, [names.get(name, name) for name in gate.operands]) for gate in order
    ]


def insert(row: logic.Row, at: int, rng: Random) -> None:
    """Add a gate that nothing reads, or that one later gate does."""
    known = [name for name, _ in row.inputs] + [gate.name for gate in row.gates[:at]]
    kind = rng.choice(KINDS)
    new = logic.Gate("new", kind, rng.sample(known, 1 if kind == "NOT" else 2))
    if at < len(row.gates) and rng.random() < 0.5:
        reader = rng.choice(row.gates[at:])
        reader.operands[rng.randrange(len(reader.operands))] = "new"
    renamed(row, [*row.gates[:at], new, *row.gates[at:]])


def take_out(row: logic.Row, at: int, rng: Random) -> None:
    """Remove a gate; who read it reads one of its operands."""
    gone = row.gates[at]
    heir = rng.choice(gone.operands)
    rest = [gate for gate in row.gates if gate is not gone]
    for gate in rest:
        gate.operands = [heir if name == gone.name else name for name in gate.operands]
    if row.asked == gone.name:
        row.asked = rest[-1].name
    renamed(row, rest)


def exchange(row: logic.Row, at: int, other: int) -> None:
    """Exchange two gates in the list."""
    order = list(row.gates)
    order[at], order[other] = order[other], order[at]
    renamed(row, order)
