"""The kit of Analogy."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, fewshot
from tests.oracles import analogy
from tests.public_cases import SPLITS, Case, composite

ORACLE = analogy
PIECES, family, said = fewshot.PIECES, fewshot.family, fewshot.said

DEFAULTS: dict[str, Any] = {"variant": "knowledge", "num_examples": 3, "num_animals": 56, "num_words": 64}
PRESETS: dict[int, dict[str, Any]] = {1: {"num_animals": 12}, 2: {"num_animals": 24}, 3: {}}
RANGES = ()
IN_CONTEXT = {"variant": "in_context"}

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (6000, {}),
    (2000, {"difficulty": 1}),
    (2000, {"num_animals": 9}),
    (1000, {"split": "test"}),
    (1000, {"num_examples": 0}),
    (500, {"num_examples": 30}),
    (6000, IN_CONTEXT),
    (1000, {**IN_CONTEXT, "split": "test"}),
    (1000, {**IN_CONTEXT, "num_examples": 1}),
    (500, {**IN_CONTEXT, "num_examples": 20}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 40, {}),
    (50, 40, {"num_animals": 12, "num_examples": 2}),
    (150, 40, IN_CONTEXT),
    (50, 40, {**IN_CONTEXT, "num_words": 16, "num_examples": 2}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"num_animals": 50},
    {"num_examples": 2},
    {"num_animals": 30},
    IN_CONTEXT,
    {**IN_CONTEXT, "num_words": 60},
    {**IN_CONTEXT, "num_words": 50},
    {**IN_CONTEXT, "num_examples": 2},
]

CROWDED: dict[str, Any] = IN_CONTEXT
keys = None


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    if draw(st.booleans()):
        params = {"num_animals": draw(st.integers(9, 56)), "num_examples": draw(st.integers(0, 6))}
        return Case("analogy", params, draw(st.sampled_from([None, *SPLITS])) if params["num_animals"] > 12 else None)
    params = {**IN_CONTEXT, "num_words": draw(st.integers(20, 64)), "num_examples": draw(st.integers(1, 6))}
    return Case("analogy", params, draw(st.sampled_from([None, *SPLITS])) if params["num_words"] > 40 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """The most common name of young ones in the first 12, 24 and 56 animals: 1/12, 2/24, 3/56."""
    animals = [12, 24, 56][level - 1]
    counts = Counter(analogy.YOUNG[animal] for animal in analogy.ANIMALS[:animals])
    return max(counts.values()) / animals


def animal(prompt: str) -> str:
    """The animal asked about."""
    return prompt.rsplit(", ", maxsplit=1)[-1].removesuffix(":")


SHORTCUTS: dict[str, Shortcut] = {
    "the last young one shown": lambda prompt, _: prompt.split(", ")[-2].partition(":")[2],
    "a young one shown": lambda prompt, rng: rng.choice(prompt.split(", ")[:-1]).partition(":")[2],
    "the animal itself": lambda prompt, _: animal(prompt),
    "the animal and -ling": lambda prompt, _: f"{animal(prompt)}ling",
    "the animal and -let": lambda prompt, _: f"{animal(prompt)}let",
    "calf": lambda prompt, _: "calf",
}
UNDEFEATED: dict[str, str] = {}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change pairs or their order; the answer stays right."""
    *shown, asked = analogy.read(fewshot.text_of(ids))
    animals = asked[0] in analogy.ANIMALS

    def fresh() -> tuple[str, str]:
        if animals:
            return rng.choice(list(analogy.YOUNG.items()))
        return rng.choice(analogy.WORDS), rng.choice(analogy.WORDS)

    how = rng.choice(["shuffle", "shuffle", "fresh", "fresh", "ask", "ask", "repeat", "more", "less", "turn"])
    at = rng.randrange(len(shown)) if shown else 0
    if how == "shuffle":
        rng.shuffle(shown)
    elif how == "fresh" and shown:
        shown[at] = fresh()
    elif how == "ask" and shown:
        asked = fresh() if animals else shown[at]
    elif how == "repeat" and shown:
        shown[at] = rng.choice(shown)
    elif how == "less" and shown:
        del shown[at]
    elif how == "turn" and shown:
        shown[at] = shown[at][1], shown[at][0]
    else:
        shown.insert(at, fresh())
    fewshot.spell("".join(f"{a}:{b}, " for a, b in shown) + f"{asked[0]}:", asked[1], ids, mask)
    return how
