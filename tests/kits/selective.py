"""The kit of selective copying."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import COPY, FIRST, KEY, before, change, masked
from tests.oracles import selective
from tests.oracles.symbols import number
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = selective
DEFAULTS: dict[str, Any] = {"num_items": (8, 29), "num_classes": 4, "num_markers": (1, 2), "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {
    1: {},
    2: {"num_items": (32, 60), "num_classes": 8, "num_markers": (2, 4)},
    3: {"num_items": (64, 122), "num_classes": 16, "num_markers": (4, 8)},
}
RANGES = ("num_items", "num_markers")
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (8000, {}),
    (2000, {"difficulty": 2}),
    (1000, {"difficulty": 3, "split": "test"}),
    (5000, {"num_items": (1, 9), "num_classes": 8, "num_markers": (1, 7)}),
    (4000, {"num_items": (1, 12), "num_classes": 2, "num_markers": 1, "num_symbols": 5}),
    (100, {"num_items": (200, 300), "num_classes": 128, "num_markers": (1, 127)}),
    (2, {"num_items": 4096, "num_classes": 64, "num_markers": 32}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 30, {"num_items": (3, 8)}),
    (100, 30, {"num_items": (2, 6), "num_classes": 8, "num_markers": (2, 5), "num_symbols": 95}),
    (100, 30, {}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_items": (3, 8)},
    {"num_items": (6, 12)},
    {"num_items": (3, 8), "num_markers": (1, 3)},
    {"num_items": (3, 8), "num_classes": 8},
    {"num_items": (3, 8), "num_symbols": 400},
]
CROWDED: dict[str, Any] = {"num_items": 4, "num_symbols": 32}  # 2^20 facts
keys = symbols.first_four


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    length = draw(spans(1, 20, 60))
    classes = 2 ** draw(st.integers(1, 7))
    params = {
        "num_items": length[0] if length[0] == length[1] else length,
        "num_classes": classes,
        "num_markers": draw(spans(1, classes - 1, classes - 1)),
        "num_symbols": draw(st.integers(2 * classes, 500)),
    }
    populated = length[0] >= 3 and params["num_symbols"] >= 20
    return Case("selective", params, draw(st.sampled_from([None, *SPLITS])) if populated else None)


def chance(level: int) -> float:
    """The answer is a random string: one symbol of 500 at best, and rarely only one."""
    return 0.0


def parts(prompt: str) -> tuple[list[str], list[str]]:
    """Take items and markers out of a prompt."""
    items = before(prompt, "⟨key⟩")
    return items, symbols.symbols(prompt)[len(items) + 1 : -1]


def kept(prompt: str, wanted: slice, other: bool = False) -> str:
    """Answer as if only some of the markers counted, or the classes that are not marked."""
    items, markers = parts(prompt)
    numbers = [number(marker) for marker in markers]
    classes = 2 ** (numbers[0].bit_length() - 1)
    return "".join(item for item in items if other ^ any((number(item) - m) % classes == 0 for m in numbers[wanted]))


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "a",
    "everything": lambda prompt, _: "".join(parts(prompt)[0]),
    "any item": lambda prompt, rng: rng.choice(parts(prompt)[0]),
    "the last item": lambda prompt, _: parts(prompt)[0][-1],
    "every second item": lambda prompt, _: "".join(parts(prompt)[0][::2]),
    "any half of the items": lambda prompt, rng: "".join(x for x in parts(prompt)[0] if rng.random() < 0.5),
    "the markers": lambda prompt, _: "".join(parts(prompt)[1]),
    "the items not marked": lambda prompt, _: kept(prompt, slice(None), other=True),
}
UNDEFEATED: dict[str, str] = {}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change items or markers, then select anew."""
    start, end = ids.index(KEY), ids.index(COPY)
    items, markers = ids[1:start], ids[start + 1 : end]
    classes = 2 ** ((markers[0] - FIRST).bit_length() - 1)
    at = rng.randrange(len(markers))
    how = rng.choice(["items", "items", "items", "turn", "other", "one more", "one less", "twice", "first of class"])
    if how == "items":
        how = change(rng, items)
    elif how == "turn":
        rng.shuffle(markers)
    elif how == "other":
        markers[at] = FIRST + rng.randrange(2 * classes + 1)
    elif how == "one more":
        markers.append(FIRST + classes + rng.randrange(classes))
    elif how == "one less":
        del markers[at]
    elif how == "twice":
        markers.append(markers[at])
    else:  # names the same class, but another number of classes
        markers[at] -= classes // 2 if markers[at] - FIRST < 3 * classes // 2 else classes
    chosen = [item for item in items if any((item - marker) % classes == 0 for marker in markers)]
    ids[:], mask[:] = masked([*items, KEY, *markers, COPY], chosen)
    return how
