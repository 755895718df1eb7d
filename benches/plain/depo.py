"""Plain-Python Depo: a cycle of random words as shuffled edges, then k-hop queries, as ids and loss mask."""

import math
import random
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

BOS, ANSWER, SEPARATOR = 1, 3, 4
QUERY = 4  # "| QUERY hops=k " is QUERY + k, k = 1..128
NON_FINAL = 132  # "v." is NON_FINAL + v, v = 1..128
FINAL = 260  # "v " is FINAL + v, v = 1..128


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the size and hop laws to the params, so that a loop over ``generate`` works them out once."""
    n_max, k_max = params["n_max"], params["k_max"]
    if params.get("fixed_k") is not None:
        hops = [params["fixed_k"]]
    elif params.get("k_set") is not None:
        hops = list(params["k_set"])
    elif params["qa"]:
        hops = [2**i for i in range(8) if 2**i <= k_max]
        if k_max == 32:
            hops.append(24)
        if k_max not in hops:
            hops.append(k_max)
    else:
        hops = list(range(1, k_max + 1))
    wrap = params.get("allow_wrap")
    if wrap is None:
        wrap = params.get("fixed_k") is None
    smallest = 3 if wrap else max(3, max(hops) + 1)
    sizes = [n_max] if params["qa"] else list(range(smallest, n_max + 1))
    cumulative = list(accumulate(1.0 / (n + math.sqrt(n_max)) for n in sizes))
    return {**params, "hops": hops, "sizes": sizes, "cumulative": cumulative}


def draw_words(rng: random.Random, n: int, params: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Draw words, as ids, one after another, drop repeats until there are n, and shuffle them."""
    low, high, v = params["min_word_len"], params["max_word_len"], params["mini_vocab"]
    words: dict[tuple[int, ...], None] = {}
    while len(words) < n:
        length = rng.randint(low, high)
        word = [NON_FINAL + rng.randint(1, v) for _ in range(length - 1)]
        word.append(FINAL + rng.randint(1, v))
        words[tuple(word)] = None
    shuffled = list(words)
    rng.shuffle(shuffled)
    return shuffled


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask. ``params`` may have gone through ``prepare`` already."""
    if "cumulative" not in params:
        params = prepare(params)
    n = rng.choices(params["sizes"], cum_weights=params["cumulative"])[0]
    cycle = draw_words(rng, n, params)

    ids = [BOS]
    order = list(range(n))
    rng.shuffle(order)
    for i in order:
        if params["separator"]:
            ids.append(SEPARATOR)
        ids += cycle[i]
        ids += cycle[(i + 1) % n]
    mask = [0] * len(ids)

    for i in rng.sample(range(n), min(n, params["num_queries"])):
        k = rng.choice(params["hops"])
        answer = cycle[(i + k) % n]
        ids.append(QUERY + k)
        ids += cycle[i]
        ids.append(ANSWER)
        ids += answer
        mask += [0] * (1 + len(cycle[i]))
        mask += [1] * (1 + len(answer))
    return ids, mask
