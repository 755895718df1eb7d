"""Plain-Python pattern completion: a pattern some times over, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS, FIRST = 1, 2, 7


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put the alphabet beside the params, and by pattern length the lengths of parts that could make it up."""
    low, high = params["pattern_length"]
    parts = {n: [part for part in range(1, n) if n % part == 0] for n in range(low, high + 1)}
    return {**params, "symbols": range(FIRST, FIRST + params["num_symbols"]), "parts": parts}


def cut(pattern: list[int]) -> int:
    """Where the prompt ends within the pattern."""
    mixed = 0
    for token in pattern:
        mixed = ((mixed ^ token) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 32
    return 1 + mixed % (len(pattern) - 1)


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    length = rng.randint(*params["pattern_length"])
    while True:
        pattern = rng.choices(params["symbols"], k=length)
        if not any(pattern[part:] == pattern[:-part] for part in params["parts"][length]):
            break
    ids = [BOS, *pattern * (params["repeats"] + 1), EOS]
    learned = length - cut(pattern) + 1
    return ids, [0] * (len(ids) - learned) + [1] * learned
