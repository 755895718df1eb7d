"""The kit of Dyna."""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.mutants import blind
from tests.oracles import dyna
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = dyna

DEFAULTS: dict[str, Any] = {
    "state_size": (5, 15),
    "num_ops": (5, 30),
    "num_queries": 3,
    "query_kind": "both",
    "symbolic_names": True,
    "effective_depth": None,
}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"state_size": (5, 7), "num_ops": (5, 10)},
    2: {"state_size": (8, 12), "num_ops": (10, 20)},
    3: {"state_size": (13, 20), "num_ops": (20, 50)},
}
RANGES = ("state_size", "num_ops", "effective_depth")

# ---- pieces -----------------------------------------------------------------------------------------------

OPERATIONS = ("SWAP", "ROTATE_LEFT", "ROTATE_RIGHT", "REVERSE")


def element_name(i: int) -> str:
    """A..Z, then A0..A25, then B0.."""
    if i < 26:
        return chr(ord("A") + i)
    return chr(ord("A") + i // 26 - 1) + str(i % 26)


# 467 pieces: specials, fixed text, operations (first and later), then seven families of 64.
PIECES = (
    *("<pad>", "<bos>", "<eos>", "STATE [", ", ", "] || OPS "),
    *(" || QUERY position ", " || QUERY element ", " | QUERY position ", " | QUERY element ", " ->"),
    *OPERATIONS,
    *(f" | {name}" for name in OPERATIONS),
    *(f"({i}," for i in range(64)),
    *(f"{i})" for i in range(64)),
    *(f"({i})" for i in range(64)),
    *(f"{i}" for i in range(64)),
    *(f" {i}" for i in range(64)),
    *(element_name(i) for i in range(64)),
    *(f" {element_name(i)}" for i in range(64)),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    return dyna.tag_piece(piece).tag


def said(piece: str) -> str:
    """Give the number that a piece says, or its word: ``A`` and `` A`` and ``0`` are the same element."""
    tagged = dyna.tag_piece(piece)
    return str(tagged.value) if tagged.value >= 0 else tagged.word


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (4000, {}),
    (4000, {"difficulty": 1}),
    (3000, {"difficulty": 2}),
    (2000, {"difficulty": 3}),
    (2000, {"symbolic_names": False}),
    (2000, {"effective_depth": (2, 4)}),
    (1000, {"effective_depth": 0, "state_size": (3, 8), "num_ops": (1, 12), "num_queries": 2}),
    (1000, {"query_kind": "position", "num_queries": 4}),
    (1000, {"query_kind": "element", "num_queries": 1, "split": "test"}),
    (1000, {"state_size": 2, "num_ops": 1, "num_queries": 1}),
    (300, {"state_size": (25, 64), "num_ops": (1, 60), "num_queries": 24}),
    (50, {"state_size": 64, "num_ops": 512, "num_queries": 63, "symbolic_names": False}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 50, {"difficulty": 1}),
    (200, 50, {}),
    (100, 50, {"state_size": (3, 4), "num_ops": (1, 3), "num_queries": 2}),
    (100, 50, {"symbolic_names": False, "num_queries": 1}),
    (100, 50, {"query_kind": "position"}),
    (100, 50, {"effective_depth": (2, 4), "num_ops": (4, 9)}),
    (40, 50, {"state_size": (26, 64), "num_ops": 5}),
]
STRANGERS: list[dict[str, Any]] = [
    {"state_size": (3, 5), "num_ops": (2, 4), "num_queries": 2},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 3},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "query_kind": "element"},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "query_kind": "position"},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "symbolic_names": False},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "effective_depth": (1, 2)},
    {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "effective_depth": (2, 9)},
]

# ---- splits -----------------------------------------------------------------------------------------------

CROWDED: dict[str, Any] = {"state_size": 4, "num_ops": 4, "num_queries": 1}  # about 2.5 million facts


def keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the queries blanked, the arguments of a swap in order."""
    found = ids.copy()
    row, at = np.nonzero(np.isin(ids, [IDS["SWAP"], IDS[" | SWAP"]]))
    left, right = ids[row, at + 1] - IDS["(0,"], ids[row, at + 2] - IDS["0)"]
    found[row, at + 1] = np.minimum(left, right) + IDS["(0,"]
    found[row, at + 2] = np.maximum(left, right) + IDS["0)"]
    first_query = [IDS[" || QUERY position "], IDS[" || QUERY element "]]
    found[np.cumsum(np.isin(ids, first_query), axis=1) > 0] = 0
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    size = draw(st.one_of(spans(2, 12, 20), spans(24, 40, 64)))
    ops = draw(spans(1, 12, 25))
    params: dict[str, Any] = {
        "state_size": size[0] if size[0] == size[1] else size,
        "num_ops": ops,
        "num_queries": draw(st.integers(1, min(size[0] - 1, 8))),
        "query_kind": draw(st.sampled_from(["both", "position", "element"])),
        "symbolic_names": draw(st.booleans()),
    }
    if size[0] >= 3:
        params["effective_depth"] = draw(st.none() | spans(0, ops[0], 30))
    return Case("dyna", params, draw(st.sampled_from([None, *SPLITS])) if size[0] >= 6 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """Any element, and any position, is as likely as another: 1/n, with n uniform over its range."""
    low, high = PRESETS[level]["state_size"]
    return float(np.mean([1 / n for n in range(low, high + 1)]))


def parsed(prompt: str) -> tuple[list[str], list[dyna.Operation], str, str]:
    """Take a prompt apart: list, operations, kind of question, and what it is about."""
    facts, operations, _ = prompt.split(" || ")
    calls = re.findall(r"([A-Z_]+)\((\d+)(?:,(\d+))?\)", operations)
    _, about, subject, _ = prompt.split()[-4:]
    return (
        facts.removeprefix("STATE [").removesuffix("]").split(", "),
        [(name, tuple(int(number) for number in numbers if number)) for name, *numbers in calls],
        about,
        subject,
    )


def after(prompt: str, kept: slice, names: Sequence[str] = OPERATIONS) -> str:
    """Answer as if only some of the operations had been applied: those in this place with one of these names."""
    state, operations, about, subject = parsed(prompt)
    for operation in operations[kept]:
        if operation[0] in names:
            state = dyna.apply(state, operation)
    return state[int(subject)] if about == "position" else str(state.index(subject))


def last_mentioned(prompt: str, _: Random) -> str:
    """Answer by the last element of the list, or the last number among the operations."""
    state, operations, about = parsed(prompt)[:3]
    return state[-1] if about == "position" else str(operations[-1][1][-1])


def guess(prompt: str, _: Random) -> str:
    """Answer by what occurs in every list: the element A, or position 0."""
    return "A" if parsed(prompt)[2] == "position" else "0"


SHORTCUTS: dict[str, Shortcut] = {
    "the list before any operation": lambda prompt, _: after(prompt, slice(0)),
    "the first operation alone": lambda prompt, _: after(prompt, slice(1)),
    "the last operation alone": lambda prompt, _: after(prompt, slice(-1, None)),
    "rotations alone": lambda prompt, _: after(prompt, slice(None), ["ROTATE_LEFT", "ROTATE_RIGHT"]),
    "swaps and reversals alone": lambda prompt, _: after(prompt, slice(None), ["SWAP", "REVERSE"]),
    "what is mentioned last": last_mentioned,
}
UNDEFEATED = {
    "rotations alone": "half of the operations are rotations, and a swap or a reversal leaves many elements in place"
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change list, operations or queries, then answer the queries anew."""
    row = dyna.read_row(ids, PIECES)
    state = [element.value for element in row.elements]
    operations = list(row.operations)
    asked = [(query.kind, query.asked) for query in row.queries]
    what = rng.randrange(9)
    if what < 5:
        how = change_operations(rng, operations, len(state))
    elif what < 7:
        how = change_queries(rng, asked, len(state))
    else:
        how = change_list(rng, state, asked)
    final = final_list(state, operations)
    if not operations or final is None:
        return blind(rng, "dyna", ids, mask)
    answered = []
    for kind, subject in asked:
        if kind == "position":
            answered.append((kind, subject, final[subject] if subject < len(final) else 0))
        else:
            answered.append((kind, subject, final.index(subject) if subject in final else 0))
    ids[:], mask[:] = spell(state, operations, answered, row.elements[0].tag)
    return how


def change_operations(rng: Random, operations: list[dyna.Operation], n: int) -> str:
    """Spell an operation otherwise, add one, an idle one even, take one away, or exchange two."""
    at, other = rng.randrange(len(operations)), rng.randrange(len(operations))
    how = rng.choice(["same", "same", "idle", "one more", "one less", "exchange"])
    if how == "same":
        operations[at] = same_operation(operations[at], n)
    elif how == "idle":
        low, high = sorted((rng.randrange(n), rng.randrange(n)))
        idle = [
            ("ROTATE_LEFT", (0,)),
            ("ROTATE_RIGHT", (min(n, 63),)),
            ("SWAP", (low, low)),
            ("REVERSE", (high, low)),
        ]
        operations.insert(at, rng.choice(idle))
    elif how == "one more":
        operations.insert(at, operations[other])
    elif how == "one less":
        del operations[at]
    else:
        operations[at], operations[other] = operations[other], operations[at]
    return how


def change_list(rng: Random, state: list[int], asked: list[tuple[str, int]]) -> str:
    """Add an element, take one away, or give one the next name or the one after."""
    n = len(state)
    how = rng.choice(["grow", "shrink", "rename"])
    if how == "grow":
        state.append(min(n, 63))
    elif how == "shrink":
        state.remove(n - 1)
    else:
        old, new = rng.randrange(n), min(n + rng.randrange(2), 63)
        state[state.index(old)] = new
        asked[:] = [(kind, new if kind == "element" and what == old else what) for kind, what in asked]
    return how


def same_operation(operation: dyna.Operation, n: int) -> dyna.Operation:
    """Spell an operation otherwise where that can be done."""
    name, arguments = operation
    if name == "SWAP":
        return name, (arguments[1], arguments[0])
    if name == "REVERSE":  # turning two or three around exchanges the outer ones
        return ("SWAP" if arguments[1] - arguments[0] <= 2 else name), arguments
    return ("ROTATE_RIGHT" if name == "ROTATE_LEFT" else "ROTATE_LEFT"), (n - arguments[0],)


def change_queries(rng: Random, asked: list[tuple[str, int]], n: int) -> str:
    """Change what is asked."""
    at = rng.randrange(len(asked))
    how = rng.choice(["turn", "drop", "repeat", "other", "kind"])
    if how == "turn":
        rng.shuffle(asked)
    elif how == "drop" and len(asked) > 1:
        del asked[at]
    elif how == "repeat":
        asked[at] = rng.choice(asked)
    elif how == "other":
        asked[at] = (asked[at][0], rng.randrange(min(n + 1, 64)))
    else:
        asked.append((rng.choice(["position", "element"]), rng.randrange(n)))
    return f"queries: {how}"


def final_list(state: list[int], operations: Sequence[dyna.Operation]) -> list[int] | None:
    """Apply the operations, idle ones too; None if one reaches beyond the list."""
    n = len(state)
    for name, arguments in operations:
        if max(arguments) > n - (not name.startswith("ROTATE")):
            return None
        if dyna.is_legal((name, arguments), n):
            state = dyna.apply(state, (name, arguments))
    return state


def spell(
    state: Sequence[int],
    operations: Sequence[dyna.Operation],
    questions: Sequence[tuple[str, int, int]],
    spelling: str,
) -> tuple[list[int], list[int]]:
    """Turn a list, operations, and queries with their answers into ids and mask."""

    def element(i: int) -> str:
        return element_name(i) if spelling == "name" else str(i)

    text = ["<bos>", "STATE ["]
    for i, e in enumerate(state):
        text += [", ", element(e)] if i else [element(e)]
    text.append("] || OPS ")
    for i, (name, arguments) in enumerate(operations):
        text.append(" | " + name if i else name)
        text += [f"({k})" for k in arguments] if len(arguments) == 1 else [f"({arguments[0]},", f"{arguments[1]})"]
    mask = [0] * len(text)
    for i, (kind, what, answer) in enumerate(questions):
        text += [
            (" | " if i else " || ") + f"QUERY {kind} ",
            str(what) if kind == "position" else element(what),
        ]
        text += [" ->", " " + (element(answer) if kind == "position" else str(answer))]
        mask += [0, 0, 0, 1]
    return [IDS[piece] for piece in [*text, "<eos>"]], [*mask, 1]
