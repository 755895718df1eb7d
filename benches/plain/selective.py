"""Plain-Python selective copying: a string, markers of classes, the items of those classes, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS, COPY, KEY, FIRST = 1, 2, 4, 5, 7


def prepare(params: Mapping[str, Any]) -> dict[str, Any]:
    """Put the alphabet and the classes beside the params."""
    symbols = range(FIRST, FIRST + params["num_symbols"])
    return {**params, "symbols": symbols, "classes": range(params["num_classes"])}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    count = params["num_classes"]
    items = rng.choices(params["symbols"], k=rng.randint(*params["num_items"]))
    # One item is kept whatever else is: its class is among those wanted.
    sure = (rng.choice(items) - FIRST) % count
    others = [c for c in params["classes"] if c != sure]
    wanted = [sure, *rng.sample(others, rng.randint(*params["num_markers"]) - 1)]
    rng.shuffle(wanted)
    kept = [item for item in items if (item - FIRST) % count in wanted]
    ids = [BOS, *items, KEY, *(FIRST + count + c for c in wanted), COPY, *kept, EOS]
    return ids, [0] * (len(ids) - len(kept) - 1) + [1] * (len(kept) + 1)
