"""The kit of Copying."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import COPY, before, change, masked
from tests.oracles import copying
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = copying
DEFAULTS: dict[str, Any] = {"num_items": (8, 30), "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {1: {}, 2: {"num_items": (32, 62)}, 3: {"num_items": (64, 126)}}
RANGES = ("num_items",)
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (8000, {}),
    (3000, {"difficulty": 2}),
    (2000, {"difficulty": 3, "split": "validation"}),
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
    return Case("copying", params, draw(st.sampled_from([None, *SPLITS])) if populated else None)


def chance(level: int) -> float:
    """All strings of a length are equally likely: 500^-8 at best."""
    return 0.0


def string(prompt: str) -> list[str]:
    """Take the string out of a prompt."""
    return before(prompt, "⟨copy⟩")


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "a",
    "the first symbol": lambda prompt, _: string(prompt)[0],
    "the last symbol": lambda prompt, _: string(prompt)[-1],
    "all but the last symbol": lambda prompt, _: "".join(string(prompt)[:-1]),
    "backwards": lambda prompt, _: "".join(string(prompt)[::-1]),
    "in order of number": lambda prompt, _: "".join(sorted(string(prompt))),
    "the first half twice": lambda prompt, _: "".join((string(prompt)[: len(string(prompt)) // 2]) * 2),
}
UNDEFEATED: dict[str, str] = {}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the string and copy it anew."""
    items = ids[1 : ids.index(COPY)]
    how = change(rng, items)
    ids[:], mask[:] = masked([*items, COPY], items)
    return how
