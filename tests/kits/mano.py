"""The kit of Mano."""

import re
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.oracles import mano
from tests.public_cases import SPLITS, Case, composite

ORACLE = mano

DEFAULTS: dict[str, Any] = {
    "length_max": 10,
    "qa": False,
    "operators": "asm",
    "modulus": 23,
    "knowledge_augment": True,
    "loss": "all",
}
PRESETS: dict[int, dict[str, Any]] = {1: {"length_max": 10}, 2: {"length_max": 13}, 3: {"length_max": 16}}
RANGES = ()

# ---- pieces -----------------------------------------------------------------------------------------------

# 394 pieces: specials, 4 operations and their synonyms, 64 lengths by two tags and by two markers, 127 values.
PIECES = (
    *("<pad>", "<bos>", "<eos>"),
    *("+ ", "- ", "* ", "/ ", "plus ", "minus ", "times ", "over "),
    *(f"{word} {length} | " for length in range(1, 65) for word in ("LENGTH", "OPS")),
    *(f"| {word} {length} ->" for length in range(1, 65) for word in ("VALUE", "RESULT")),
    *(f"{v} " for v in range(127)),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    if piece.strip() in mano.SYMBOLS:
        return "operation"
    for role, pattern in (("tag", r".* \d+ \| "), ("marker", r".*->"), ("value", r"\d+ ")):
        if re.fullmatch(pattern, piece):
            return role
    return piece


def said(piece: str) -> str:
    """Give what a piece says: an operation by its letter, or a number."""
    number = re.search(r"\d+", piece)
    return number[0] if number else mano.SYMBOLS.get(piece.strip(), "")


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (6000, {}),
    (1000, {"difficulty": 1, "split": "validation"}),
    (1000, {"difficulty": 2}),
    (1000, {"difficulty": 3}),
    (3000, {"length_max": 2}),
    (2000, {"operators": "asmd"}),
    (1000, {"operators": "d", "length_max": 8, "qa": True}),
    (2000, {"knowledge_augment": False, "loss": "answer", "operators": "s"}),
    (2000, {"qa": True, "length_max": 5, "operators": "md"}),
    (1000, {"qa": True, "operators": "am"}),
    (300, {"length_max": 64, "operators": "asmd"}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 25, {"length_max": 3}),
    (100, 25, {}),
    (100, 25, {"length_max": 4, "operators": "asmd", "loss": "answer"}),
    (100, 25, {"length_max": 4, "operators": "d", "modulus": 5}),
    (100, 25, {"length_max": 3, "knowledge_augment": False}),
    (100, 25, {"length_max": 3, "qa": True, "operators": "sm", "modulus": 6}),
    (40, 25, {"length_max": 6, "modulus": 127, "operators": "a"}),
    (40, 25, {"length_max": 2, "modulus": 2}),
]
STRANGERS: list[dict[str, Any]] = [
    {"length_max": 2},
    {"length_max": 3},
    {"length_max": 2, "qa": True},
    {"length_max": 2, "operators": "am"},
    {"length_max": 2, "operators": "asmd"},
    {"length_max": 2, "operators": "d", "modulus": 19},
    {"length_max": 2, "modulus": 22},
    {"length_max": 2, "modulus": 24},
    {"length_max": 2, "knowledge_augment": False},
    {"length_max": 2, "loss": "answer"},
]

# ---- splits -----------------------------------------------------------------------------------------------

# 3 x 23^2 + 18 x 23^3 facts.
CROWDED: dict[str, Any] = {"length_max": 2}
MEANINGS = np.array([0] * 3 + [1000, 1001, 1002, 1003] * 2 + [0] * 256 + list(range(1, 128)))


def keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the expression, with what follows from it."""
    found: Ints = MEANINGS[ids[:, 2:]]
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    operators = draw(st.sampled_from(["a", "s", "m", "d", "as", "am", "sm", "sd", "asm", "amd", "asmd"]))
    primes = [11, 13, 23, 97, 127]
    params: dict[str, Any] = {
        "length_max": draw(st.integers(1, 12)),
        "qa": draw(st.booleans()),
        "operators": operators,
        "modulus": draw(st.sampled_from(primes) if "d" in operators else st.integers(2, 127)),
        "knowledge_augment": draw(st.booleans()),
        "loss": draw(st.sampled_from(["all", "answer"])),
    }
    wide = params["length_max"] >= 4 and params["modulus"] >= 5
    return Case("mano", params, draw(st.sampled_from([None, *SPLITS])) if wide else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def zero_shares(length_max: int, modulus: int = 23) -> list[float]:
    """P(value = 0) at each length up to the largest, with + - * over a prime: all other values are equally likely."""
    p = [1 / modulus]
    for length in range(1, length_max + 1):
        total = 0.0
        for left in range(length):
            a, b = p[left], p[length - 1 - left]
            total += 2 / 3 * (a * b + (1 - a) * (1 - b) / (modulus - 1)) + 1 / 3 * (1 - (1 - a) * (1 - b))
        p.append(total / length)
    return p


def chance(level: int) -> float:
    """0 is the most common value, since products are 0 if either side is."""
    most: int = PRESETS[level]["length_max"]
    return sum(zero_shares(most)[1:]) / most


def symbols(prompt: str) -> list[str]:
    """Give the expression of a prompt."""
    return prompt.split(" | ")[1].split()


def values(prompt: str) -> list[int]:
    """Give the operands of a prompt."""
    return [int(symbol) for symbol in symbols(prompt) if symbol.isdigit()]


def fold(prompt: str) -> int:
    """Apply the operations from the left to the operands from the left, as if each took the result so far."""
    kinds = [mano.SYMBOLS[symbol] for symbol in symbols(prompt) if not symbol.isdigit()]
    result, *rest = values(prompt)
    for kind, value in zip(kinds, rest, strict=True):
        result = mano.evaluate((kind, result, value), 23)
    return result


def top_of_ends(prompt: str) -> int:
    """Apply the topmost operation to the first and the last operand."""
    found = values(prompt)
    return mano.evaluate((mano.SYMBOLS[symbols(prompt)[0]], found[0], found[-1]), 23)


def last_operation(prompt: str) -> int:
    """Apply the last operation to the last two operands: one that has only operands below it."""
    kinds = [mano.SYMBOLS[symbol] for symbol in symbols(prompt) if not symbol.isdigit()]
    left, right = values(prompt)[-2:]
    return mano.evaluate((kinds[-1], left, right), 23)


def numeric(answer: Callable[[str], int]) -> Shortcut:
    """Make a shortcut of a function that gives a number."""
    return lambda prompt, _: str(answer(prompt))


SHORTCUTS: dict[str, Shortcut] = {
    "always 0": lambda *_: "0",
    "a value at random": lambda _, rng: str(rng.randrange(23)),
    "the first operand": numeric(lambda prompt: values(prompt)[0]),
    "the last operand": numeric(lambda prompt: values(prompt)[-1]),
    "the most common operand": numeric(lambda prompt: Counter(values(prompt)).most_common(1)[0][0]),
    "the sum of all operands": numeric(lambda prompt: sum(values(prompt)) % 23),
    "the topmost operation on the ends": numeric(top_of_ends),
    "the last operation on its operands": numeric(last_operation),
    "operations and operands from the left": numeric(fold),
}
UNDEFEATED = {
    "the topmost operation on the ends": "one row of length_max has one operation, and there this is the task itself",
    "the last operation on its operands": "one row of length_max has one operation, and there this is the task itself",
    "operations and operands from the left": "the same, and some expressions of two operations read so as well",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


FRAME = [("LENGTH", "OPS"), ("VALUE", "RESULT")]
MODULI = [23, 5, 6, 127, 2]


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the expression, its frame or how it is spelt; mostly work out the value anew."""
    row = mano.read_row(ids, PIECES)
    spelt = [PIECES[token] for token in ids[2:-2]]
    modulus = rng.choice([*MODULI, 1 + max(row.value, *mano.operands(row.tree))])
    tag, marker, value = row.tag, row.marker, row.value
    how = rng.choice([*CHANGES, *CHANGES, "synonym", "synonym", "tag", "marker", "frame", "end", "value"])
    if how in CHANGES:
        change_expression(rng, how, spelt, modulus)
        tag = marker = min(64, max(1, len(spelt) // 2))
        try:
            value = mano.evaluate(mano.parse(iter(piece.strip() for piece in spelt)), modulus)
        except mano.RowError:
            how += ", undefined"
    elif how == "value":
        value = (value + rng.choice([-1, 1, modulus])) % 127
    elif how == "tag":
        tag = rng.randrange(1, 65)
    elif how == "marker":
        marker = rng.randrange(1, 65)
    elif how == "frame":
        tag = marker = rng.randrange(1, 65)
    words = [pair[pair[1] in PIECES[ids[at]]] for pair, at in zip(FRAME, (1, -2), strict=True)]
    if how == "synonym" or rng.random() < 0.2:
        spelt = [respelt(rng, piece) for piece in spelt]
        words = [rng.choice(pair) for pair in FRAME]
    text = [f"{words[0]} {tag} | ", *spelt, f"| {words[1]} {marker} ->", f"{value} "]
    if how == "end":
        text.append("<eos>")
    first = 1 if mask[1] ^ (rng.random() < 0.05) else len(text)
    ids[:] = [1, *(IDS[piece] for piece in text)]
    mask[:] = [int(i >= first) for i in range(len(ids))]
    return how


CHANGES = ["operand", "operation", "grow", "shrink"]


def change_expression(rng: Random, how: str, spelt: list[str], modulus: int) -> None:
    """Change an operand or an operation, put an operation in an operand's place, or an operand in an operation's."""
    operand = rng.choice([i for i, piece in enumerate(spelt) if piece[0].isdigit()])
    operation = rng.choice([i for i, piece in enumerate(spelt) if not piece[0].isdigit()])
    if how == "operand":
        spelt[operand] = f"{rng.randrange(min(127, modulus + 1))} "
    elif how == "operation":
        spelt[operation] = rng.choice(PIECES[3:11])
    elif how == "grow":
        spelt[operand : operand + 1] = [rng.choice(PIECES[3:6]), spelt[operand], spelt[operand]]
    else:
        triples = range(len(spelt) - 2)
        lowest = [i for i in triples if [piece[0].isdigit() for piece in spelt[i : i + 3]] == [False, True, True]]
        start = rng.choice(lowest)
        spelt[start : start + 3] = [spelt[start + 2]]


def respelt(rng: Random, piece: str) -> str:
    """Spell an operation by either of its names; leave operands alone."""
    place = PIECES.index(piece) - 3
    return PIECES[3 + place % 4 + 4 * rng.randrange(2)] if place < 8 else piece
