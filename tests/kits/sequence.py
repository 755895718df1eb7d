"""The kit of Sequence."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, fewshot
from tests.oracles import sequence
from tests.public_cases import SPLITS, Case, composite

ORACLE = sequence
PIECES, family, said = fewshot.PIECES, fewshot.family, fewshot.said

DEFAULTS: dict[str, Any] = {"start_value": (1, 20), "step": (1, 9), "num_examples": 3}
PRESETS: dict[int, dict[str, Any]] = {
    1: {},
    2: {"start_value": (1, 200), "step": (1, 50)},
    3: {"start_value": (1, 2000), "step": (1, 300)},
}
RANGES = ("start_value", "step")

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (7000, {}),
    (4000, {"difficulty": 2}),
    (4000, {"difficulty": 3}),
    (2000, {"start_value": (1, 4), "step": (1, 3)}),
    (1000, {"split": "test"}),
    (1000, {"start_value": (0, 9999), "step": (1, 999), "num_examples": 5}),
    (1000, {"num_examples": 0}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (150, 40, {}),
    (100, 40, {"start_value": (0, 9), "step": (1, 5), "num_examples": 2}),
    (50, 40, {"difficulty": 3}),
    (50, 40, {"start_value": (90, 110), "num_examples": 1}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"start_value": (1, 15)},
    {"step": (1, 8)},
    {"step": (2, 9)},
    {"start_value": (2, 20)},
    {"num_examples": 2},
]

CROWDED: dict[str, Any] = {"start_value": (1, 40), "step": (1, 20), "num_examples": 1}
keys = None


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    low = draw(st.integers(0, 200))
    high = low + draw(st.integers(10, 2000))
    step = draw(st.integers(1, 20))
    params = {"start_value": (low, high), "step": (step, step + draw(st.integers(5, 50)))}
    params["num_examples"] = draw(st.integers(0, 6))
    return Case("sequence", params, draw(st.sampled_from([None, *SPLITS])) if high - low > 300 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """Seven of the 180 keys of level 1 have the fourth term 22, and steps of 3 let no term have more of any level."""
    starts, steps = [(20, 9), (200, 50), (2000, 300)][level - 1]
    return min(steps, (starts + 2) // 3) / (starts * steps)


def terms(prompt: str) -> list[int]:
    """The terms of the question."""
    return [int(term) for term in prompt.rsplit(", ", maxsplit=1)[-1].strip("[]->").split(",")]


def shown(prompt: str, at: int) -> list[int]:
    """The four terms of a demonstration."""
    return [int(term) for term in prompt.split(", ")[at].replace("]->[", ",").strip("[]").split(",")]


def shown_step(prompt: str, at: int) -> str:
    """Go on with the step of a demonstration."""
    first, second, *_ = shown(prompt, at)
    return f"[{terms(prompt)[2] + second - first}]"


SHORTCUTS: dict[str, Shortcut] = {
    "the last answer shown": lambda prompt, _: f"[{shown(prompt, -2)[3]}]",
    "the step of the last demonstration": lambda prompt, _: shown_step(prompt, -2),
    "the step of the first demonstration": lambda prompt, _: shown_step(prompt, 0),
    "one more": lambda prompt, _: f"[{terms(prompt)[2] + 1}]",
    "the last term again": lambda prompt, _: f"[{terms(prompt)[2]}]",
    "the first two terms added": lambda prompt, _: f"[{sum(terms(prompt)[:2])}]",
    "the last two terms added": lambda prompt, _: f"[{sum(terms(prompt)[1:])}]",
}
UNDEFEATED = {
    "the step of the last demonstration": "any guess of the step is right once in nine at level 1",
    "the step of the first demonstration": "any guess of the step is right once in nine at level 1",
    "one more": "any guess of the step is right once in nine at level 1",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change start, step or order of the progressions, then continue them anew."""
    progressions = [(start, second - start) for start, second, *_ in sequence.read(fewshot.text_of(ids))]
    at, other = rng.randrange(len(progressions)), rng.randrange(len(progressions))
    start, step = progressions[at]
    how = rng.choice(["shuffle", "shuffle", "start", "start", "step", "repeat", "more", "less", "exchange", "falling"])
    if how == "shuffle":
        before = progressions[:-1]
        rng.shuffle(before)
        progressions[:-1] = before
    elif how == "start":
        progressions[at] = max(0, start + rng.choice([-1, 1])), step
    elif how == "step":
        progressions[at] = start, step + rng.choice([-1, 1])
    elif how == "repeat":
        progressions[at] = progressions[other]
    elif how == "more":
        progressions.insert(at, (start + 1, step))
    elif how == "less" and len(progressions) > 1:
        del progressions[at]
    elif how == "falling":
        progressions[at] = start + 3 * step, -step
    else:
        progressions[at], progressions[other] = progressions[other], progressions[at]

    def spelled(start: int, step: int) -> tuple[str, str]:
        return f"[{start},{start + step},{start + 2 * step}]->", f"[{start + 3 * step}]"

    *before, asked = progressions
    prompt, answer = spelled(*asked)
    fewshot.spell("".join("".join(spelled(*one)) + ", " for one in before) + prompt, answer, ids, mask)
    return how
