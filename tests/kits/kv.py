"""The kit of key-value retrieval."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import EOS, FIRST, KEY, VAL, any_symbol
from tests.laws import Ints
from tests.oracles import kv
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = kv
DEFAULTS: dict[str, Any] = {"num_pairs": (2, 5), "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"num_pairs": (6, 14)},
    2: {"num_pairs": (16, 30)},
    3: {"num_pairs": (32, 62)},
}
RANGES = ("num_pairs",)
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (10_000, {}),
    (4000, {"difficulty": 1, "split": "train"}),
    (2000, {"difficulty": 2}),
    (1000, {"difficulty": 3}),
    (4000, {"num_pairs": (2, 5), "num_symbols": 5}),
    (20, {"num_pairs": 500}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 30, {}),
    (100, 30, {"num_pairs": 2, "num_symbols": 95}),
    (100, 30, {"difficulty": 1}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"num_pairs": (3, 6)},
    {"num_pairs": (3, 6), "num_symbols": 400},
    {"num_pairs": 4, "num_symbols": 30},
]
CROWDED: dict[str, Any] = {"num_pairs": 2, "num_symbols": 40}  # 1.25 million facts


def keys(ids: Ints) -> Ints:
    """Give the two pairs of each row in order of number."""
    found: Ints = np.sort(ids[:, [2, 6]] * 1000 + ids[:, [4, 8]], axis=1)
    return found


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    pairs = draw(spans(2, 12, 30))
    params = {
        "num_pairs": pairs[0] if pairs[0] == pairs[1] else pairs,
        "num_symbols": draw(st.integers(pairs[1], 500)),
    }
    return Case("kv", params, draw(st.sampled_from([None, *SPLITS])) if params["num_symbols"] >= 20 else None)


def chance(level: int) -> float:
    """A value of the prompt is the answer once in n, and once in 500 otherwise. A constant is right once in 500."""
    low, high = PRESETS[level]["num_pairs"]
    return float(np.mean([1 / n + (1 - 1 / n) / 500 for n in range(low, high + 1)]))


def pairs(prompt: str) -> list[tuple[str, str]]:
    """Take the pairs out of a prompt."""
    pieces = symbols.symbols(prompt)[:-3]
    return list(zip(pieces[1::4], pieces[3::4], strict=True))


def beside(prompt: str, step: int) -> str:
    """Answer by the value of a pair near the one asked about."""
    found = pairs(prompt)
    at = [key for key, _ in found].index(symbols.symbols(prompt)[-2])
    return found[(at + step) % len(found)][1]


def guess(prompt: str, rng: Random) -> str:
    """Answer by any value of the prompt."""
    return rng.choice(pairs(prompt))[1]


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "a",
    "the first value": lambda prompt, _: pairs(prompt)[0][1],
    "the last value": lambda prompt, _: pairs(prompt)[-1][1],
    "the most common value": lambda prompt, _: Counter(value for _, value in pairs(prompt)).most_common(1)[0][0],
    "the key asked about": lambda prompt, _: symbols.symbols(prompt)[-2],
    "the value before": lambda prompt, _: beside(prompt, -1),
    "the value after": lambda prompt, _: beside(prompt, 1),
    "the largest value": lambda prompt, _: max(value for _, value in pairs(prompt)),
}
UNDEFEATED: dict[str, str] = {}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change pairs or the question, then answer it anew."""
    blocks = [(ids[at + 1], ids[at + 3]) for at in range(1, len(ids) - 1, 4)]
    found, (asked, _) = blocks[:-1], blocks[-1]
    at, other = rng.randrange(len(found)), rng.randrange(len(found))
    how = rng.choice(["turn", "ask", "ask any", "value", "key", "same key", "one more", "one less", "all values"])
    if how == "turn":
        rng.shuffle(found)
    elif how == "ask":
        asked = found[at][0]
    elif how == "ask any":
        asked = any_symbol(rng, ids)
    elif how == "value":
        found[at] = (found[at][0], any_symbol(rng, ids))
    elif how == "key":
        found[at] = (any_symbol(rng, ids), found[at][1])
    elif how == "same key":
        found[at] = (found[other][0], found[at][1])
    elif how == "one more":
        found.insert(at, (rng.randrange(FIRST, FIRST + 500), found[at][1]))
    elif how == "one less":
        del found[at]
    else:
        found = [(key, found[at][1]) for key, _ in found]
    answer = dict(found).get(asked, found[0][1] if found else FIRST)
    ids[:] = [1]
    for key, value in [*found, (asked, answer)]:
        ids += [KEY, key, VAL, value]
    ids.append(EOS)
    mask[:] = [0] * (len(ids) - 2) + [1, 1]
    return how
