"""Oracle for Logic: boolean gates over some inputs, and the value of one of them.

A row is turned back into its text first; everything is read from the text by patterns. Which piece spells which part is
checked by spelling the text anew. Functions are compared by trying every assignment.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

FUNCTIONS: dict[str, Callable[[Sequence[bool]], bool]] = {
    "AND": all,
    "OR": any,
    "XOR": lambda values: sum(values) % 2 == 1,
    "NAND": lambda values: not all(values),
    "NOR": lambda values: not any(values),
    "NOT": lambda values: not values[0],
}


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@dataclass
class Gate:
    """A gate as it is written."""

    name: str
    kind: str
    operands: list[str]


@dataclass
class Row:
    """What a row says."""

    inputs: list[tuple[str, int]]
    gates: list[Gate]
    asked: str
    answer: str  # "" in a prompt


def spelled(row: Row) -> list[str]:
    """Spell a row in pieces."""
    text = ["<bos>"]
    for i, (name, value) in enumerate(row.inputs):
        text += [f" {name}=" if i else f"INPUTS {name}=", str(value)]
    for i, gate in enumerate(row.gates):
        text += [f" | {gate.name}=" if i else f" || GATES {gate.name}=", f"{gate.kind}("]
        text += [f"{name}," for name in gate.operands[:-1]] + [f"{gate.operands[-1]})"]
    return [*text, f" || QUERY {row.asked}", " ->", f" {row.answer}", "<eos>"]


def read_text(text: str) -> Row:
    """Read the text of a row or of a prompt: names in order, operands defined before they are used."""
    found = re.fullmatch(r"INPUTS (.+) \|\| GATES (.+) \|\| QUERY (g\d+) ->(?: ([01]))?", text)
    if found is None:
        raise RowError("not a Logic row")
    inputs = []
    for i, part in enumerate(found[1].split(" ")):
        value = re.fullmatch(f"x{i}=([01])", part)
        if value is None:
            raise RowError(f"not input {i}: {part!r}")
        inputs.append((f"x{i}", int(value[1])))
    known = {name for name, _ in inputs}
    gates: list[Gate] = []
    for i, part in enumerate(found[2].split(" | ")):
        call = re.fullmatch(rf"g{i}=([A-Z]+)\(([xg\d,]+)\)", part)
        if call is None or call[1] not in FUNCTIONS:
            raise RowError(f"not gate {i}: {part!r}")
        operands = call[2].split(",")
        if len(operands) != (1 if call[1] == "NOT" else 2) or not set(operands) <= known:
            raise RowError(f"wrong operands: {part!r}")
        gates.append(Gate(f"g{i}", call[1], operands))
        known.add(f"g{i}")
    if found[3] not in known:
        raise RowError(f"{found[3]} is no gate")
    return Row(inputs, gates, found[3], found[4] or "")


@lru_cache(maxsize=4)
def numbers(pieces: tuple[str, ...]) -> dict[str, int]:
    """Map the pieces to their ids."""
    return {piece: i for i, piece in enumerate(pieces)}


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read a row, which must be spelled as rows are spelled."""
    ids = list(ids)
    while ids and ids[-1] == 0:
        ids.pop()
    if any(not 0 <= token < len(pieces) for token in ids):
        raise RowError("an id outside the vocabulary")
    row = read_text("".join(pieces[token] for token in ids if token > 2))
    table = numbers(tuple(pieces))
    if [table.get(piece, -1) for piece in spelled(row)] != ids:
        raise RowError("spelled otherwise")
    return row


def values_of(row: Row, inputs: Sequence[int]) -> dict[str, bool]:
    """Work out every node under an assignment."""
    values = {name: bool(value) for (name, _), value in zip(row.inputs, inputs, strict=True)}
    for gate in row.gates:
        values[gate.name] = bool(FUNCTIONS[gate.kind]([values[name] for name in gate.operands]))
    return values


def right_answer(row: Row) -> str:
    """Work out the queried gate."""
    return str(int(values_of(row, [value for _, value in row.inputs])[row.asked]))


def layers_of(row: Row) -> dict[str, int]:
    """Return the longest way from an input to each node."""
    layers = {name: 0 for name, _ in row.inputs}
    for gate in row.gates:
        layers[gate.name] = 1 + max(layers[name] for name in gate.operands)
    return layers


def cone_of(row: Row) -> set[str]:
    """Return the queried gate and everything it is made of."""
    gates = {gate.name: gate for gate in row.gates}
    cone: set[str] = set()
    waiting = [row.asked]
    while waiting:
        name = waiting.pop()
        if name not in cone:
            cone.add(name)
            waiting += gates[name].operands if name in gates else []
    return cone


def matter(row: Row) -> int:
    """Count the inputs that the queried gate depends on, by all assignments."""
    n = len(row.inputs)
    table = {inputs: values_of(row, inputs)[row.asked] for inputs in product((0, 1), repeat=n)}

    def flipped(inputs: tuple[int, ...], i: int) -> tuple[int, ...]:
        return (*inputs[:i], 1 - inputs[i], *inputs[i + 1 :])

    return sum(any(table[inputs] != table[flipped(inputs, i)] for inputs in table) for i in range(n))


def parity_tree(n: int) -> list[Gate]:
    """Join neighbours by XOR, layer by layer."""
    gates: list[Gate] = []
    layer = [f"x{i}" for i in range(n)]
    while len(layer) > 1:
        joined = []
        while len(layer) >= 2:
            gates.append(Gate(f"g{len(gates)}", "XOR", [layer.pop(0), layer.pop(0)]))
            joined.append(gates[-1].name)
        layer = joined + layer
    return gates


def judge_circuit(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the circuit is one that the law draws."""
    for gate in row.gates:
        if len(set(gate.operands)) != len(gate.operands):
            raise RowError(f"{gate.name} reads a node twice")
        if (gate.kind == "XOR" and params["xor_percent"] == 0) or (gate.kind != "XOR" and params["xor_percent"] == 100):
            raise RowError(f"{gate.name} is {gate.kind}")
    if len({(gate.kind, frozenset(gate.operands)) for gate in row.gates}) != len(row.gates):
        raise RowError("two gates say the same")
    layers, cone = layers_of(row), cone_of(row)
    depth = layers[row.asked]
    if not params["depth"][0] <= depth <= params["depth"][1]:
        raise RowError(f"depth {depth}")
    if not {name for name, _ in row.inputs} <= cone:
        raise RowError("an input is not used")
    inside = [gate for gate in row.gates if gate.name in cone]
    outside = len(row.gates) - len(inside)
    if not params["distractors"][0] <= outside <= params["distractors"][1]:
        raise RowError(f"{outside} distractors")
    widest = max(Counter(layers[gate.name] for gate in inside).values())
    if widest > params["width"][1]:
        raise RowError(f"a layer of {widest} gates")
    last = next(gate for gate in row.gates if gate.name == row.asked)
    skips = any(layers[name] != depth - 1 for name in last.operands)
    if skips and (params["width"][0] > 1 or widest > 1):
        raise RowError("the queried gate skips a layer")
    if matter(row) < 2:
        raise RowError("fewer than two inputs matter")


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    n = len(row.inputs)
    if not params["num_inputs"][0] <= n <= params["num_inputs"][1]:
        raise RowError(f"{n} inputs")
    if params["mode"] == "circuit":
        judge_circuit(row, params)
    elif row.gates != parity_tree(n) or row.asked != row.gates[-1].name:
        raise RowError("not the tree of XOR gates")
    if row.answer != right_answer(row):
        raise RowError(f"the answer is not {row.answer}")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        row = read_row(ids, pieces)
        judge(row, params)
    except RowError as problem:
        return str(problem)
    if mask is not None:
        length = len(spelled(row))
        if list(mask) != [int(length - 2 <= position < length) for position in range(len(ids))]:
            return "the mask is not 1 exactly on the answer and <eos>"
    return None


def solve(text: str) -> str:
    """Answer the query in which the text ends (``... ->``)."""
    try:
        return right_answer(read_text(text.rstrip()))
    except RowError as problem:
        raise ValueError(f"not a Logic prompt: {problem}") from None


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the queried gate as a formula, operands in no order, and the inputs.

    Formulas are numbered by what they are made of, so that a shared part is written once.
    """
    row = read_row(ids, pieces)
    formulas: dict[str, Any] = {name: name for name, _ in row.inputs}
    for gate in row.gates:
        formulas[gate.name] = (gate.kind, frozenset(formulas[name] for name in gate.operands))
    return formulas[row.asked], tuple(value for _, value in row.inputs)
