"""Plain-Python Logic: a random layered circuit, an assignment that gives a coin's answer, as ids and loss mask."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

BOS, EOS = 1, 2
MAX_INPUTS, MAX_GATES = 64, 128
# Families of ids: "x0=" "0" "g0=" "AND(" "x0," "g0," "x0)" "g0)" "QUERY g0", then the arrow and the answers.
INPUT = 3
BIT = INPUT + MAX_INPUTS
GATE = BIT + 2
TYPE = GATE + MAX_GATES
LEFT = TYPE + 6
RIGHT = LEFT + MAX_INPUTS + MAX_GATES
QUERY = RIGHT + MAX_INPUTS + MAX_GATES
ARROW = QUERY + MAX_GATES
ANSWER = ARROW + 1
AND, OR, XOR, NAND, NOR, NOT = range(6)
# Draws of types and wires for one draw of sizes and XOR gates; draws of an operand that repeats a gate.
PATIENCE, RETRIES = 64, 8


@dataclass
class Gate:
    """A gate while the circuit is built; an operand is ("x", number) or ("g", gate object)."""

    level: int
    kind: int
    operands: list[Any]
    number: int = -1


@cache
def room(levels: int, slots: int, above: int, width: int) -> int:
    """Most inputs that can be read, with free operand slots and the layer above known, and so many layers to come."""
    if levels == 0:
        return slots
    fits = [n for n in range(1, width + 1) if max(n, above) <= slots]
    return max((room(levels - 1, slots - max(n, above) + 2 * n, n, width) for n in fits), default=0)


def capacity(depth: int, width: int) -> int:
    """Most inputs that a circuit can read."""
    second = min(width, 2)
    return room(depth - 2, 4 if second == 2 else 3, second, width)


def pairs(nodes: int) -> int:
    """Unordered pairs."""
    return nodes * (nodes - 1) // 2


def draw_sizes(rng: random.Random, inputs: int, depth: int, width: int, negated: bool) -> list[int]:
    """Sizes of the layers, the inputs first."""
    while True:
        slots, above = 1 if negated else 2, 1
        sizes = [1]
        for levels in range(depth - 2, -1, -1):
            if len(sizes) == 1:
                choices = [1 if negated else min(width, 2)]
            else:
                choices = [
                    n
                    for n in range(1, width + 1)
                    if max(n, above) <= slots and room(levels, slots - max(n, above) + 2 * n, n, width) >= inputs
                ]
            n = rng.choice(choices)
            slots, above = slots - max(n, above) + 2 * n, n
            sizes.append(n)
        sizes.append(inputs)
        sizes.reverse()
        below = 0
        for low, high in pairwise(sizes):
            below += low
            if high >= pairs(below) - pairs(below - low):
                break
        else:
            return sizes


def draw_kinds(rng: random.Random, sizes: list[int], xor: list[list[bool]], negated: bool) -> list[list[int]]:
    """Types of the gates by level; a NOT only where every node can still be read."""
    depth = len(sizes) - 1
    slots = 1 if negated else 2
    slack = []
    for level in range(depth - 1, -1, -1):
        used = max(sizes[level], sizes[level + 1])
        slack.append(slots - used)
        slots += 2 * sizes[level] - used
    slack.reverse()
    kinds: list[list[int]] = [[] for _ in sizes]
    spent = 0
    for level in range(depth, 0, -1):
        for is_xor in reversed(xor[level]):
            if is_xor:
                kind = XOR
            elif level == depth:
                kind = NOT if negated else rng.choice((AND, OR, NAND, NOR))
            elif min(slack[:level]) > spent:
                kind = rng.choice((AND, OR, NAND, NOR, NOT))
                spent += kind == NOT
            else:
                kind = rng.choice((AND, OR, NAND, NOR))
            kinds[level].insert(0, kind)
    return kinds


def wire(rng: random.Random, sizes: list[int], kinds: list[list[int]]) -> list[list[Gate]] | None:
    """Connect the layers: first everything is read by something, then the free operands take any lower node.

    None if a gate would occur twice.
    """
    layers: list[list[Any]] = [[("x", i) for i in range(sizes[0])]]
    layers += [[Gate(level, kind, []) for kind in kinds[level]] for level in range(1, len(sizes))]
    free: list[Gate] = []
    for level in range(len(sizes) - 2, -1, -1):
        nodes = rng.sample(layers[level], len(layers[level]))
        readers = layers[level + 1]
        for i, reader in enumerate(readers):
            reader.operands.append(nodes[i] if i < len(nodes) else rng.choice(nodes))
            if reader.kind != NOT:
                free.append(reader)
            elif i >= len(nodes) and repeats(reader, readers):
                return None
        for node in nodes[len(readers) :]:
            i = rng.randrange(len(free))
            free[i], free[-1] = free[-1], free[i]
            free.pop().operands.append(node)
    for reader in free:
        lower = [node for layer in layers[: reader.level] for node in layer if node is not reader.operands[0]]
        for _ in range(RETRIES):
            reader.operands[1:] = [rng.choice(lower)]
            if not repeats(reader, layers[reader.level]):
                break
        else:
            return None
    return layers[1:]


def repeats(gate: Gate, layer: list[Gate]) -> bool:
    """Does another gate of the layer say the same?"""
    return any(other is not gate and same_gate(gate, other) for other in layer)


def same_gate(one: Gate, other: Gate) -> bool:
    """Do they say the same?"""
    return one.kind == other.kind and nodes_of(one) == nodes_of(other)


def nodes_of(gate: Gate) -> set[Any]:
    """What a gate reads, in no order."""
    return {id(node) if isinstance(node, Gate) else node for node in gate.operands}


def apply(kind: int, a: int, b: int, ones: int) -> int:
    """One gate on whole truth tables."""
    if kind == NOT:
        return ones ^ a
    if kind in (AND, NAND):
        value = a & b
    elif kind in (OR, NOR):
        value = a | b
    else:
        value = a ^ b
    return ones ^ value if kind in (NAND, NOR) else value


@cache
def columns(inputs: int) -> list[int]:
    """Truth tables of the inputs: bit r is the value in the assignment of number r."""
    return [sum(1 << row for row in range(1 << inputs) if row >> i & 1) for i in range(inputs)]


def truth_table(layers: list[list[Gate]], inputs: int) -> int:
    """Values of the last gate over all assignments, as the bits of a number."""
    ones = (1 << (1 << inputs)) - 1
    tables: dict[int, int] = {}
    table = 0
    for layer in layers:
        for gate in layer:
            first, last = gate.operands[0], gate.operands[-1]
            a = tables[id(first)] if isinstance(first, Gate) else columns(inputs)[first[1]]
            b = tables[id(last)] if isinstance(last, Gate) else columns(inputs)[last[1]]
            table = tables[id(gate)] = apply(gate.kind, a, b, ones)
    return table


def relevant(table: int, inputs: int) -> int:
    """Number of inputs that a truth table depends on."""
    ones = (1 << (1 << inputs)) - 1
    return sum((table & column) >> (1 << i) != table & (ones ^ column) for i, column in enumerate(columns(inputs)))


def draw_circuit(
    rng: random.Random, inputs: int, depth: int, width: int, xor_share: float
) -> tuple[list[list[Gate]], int]:
    """Layers of gates, and the truth table of the last."""
    while True:
        last_is_xor = rng.random() < xor_share
        negated = not last_is_xor and rng.random() < 0.2 and room(depth - 2, 2, 1, width) >= inputs
        sizes = draw_sizes(rng, inputs, depth, width, negated)
        xor = [[rng.random() < xor_share for _ in range(size)] for size in sizes]
        xor[depth] = [last_is_xor]
        for _ in range(PATIENCE):
            layers = wire(rng, sizes, draw_kinds(rng, sizes, xor, negated))
            if layers:
                table = truth_table(layers, inputs)
                if relevant(table, inputs) >= 2:
                    return layers, table


def add_distractors(rng: random.Random, inputs: int, gates: list[Gate], count: int, xor_share: float) -> None:
    """Append gates that read anything before them."""
    for _ in range(count):
        kind = XOR if rng.random() < xor_share else rng.choice((AND, OR, NAND, NOR, NOT))
        nodes: list[Any] = [("x", i) for i in range(inputs)]
        nodes += gates
        while True:
            gate = Gate(0, kind, rng.sample(nodes, 1 if kind == NOT else 2))
            if not any(same_gate(gate, other) for other in gates):
                break
        gates.append(gate)


def number_gates(rng: random.Random, gates: list[Gate]) -> list[Gate]:
    """Number the gates in a random order in which operands come first."""
    waiting = {id(gate): sum(isinstance(node, Gate) for node in gate.operands) for gate in gates}
    readers: dict[int, list[Gate]] = {id(gate): [] for gate in gates}
    for gate in gates:
        for node in gate.operands:
            if isinstance(node, Gate):
                readers[id(node)].append(gate)
    ready = [gate for gate in gates if waiting[id(gate)] == 0]
    order: list[Gate] = []
    while ready:
        i = rng.randrange(len(ready))
        ready[i], ready[-1] = ready[-1], ready[i]
        gate = ready.pop()
        gate.number = len(order)
        order.append(gate)
        for reader in readers[id(gate)]:
            waiting[id(reader)] -= 1
            if waiting[id(reader)] == 0:
                ready.append(reader)
    return order


def parity_tree(inputs: int) -> list[Gate]:
    """Neighbours joined by XOR, layer by layer."""
    gates: list[Gate] = []
    layer: list[Any] = [("x", i) for i in range(inputs)]
    while len(layer) > 1:
        joined = []
        for i in range(0, len(layer) - 1, 2):
            gates.append(Gate(0, XOR, [layer[i], layer[i + 1]], len(gates)))
            joined.append(gates[-1])
        layer = joined + ([layer[-1]] if len(layer) % 2 else [])
    return gates


def spell(bits: int, inputs: int, gates: list[Gate], asked: int, answer: int) -> tuple[list[int], list[int]]:
    """Ids and mask."""
    ids = [BOS]
    for i in range(inputs):
        ids += (INPUT + i, BIT + (bits >> i & 1))
    for gate in gates:
        ids += (GATE + gate.number, TYPE + gate.kind)
        for place, node in enumerate(gate.operands):
            family = RIGHT if place == len(gate.operands) - 1 else LEFT
            ids.append(family + (MAX_INPUTS + node.number if isinstance(node, Gate) else node[1]))
    ids += (QUERY + asked, ARROW, ANSWER + answer, EOS)
    return ids, [0] * (len(ids) - 2) + [1, 1]


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop: what recurs is kept by caches."""
    return params


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    fewest, most = params["num_inputs"]
    if params["mode"] == "parity":
        inputs = rng.randint(fewest, most)
        bits = rng.getrandbits(inputs)
        gates = parity_tree(inputs)
        return spell(bits, inputs, gates, len(gates) - 1, bits.bit_count() % 2)
    depth = rng.randint(*params["depth"])
    width = rng.randint(*params["width"])
    inputs = rng.randint(fewest, min(most, capacity(depth, width)))
    layers, table = draw_circuit(rng, inputs, depth, width, params["xor_percent"] / 100)
    asked = layers[-1][0]
    gates = [gate for layer in layers for gate in layer]
    add_distractors(rng, inputs, gates, rng.randint(*params["distractors"]), params["xor_percent"] / 100)
    for gate in gates:
        rng.shuffle(gate.operands)
    order = number_gates(rng, gates)
    answer = rng.randrange(2)
    bits = rng.choice([row for row in range(1 << inputs) if table >> row & 1 == answer])
    return spell(bits, inputs, order, asked.number, answer)
