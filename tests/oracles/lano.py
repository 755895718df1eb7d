"""Oracle for Lano: strings of a levelled context-free grammar.

A grammar is read from its JSON text into plain lists: ``rules[level][symbol]`` holds right-hand sides, as
positions in the next level. Two recognisers are written straight from the definition: `ends_of` asks where a symbol
can end, `cyk` fills the textbook table of all spans. Probabilities are exact fractions.
"""

import json
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from synthgen import grammar as library

Rules = list[list[list[list[int]]]]
String = tuple[int, ...]

FIRST_TERMINAL = 3


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@cache
def rules_of(text: str) -> tuple[Rules, int]:
    """Read a grammar file: its rules, and how many terminals it has."""
    file = json.loads(text)
    return [[node["children"] for node in level] for level in file["all"][: file["depth"]]], file["sizes"][-1]


def text_of(params: Mapping[str, Any]) -> str:
    """Give the JSON text of the grammar in force; those that are shipped are data of the library."""
    given = params["grammar_json"]
    return str(given) if given is not None else library.shipped(params["grammar"]).to_json()


# ---- recognition ------------------------------------------------------------------------------------------


def ends_of(rules: Rules, string: String) -> Any:
    """Give the function that tells where a symbol of a level, begun at a place, can end. Terminals count from 0."""

    @cache
    def ends(level: int, symbol: int, start: int) -> frozenset[int]:
        if level == len(rules):
            return frozenset([start + 1] if start < len(string) and string[start] == symbol else [])
        found: set[int] = set()
        for rule in rules[level][symbol]:
            places = {start}
            for child in rule:
                places = {end for place in places for end in ends(level + 1, child, place)}
            found |= places
        return frozenset(found)

    return ends


def recognised(rules: Rules, string: String) -> bool:
    """Tell whether the root derives the whole string."""
    return bool(string) and len(string) in ends_of(rules, string)(0, 0, 0)


def cyk(rules: Rules, string: String) -> bool:
    """Tell the same from the table of all spans, every split tried."""
    n = len(string)
    spans = [(i, j) for i in range(n) for j in range(i + 1, n + 1)]
    derived = {(string[i], i, i + 1) for i in range(n)}

    def fits(rule: list[int], i: int, j: int) -> bool:
        if len(rule) == 1:
            return (rule[0], i, j) in derived
        return any((rule[0], i, k) in derived and fits(rule[1:], k, j) for k in range(i + 1, j))

    for level in reversed(rules):
        derived = {
            (symbol, i, j)
            for i, j in spans
            for symbol, choices in enumerate(level)
            if any(fits(rule, i, j) for rule in choices)
        }
    return (0, 0, n) in derived


# ---- probabilities ----------------------------------------------------------------------------------------


def language(rules: Rules, terminals: int) -> dict[String, Fraction]:
    """Give every string of a small grammar with its probability."""
    below: list[dict[String, Fraction]] = [{(terminal,): Fraction(1)} for terminal in range(terminals)]
    for level in reversed(rules):
        here = []
        for choices in level:
            law: dict[String, Fraction] = {}
            for rule in choices:
                partial: dict[String, Fraction] = {(): Fraction(1, len(choices))}
                for child in rule:
                    longer: dict[String, Fraction] = {}
                    for head, p in partial.items():
                        for tail, q in below[child].items():
                            longer[head + tail] = longer.get(head + tail, Fraction(0)) + p * q
                    partial = longer
                for string, p in partial.items():
                    law[string] = law.get(string, Fraction(0)) + p
            here.append(law)
        below = here
    return below[0]


def next_by_counting(law: Mapping[String, Fraction], string: String, terminals: int) -> list[list[Fraction]]:
    """Give the law of what follows every prefix, straight from the probabilities of all strings."""
    rows = []
    for end in range(len(string) + 1):
        prefix = string[:end]
        row = [Fraction(0)] * (terminals + 1)
        for other, p in law.items():
            if other[:end] == prefix:
                row[other[end] + 1 if len(other) > end else 0] += p
        rows.append([p / sum(row) for p in row])
    return rows


def next_by_tables(rules: Rules, string: String, terminals: int) -> list[list[Fraction]]:
    """Give the same for long strings: probabilities of spans, then of what is to be expanded at each place."""
    n = len(string)
    ends = ends_of(rules, string)

    @cache
    def spans(level: int, symbol: int, start: int) -> dict[int, Fraction]:
        if level == len(rules):
            return {end: Fraction(1) for end in ends(level, symbol, start)}
        found: dict[int, Fraction] = {}
        choices = rules[level][symbol]
        for rule in choices:
            for end, p in chain(level, rule, start).items():
                found[end] = found.get(end, Fraction(0)) + p / len(choices)
        return found

    def chain(level: int, rule: Sequence[int], start: int) -> dict[int, Fraction]:
        places = {start: Fraction(1)}
        for child in rule:
            after: dict[int, Fraction] = {}
            for place, p in places.items():
                for end, q in spans(level + 1, child, place).items():
                    after[end] = after.get(end, Fraction(0)) + p * q
            places = after
        return places

    expected = {(0, 0): Fraction(1)}  # symbol and place: probability that it is the next to be expanded there
    for level, symbols in enumerate(rules):
        below: dict[tuple[int, int], Fraction] = {}
        for (symbol, place), p in expected.items():
            for rule in symbols[symbol]:
                for at, child in enumerate(rule):
                    for end, q in chain(level, rule[:at], place).items():
                        below[child, end] = below.get((child, end), Fraction(0)) + p * q / len(symbols[symbol])
        expected = below
    whole = spans(0, 0, 0)
    rows = []
    for place in range(n + 1):
        row = [whole.get(place, Fraction(0)), *(expected.get((t, place), Fraction(0)) for t in range(terminals))]
        prefix = expected[string[place - 1], place - 1] if place else Fraction(1)
        rows.append([p / prefix for p in row])
    return rows


def length_law(rules: Rules, terminals: int) -> dict[int, Fraction]:
    """Give the law of lengths."""
    below = [{1: Fraction(1)} for _ in range(terminals)]
    for level in reversed(rules):
        here = []
        for choices in level:
            law: dict[int, Fraction] = {}
            for rule in choices:
                partial = {0: Fraction(1, len(choices))}
                for child in rule:
                    longer: dict[int, Fraction] = {}
                    for a, p in partial.items():
                        for b, q in below[child].items():
                            longer[a + b] = longer.get(a + b, Fraction(0)) + p * q
                    partial = longer
                for length, p in partial.items():
                    law[length] = law.get(length, Fraction(0)) + p
            here.append(law)
        below = here
    return below[0]


# ---- rows -------------------------------------------------------------------------------------------------


def read_row(ids: Sequence[int], pieces: Sequence[str], terminals: int) -> String:
    """Read ``<bos> terminals <eos>``; raise RowError where it is something else."""
    row = list(ids)
    while row and row[-1] == 0:
        row.pop()
    if not row or row[0] != 1:
        raise RowError("a row begins with <bos>")
    if len(row) < 2 or row[-1] != 2:
        raise RowError("a row ends with <eos>")
    string = []
    for position, token in enumerate(row[1:-1], 1):
        spelled = pieces[token].strip() if 0 <= token < len(pieces) else ""
        if not spelled.isdigit() or not 1 <= int(spelled) <= terminals:
            raise RowError(f"no terminal at {position}")
        string.append(int(spelled) - 1)
    return tuple(string)


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    rules, terminals = rules_of(text_of(params))
    try:
        string = read_row(ids, pieces, terminals)
        if not recognised(rules, string):
            raise RowError("the root does not derive the string")
    except RowError as problem:
        return str(problem)
    if mask is not None and list(mask) != [int(1 <= at <= len(string) + 1) for at in range(len(ids))]:
        return "the mask is not 1 exactly on the terminals and <eos>"
    return None


def solve(text: str, **params: Any) -> str:
    """Give some string: the prompt is empty, so every string of the grammar is an answer."""
    if text:
        raise ValueError(f"not a Lano prompt: {text!r}")
    rules, _ = rules_of(text_of({"grammar": "cfg3f", "grammar_json": None} | params))
    symbols = [0]
    for level in rules:
        symbols = [child for symbol in symbols for child in level[symbol][-1]]
    return " ".join(str(terminal + 1) for terminal in symbols)


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: the string."""
    return read_row(ids, pieces, 16)
