"""The kit of Lano."""

import json
from random import Random
from typing import Any

from hypothesis import strategies as st
from synthgen import grammar

from tests.kits import Shortcut
from tests.laws import Ints
from tests.oracles import lano
from tests.public_cases import SPLITS, Case, composite

ORACLE = lano

DEFAULTS: dict[str, Any] = {"grammar": "cfg3f", "grammar_json": None}
PRESETS: dict[int, dict[str, Any]] = {1: {"grammar": "cfg3f"}, 2: {"grammar": "cfg3j"}, 3: {"grammar": "cfg3k"}}
RANGES = ()
ANY_ORDER = True
LENIENT_ANSWERS = True
RULES_IN_PARAMS = True

# ---- pieces -----------------------------------------------------------------------------------------------

PIECES = ("<pad>", "<bos>", "<eos>", *(f"{terminal} " for terminal in range(1, 17)))


def family(piece: str) -> str:
    """Name the role of a piece."""
    return "terminal" if piece.strip().isdigit() else ""


def said(_: str) -> str:
    """No two pieces say the same."""
    return ""


# ---- rows to compare --------------------------------------------------------------------------------------


def text(levels: str, terminals: int) -> str:
    """Write a grammar file: levels divided by ``|``, symbols by spaces, rules by commas, a digit per position."""
    rules = [
        [{"children": [[int(digit) for digit in rule] for rule in symbol.split(",")]} for symbol in level.split()]
        for level in levels.split("|")
    ]
    sizes = [*map(len, rules), terminals]
    return json.dumps({"depth": len(rules), "sizes": sizes, "all": rules}, separators=(",", ":"))


def custom(levels: str, terminals: int) -> dict[str, Any]:
    """Give the keywords of a grammar of one's own."""
    return {"grammar_json": text(levels, terminals)}


PAIRS = custom("01,10,110|01,100,11 10,00,011", 2)
FLAT = custom("012,20,1101,33", 4)
TWO_LEVELS = custom("01,12,20|01,120,22 10,02,211 20,00,112", 3)
THREE_LEVELS = custom("01,10|01,110 10,001|012,20 11,200", 3)
CHAIN = custom("0,1|01,1 10,00|0,12 21,2", 3)
MANY = custom("01,10|01,123 230,31|456,70 12,03 7777,15 64,230", 8)
WIDE = custom("00,01,10,11|012345,67,89 210,9876,555,33", 10)

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (5000, PAIRS),
    (500, FLAT),
    (5000, TWO_LEVELS),
    (3000, THREE_LEVELS),
    (1000, CHAIN),
    (3000, MANY),
    (3000, WIDE),
    (8, {}),
    (2, {"difficulty": 1, "split": "validation"}),
    (2, {"difficulty": 2}),
    (2, {"difficulty": 3, "split": "test"}),
    *((4, {"grammar": name}) for name in grammar.NAMES),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 50, PAIRS),
    (20, 50, FLAT),
    (100, 50, TWO_LEVELS),
    (50, 50, THREE_LEVELS),
    (50, 50, CHAIN),
    (50, 50, MANY),
    (1, 40, {}),
]
STRANGERS: list[dict[str, Any]] = [
    PAIRS,
    TWO_LEVELS,
    CHAIN,
    custom("01,10,110|01,100,11 10,00,012", 3),
    custom("01,10,010|01,100,11 10,00,011", 2),
    custom("0011,10,110,01|01,100,11,0,1 10,00,011", 2),
    {},
]

# ---- splits -----------------------------------------------------------------------------------------------

# Some hundred thousand strings.
CROWDED: dict[str, Any] = custom("01,10,11|01,120,22 12,02,211 20,00,112|01,12,20 10,21,02 22,11,00", 3)


def keys(ids: Ints) -> Ints:
    """The row is its facts."""
    return ids


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw a shipped grammar, or a small random one."""
    if draw(st.booleans()):
        return Case("lano", {"grammar": draw(st.sampled_from(grammar.NAMES))}, draw(st.sampled_from([None, *SPLITS])))
    symbol = st.sampled_from([[2, 3], [3, 2], [2, 3, 3], [3, 4]])
    levels = draw(st.lists(st.lists(symbol, min_size=2, max_size=3), min_size=1, max_size=2))
    made = grammar.sample_grammar(draw(st.integers(0, 2**64 - 1)), [[[3, 3]], *levels], terminals=3)
    return Case("lano", {"grammar_json": made.to_json()})


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(_: int) -> float:
    """What is answered right without knowledge of the grammar: nothing, as its strings are few among all strings.

    A string once seen is right for ever, so that a share of right strings means something for a model that samples, and
    beside its divergence from the true law.
    """
    return 0.0


OTHER = " ".join(map(str, grammar.shipped("cfg3b").sample(1)[0]))
SHORTCUTS: dict[str, Shortcut] = {
    "one terminal, as often as the mean": lambda *_: " ".join(["2"] * 250),
    "random terminals": lambda _, rng: " ".join(rng.choices("123", k=250)),
    "a period of three": lambda *_: " ".join("123" * 83),
    "a string of another grammar": lambda *_: OTHER,
}
UNDEFEATED: dict[str, str] = {}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the string, in ways after which it often still is one of the grammar, and write the row anew."""
    string = [token for token in ids if token > 2]
    at, other = sorted((rng.randrange(len(string)), rng.randrange(len(string))))
    how = rng.choice(["turn", "swap blocks", "reverse", "neighbours", "double", "drop", "grow", "terminal"])
    if how == "turn":
        string = string[at:] + string[:at]
    elif how == "swap blocks":
        string = string[:at] + string[other:] + string[at:other]
    elif how == "reverse":
        string[at : other + 1] = string[at : other + 1][::-1]
    elif how == "neighbours":
        string[at - 1], string[at] = string[at], string[at - 1]
    elif how == "double":
        string[at:at] = string[at : other + 1]
    elif how == "drop":
        del string[at]
    elif how == "grow":
        string.insert(at, rng.choice(string))
    else:
        string[at] = rng.choice(string)
    ids[:] = [1, *string, 2]
    mask[:] = [0, *([1] * (len(string) + 1))]
    return how
