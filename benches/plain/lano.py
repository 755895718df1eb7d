"""Plain-Python Lano: a uniform rule at every node, from the root down, as ids and loss mask."""

import json
import random
from collections.abc import Mapping
from typing import Any

from synthgen import grammar

BOS, EOS = 1, 2
FIRST_TERMINAL = 3

Rules = list[list[list[list[int]]]]


def prepare(params: Mapping[str, Any]) -> Rules:
    """The rules: per level and symbol, right-hand sides as positions in the next level."""
    text = params["grammar_json"]
    if text is None:
        text = grammar.shipped(params["grammar"]).to_json()
    file = json.loads(text)
    return [[node["children"] for node in level] for level in file["all"][: file["depth"]]]


def expand(rng: random.Random, rules: Rules, level: int, symbol: int, ids: list[int]) -> None:
    """Append the terminals of one symbol."""
    if level == len(rules):
        ids.append(FIRST_TERMINAL + symbol)
        return
    for child in rng.choice(rules[level][symbol]):
        expand(rng, rules, level + 1, child, ids)


def generate(rng: random.Random, rules: Rules) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    ids = [BOS]
    expand(rng, rules, 0, 0, ids)
    ids.append(EOS)
    return ids, [0] + [1] * (len(ids) - 1)
