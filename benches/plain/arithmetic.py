"""Plain-Python Arithmetic: sums as demonstrations, then a sum to complete, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

from benches.plain.fewshot import is_train, row

SALT = 0x6172697400000008


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop: which pairs are train pairs is remembered when first asked."""
    return params


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    low, high = params["operands"]
    a, b = rng.randint(low, high), rng.randint(low, high)
    used = {(min(a, b), max(a, b))}
    shown: list[str] = []
    while len(shown) < params["num_examples"]:
        c, d = rng.randint(low, high), rng.randint(low, high)
        key = (c, d) if c <= d else (d, c)
        if key not in used and is_train(SALT, key[0] << 32 | key[1]):
            used.add(key)
            shown.append(f"{c}+{d}={c + d}, ")
    return row(f"{''.join(shown)}{a}+{b}=", str(a + b))
