"""Plain-Python Sequence: progressions as demonstrations, then one to continue, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

from benches.plain.fewshot import is_train, row

SALT = 0x7365717500000068


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop: which keys are train keys is remembered when first asked."""
    return params


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    starts, steps = params["start_value"], params["step"]
    s, d = rng.randint(*starts), rng.randint(*steps)
    used = {(s, d)}
    shown: list[str] = []
    while len(shown) < params["num_examples"]:
        key = t, e = rng.randint(*starts), rng.randint(*steps)
        if key not in used and is_train(SALT, t << 32 | e):
            used.add(key)
            shown.append(f"[{t},{t + e},{t + 2 * e}]->[{t + 3 * e}], ")
    return row(f"{''.join(shown)}[{s},{s + d},{s + 2 * d}]->", f"[{s + 3 * d}]")
