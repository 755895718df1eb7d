"""Grammars that the tests of `synthgen.grammar` share, and strings of them."""

from collections.abc import Iterator
from random import Random
from typing import Any

from synthgen import grammar

from tests.kits.lano import PAIRS, THREE_LEVELS, TWO_LEVELS, custom
from tests.oracles import lano as oracle

String = tuple[int, ...]

SMALL = [
    grammar.loads(keywords["grammar_json"])
    for keywords in (
        PAIRS,
        TWO_LEVELS,
        THREE_LEVELS,
        custom("0,11,012", 3),
        custom("0,1|0,11 1,10", 2),
        custom("00|01,10|0011,10 11,0", 2),
    )
]
SAMPLED = [grammar.sample_grammar(seed, "23|22 33|23 32 23", terminals=4) for seed in range(4)]

# The exact law of the reference's grammars of the same shapes: shortest, longest, mean, sd, derivation bits.
REFERENCE = {
    "cfg3b": (138, 432, 275.62, 41.7, 169.25),
    "cfg3i": (114, 564, 308.09, 46.0, 186.94),
    "cfg3h": (97, 459, 236.38, 41.5, 204.78),
    "cfg3g": (80, 729, 252.43, 53.0, 269.92),
    "cfg3f": (64, 729, 249.86, 69.4, 268.66),
    "cfg3j": (128, 2052, 543.93, 133.6, 618.59),
    "cfg3k": (132, 1458, 516.31, 91.1, 608.33),
}


def rules_of(cfg: grammar.Grammar) -> oracle.Rules:
    return oracle.rules_of(cfg.to_json())[0]


def from_zero(string: Any) -> String:
    return tuple(int(terminal) - 1 for terminal in string)


def from_one(string: String) -> list[int]:
    return [terminal + 1 for terminal in string]


def mutants(rng: Random, string: String, terminals: int) -> Iterator[String]:
    """Change a string in one or two places."""
    kept = list(string)
    at = rng.randrange(len(kept))
    yield (*kept[:at], rng.randrange(terminals), *kept[at + 1 :])
    yield (*kept[:at], *kept[at + 1 :])
    yield (*kept[:at], rng.randrange(terminals), *kept[at:])
    yield (*kept[at:], *kept[:at])
    shuffled = list(kept)
    rng.shuffle(shuffled)
    yield tuple(shuffled)


def names(cfg: grammar.Grammar) -> str:
    return f"{cfg.name}-{cfg.sizes}"
