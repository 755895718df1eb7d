"""Plain-Python Filtro: two random cycles, their edges interleaved, a walk along one of them, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

BOS, EOS = 1, 2
FIRST_EDGE, LATER_EDGE, QUERY, HOPS = 3, 5, 7, 9
# Three families of 40 ids: "name->", "name", " name"
SOURCE, TARGET, ANSWER = range(28, 28 + 3 * 40, 40)
GREEK, COLOURS = range(20), range(20, 40)
PATTERNS = {
    "alternating_random": ("alternating", "random"),
    "random_blocked": ("random", "blocked"),
    "any": ("alternating", "random", "blocked"),
}


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop."""
    return params


def interleave(rng: random.Random, pattern: str, n: int) -> list[int]:
    """Say of each printed edge which stream it is from."""
    first = rng.randrange(2)
    if pattern == "alternating":
        return [first, 1 - first] * n
    if pattern == "random":
        tags = [0, 1] * n
        rng.shuffle(tags)
        return tags
    tags = []
    left = [n, n]
    stream = first
    while left[0] or left[1]:
        size = min(rng.randint(2, 3), left[stream]) if left[1 - stream] else left[stream]
        tags += [stream] * size
        left[stream] -= size
        stream = 1 - stream
    return tags


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    low, high = params["num_nodes"]
    n = rng.randint(low, high)
    low, high = params["hops"]
    hops = rng.randint(low, min(high, n - 1))
    pattern = rng.choice(PATTERNS.get(params["pattern"], (params["pattern"],)))
    if params["shared_vocab"]:
        names = rng.sample(range(40), n)
        cycles = [names, rng.sample(names, n)]
    else:
        cycles = [rng.sample(GREEK, n), rng.sample(COLOURS, n)]
    listed = []
    for cycle in cycles:
        edges = list(zip(cycle, cycle[1:] + cycle[:1], strict=True))
        rng.shuffle(edges)
        listed.append(iter(edges))

    ids = [BOS]
    tag = FIRST_EDGE
    for stream in interleave(rng, pattern, n):
        source, target = next(listed[stream])
        ids += (tag + stream, SOURCE + source, TARGET + target)
        tag = LATER_EDGE
    asked = rng.randrange(2) if params["query_stream"] == "both" else "ab".index(params["query_stream"])
    start = rng.randrange(n)
    cycle = cycles[asked]
    ids += (QUERY + asked, TARGET + cycle[start], HOPS + hops - 1, ANSWER + cycle[(start + hops) % n], EOS)
    return ids, [0] * (len(ids) - 2) + [1, 1]
