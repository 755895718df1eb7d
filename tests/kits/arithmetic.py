"""The kit of Arithmetic."""

from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.kits import Shortcut, fewshot
from tests.oracles import arithmetic
from tests.public_cases import SPLITS, Case, composite

ORACLE = arithmetic
PIECES, family, said = fewshot.PIECES, fewshot.family, fewshot.said

DEFAULTS: dict[str, Any] = {"operands": (1, 9), "num_examples": 3}
PRESETS: dict[int, dict[str, Any]] = {1: {}, 2: {"operands": (1, 99)}, 3: {"operands": (1, 999)}}
RANGES = ("operands",)

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (8000, {}),
    (4000, {"difficulty": 2}),
    (4000, {"difficulty": 3}),
    (1000, {"split": "test"}),
    (1000, {"operands": (0, 9999), "num_examples": 5}),
    (1000, {"operands": (90, 110), "num_examples": 12, "split": "validation"}),
    (1000, {"num_examples": 0}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (150, 40, {}),
    (100, 40, {"operands": (0, 20), "num_examples": 2}),
    (50, 40, {"difficulty": 3}),
    (50, 40, {"operands": (5, 12), "num_examples": 1}),
]
STRANGERS: list[dict[str, Any]] = [
    {},
    {"operands": (1, 10)},
    {"operands": (0, 9)},
    {"operands": (3, 9)},
    {"num_examples": 2},
    {"operands": (5, 9), "num_examples": 3},
]

CROWDED: dict[str, Any] = {"operands": (1, 30), "num_examples": 1}
keys = None


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    low = draw(st.integers(0, 200))
    high = low + draw(st.integers(10, 2000))
    params = {"operands": (low, high), "num_examples": draw(st.integers(0, 6))}
    return Case("arithmetic", params, draw(st.sampled_from([None, *SPLITS])) if high - low > 60 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """Of n^2 pairs from 1..n, n have the sum n + 1, and no other sum has more."""
    return 1 / [9, 99, 999][level - 1]


def question(prompt: str) -> tuple[str, str]:
    """The operands of the question."""
    a, b = prompt.rsplit(", ", maxsplit=1)[-1].removesuffix("=").split("+")
    return a, b


def without_carry(prompt: str, _: Random) -> str:
    """Add digit by digit and forget what is carried."""
    a, b = (operand.zfill(4) for operand in question(prompt))
    return str(int("".join(str((int(x) + int(y)) % 10) for x, y in zip(a, b, strict=True))))


SHORTCUTS: dict[str, Shortcut] = {
    "the last sum shown": lambda prompt, _: prompt.split(", ")[-2].partition("=")[2],
    "a sum shown": lambda prompt, rng: rng.choice(prompt.split(", ")[:-1]).partition("=")[2],
    "twice the first operand": lambda prompt, _: str(2 * int(question(prompt)[0])),
    "twice the second operand": lambda prompt, _: str(2 * int(question(prompt)[1])),
    "the larger operand": lambda prompt, _: max(question(prompt), key=int),
    "both operands side by side": lambda prompt, _: "".join(question(prompt)),
    "the sum of the last demonstration's first operand and the second": lambda prompt, _: str(
        int(prompt.split(", ")[-2].partition("+")[0]) + int(question(prompt)[1])
    ),
    "addition without carries": without_carry,
}
UNDEFEATED = {"addition without carries": "it is right where nothing is carried: 36/81, 2826/9801 and 164376/998001"}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change the operands or the order of the sums, then add them up anew."""
    sums = [(a, b) for a, b, _ in arithmetic.read(fewshot.text_of(ids))]
    at, other = rng.randrange(len(sums)), rng.randrange(len(sums))
    a, b = sums[at]
    how = rng.choice(["turn", "turn", "shuffle", "next", "next", "repeat", "more", "less", "exchange"])
    if how == "turn":
        sums[at] = b, a
    elif how == "shuffle":
        shown = sums[:-1]
        rng.shuffle(shown)
        sums[:-1] = shown
    elif how == "next":
        sums[at] = max(0, a + rng.choice([-1, 1])), b
    elif how == "repeat":
        sums[at] = rng.choice([sums[other], (sums[other][1], sums[other][0])])
    elif how == "more":
        sums.insert(at, (b, max(0, a - 1)))
    elif how == "less" and len(sums) > 1:
        del sums[at]
    else:
        sums[at], sums[other] = sums[other], sums[at]
    *shown, (a, b) = sums
    prompt = "".join(f"{c}+{d}={c + d}, " for c, d in shown) + f"{a}+{b}="
    fewshot.spell(prompt, str(a + b), ids, mask)
    return how
