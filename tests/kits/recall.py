"""The kit of associative recall."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut, symbols
from tests.kits.symbols import BOS, EOS, FIRST, KEY, VAL, any_symbol
from tests.laws import Ints
from tests.oracles import recall
from tests.oracles.symbols import Reader
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = recall
DEFAULTS: dict[str, Any] = {"num_pairs": (4, 15), "num_queries": 4, "gap": (0, 0), "num_symbols": 500}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"num_pairs": (4, 12), "gap": (0, 2)},
    2: {"num_pairs": (14, 24), "num_queries": 6, "gap": (2, 4)},
    3: {"num_pairs": (28, 48), "num_queries": 8, "gap": (5, 9)},
}
RANGES = ("num_pairs", "gap")
PIECES = symbols.PIECES
family = symbols.family
said = symbols.said

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (5000, {}),
    (4000, {"difficulty": 1}),
    (2000, {"difficulty": 2, "split": "validation"}),
    (1000, {"difficulty": 3}),
    (5000, {"num_pairs": (2, 5), "num_queries": 1}),
    (4000, {"num_pairs": (2, 5), "num_queries": 2, "num_symbols": 6, "gap": (0, 3)}),
    (5, {"num_pairs": 499, "num_queries": 499, "gap": (0, 60)}),
    (5, {"num_pairs": 500, "num_queries": 20}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 30, {}),
    (100, 30, {"num_pairs": (2, 4), "num_queries": 2, "num_symbols": 95}),
    (200, 30, {"num_pairs": (3, 6), "num_queries": 3, "gap": (0, 3)}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_pairs": (3, 6), "num_queries": 2},
    {"num_pairs": (4, 9), "num_queries": 2},
    {"num_pairs": (3, 6), "num_queries": 3},
    {"num_pairs": (3, 6), "num_queries": 2, "gap": (0, 2)},
    {"num_pairs": (3, 6), "num_queries": 2, "gap": (1, 3)},
    {"num_pairs": (3, 6), "num_queries": 2, "num_symbols": 400},
]
CROWDED: dict[str, Any] = {"num_pairs": 2, "num_queries": 1, "num_symbols": 40}  # 1.25 million facts


def keys(ids: Ints) -> Ints:
    """Give the two pairs of each row in order of number."""
    found: Ints = np.sort(ids[:, [1, 4]] * 1000 + ids[:, [3, 6]], axis=1)
    return found


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    pairs = draw(spans(2, 12, 30))
    params = {
        "num_pairs": pairs[0] if pairs[0] == pairs[1] else pairs,
        "num_queries": draw(st.integers(1, min(pairs[0], 6))),
        "gap": draw(spans(0, 3, 8)),
        "num_symbols": draw(st.integers(pairs[1] + 1, 500)),
    }
    return Case("recall", params, draw(st.sampled_from([None, *SPLITS])) if params["num_symbols"] >= 20 else None)


def chance(level: int) -> float:
    """A value of the prompt is the answer once in n, and once in 500 otherwise. A constant is right once in 500."""
    low, high = PRESETS[level]["num_pairs"]
    return float(np.mean([1 / n + (1 - 1 / n) / 500 for n in range(low, high + 1)]))


def pairs(prompt: str) -> list[tuple[str, str]]:
    """Take the pairs out of a prompt."""
    pieces = symbols.symbols(prompt)
    marks = [at for at, piece in enumerate(pieces[:-1]) if piece == "⟨val⟩"]
    return [(pieces[at - 1], pieces[at + 1]) for at in marks]


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
    "the symbol before the query": lambda prompt, _: symbols.symbols(prompt)[-4],
    "the value before": lambda prompt, _: beside(prompt, -1),
    "the value after": lambda prompt, _: beside(prompt, 1),
}
UNDEFEATED: dict[str, str] = {}


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change pairs, fillers or queries, then answer the queries anew."""
    row = recall.read_row(Reader(ids, PIECES))
    any_number = any_symbol(rng, ids) - FIRST
    how = rng.choice([change_pairs, change_fillers, change_queries])(rng, row, any_number)
    values = dict(row.pairs)
    ids[:] = [BOS]
    for key, value in row.pairs:
        ids += [key + FIRST, VAL, value + FIRST]
    mask[:] = [0] * len(ids)
    for gap, (key, _) in zip(row.fillers, row.queries, strict=True):
        ids += [*(number + FIRST for number in gap), KEY, key + FIRST, VAL, values.get(key, 0) + FIRST]
        mask += [0] * (len(gap) + 3) + [1]
    ids.append(EOS)
    mask.append(1)
    return how


def change_pairs(rng: Random, row: recall.Row, number: int) -> str:
    """Change the pairs in place."""
    at = rng.randrange(len(row.pairs))
    key, value = row.pairs[at]
    how = rng.choice(["turn", "value", "key", "one more", "one less"])
    if how == "turn":
        rng.shuffle(row.pairs)
    elif how == "value":
        row.pairs[at] = (key, number)
    elif how == "key":
        row.pairs[at] = (number, value)
    elif how == "one more":
        row.pairs.insert(at, (number, value))
    else:
        del row.pairs[at]
    return how


def change_fillers(rng: Random, row: recall.Row, number: int) -> str:
    """Change the fillers of one query in place."""
    at = rng.randrange(len(row.fillers))
    how = rng.choice(["filler", "key as filler", "less filler"])
    if how == "filler":
        row.fillers[at].insert(0, number)
    elif how == "key as filler":
        row.fillers[at].append(rng.choice(row.pairs)[0])
    else:
        row.fillers[at] = row.fillers[at][1:]
    return how


def change_queries(rng: Random, row: recall.Row, number: int) -> str:
    """Change what is asked, in place."""
    at = rng.randrange(len(row.queries))
    how = rng.choice(["queries", "ask more", "ask less", "ask twice", "ask any"])
    if how == "queries":
        rng.shuffle(row.queries)
    elif how == "ask more":
        row.queries.append(rng.choice(row.pairs))
        row.fillers.append([])
    elif how == "ask less":
        del row.queries[at], row.fillers[at]
    elif how == "ask twice":
        row.queries[at] = rng.choice(row.queries)
    else:
        row.queries[at] = rng.choice([(number, 0), *row.pairs])
    return how
