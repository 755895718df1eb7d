"""Levelled context-free grammars: load, sample, parse, and the exact law of the next terminal.

The symbols of a level rewrite into symbols of the next one; the last level is the terminals, numbered from 1. A string
comes about by choosing one of a symbol's rules uniformly, at every node from the root down.

>>> from synthgen import grammar
>>> cfg = grammar.shipped("cfg3f")
>>> strings = cfg.sample(2, seed=0)
>>> cfg.contains(strings).tolist()
[True, True]
>>> cfg.next_token(strings[0][:5]).shape
(6, 4)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _native
from .checks import MAX_U64, integer, one_dimensional, switch, text_argument
from .errors import param_error

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

__all__ = ["NAMES", "Grammar", "Labels", "LengthLaw", "Parse", "load", "loads", "sample_grammar", "shipped", "strings"]

NAMES: tuple[str, ...] = tuple(_native.grammar_names())
"""Names of the shipped grammars: our own ones, in the shapes of the reference's grammars of these names."""

Tree = int | tuple[int, list["Tree"]]
"""A terminal, or a symbol and its children, by the numbers of `Grammar.symbols`."""

_FIRST_TERMINAL = 3
_NO_CHOICE = 255


class Parse(NamedTuple):
    """What a parse finds: the rule choices of one derivation, or why there is none and at which position that shows."""

    ok: bool
    rules: NDArray[np.uint8] | None = None
    reason: str | None = None
    position: int | None = None

    def __bool__(self) -> bool:
        return self.ok


class Labels(NamedTuple):
    """What a derivation says about each of its n terminals, by level from the root.

    Attributes:
        symbols: int32 (depth, n); the symbol that the terminal belongs to, by the numbers of `Grammar.symbols`.
        boundaries: uint8 (depth, n); 1 on the last terminal of a symbol.

    """

    symbols: NDArray[np.int32]
    boundaries: NDArray[np.uint8]


@dataclass(frozen=True)
class LengthLaw:
    """The exact law of string lengths.

    Attributes:
        lengths: int64; all lengths from the shortest to the longest.
        probabilities: float64; the probability of each.
        derivation_bits: entropy of the derivation in bits, an upper bound of the entropy of the string, since a string
            may have several derivations.

    """

    lengths: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    derivation_bits: float

    @property
    def shortest(self) -> int:
        """Length of the shortest string."""
        return int(self.lengths[0])

    @property
    def longest(self) -> int:
        """Length of the longest string."""
        return int(self.lengths[-1])

    @property
    def mean(self) -> float:
        """Mean length."""
        return float(self.probabilities @ self.lengths)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.probabilities @ (self.lengths - self.mean) ** 2))

    def quantile(self, share: float) -> int:
        """The smallest length that at least this share of the strings does not exceed."""
        reached = int(np.searchsorted(np.cumsum(self.probabilities), share))
        return int(self.lengths[min(reached, len(self.lengths) - 1)])


class Grammar:
    """A checked grammar. Made by `load`, `loads`, `shipped` and `sample_grammar`."""

    def __init__(self, native: _native.Grammar) -> None:
        self._native = native
        self.name: str = native.name
        """Of a shipped grammar, or "custom"."""
        self.terminals: int = native.terminals
        """Number of terminals: 1 .. terminals."""
        self.rules: list[list[list[list[int]]]] = native.levels
        """Per level and symbol, the right-hand sides, as positions (from 0) in the next level."""
        self.symbols: list[list[int]] = native.symbols
        """Per level, terminals last, the number of each symbol as the reference counts: terminals from 1, three special
        tokens, then level by level from the lowest; the root has the largest number."""

    def __repr__(self) -> str:
        return f"<Grammar {self.name}: sizes {self.sizes}, {self.rule_count} rules>"

    @property
    def depth(self) -> int:
        """Levels above the terminals."""
        return len(self.rules)

    @property
    def sizes(self) -> list[int]:
        """Number of symbols of each level, the root's first, the terminals' last."""
        return [len(level) for level in self.symbols]

    @property
    def rule_count(self) -> int:
        """Number of rules."""
        return sum(len(rules) for level in self.rules for rules in level)

    def to_json(self) -> str:
        """Write the reference's file format."""
        return self._native.to_json()

    def sample(self, n: int, seed: int = 0, *, start: int = 0) -> list[NDArray[np.uint8]]:
        """Strings start .. start + n of a seed, each an array of terminals."""
        terminals, ends, _, _ = self._draw(n, seed, start)
        return np.split(terminals, ends[1:-1]) if n else []

    def derivations(self, n: int, seed: int = 0, *, start: int = 0) -> list[NDArray[np.uint8]]:
        """How `sample` made the same strings: the rule choices of the nodes of each, in pre-order."""
        _, _, choices, ends = self._draw(n, seed, start)
        return np.split(choices, ends[1:-1]) if n else []

    def _draw(self, n: int, seed: int, start: int) -> tuple[Any, Any, Any, Any]:
        count = integer(None, "n", n, 0, 2**31)
        first = integer(None, "start", start, 0, MAX_U64 - count)
        return self._native.draw(count, integer(None, "seed", seed, 0, MAX_U64), first)

    def contains(self, ids: Any) -> Any:
        """Tell whether a string is one of the grammar's: a bool; for a batch of strings, an array of bools.

        A batch is a list of strings, or a two-dimensional array in which zeros after a string are padding.
        """
        if _is_batch(ids):
            rows = [np.trim_zeros(row, "b") if isinstance(ids, np.ndarray) else row for row in ids]
            return self._contains([one_dimensional("grammar", "ids", row) for row in rows])
        return bool(self._contains([one_dimensional("grammar", "ids", ids)])[0])

    def _contains(self, rows: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
        ends = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
        flat = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        return self._native.contains(flat, ends).astype(bool)

    def parse(self, ids: ArrayLike) -> Parse:
        """Find one derivation of a string; a string may have several."""
        choices, flaw = self._native.parse(one_dimensional("grammar", "ids", ids))
        return Parse(False, None, *flaw) if flaw is not None else Parse(True, choices)

    def labels(self, ids: ArrayLike, rules: ArrayLike | None = None) -> Labels:
        """Label every terminal of a string with the symbols above it, as one derivation has them.

        `rules` are the choices of a known derivation (of a row's metadata, or of `derivations`); without them the
        string is parsed. Raises ParamError when they do not derive the string, or nothing does.
        """
        string = one_dimensional("grammar", "ids", ids)
        if rules is None:
            found = self.parse(string)
            if found.rules is None:
                allowed = f"allowed: a string of the grammar; {found.reason} (position {found.position})"
                raise param_error(None, "ids", ids, allowed)
            rules = found.rules
        terminals, symbols, boundaries = self._native.labels(_choices(rules))
        if not np.array_equal(terminals, string):
            raise param_error(None, "rules", rules, "allowed: choices that derive these ids")
        shape = (self.depth, len(string))
        return Labels(symbols.reshape(shape).astype(np.int32), boundaries.reshape(shape))

    def tree(self, rules: ArrayLike) -> Tree:
        """Spell out a derivation, given as rule choices: (symbol, children) down to the terminals."""
        self._native.labels(_choices(rules))  # refuses what is no derivation
        choices = iter(_choices(rules).tolist())

        def node(level: int, symbol: int) -> Tree:
            number = self.symbols[level][symbol]
            if level == self.depth:
                return number
            return number, [node(level + 1, child) for child in self.rules[level][symbol][next(choices)]]

        return node(0, 0)

    def next_token(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Give the exact law of what follows every prefix of a string.

        Row i is about the first i terminals: column 0 the probability that the string ends there, column t that of
        terminal t. Raises ParamError where a terminal cannot follow; the ids may stop before the string does.
        """
        string = one_dimensional("grammar", "ids", ids)
        return self._native.next_token(string).reshape(len(string) + 1, self.terminals + 1)

    def kl(self, ids: ArrayLike, model: ArrayLike, *, log: bool = False) -> float:
        """Divergence in nats of a model's next-terminal laws from the true ones, averaged over all prefixes.

        `model` holds probabilities in the form of `next_token`, or with `log` their natural logarithms. Each row sums
        p (ln p~ - ln q~), where p~ and q~ have 1e-5 added to every entry and are normalised again.
        """
        string = one_dimensional("grammar", "ids", ids)
        shape = (len(string) + 1, self.terminals + 1)
        try:
            given = np.asarray(model, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise param_error(None, "model", model, f"allowed: numbers of shape {shape}") from error
        laws = np.exp(given) if switch(None, "log", log) else given
        if laws.shape != shape or not np.isfinite(laws).all() or (laws < 0).any():
            raise param_error(None, "model", model, f"allowed: probabilities of shape {shape}")
        return self._native.kl(string, np.ascontiguousarray(laws).ravel())

    def length_law(self) -> LengthLaw:
        """Compute the law of string lengths, by convolution."""
        shortest, probabilities, bits = self._native.length_law()
        return LengthLaw(np.arange(shortest, shortest + len(probabilities)), probabilities, bits)


def _is_batch(ids: Any) -> bool:
    if isinstance(ids, np.ndarray):
        return ids.ndim == 2
    return isinstance(ids, Sequence) and len(ids) > 0 and isinstance(ids[0], Sequence | np.ndarray)


def _choices(rules: ArrayLike) -> NDArray[np.int64]:
    choices = one_dimensional("grammar", "rules", rules)
    return np.where((choices < 0) | (choices > _NO_CHOICE), _NO_CHOICE, choices)


def shipped(name: str) -> Grammar:
    """Take one of the grammars that come with the library: `NAMES`.

    They have the shapes of the reference's grammars of these names (levels, rule counts, rule lengths), but are our own
    draws; for the reference's distribution, `load` its file.
    """
    found = _native.Grammar.shipped(text_argument(None, "name", name))
    if found is None:
        raise param_error(None, "name", name, f"allowed: one of {list(NAMES)}")
    return Grammar(found)


def load(path: str | os.PathLike[str]) -> Grammar:
    """Read a grammar file in the reference's JSON format. Raises ParamError that says what is wrong with it."""
    return loads(Path(path).read_text(encoding="utf-8"))


def loads(text: str) -> Grammar:
    """Read a grammar from the text of such a file."""
    return Grammar(_native.Grammar.from_json(text_argument(None, "json", text)))


def sample_grammar(
    seed: int, rule_lengths: str | Sequence[Sequence[Sequence[int]]], *, terminals: int = 3, repeats: bool = True
) -> Grammar:
    """Draw a grammar of a given shape.

    `rule_lengths` says per level (the root's first) and symbol how long each of its rules is: nested lists, or the
    short form with levels divided by "|", symbols by spaces and a digit per rule: "23|22 33|233 23" is a root with two
    rules, then two levels of two symbols. The sizes of the levels follow.

    Each rule is uniform among the right-hand sides of its length that its level does not have yet, given that every
    symbol is used; with `repeats=False` no rule has a symbol twice. Raises ParamError for shapes without such grammars.
    """
    if isinstance(rule_lengths, str):
        rule_lengths = [[_digits(symbol) for symbol in level.split()] for level in rule_lengths.split("|")]
    levels = _lists(rule_lengths)
    lengths = [
        [[integer(None, "rule_lengths", length, 1, 8) for length in _lists(symbol)] for symbol in _lists(level)]
        for level in levels
    ]
    count = integer(None, "terminals", terminals, 1, 16)
    checked = integer(None, "seed", seed, 0, MAX_U64)
    return Grammar(_native.Grammar.random(lengths, count, switch(None, "repeats", repeats), checked))


def _lists(given: Any) -> Sequence[Any]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        allowed = "allowed: per level and symbol a list of rule lengths, or the short form"
        raise param_error(None, "rule_lengths", given, allowed)
    return given


def _digits(symbol: str) -> list[int]:
    if not (symbol.isascii() and symbol.isdigit()):
        raise param_error(None, "rule_lengths", symbol, "allowed: a digit per rule, spaces between symbols")
    return [int(digit) for digit in symbol]


def strings(input_ids: NDArray[Any]) -> list[NDArray[np.int64]]:
    """Take the strings out of rows of the task `lano`: terminals from 1, as `Grammar` takes them."""
    rows = np.atleast_2d(np.asarray(input_ids)).astype(np.int64)
    return [row[row >= _FIRST_TERMINAL] - _FIRST_TERMINAL + 1 for row in rows]
