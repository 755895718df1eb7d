"""Plain-Python key-value retrieval: pairs with distinct keys and a query about one of them, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS, KEY, VAL, FIRST = 1, 2, 5, 6, 7


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put the alphabet beside the params."""
    return {**params, "symbols": range(FIRST, FIRST + params["num_symbols"])}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    n = rng.randint(*params["num_pairs"])
    keys = rng.sample(params["symbols"], n)
    values = rng.choices(params["symbols"], k=n)
    ids = [BOS]
    for key, value in zip(keys, values, strict=True):
        ids += (KEY, key, VAL, value)
    asked = rng.randrange(n)
    ids += (KEY, keys[asked], VAL, values[asked], EOS)
    return ids, [0] * (4 * n + 4) + [1, 1]
