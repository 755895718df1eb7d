"""The kit of Brevo."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.oracles import brevo
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = brevo
ANY_ORDER = True

DEFAULTS: dict[str, Any] = {
    "n_max": 70,
    "multi": False,
    "mini_vocab": 4,
    "min_word_len": 2,
    "max_word_len": 4,
    "max_in": 4,
    "query": "last",
    "leaf_bound": "floor",
    "qa": False,
}
PRESETS: dict[int, dict[str, Any]] = {1: {"n_max": 70}, 2: {"n_max": 90}, 3: {"n_max": 110}}
RANGES = ()

# ---- pieces -----------------------------------------------------------------------------------------------

# 645 pieces: specials, marker, query, 128 non-final and 512 final name tokens.
PIECES = (
    *("<pad>", "<bos>", "<eos>", "->", "| QUERY "),
    *(f"{v}." for v in range(1, 129)),
    *(f"{v} " for v in range(1, 513)),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    return brevo.tag_piece(piece)[0]


def said(piece: str) -> str:
    """Give the number that a piece says: ``3.`` and ``3 ``."""
    value = brevo.tag_piece(piece)[1]
    return str(value) if value >= 0 else ""


# ---- rows to compare --------------------------------------------------------------------------------------

PAPER = {"query": "last_quarter", "leaf_bound": "ceil"}
SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (800, {}),
    (200, {"difficulty": 1, "split": "validation"}),
    (200, {"difficulty": 2}),
    (200, {"difficulty": 3}),
    (10_000, {"n_max": 8}),
    (3000, {"n_max": 12, **PAPER}),
    (500, {"n_max": 3}),
    (2000, {"n_max": 12, "multi": True}),
    (300, {"n_max": 40, "multi": True, **PAPER}),
    (200, {"n_max": 30, "qa": True}),
    (1000, {"n_max": 12, "max_in": 1}),
    (600, {"n_max": 20, "max_in": 8, "query": "last_quarter"}),
    (1000, {"n_max": 9, "multi": True, "mini_vocab": 128, "min_word_len": 1, "max_word_len": 8, "qa": True}),
    (5, {"n_max": 512, "qa": True}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 25, {"n_max": 6}),
    (100, 25, {"n_max": 20}),
    (100, 25, {"n_max": 7, **PAPER}),
    (100, 25, {"n_max": 7, "query": "last_quarter"}),
    (100, 25, {"n_max": 7, "leaf_bound": "ceil", "qa": True}),
    (100, 25, {"n_max": 8, "max_in": 2}),
    (100, 25, {"n_max": 6, "multi": True, "mini_vocab": 3, "min_word_len": 1}),
    (40, 25, {"n_max": 12, "multi": True, **PAPER}),
]
STRANGERS: list[dict[str, Any]] = [
    {"n_max": 6},
    {"n_max": 7},
    {"n_max": 6, "qa": True},
    {"n_max": 9, "leaf_bound": "ceil", "qa": True},
    {"n_max": 9, "query": "last_quarter", "qa": True},
    {"n_max": 9, "max_in": 2, "qa": True},
    {"n_max": 7, "multi": True},
    {"n_max": 7, "multi": True, "mini_vocab": 3},
    {"n_max": 7, "multi": True, "min_word_len": 3},
    {"n_max": 7, "multi": True, "max_word_len": 3, "query": "last_quarter"},
    {"n_max": 7, "multi": True, "min_word_len": 1, "max_word_len": 1, "mini_vocab": 14},
]

# ---- splits -----------------------------------------------------------------------------------------------

# Some ten thousand graphs.
CROWDED: dict[str, Any] = {"n_max": 5}


def keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the edges in order. All names are one token long here."""
    after = np.cumsum(ids == IDS["| QUERY "], axis=1) > 0
    graph = np.where(after, 0, ids)[:, 1:21]  # ten edges at most
    found: Ints = np.sort(graph[:, 0::2] * 1000 + graph[:, 1::2], axis=1)
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    n_max = draw(st.integers(3, 40))
    params: dict[str, Any] = {
        "n_max": n_max,
        "multi": draw(st.booleans()),
        "max_in": draw(st.integers(1, 8)),
        "query": draw(st.sampled_from(["last", "last_quarter"])),
        "leaf_bound": draw(st.sampled_from(["floor", "ceil"])),
        "qa": draw(st.booleans()),
    }
    if params["multi"]:
        low, high = draw(spans(1, 3, 5))
        enough = next(v for v in range(1, 129) if sum(v**length for length in range(low, high + 1)) >= 2 * n_max)
        params |= {"mini_vocab": draw(st.integers(enough, 128)), "min_word_len": low, "max_word_len": high}
    return Case("brevo", params, draw(st.sampled_from([None, *SPLITS])) if n_max >= 8 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def chance(level: int) -> float:
    """An answer has at least two vertices, and every pair of them is as likely as any other: at most this."""
    n_max: int = PRESETS[level]["n_max"]
    return 1 / (n_max * (n_max - 1))


def parsed(prompt: str) -> tuple[list[tuple[str, str]], str]:
    """Take a prompt apart: the edges and the vertex asked about."""
    graph, query = prompt.split("| QUERY ")
    ends = graph.split()
    return list(zip(ends[0::2], ends[1::2], strict=True)), query.split()[0]


def mentioned(prompt: str, place: int) -> str:
    """Answer by all that stands first (or last) in an edge, in order of mention, and the query."""
    edges, query = parsed(prompt)
    return " ".join([*dict.fromkeys(edge[place] for edge in edges if edge[place] != query), query])


@lru_cache(maxsize=4)
def dependencies(prompt: str) -> dict[str, list[str]]:
    """Give what each vertex that depends on anything depends on directly."""
    found: dict[str, list[str]] = {}
    for start, end in parsed(prompt)[0]:
        found.setdefault(end, []).append(start)
    return found


def near(prompt: str, steps: int) -> str:
    """Answer by what the query depends on within so many steps, the farthest first, and the query."""
    direct = dependencies(prompt)
    found = dict.fromkeys([parsed(prompt)[1]])
    level = list(found)
    for _ in range(steps):
        level = [name for end in level for name in direct.get(end, []) if name not in found]
        found |= dict.fromkeys(level)
    return " ".join([*found][::-1])


def greedy_walk(prompt: str) -> str:
    """Answer by one chain of dependencies, always the one listed first."""
    direct = dependencies(prompt)
    chain = [parsed(prompt)[1]]
    while chain[-1] in direct:
        chain.append(direct[chain[-1]][0])
    return " ".join(chain[::-1])


def breadth_first(prompt: str) -> str:
    """Answer by the right vertices in the wrong kind of order: by distance from the query."""
    return near(prompt, 110)


def shuffled_ancestors(prompt: str, rng: Random) -> str:
    """Answer by the right vertices in any order that ends with the query."""
    names = breadth_first(prompt).split()
    rest = names[:-1]
    rng.shuffle(rest)
    return " ".join([*rest, names[-1]])


SHORTCUTS: dict[str, Shortcut] = {
    "a constant": lambda *_: "7 3",
    "the query alone": lambda prompt, _: parsed(prompt)[1],
    "direct dependencies": lambda prompt, _: near(prompt, 1),
    "dependencies within two steps": lambda prompt, _: near(prompt, 2),
    "one chain of dependencies": lambda prompt, _: greedy_walk(prompt),
    "all that is depended on": lambda prompt, _: mentioned(prompt, 0),
    "all that depends": lambda prompt, _: mentioned(prompt, 1),
    "right vertices by distance": lambda prompt, _: breadth_first(prompt),
    "right vertices in any order": shuffled_ancestors,
}
SMALL = "the law of sizes favours small graphs, and in these little depends on little"
UNDEFEATED = {
    "direct dependencies": SMALL,
    "dependencies within two steps": SMALL,
    "one chain of dependencies": SMALL,
    "all that is depended on": SMALL,
    "right vertices by distance": "finding them is most of the task, and small sets have few orders",
    "right vertices in any order": "finding them is most of the task, and small sets have few orders",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change edges, names, query or answer; mostly answer anew."""
    row = brevo.read_row(ids, PIECES)
    edges, query = list(row.edges), row.query
    names = sorted({name for edge in edges for name in edge})
    at, some, other = rng.randrange(len(edges)), rng.choice(names), rng.choice(names)
    hows = ["edges", "order", "any order", "add", "drop", "turn", "rename", "query", "leaf", "top", "twice", "leave"]
    how = rng.choice(hows)
    fresh = any_name(rng, len(some))
    if how == "edges":
        rng.shuffle(edges)
    elif how == "add":
        edges.insert(at, (some, other))
    elif how == "drop":
        del edges[at]
    elif how == "turn":
        edges[at] = edges[at][::-1]
    elif how == "rename":
        edges = [(fresh if a == some else a, fresh if b == some else b) for a, b in edges]
        query = fresh if query == some else query
    elif how == "query":
        query = some
    elif how == "leaf":
        edges.insert(at, (fresh, some))
    elif how == "top":
        edges.insert(at, (some, fresh))
        query = rng.choice([query, fresh])
    answer = any_order(rng, edges, query)
    if how == "any order":
        rng.shuffle(answer)
    elif how == "twice":
        answer.insert(rng.randrange(len(answer) + 1), rng.choice(answer))
    elif how == "leave":
        answer.remove(rng.choice(answer))
    ids[:], mask[:] = spell(edges, query, answer)
    return how


def any_order(rng: Random, edges: Sequence[brevo.Edge], query: brevo.Name) -> list[brevo.Name]:
    """Order the query and what it depends on at random, dependencies first as far as that can be."""
    left = brevo.closure(query, [(end, start) for start, end in edges]) | {query}
    order: list[brevo.Name] = []
    while left:
        ready = sorted(name for name in left if not any(start in left for start, end in edges if end == name))
        order.append(rng.choice(ready or sorted(left)))
        left.remove(order[-1])
    return order


def any_name(rng: Random, length: int) -> brevo.Name:
    """Draw a name, mostly of this length and mostly of common tokens."""
    length = rng.choice([length, length, length, 1, 2, 8])
    most = rng.choice([3, 6, 7, 20, 128])
    return tuple(rng.randrange(1, most + 1) for _ in range(length))


def spell(edges: Sequence[brevo.Edge], query: brevo.Name, answer: Sequence[brevo.Name]) -> tuple[list[int], list[int]]:
    """Turn edges, query and answer into ids and mask."""

    def name(tokens: brevo.Name) -> list[str]:
        return [f"{v}." for v in tokens[:-1]] + [f"{tokens[-1]} "]

    text = ["<bos>", *(piece for edge in edges for end in edge for piece in name(end)), "| QUERY ", *name(query)]
    learned = ["->", *(piece for found in answer for piece in name(found)), "<eos>"]
    return [IDS[piece] for piece in text + learned], [0] * len(text) + [1] * len(learned)
