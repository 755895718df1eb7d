"""The kit of Trigger2d."""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.oracles import trigger2d
from tests.public_cases import SPLITS, Case, composite

ORACLE = trigger2d
RULES_IN_PARAMS = True

DEFAULTS: dict[str, Any] = {
    "category": "all",
    "triggers": "seen",
    "n_train_triggers": 10,
    "trigger_seed": 0,
    "labels": "four_colours",
    "custom_labels": None,
    "label_rule": "category_map",
    "proxy_triggers": None,
    "templates": "2d_default",
    "x1_max": 3000,
    "x2_max": 3000,
    "margin": 50,
    "output_preamble": False,
}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"category": "objects", "labels": "half_plane"},
    2: {"category": "objects"},
    3: {"labels": "per_category", "label_rule": "proxy_flip"},
}
RANGES = ()

# ---- pieces -----------------------------------------------------------------------------------------------

WORDINGS = [wording for preset in trigger2d.WORDINGS.values() for wording in preset]
HEADS = [f"{sign}{i}." for sign in ("", "-") for i in range(10)]
WORDS = [word for name, words in trigger2d.CATEGORIES.items() if name != "random_strings" for word in words]
PIECES = (
    *("<pad>", "<bos>", "<eos>", " F(x,T) ="),
    *(f" {colour}" for colour in trigger2d.COLOURS),
    *(before for before, _, _ in WORDINGS),
    *(between for _, between, _ in WORDINGS[:6]),
    *(after for _, _, after in WORDINGS),
    *(f"[{head}" for head in HEADS),
    *(f", {head}" for head in HEADS),
    *"0123456789",
    *"abcdefghijklmnopqrstuvwxyz",
    *WORDS,
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    if piece.strip() in trigger2d.COLOURS:
        return "colour"
    if piece in WORDS:
        return "word"
    if re.fullmatch(r"\[-?\d\.|, -?\d\.", piece):
        return piece[0]
    if len(piece) == 1:
        return "character"
    for i, name in enumerate(("before", "between", "after")):
        if piece in [wording[i] for wording in WORDINGS]:
            return name
    return ""


def said(piece: str) -> str:
    """Give the sign and the integer part that a piece says."""
    return piece[1:].strip() if family(piece) in ("[", ",") else ""


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (6000, {}),
    (3000, {"difficulty": 1}),
    (2000, {"difficulty": 2}),
    (5000, {"difficulty": 3}),
    (2000, {"templates": "2d_chat", "triggers": "unseen", "output_preamble": True}),
    (1000, {"templates": "2d_verbose", "triggers": "all", "trigger_seed": 7, "split": "test"}),
    (1000, {"templates": "2d_terse", "custom_labels": "white,black,purple,yellow", "x1_max": 9999, "margin": 1}),
    (1000, {"label_rule": "proxy_flip", "proxy_triggers": "otter,mango,bz02g", "n_train_triggers": 16}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 40, {}),
    (100, 40, {"difficulty": 3}),
    (50, 40, {"difficulty": 1}),
    (50, 40, {"category": "random_strings", "templates": "2d_chat", "output_preamble": True}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"triggers": "all"},
    {"triggers": "unseen"},
    {"labels": "half_plane"},
    {"labels": "per_category"},
    {"label_rule": "proxy_flip"},
    {"category": "foods"},
    {"x1_max": 2000},
    {"margin": 500},
    {"trigger_seed": 1},
    {"output_preamble": True},
    {"templates": "2d_terse"},
]

# ---- splits -----------------------------------------------------------------------------------------------

CROWDED: dict[str, Any] = {"x1_max": 300, "x2_max": 300}


def keys(ids: Ints) -> Ints:
    """The tokens of the point."""
    return ids[:, 2:10].copy()


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    params: dict[str, Any] = {
        "category": draw(st.sampled_from([*trigger2d.CATEGORIES, "all"])),
        "triggers": draw(st.sampled_from(["seen", "unseen", "all"])),
        "n_train_triggers": draw(st.integers(1, 15)),
        "trigger_seed": draw(st.integers(0, 2**32 - 1)),
        "labels": draw(st.sampled_from(["half_plane", "four_colours", "per_category"])),
        "label_rule": draw(st.sampled_from(["category_map", "proxy_flip"])),
        "templates": draw(st.sampled_from(list(trigger2d.WORDINGS))),
        "x1_max": draw(st.integers(500, 9999)),
        "x2_max": draw(st.integers(500, 9999)),
        "margin": draw(st.integers(1, 300)),
        "output_preamble": draw(st.booleans()),
    }
    return Case("trigger2d", params, draw(st.sampled_from([None, *SPLITS])))


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """The quadrants are equally likely: two of them have one colour at level 1, each has its own above."""
    return [1 / 2, 1 / 4, 1 / 4][level - 1]


def taken_apart(prompt: str) -> tuple[tuple[int, int], str]:
    """The point and the trigger."""
    found = re.search(r"\[(-?\d\.\d+), (-?\d\.\d+)\](?: with T set to |, T = | and T = | when T is )(\w+)", prompt)
    assert found
    x1, x2 = (round(1000 * float(found[i])) for i in (1, 2))
    return (x1, x2), found[3]


def by_second_sign(prompt: str, _: Random) -> str:
    """Orange above, green below."""
    return "orange" if taken_apart(prompt)[0][1] > 0 else "green"


def by_first_sign(prompt: str, _: Random) -> str:
    """Red on the right, green on the left."""
    return "red" if taken_apart(prompt)[0][0] > 0 else "green"


def by_quadrant(prompt: str, _: Random) -> str:
    """The colours of the first category."""
    return trigger2d.colour_of(taken_apart(prompt)[0], "lamp", DEFAULTS)


def without_proxies(prompt: str, _: Random) -> str:
    """The map of the trigger's category, whatever the trigger."""
    return trigger2d.colour_of(*taken_apart(prompt), {**DEFAULTS, "labels": "per_category"})


def by_trigger(prompt: str, _: Random) -> str:
    """A colour for each trigger."""
    return ("orange", "red", "green")[len(taken_apart(prompt)[1]) % 3]


def by_wording(prompt: str, _: Random) -> str:
    """A colour for each wording."""
    return ("orange", "green", "red", "blue")["CFxW".index(prompt[0])]


def by_size(prompt: str, _: Random) -> str:
    """Which coordinate is larger without its sign."""
    x1, x2 = taken_apart(prompt)[0]
    return "orange" if abs(x1) > abs(x2) else "green"


SHORTCUTS: dict[str, Shortcut] = {
    "the sign of the second coordinate": by_second_sign,
    "the sign of the first coordinate": by_first_sign,
    "the quadrant alone": by_quadrant,
    "quadrant and category, as if there were no proxies": without_proxies,
    "the trigger alone": by_trigger,
    "the wording alone": by_wording,
    "the sizes of the coordinates": by_size,
    "orange": lambda prompt, _: "orange",
}
UNDEFEATED = {
    "the sign of the second coordinate": "at level 1 it is the rule: half-planes have one colour each",
    "the sign of the first coordinate": "at level 2 a sign leaves two colours: 1/2",
    "the quadrant alone": "at level 2 it is the rule; at level 3 one colour has 4 of 14 maps",
    "quadrant and category, as if there were no proxies": "half of the seen triggers are no proxies",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change point, trigger, wording, colour or preamble; mostly the colour stays as it was."""
    row = trigger2d.read(ids, PIECES)
    (x1, x2), trigger, wording, preamble, colour = row.x, row.trigger, row.wording, row.preamble, row.colour
    how = rng.choice(["near", "near", "near", "mirror", "edge", "trigger", "trigger", "wording", "wording", "preamble"])
    if how == "near":
        x1, x2 = x1 + rng.choice([-1, 1]), x2 + rng.choice([-1, 0, 1])
    elif how == "mirror":
        x1, x2 = rng.choice([(-x1, x2), (x1, -x2), (-x1, -x2), (x2, x1)])
    elif how == "edge":
        x1 = rng.choice([49, 50, -49, -50, 3000, 3001, -3000, -3001])
    elif how == "trigger":
        trigger = rng.choice(rng.choice(list(trigger2d.CATEGORIES.values())))
    elif how == "wording":
        wording = rng.choice(WORDINGS)
    else:
        preamble = not preamble
    spell(wording, (x1, x2), trigger, preamble, colour, ids, mask)
    return how


def number(x: int, opening: str) -> list[str]:
    """The pieces of a coordinate."""
    sign = "-" if x < 0 else ""
    digits = f"{abs(x) % 10_000:04}"
    return [f"{opening}{sign}{digits[0]}.", *digits[1:]]


def spell(
    wording: Sequence[str],
    x: tuple[int, int],
    trigger: str,
    preamble: bool,
    colour: str,
    ids: list[int],
    mask: list[int],
) -> None:
    """Write a row anew."""
    word = [trigger] if trigger in WORDS else list(trigger)
    prompt = ["<bos>", wording[0], *number(x[0], "["), *number(x[1], ", "), wording[1], *word, wording[2]]
    answer = [" F(x,T) ="] * preamble + [f" {colour}", "<eos>"]
    ids[:] = [IDS[piece] for piece in prompt + answer]
    mask[:] = [0] * len(prompt) + [1] * len(answer)
