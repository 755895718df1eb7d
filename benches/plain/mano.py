"""Plain-Python Mano: a random prefix expression over residues, and its value."""

import random
from collections.abc import Mapping
from typing import Any

BOS = 1
OPERATION = 3  # + - * / and then their synonyms
LENGTH = 9  # the two tags of length l are LENGTH + 2 l and the next
MARKER = 137  # the two markers of length l are MARKER + 2 l and the next
VALUE = 267  # v is VALUE + v


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the operations as numbers to the params, so that a loop over ``generate`` works them out once."""
    return {**params, "codes": ["asmd".index(letter) for letter in params["operators"]]}


def grow(rng: random.Random, size: int, params: Mapping[str, Any], ids: list[int]) -> int:
    """Write an expression of so many operations and return its value; ZeroDivisionError if it has none."""
    modulus: int = params["modulus"]
    if size == 0:
        value = rng.randrange(modulus)
        ids.append(VALUE + value)
        return value
    code = rng.choice(params["codes"])
    synonym = 4 if params["knowledge_augment"] and rng.random() < 0.5 else 0
    ids.append(OPERATION + code + synonym)
    left_size = rng.randrange(size)
    left = grow(rng, left_size, params, ids)
    right = grow(rng, size - 1 - left_size, params, ids)
    if code == 0:
        return (left + right) % modulus
    if code == 1:
        return (left - right) % modulus
    if code == 2:
        return left * right % modulus
    if right == 0:
        raise ZeroDivisionError
    return left * pow(right, -1, modulus) % modulus


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask. ``params`` may have gone through ``prepare`` already."""
    if "codes" not in params:
        params = prepare(params)
    size = params["length_max"] if params["qa"] else rng.randint(1, params["length_max"])
    while True:
        expression: list[int] = []
        try:
            value = grow(rng, size, params, expression)
            break
        except ZeroDivisionError:
            continue
    tag = marker = 0
    if params["knowledge_augment"]:
        tag, marker = rng.randrange(2), rng.randrange(2)
    ids = [BOS, LENGTH + 2 * size + tag, *expression, MARKER + 2 * size + marker, VALUE + value]
    if params["loss"] == "all":
        return ids, [0] + [1] * (len(ids) - 1)
    return ids, [0] * (len(ids) - 1) + [1]
