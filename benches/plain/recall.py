"""Plain-Python associative recall: pairs, then queries after random gaps, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS, KEY, VAL, FIRST = 1, 2, 5, 6, 7


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put the alphabet beside the params."""
    return {**params, "symbols": range(FIRST, FIRST + params["num_symbols"])}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    symbols = params["symbols"]
    n = rng.randint(*params["num_pairs"])
    keys = rng.sample(symbols, n)
    values = rng.choices(symbols, k=n)
    ids = [BOS]
    for key, value in zip(keys, values, strict=True):
        ids += (key, VAL, value)
    mask = [0] * len(ids)
    low, high = params["gap"]
    taken = set(keys)
    for asked in rng.sample(range(n), params["num_queries"]):
        if high:
            gap = rng.randint(low, high)
            for _ in range(gap):
                while (filler := rng.choice(symbols)) in taken:
                    pass
                ids.append(filler)
            mask += [0] * gap
        ids += (KEY, keys[asked], VAL, values[asked])
        mask += (0, 0, 0, 1)
    ids.append(EOS)
    mask.append(1)
    return ids, mask
