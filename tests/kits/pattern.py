"""The kit of pattern completion."""

from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import any_symbol, change, masked
from tests.oracles import pattern
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = pattern
DEFAULTS: dict[str, Any] = {"pattern_length": (4, 4), "repeats": 2, "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"pattern_length": (4, 20)},
    2: {"pattern_length": (22, 42)},
    3: {"pattern_length": (44, 84)},
}
RANGES = ("pattern_length",)
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (6000, {}),
    (4000, {"difficulty": 1}),
    (1500, {"difficulty": 2, "split": "test"}),
    (500, {"difficulty": 3}),
    (4000, {"pattern_length": (2, 9), "num_symbols": 2}),
    (4000, {"pattern_length": (2, 12), "num_symbols": 3, "repeats": 3}),
    (20, {"pattern_length": (200, 300), "repeats": 4}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 30, {}),
    (100, 30, {"pattern_length": (2, 5), "num_symbols": 95}),
    (100, 30, {"difficulty": 1, "repeats": 3}),
]
STRANGERS: list[dict[str, Any]] = [
    {"pattern_length": (3, 6)},
    {"pattern_length": (5, 9)},
    {"pattern_length": (3, 6), "num_symbols": 250},
    {"pattern_length": (3, 6), "repeats": 3},
    {"pattern_length": 4, "num_symbols": 30},
]
CROWDED: dict[str, Any] = {"pattern_length": 4, "num_symbols": 32}  # 2^20 - 2^10 facts
keys = symbols.first_four


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    length = draw(spans(2, 12, 30))
    params = {
        "pattern_length": length[0] if length[0] == length[1] else length,
        "repeats": draw(st.integers(2, 5)),
        "num_symbols": draw(st.integers(2, 500)),
    }
    populated = length[0] >= 3 and params["num_symbols"] >= 20
    return Case("pattern", params, draw(st.sampled_from([None, *SPLITS])) if populated else None)


def chance(level: int) -> float:
    """A constant is right where one symbol is missing, once in p - 1, and it is that one, once in 500."""
    low, high = PRESETS[level]["pattern_length"]
    return float(np.mean([1 / (p - 1) for p in range(low, high + 1)])) / 500


def next_symbol(prompt: str) -> str:
    """Answer by the symbol that followed the last one before, and stop."""
    found = symbols.symbols(prompt)
    return found[found.index(found[-1]) + 1]


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "a",
    "the first symbol": lambda prompt, _: symbols.symbols(prompt)[0],
    "the last symbol": lambda prompt, _: symbols.symbols(prompt)[-1],
    "the fourth symbol": lambda prompt, _: symbols.symbols(prompt)[3],
    "the last three symbols": lambda prompt, _: "".join(symbols.symbols(prompt)[-3:]),
    "symbols two to four": lambda prompt, _: "".join(symbols.symbols(prompt)[1:4]),
    "the next symbol alone": lambda prompt, _: next_symbol(prompt),
}
UNDEFEATED = {"the next symbol alone": "one symbol is missing once in p - 1, and finding it is half of the task"}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the pattern, or how often it stands there, and write all out anew."""
    text = ids[1:-1]
    found = list(pattern.shortest_pattern(text))
    times = len(text) // len(found)
    how = rng.choice(["change", "change", "more", "fewer", "double", "twice as long", "rotate", "one copy"])
    if how == "change":
        how = change(rng, found)
    elif how == "more":
        times += 1
    elif how == "fewer":
        times -= 1
    elif how == "double":  # the pattern is a repetition itself
        found = found[: len(found) // 2 + 1] * 2
    elif how == "twice as long":
        found += [any_symbol(rng, found) for _ in found]
    elif how == "rotate":
        found = [*found[1:], found[0]]
    text = found * times
    if how == "one copy" and text:
        text[rng.randrange(len(text))] = any_symbol(rng, text)
    left = pattern.cut([token - symbols.FIRST for token in found]) if len(found) > 1 else len(found)
    answer = len(found) - left
    ids[:], mask[:] = masked(text[: len(text) - answer], text[len(text) - answer :])
    return how
