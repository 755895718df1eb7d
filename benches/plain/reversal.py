"""Plain-Python Reversal: a random string and its reversal, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS, SEP, FIRST = 1, 2, 3, 7


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put the alphabet beside the params."""
    return {**params, "symbols": range(FIRST, FIRST + params["num_symbols"])}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    length = rng.randint(*params["num_items"])
    items = rng.choices(params["symbols"], k=length)
    ids = [BOS, *items, SEP, *items[::-1], EOS]
    return ids, [0] * (length + 2) + [1] * (length + 1)
