"""The kit of Reversal."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import SEP, before, change, masked
from tests.oracles import reversal
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = reversal
DEFAULTS: dict[str, Any] = {"num_items": (8, 30), "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {1: {}, 2: {"num_items": (32, 62)}, 3: {"num_items": (64, 126)}}
RANGES = ("num_items",)
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (8000, {}),
    (3000, {"difficulty": 2}),
    (2000, {"difficulty": 3, "split": "test"}),
    (4000, {"num_items": (1, 12), "num_symbols": 3}),
    (3000, {"num_items": (1, 9)}),
    (300, {"num_items": (300, 512)}),
    (3, {"num_items": 4096}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 30, {"num_items": (3, 6)}),
    (100, 30, {"num_items": (1, 4), "num_symbols": 90}),
    (100, 30, {}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_items": (3, 6)},
    {"num_items": (5, 9)},
    {"num_items": (3, 6), "num_symbols": 250},
    {"num_items": 4, "num_symbols": 30},
]
CROWDED: dict[str, Any] = {"num_items": 4, "num_symbols": 32}  # 2^20 facts
keys = symbols.first_four


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    length = draw(spans(1, 20, 60))
    params = {
        "num_items": length[0] if length[0] == length[1] else length,
        "num_symbols": draw(st.integers(2, 500)),
    }
    populated = length[0] >= 3 and params["num_symbols"] >= 20
    return Case("reversal", params, draw(st.sampled_from([None, *SPLITS])) if populated else None)


def chance(level: int) -> float:
    """All strings of a length are equally likely: 500^-8 at best."""
    return 0.0


def string(prompt: str) -> list[str]:
    """Take the string out of a prompt."""
    return before(prompt, "⟨sep⟩")


def ends_exchanged(prompt: str) -> str:
    """Exchange the first symbol and the last."""
    first, *inner, last = string(prompt)
    return "".join([last, *inner, first])


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "a",
    "the last symbol": lambda prompt, _: string(prompt)[-1],
    "copying": lambda prompt, _: "".join(string(prompt)),
    "the ends exchanged": lambda prompt, _: ends_exchanged(prompt),
    "backwards, but for the first symbol": lambda prompt, _: "".join(string(prompt)[:0:-1]),
    "the halves exchanged": lambda prompt, _: "".join(
        string(prompt)[len(string(prompt)) // 2 :] + string(prompt)[: len(string(prompt)) // 2]
    ),
}
UNDEFEATED: dict[str, str] = {}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the string and reverse it anew, or only copy it."""
    items = ids[1 : ids.index(SEP)]
    how = change(rng, items)
    copied = rng.random() < 0.1
    ids[:], mask[:] = masked([*items, SEP], items if copied else items[::-1])
    return f"{how}{' and copied' * copied}"
