"""The kit of Filtro."""

import re
from collections import Counter
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.mutants import blind
from tests.oracles import filtro
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = filtro

DEFAULTS: dict[str, Any] = {
    "num_nodes": (5, 15),
    "hops": (1, 6),
    "pattern": "alternating",
    "query_stream": "both",
    "shared_vocab": False,
}
PRESETS: dict[int, dict[str, Any]] = {
    1: {"num_nodes": (5, 8), "hops": (1, 2), "pattern": "alternating"},
    2: {"num_nodes": (8, 12), "hops": (2, 4), "pattern": "alternating_random"},
    3: {"num_nodes": (10, 15), "hops": (4, 8), "pattern": "random_blocked"},
}
RANGES = ("num_nodes", "hops")

# ---- pieces -----------------------------------------------------------------------------------------------

NAMES = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon"),
    *("red", "blue", "green", "yellow", "orange", "purple", "pink", "black", "white", "gray"),
    *("brown", "cyan", "magenta", "lime", "navy", "teal", "maroon", "olive", "silver", "gold"),
)

# 148 pieces: specials, tags of edges and queries, 19 numbers of hops, then three families of 40 names.
PIECES = (
    *("<pad>", "<bos>", "<eos>", "EDGES A:", "EDGES B:", " | A:", " | B:", " || QUERY A:", " || QUERY B:"),
    *(f" hops={k} ->" for k in range(1, 20)),
    *(f"{name}->" for name in NAMES),
    *NAMES,
    *(f" {name}" for name in NAMES),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}

FAMILIES = {
    "first edge": r"EDGES ([AB]):",
    "edge": r" \| ([AB]):",
    "query": r" \|\| QUERY ([AB]):",
    "hops": r" hops=(\d+) ->",
    "source": r"([a-z]+)->",
    "node": r"([a-z]+)",
    "answer": r" ([a-z]+)",
}


def tagged(piece: str) -> tuple[str, str]:
    """Name the role of a piece, and what it says there."""
    for name, pattern in FAMILIES.items():
        found = re.fullmatch(pattern, piece)
        if found:
            return name, found[1]
    return piece, ""


def family(piece: str) -> str:
    """Name the role of a piece."""
    return tagged(piece)[0]


def said(piece: str) -> str:
    """Give the stream, the name or the number that a piece says."""
    return tagged(piece)[1]


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (3000, {}),
    (4000, {"difficulty": 1, "split": "validation"}),
    (3000, {"difficulty": 2}),
    (2000, {"difficulty": 3, "split": "test"}),
    (2000, {"num_nodes": (2, 4), "hops": 1}),
    (2000, {"num_nodes": (3, 9), "hops": (2, 8), "pattern": "any", "shared_vocab": True}),
    (2000, {"num_nodes": (2, 6), "hops": (1, 19), "pattern": "blocked", "query_stream": "b"}),
    (1000, {"pattern": "random", "query_stream": "a"}),
    (1000, {"num_nodes": 20, "hops": (1, 19), "pattern": "any", "shared_vocab": True}),
    (500, {"num_nodes": 20, "hops": 19, "pattern": "blocked"}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 50, {"difficulty": 1}),
    (100, 50, {}),
    (100, 50, {"num_nodes": (2, 4), "hops": (1, 2), "pattern": "blocked"}),
    (100, 50, {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "any", "shared_vocab": True}),
    (100, 50, {"num_nodes": (3, 5), "hops": (1, 4), "pattern": "alternating_random", "query_stream": "a"}),
    (60, 50, {"num_nodes": (5, 9), "hops": (2, 4), "pattern": "random_blocked", "query_stream": "b"}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_nodes": (3, 5), "hops": (1, 3)},
    {"num_nodes": (4, 6), "hops": (1, 3)},
    {"num_nodes": (4, 6), "hops": (2, 3)},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "random"},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "blocked"},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "random_blocked", "query_stream": "a"},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "any", "query_stream": "b"},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "alternating", "shared_vocab": True},
    {"num_nodes": (4, 6), "hops": (2, 3), "pattern": "any", "shared_vocab": True},
]

# ---- splits -----------------------------------------------------------------------------------------------

CROWDED: dict[str, Any] = {"num_nodes": 3, "hops": (1, 2), "pattern": "any"}  # (2 * 1140)^2, 5.2 million facts


def keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the edges in order."""
    edges = ids[:, 1:19].reshape(len(ids), 6, 3).copy()
    edges[:, 0, 0] += IDS[" | A:"] - IDS["EDGES A:"]
    found: Ints = np.sort(edges @ np.array([10**6, 10**3, 1]), axis=1)
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    nodes = draw(spans(2, 12, 20))
    params: dict[str, Any] = {
        "num_nodes": nodes[0] if nodes[0] == nodes[1] else nodes,
        "hops": draw(spans(1, nodes[0] - 1, 19)),
        "pattern": draw(
            st.sampled_from(["alternating", "random", "blocked", "alternating_random", "random_blocked", "any"])
        ),
        "query_stream": draw(st.sampled_from(["both", "a", "b"])),
        "shared_vocab": draw(st.booleans()),
    }
    return Case("filtro", params, draw(st.sampled_from([None, *SPLITS])) if nodes[0] >= 4 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def audited(prompt: str) -> bool:
    """With one hop the answer is printed beside the node asked about, as it should be: audited are two and more."""
    return parsed(prompt)[3] >= 2


def chance(level: int) -> float:
    """Any node of the stream but the first is as likely as another: 1/(n - 1), with n uniform over its range.

    A fixed name is right one time in forty, since it must be of the stream asked about and among its nodes.
    """
    low, high = PRESETS[level]["num_nodes"]
    return float(np.mean([1 / (n - 1) for n in range(low, high + 1)]))


def parsed(prompt: str) -> tuple[list[tuple[str, str, str]], str, str, int]:
    """Take a prompt apart: edges, and the stream, node and hops of the query."""
    edges, query = prompt.removeprefix("EDGES ").split(" || QUERY ")
    found = re.fullmatch(r"([AB]):(\w+) hops=(\d+) ->", query)
    assert found is not None
    listed = [re.fullmatch(r"([AB]):(\w+)->(\w+)", edge) for edge in edges.split(" | ")]
    return [(edge[1], edge[2], edge[3]) for edge in listed if edge], found[1], found[2], int(found[3])


def own(prompt: str) -> tuple[list[str], list[str], str, int]:
    """Give sources and targets of the stream asked about in the order of the list, and the node and hops asked."""
    edges, stream, start, hops = parsed(prompt)
    mine = [edge for edge in edges if edge[0] == stream]
    return [edge[1] for edge in mine], [edge[2] for edge in mine], start, hops


def guess(prompt: str, rng: Random) -> str:
    """Answer by any node of the stream but the first."""
    sources, _, start, _ = own(prompt)
    return rng.choice([name for name in sources if name != start])


def ahead(prompt: str, steps: int) -> str:
    """Answer by the node so many steps on, whatever the hops; back with a negative number."""
    sources, targets, node, _hops = own(prompt)
    if steps < 0:
        sources, targets = targets, sources
    for _step in range(abs(steps)):
        node = targets[sources.index(node)]
    return node


def in_the_list(prompt: str, step: int) -> str:
    """Answer by the target so many edges of the same stream further down the list, from the top again at its end."""
    sources, targets, start, _ = own(prompt)
    return targets[(sources.index(start) + step) % len(targets)]


def in_the_whole_list(prompt: str, step: int) -> str:
    """The same among the edges of both streams."""
    edges, stream, start, _ = parsed(prompt)
    at = next(i for i, edge in enumerate(edges) if edge[:2] == (stream, start))
    return edges[(at + step) % len(edges)][2]


def other_node(prompt: str, at: int) -> str:
    """Answer by the first or the last source of the stream that is not asked about."""
    sources, _, start, _ = own(prompt)
    return [name for name in sources if name != start][at]


def most_common(prompt: str) -> str:
    """Answer by the name that occurs most often in the prompt, the node asked about left out."""
    edges, _, start, _ = parsed(prompt)
    counts = Counter(name for edge in edges for name in edge[1:] if name != start)
    return counts.most_common(1)[0][0]


def other_stream(prompt: str) -> str:
    """Follow the other stream from the node of the same rank, and answer by the node of that rank in this one."""
    edges, stream, start, hops = parsed(prompt)
    theirs = {edge[1]: edge[2] for edge in edges if edge[0] != stream}
    mine = sorted((edge[1] for edge in edges if edge[0] == stream), key=NAMES.index)
    ranked = sorted(theirs, key=NAMES.index)
    node = ranked[mine.index(start)]
    for _ in range(hops):
        node = theirs[node]
    return mine[ranked.index(node)]


SHORTCUTS: dict[str, Shortcut] = {
    "the node asked about": lambda prompt, _: parsed(prompt)[2],
    "one step, whatever the hops": lambda prompt, _: ahead(prompt, 1),
    "one step back": lambda prompt, _: ahead(prompt, -1),
    "hops - 1 edges of the stream down the list": lambda prompt, _: in_the_list(prompt, own(prompt)[3] - 1),
    "hops edges of the stream down the list": lambda prompt, _: in_the_list(prompt, own(prompt)[3]),
    "hops - 1 edges of the stream up the list": lambda prompt, _: in_the_list(prompt, 1 - own(prompt)[3]),
    "the next edge of the stream": lambda prompt, _: in_the_list(prompt, 1),
    "2 (hops - 1) edges down the list": lambda prompt, _: in_the_whole_list(prompt, 2 * (own(prompt)[3] - 1)),
    "the first node of the stream": lambda prompt, _: other_node(prompt, 0),
    "the last node of the stream": lambda prompt, _: other_node(prompt, -1),
    "the most common name": lambda prompt, _: most_common(prompt),
    "the other stream's answer": lambda prompt, _: other_stream(prompt),
    "a constant": lambda *_: "alpha",
}
UNDEFEATED: dict[str, str] = {}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change edges, names, streams or the query, then answer the query anew."""
    row = filtro.read_row(ids, PIECES)
    stream, source, target = rng.choice(row.edges)
    name = rng.choice([rng.choice(NAMES), source, rng.choice(filtro.GREEK if stream == "A" else filtro.COLOURS)])
    if rng.random() < 0.4:
        how = change_list(rng, row)
    elif rng.random() < 0.6:
        how = change_names(rng, row, (stream, source, target), name)
    else:
        how = rng.choice(["hops", "start", "asked"])
        if how == "hops":
            row.hops = rng.choice([row.hops - 1, row.hops + 1, len(row.edges) // 2, 1, 19])
        elif how == "start":
            row.start = name
        else:
            row.stream, row.start = rng.choice([(stream, source), ("AB".replace(row.stream, ""), row.start)])
    try:
        row.answer = filtro.walk(row)
    except filtro.RowError:
        row.answer = rng.choice([row.answer, target])
    text = filtro.spelled(row)
    if any(piece not in IDS for piece in text):
        return blind(rng, "filtro", ids, mask)
    ids[:] = [IDS[piece] for piece in text]
    mask[:] = [0] * (len(ids) - 2) + [1, 1]
    return how


def change_list(rng: Random, row: filtro.Row) -> str:
    """Put the edges in another order, turn them all around, or join two of them otherwise."""
    edges = row.edges
    at, other = rng.sample(range(len(edges)), 2)
    how = rng.choice(["order", "exchange", "turn", "cut"])
    if how == "order":
        rng.shuffle(edges)
    elif how == "exchange":
        edges[at], edges[other] = edges[other], edges[at]
    elif how == "turn":
        edges[:] = [(s, b, a) for s, a, b in edges]
    else:
        (one, a, b), (two, c, d) = edges[at], edges[other]
        edges[at], edges[other] = (one, a, d), (two, c, b)
    return how


def change_names(rng: Random, row: filtro.Row, edge: filtro.Edge, name: str) -> str:
    """Exchange the streams, rename a node or all of a stream, add a node or take one away."""
    edges = row.edges
    stream, source, target = edge
    how = rng.choice(["streams", "rename", "share", "grow", "shrink"])
    if how == "streams":
        edges[:] = [("AB".replace(s, ""), a, b) for s, a, b in edges]
        row.stream = rng.choice(["AB".replace(row.stream, ""), row.stream])
    elif how == "rename":
        names = {source: name}
        edges[:] = [(s, names.get(a, a), names.get(b, b)) if s == stream else (s, a, b) for s, a, b in edges]
        row.start = names.get(row.start, row.start) if row.stream == stream else row.start
    elif how == "share":
        names = dict(zip([a for s, a, _ in edges if s != stream], [a for s, a, _ in edges if s == stream], strict=True))
        edges[:] = [(s, names.get(a, a), names.get(b, b)) for s, a, b in edges]
        row.start = names.get(row.start, row.start)
    elif how == "grow":
        at = edges.index(edge)
        edges[at : at + 1] = [(stream, source, name), (stream, name, target)]
        if rng.random() < 0.8:
            grow_other(rng, edges, stream)
    else:
        for gone in ("A", "B") if rng.random() < 0.8 else ("A",):
            shrink(rng, edges, gone)
    return how


def grow_other(rng: Random, edges: list[filtro.Edge], stream: str) -> None:
    """Add a node to the stream that is not this one, beside an edge of this one."""
    at = rng.choice([i for i, edge in enumerate(edges) if edge[0] != stream])
    other, source, target = edges[at]
    used = {edge[1] for edge in edges if edge[0] == other}
    name = rng.choice(
        [name for name in (filtro.GREEK if other == "A" else filtro.COLOURS) if name not in used] or NAMES
    )
    edges[at : at + 1] = [(other, source, name), (other, name, target)]


def shrink(rng: Random, edges: list[filtro.Edge], stream: str) -> None:
    """Take a node out of a stream."""
    at = rng.choice([i for i, edge in enumerate(edges) if edge[0] == stream])
    _, gone, target = edges.pop(at)
    edges[:] = [(s, a, target if s == stream and b == gone else b) for s, a, b in edges]
