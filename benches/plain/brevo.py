"""Plain-Python Brevo: a random acyclic graph as shuffled edges, and all that one vertex depends on, in valid order."""

import math
import random
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

BOS, EOS, ANSWER, QUERY = 1, 2, 3, 4
NON_FINAL = 4  # "v." is NON_FINAL + v, v = 1..128
FINAL = 132  # "v " is FINAL + v, v = 1..512


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the size law to the params, so that a loop over ``generate`` works it out once."""
    n_max = params["n_max"]
    sizes = [n_max] if params["qa"] else list(range(3, n_max + 1))
    cumulative = list(accumulate(1.0 / (n + math.sqrt(n_max)) for n in sizes))
    return {**params, "sizes": sizes, "cumulative": cumulative}


def draw_graph(rng: random.Random, n: int, leaves: int, bound: int) -> list[list[int]]:
    """Draw the parents of every vertex: each later one depends on a few earlier ones that are still wanted."""
    parents: list[list[int]] = [[] for _ in range(n)]
    children = [0] * n
    for vertex in range(leaves, n):
        candidates = [v for v in range(vertex) if children[v] < bound]
        count = rng.randint(1, min(bound, len(candidates)))
        parents[vertex] = rng.sample(candidates, count)
        for parent in parents[vertex]:
            children[parent] += 1
    return parents


def draw_order(rng: random.Random, parents: list[list[int]], query: int) -> list[int]:
    """Put the query and its ancestors in a random order, built from the end: what nothing left needs may come."""
    needed = {query}
    open_ = [query]
    while open_:
        for parent in parents[open_.pop()]:
            if parent not in needed:
                needed.add(parent)
                open_.append(parent)
    waiting = dict.fromkeys(needed, 0)
    for vertex in needed:
        for parent in parents[vertex]:
            waiting[parent] += 1
    ready = [query]
    order = []
    while ready:
        vertex = ready.pop(rng.randrange(len(ready)))
        order.append(vertex)
        for parent in parents[vertex]:
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    order.reverse()
    return order


def draw_names(rng: random.Random, shown: list[int], n: int, params: Mapping[str, Any]) -> dict[int, list[int]]:
    """Name the vertices that occur in an edge: by a number each, or by words, of which repeats are dropped."""
    if not params["multi"]:
        numbers = rng.sample(range(1, params["n_max"] + 1), n)
        return {vertex: [FINAL + numbers[vertex]] for vertex in shown}
    low, high, v = params["min_word_len"], params["max_word_len"], params["mini_vocab"]
    words: dict[tuple[int, ...], None] = {}
    while len(words) < len(shown):
        word = [NON_FINAL + rng.randint(1, v) for _ in range(rng.randint(low, high) - 1)]
        word.append(FINAL + rng.randint(1, v))
        words[tuple(word)] = None
    names = [list(word) for word in words]
    rng.shuffle(names)
    return dict(zip(shown, names, strict=True))


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask. ``params`` may have gone through ``prepare`` already."""
    if "cumulative" not in params:
        params = prepare(params)
    n = rng.choices(params["sizes"], cum_weights=params["cumulative"])[0]
    most = (n - 1) // 4 + 1 if params["leaf_bound"] == "floor" else math.ceil((n - 1) / 4)
    leaves = rng.randint(1, most)
    parents = draw_graph(rng, n, leaves, params["max_in"])
    query = n - 1
    if params["query"] == "last_quarter":
        query = rng.randint(max(3 * n // 4, leaves), n - 1)
    answer = draw_order(rng, parents, query)

    edges = [(parent, vertex) for vertex in range(n) for parent in parents[vertex]]
    rng.shuffle(edges)
    shown = sorted({vertex for edge in edges for vertex in edge})
    names = draw_names(rng, shown, n, params)
    ids = [BOS]
    for parent, vertex in edges:
        ids += names[parent]
        ids += names[vertex]
    ids.append(QUERY)
    ids += names[query]
    mask = [0] * len(ids)
    ids.append(ANSWER)
    for vertex in answer:
        ids += names[vertex]
    ids.append(EOS)
    mask += [1] * (len(ids) - len(mask))
    return ids, mask
