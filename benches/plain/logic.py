"""Plain-Python Logic: a random layered circuit, an assignment that gives a coin's answer, as ids and loss mask."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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
PATIENCE = 64


@dataclass
class Gate:
    """A gate while the circuit is built; an operand is ("x", number) or ("g", gate object)."""

    level: int
    kind: int
    operands: list[Any]
    number: int = -1


@lru_cache(maxsize=None)
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
        for low, high in zip(sizes, sizes[1:], strict=False):
            below += low
            if high > pairs(below) - pairs(below - low):
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
        for is_xor in xor[level]:
            if is_xor:
                kind = XOR
            elif level == depth:
                kind = NOT if negated else rng.choice((AND, OR, NAND, NOR))
            elif min(slack[:level]) > spent:
                kind = rng.choice((AND, OR, NAND, NOR, NOT))
                spent += kind == NOT
            else:
                kind = rng.choice((AND, OR, NAND, NOR))
            kinds[level].append(kind)
    return kinds


def wire(rng: random.Random, sizes: list[int], kinds: list[list[int]]) -> list[list[Gate]]:
    """Connect the layers: first everything is read by something, then the free operands take any lower node."""
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
        for node in nodes[len(readers) :]:
            i = rng.randrange(len(free))
            free[i], free[-1] = free[-1], free[i]
            free.pop().operands.append(node)
    for reader in free:
        lower = [node for layer in layers[: reader.level] for node in layer]
        node = rng.choice(lower)
        while node is reader.operands[0]:
            node = rng.choice(lower)
        reader.operands.append(node)
    return layers[1:]


def same_gate(one: Gate, other: Gate) -> bool:
    """Do they say the same?"""
    return one.kind == other.kind and {id(node) for node in one.operands} == {id(node) for node in other.operands}


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


def truth_table(layers: list[list[Gate]], inputs: int) -> int:
    """Values of the last gate over all assignments, as the bits of a number; -1 if some gate is constant."""
    rows = 1 << inputs
    ones = (1 << rows) - 1
    columns = (
        [sum(1 << row for row in range(rows) if row >> i & 1) for i in range(inputs)]
        if inputs not in COLUMNS
        else COLUMNS[inputs]
    )
    COLUMNS[inputs] = columns
    tables: dict[int, int] = {}
    table = -1
    for layer in layers:
        for gate in layer:
            values = [tables[id(node)] if isinstance(node, Gate) else columns[node[1]] for node in gate.operands]
            table = tables[id(gate)] = apply(gate.kind, values[0], values[-1], ones)
            if table in (0, ones):
                return -1
    return table


COLUMNS: dict[int, list[int]] = {}
