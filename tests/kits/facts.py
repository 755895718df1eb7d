"""The kit of Facts."""

import re
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, fewshot
from tests.oracles import facts
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = facts
PIECES, family, said = fewshot.PIECES, fewshot.family, fewshot.said

DEFAULTS: dict[str, Any] = {"num_facts": (4, 4), "num_names": 64, "num_cities": 64}
PRESETS: dict[int, dict[str, Any]] = {1: {}, 2: {"num_facts": (8, 8)}, 3: {"num_facts": (16, 16)}}
RANGES = ("num_facts",)

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (8000, {}),
    (2000, {"difficulty": 2}),
    (1000, {"difficulty": 3}),
    (3000, {"num_names": 6, "num_cities": 6}),
    (1000, {"split": "test"}),
    (2000, {"num_facts": (1, 3)}),
    (3000, {"num_facts": (1, 2), "num_names": 20, "num_cities": 30}),
    (100, {"num_facts": 32}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 40, {}),
    (100, 40, {"num_facts": (1, 3), "num_names": 8, "num_cities": 9}),
    (50, 40, {"num_facts": 2}),
    (30, 40, {"difficulty": 2}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"num_facts": (2, 4)},
    {"num_facts": (1, 3)},
    {"num_names": 50},
    {"num_cities": 50},
    {"num_facts": (2, 3), "num_names": 55, "num_cities": 55},
]

CROWDED: dict[str, Any] = {"num_facts": 2}
keys = None


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    names, cities = draw(st.integers(20, 64)), draw(st.integers(20, 64))
    params = {"num_facts": draw(spans(1, 4, 8)), "num_names": names, "num_cities": cities}
    return Case("facts", params, draw(st.sampled_from([None, *SPLITS])))


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """The answer is one of the cities named, and any place among the facts is as likely as another."""
    return 1 / [4, 8, 16][level - 1]


def told(prompt: str) -> list[tuple[str, str]]:
    """Who lives where."""
    return re.findall(r"(\w+) lives in (\w+)\.", prompt)


def guess(prompt: str, _: Random) -> str:
    """The first city."""
    return told(prompt)[0][1]


def neighbour(prompt: str, step: int) -> str:
    """The city in the fact before or after the right one."""
    found = told(prompt)
    names = [name for name, _ in found]
    asked = re.findall(r"does (\w+) live", prompt)[0]
    return found[(names.index(asked) + step) % len(found)][1]


SHORTCUTS: dict[str, Shortcut] = {
    "the last city": lambda prompt, _: told(prompt)[-1][1],
    "any city": lambda prompt, rng: rng.choice(told(prompt))[1],
    "the fact before": lambda prompt, _: neighbour(prompt, -1),
    "the fact after": lambda prompt, _: neighbour(prompt, 1),
    "the city with the shortest name": lambda prompt, _: min((city for _, city in told(prompt)), key=len),
    "Paris": lambda prompt, _: "Paris",
}
UNDEFEATED: dict[str, str] = {}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the facts or the question; the answer stays what was said."""
    said_so, asked, answer = facts.read(fewshot.text_of(ids))
    at = rng.randrange(len(said_so))
    name, city = said_so[at]
    how = rng.choice(["shuffle", "shuffle", "ask", "ask", "move", "rename", "repeat", "more", "less"])
    if how == "shuffle":
        rng.shuffle(said_so)
    elif how == "ask":
        asked, answer = name, city
    elif how == "move":
        said_so[at] = name, rng.choice(facts.CITIES)
    elif how == "rename":
        said_so[at] = rng.choice(facts.NAMES), city
    elif how == "repeat":
        said_so[at] = rng.choice(said_so)
    elif how == "more":
        said_so.insert(at, (rng.choice(facts.NAMES), rng.choice(facts.CITIES)))
    elif len(said_so) > 1:
        del said_so[at]
    answer = dict(said_so).get(asked, answer)
    prompt = "".join(f"{name} lives in {city}. " for name, city in said_so) + f"Where does {asked} live? "
    fewshot.spell(prompt, answer, ids, mask)
    return how
