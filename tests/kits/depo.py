"""The kit of Depo."""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.oracles import depo
from tests.public_cases import SPLITS, Case, composite, spans

ORACLE = depo

DEFAULTS: dict[str, Any] = {
    "n_max": 225,
    "k_max": 8,
    "num_queries": 10,
    "mini_vocab": 50,
    "min_word_len": 1,
    "max_word_len": 2,
    "qa": False,
    "separator": False,
    "fixed_k": None,
    "k_set": None,
    "allow_wrap": None,
}
PRESETS: dict[int, dict[str, Any]] = {1: {"n_max": 225}, 2: {"n_max": 300}, 3: {"n_max": 375}}
RANGES = ()

# ---- pieces -----------------------------------------------------------------------------------------------

# 389 pieces: specials, marker, separator, 128 queries, 128 non-final and 128 final name tokens.
PIECES = (
    *("<pad>", "<bos>", "<eos>", "->", "; "),
    *(f"| QUERY hops={k} " for k in range(1, 129)),
    *(f"{v}." for v in range(1, 129)),
    *(f"{v} " for v in range(1, 129)),
)
IDS = {piece: i for i, piece in enumerate(PIECES)}


def family(piece: str) -> str:
    """Name the role of a piece."""
    return depo.tag_piece(piece)[0]


def said(piece: str) -> str:
    """Give the number that a piece says: ``3.`` and ``3 `` and three hops."""
    value = depo.tag_piece(piece)[1]
    return str(value) if value >= 0 else ""


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (3000, {}),
    (700, {"difficulty": 1, "split": "validation"}),
    (700, {"difficulty": 2}),
    (700, {"difficulty": 3}),
    (7000, {"n_max": 12}),
    (1500, {"n_max": 40, "separator": True}),
    (1500, {"n_max": 30, "qa": True}),
    (1500, {"n_max": 30, "fixed_k": 4}),
    (1500, {"n_max": 20, "k_set": [1, 3, 3, 9], "k_max": 9}),
    (1500, {"n_max": 75, "mini_vocab": 4, "min_word_len": 5, "max_word_len": 7}),
    (500, {"n_max": 3, "num_queries": 1, "mini_vocab": 6, "max_word_len": 1}),
    (500, {"n_max": 20, "k_max": 32, "qa": True, "mini_vocab": 128, "max_word_len": 8}),
    (500, {"n_max": 30, "k_max": 5, "allow_wrap": False, "num_queries": 30}),
    (3, {"n_max": 4096, "qa": True, "mini_vocab": 128, "num_queries": 1024, "k_max": 128}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (200, 50, {"n_max": 6}),
    (100, 50, {"n_max": 30}),
    (100, 50, {"n_max": 6, "separator": True, "num_queries": 3}),
    (100, 50, {"n_max": 5, "qa": True, "k_max": 12}),
    (100, 50, {"n_max": 9, "fixed_k": 3}),
    (100, 50, {"n_max": 9, "k_max": 4, "allow_wrap": False}),
    (100, 50, {"n_max": 5, "k_set": [2, 5, 7, 10], "k_max": 10}),
    (100, 50, {"n_max": 6, "mini_vocab": 3, "min_word_len": 2, "max_word_len": 4}),
    (20, 50, {}),
]
STRANGERS: list[dict[str, Any]] = [
    {"n_max": 5, "k_max": 4, "num_queries": 4},
    {"n_max": 7, "k_max": 4, "num_queries": 4},
    {"n_max": 7, "k_max": 4, "num_queries": 4, "allow_wrap": False},
    {"n_max": 7, "k_max": 4, "num_queries": 5},
    {"n_max": 7, "k_max": 7, "num_queries": 4},
    {"n_max": 7, "k_max": 7, "num_queries": 4, "qa": True},
    {"n_max": 7, "k_max": 4, "num_queries": 4, "separator": True},
    {"n_max": 7, "num_queries": 4, "fixed_k": 4},
    {"n_max": 7, "num_queries": 4, "fixed_k": 4, "allow_wrap": True},
    {"n_max": 7, "num_queries": 4, "k_set": [1, 2, 4]},
    {"n_max": 7, "k_max": 4, "num_queries": 4, "max_word_len": 1},
    {"n_max": 7, "k_max": 4, "num_queries": 4, "min_word_len": 2},
    {"n_max": 7, "k_max": 4, "num_queries": 4, "mini_vocab": 30},
]

# ---- splits -----------------------------------------------------------------------------------------------

# About 1.4 million facts.
CROWDED: dict[str, Any] = {"n_max": 4, "num_queries": 1, "k_max": 3, "mini_vocab": 50, "max_word_len": 1}


def keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the edges in order. All words are one token long here."""
    query = (ids >= IDS["| QUERY hops=1 "]) & (ids <= IDS["| QUERY hops=128 "])
    graph = np.where(np.cumsum(query, axis=1) > 0, 0, ids)[:, 1:9]
    found: Ints = np.sort(graph[:, 0::2] * 1000 + graph[:, 1::2], axis=1)
    return found


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters."""
    n_max = draw(st.integers(3, 40))
    low, high = draw(spans(1, 3, 5))
    enough = next(v for v in range(1, 129) if sum(v**length for length in range(low, high + 1)) >= 2 * n_max)
    params: dict[str, Any] = {
        "n_max": n_max,
        "num_queries": draw(st.integers(1, 50)),
        "mini_vocab": draw(st.integers(enough, 128)),
        "min_word_len": low,
        "max_word_len": high,
        "separator": draw(st.booleans()),
        "qa": draw(st.booleans()),
        "allow_wrap": draw(st.sampled_from([None, True, False])),
    }
    kind = draw(st.sampled_from(["k_max", "fixed_k", "k_set"]))
    wraps = params["allow_wrap"] or (params["allow_wrap"] is None and kind != "fixed_k")
    hop = st.integers(1, 128 if wraps else n_max - 1)
    params[kind] = draw(st.lists(hop, min_size=1, max_size=5)) if kind == "k_set" else draw(hop)
    return Case("depo", params, draw(st.sampled_from([None, *SPLITS])) if n_max >= 8 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------


def sizes(n_max: int) -> dict[int, float]:
    """Give the law of n."""
    weights = {n: 1 / (n + math.sqrt(n_max)) for n in range(3, n_max + 1)}
    return {n: weight / sum(weights.values()) for n, weight in weights.items()}


def chance(level: int) -> float:
    """Any node of the graph is as likely as another: 1/n. A fixed word is right less often, as it may not be there."""
    return sum(share / n for n, share in sizes(PRESETS[level]["n_max"]).items())


def parsed(prompt: str) -> tuple[list[str], str, int]:
    """Take a prompt apart: the words of the edges, the query's word, and its hops."""
    graph, query = prompt.split("| QUERY hops=")
    hops, word, _ = query.split()
    return graph.split(), word, int(hops)


def ahead(prompt: str, steps: int) -> str:
    """Answer by the node so many steps on, whatever the hops."""
    words, word, _ = parsed(prompt)
    return str(depo.walk(dict(zip(words[0::2], words[1::2], strict=True)), word, steps))


def before(prompt: str) -> str:
    """Answer by the node one step back."""
    words, word, _ = parsed(prompt)
    return words[0::2][words[1::2].index(word)]


def in_the_list(prompt: str, step: int) -> str:
    """Answer by the source so many edges on from the queried one, in the order of the list."""
    words, word, _ = parsed(prompt)
    sources = words[0::2]
    return sources[(sources.index(word) + step) % len(sources)]


def most_common(prompt: str, _: Random) -> str:
    """Answer by a word of the name token that occurs most often."""
    words = parsed(prompt)[0]
    tokens = [word.split(".")[-1] for word in words]
    return words[tokens.index(Counter(tokens).most_common(1)[0][0])]


def guess(prompt: str, rng: Random) -> str:
    """Answer by any node of the graph."""
    return rng.choice(parsed(prompt)[0])


SHORTCUTS: dict[str, Shortcut] = {
    "the node asked about": lambda prompt, _: parsed(prompt)[1],
    "one step, whatever the hops": lambda prompt, _: ahead(prompt, 1),
    "two steps, whatever the hops": lambda prompt, _: ahead(prompt, 2),
    "one step back": lambda prompt, _: before(prompt),
    "the most common last token": most_common,
    "a constant": lambda *_: "7",
    "the next edge in the list": lambda prompt, _: in_the_list(prompt, 1),
    "the previous edge in the list": lambda prompt, _: in_the_list(prompt, -1),
    "k edges on in the list": lambda prompt, _: in_the_list(prompt, parsed(prompt)[2]),
    "k edges back in the list": lambda prompt, _: in_the_list(prompt, -parsed(prompt)[2]),
    "the first word": lambda prompt, _: parsed(prompt)[0][0],
    "the last word": lambda prompt, _: parsed(prompt)[0][-1],
}
UNDEFEATED = {
    "one step, whatever the hops": "k is 1 in one query of eight",
    "two steps, whatever the hops": "k is 2 in one query of eight",
}

# ---- mutants that know the task ---------------------------------------------------------------------------


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change edges, words or queries, then answer the queries anew."""
    row = depo.read_row(ids, PIECES)
    edges = depo.edges_of(row)
    asked = [(query.hops, query.node) for query in row.queries]
    at, query = rng.randrange(len(edges)), rng.randrange(len(asked))
    how = rng.choice(
        [
            "edges",
            "queries",
            "around",
            "hops",
            "cut",
            "rename",
            "grow",
            "shrink",
            "ask more",
            "ask less",
            "again",
            "; ",
        ]
    )
    if how == "edges":
        rng.shuffle(edges)
    elif how == "queries":
        rng.shuffle(asked)
    elif how == "around":
        asked[query] = (asked[query][0] + rng.choice([-1, 1]) * len(edges), asked[query][1])
    elif how == "hops":
        asked[query] = (rng.choice([0, 1, 2, 3, 5, 8, 12, 128]), asked[query][1])
    elif how == "cut":
        other = (at + rng.randrange(1, len(edges))) % len(edges)
        edges[at], edges[other] = (edges[at][0], edges[other][1]), (edges[other][0], edges[at][1])
    elif how == "rename":
        old, new = edges[at][0], any_word(rng, len(edges[at][0]))
        edges = [(new if a == old else a, new if b == old else b) for a, b in edges]
        asked = [(k, new if node == old else node) for k, node in asked]
    elif how == "grow":
        source, target = edges[at]
        between = any_word(rng, len(source))
        edges[at : at + 1] = [(source, between), (between, target)]
        asked.append((asked[query][0], between))
    elif how == "shrink":
        gone, target = edges.pop(at)
        edges = [(a, target if b == gone else b) for a, b in edges]
        asked = [(k, node) for k, node in asked if node != gone]
    elif how == "ask more":
        asked.append((asked[query][0], edges[at][0]))
    elif how == "ask less":
        del asked[query]
    else:
        asked[query] = (rng.choice(asked)[0], rng.choice(asked)[1])
    successor = dict(edges)
    questions = [
        depo.Query(hops, node, depo.walk(successor, node, hops))
        for hops, node in asked
        if 1 <= hops <= 128 and node in successor
    ]
    separated = [bool(row.separators) ^ (rng.random() < 0.02) for _ in edges]
    ids[:], mask[:] = spell(edges, separated, questions)
    return how


def any_word(rng: Random, length: int) -> depo.Word:
    """Draw a word, mostly of this length and mostly of common tokens."""
    length = rng.choice([length, length, length, 1, 2, 8])
    most = rng.choice([3, 20, 50, 128])
    return tuple(rng.randrange(1, most + 1) for _ in range(length))


def spell(
    edges: Sequence[tuple[depo.Word, depo.Word]], separated: Sequence[bool], questions: Sequence[depo.Query]
) -> tuple[list[int], list[int]]:
    """Turn edges, with or without separators, and answered queries into ids and mask."""

    def word(tokens: depo.Word) -> list[str]:
        return [f"{v}." for v in tokens[:-1]] + [f"{tokens[-1]} "]

    text = ["<bos>"]
    for (source, target), apart in zip(edges, separated, strict=True):
        text += ["; "] * apart + word(source) + word(target)
    mask = [0] * len(text)
    for query in questions:
        asked, answer = [f"| QUERY hops={query.hops} ", *word(query.node)], ["->", *word(query.answer)]
        text += asked + answer
        mask += [0] * len(asked) + [1] * len(answer)
    return [IDS[piece] for piece in text], mask
