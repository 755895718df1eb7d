"""Oracle for Mano: a prefix expression over residues, framed by its length, and its value.

The expression is read from the left into nested tuples, one operation at a time, and these are evaluated by plain
arithmetic; a quotient is found by trying every residue.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SYMBOLS = {"+": "a", "-": "s", "*": "m", "/": "d", "plus": "a", "minus": "s", "times": "m", "over": "d"}
SYNONYMS = ("plus", "minus", "times", "over", "OPS", "RESULT")
USUAL_MODULUS = 23

Tree = int | tuple[str, "Tree", "Tree"]


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@dataclass
class Row:
    """A row that follows the grammar; nothing is said yet about its truth."""

    tag: int
    tree: Tree
    marker: int
    value: int
    words: list[str]  # everything as it is spelt


def parse(symbols: Iterator[str]) -> Tree:
    """Read one expression from the front of the symbols."""
    symbol = next(symbols, None)
    if symbol is None:
        raise RowError("the expression is not complete")
    if symbol in SYMBOLS:
        left = parse(symbols)
        return SYMBOLS[symbol], left, parse(symbols)
    if not re.fullmatch(r"\d+", symbol):
        raise RowError(f"{symbol!r} in an expression")
    return int(symbol)


def operands(tree: Tree) -> list[int]:
    """List the values of a tree, from the left."""
    return [tree] if isinstance(tree, int) else operands(tree[1]) + operands(tree[2])


def operations(tree: Tree) -> list[str]:
    """List the operations of a tree, from the left of the text."""
    return [] if isinstance(tree, int) else [tree[0], *operations(tree[1]), *operations(tree[2])]


def evaluate(tree: Tree, modulus: int) -> int:
    """Work a tree out."""
    if isinstance(tree, int):
        return tree
    kind = tree[0]
    left, right = evaluate(tree[1], modulus), evaluate(tree[2], modulus)
    if kind == "a":
        return (left + right) % modulus
    if kind == "s":
        return (left - right) % modulus
    if kind == "m":
        return left * right % modulus
    quotients = [x for x in range(modulus) if x * right % modulus == left]
    if len(quotients) != 1:
        raise RowError("a division that has no value")
    return quotients[0]


def read_row(ids: Sequence[int], pieces: Sequence[str]) -> Row:
    """Read ``<bos> tag expression marker value``; raise RowError where the grammar is broken."""
    tokens = list(ids)
    while tokens and tokens[-1] == 0:
        tokens.pop()
    if any(not 0 <= token < len(pieces) for token in tokens):
        raise RowError("an id outside the vocabulary")
    spelt = [pieces[token] for token in tokens]
    if len(spelt) < 4 or spelt[0] != "<bos>":
        raise RowError("a row begins with <bos> and is longer than this")
    tag = re.fullmatch(r"(?:LENGTH|OPS) (\d+) \| ", spelt[1])
    marker = re.fullmatch(r"\| (?:VALUE|RESULT) (\d+) ->", spelt[-2])
    value = re.fullmatch(r"(\d+) ", spelt[-1])
    if tag is None or marker is None or value is None:
        raise RowError("a row needs a length tag, a marker and a value")
    symbols = iter([piece.removesuffix(" ") for piece in spelt[2:-2]])
    tree = parse(symbols)
    if next(symbols, None) is not None:
        raise RowError("something follows the expression")
    return Row(int(tag[1]), tree, int(marker[1]), int(value[1]), "".join(spelt[1:]).split())


def judge(row: Row, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the row is true and within the params."""
    found = operations(row.tree)
    if not len(found) == row.tag == row.marker:
        raise RowError(f"{len(found)} operations, tag {row.tag}, marker {row.marker}")
    most = params["length_max"]
    if not (len(found) == most if params["qa"] else 1 <= len(found) <= most):
        raise RowError(f"{len(found)} operations")
    if not set(found) <= set(params["operators"]):
        raise RowError(f"operations {found}")
    modulus = params["modulus"]
    if max(operands(row.tree)) >= modulus:
        raise RowError("an operand that is no residue")
    if not params["knowledge_augment"] and any(word in SYNONYMS for word in row.words):
        raise RowError("a synonym")
    truth = evaluate(row.tree, modulus)
    if row.value != truth:
        raise RowError(f"the value is {truth}")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        row = read_row(ids, pieces)
        judge(row, params)
    except RowError as problem:
        return str(problem)
    length = 4 + len(operations(row.tree)) + len(operands(row.tree))
    first = 1 if params["loss"] == "all" else length - 1
    if mask is not None and list(mask) != [int(first <= position < length) for position in range(len(ids))]:
        return "the mask is not 1 exactly on what is predicted"
    return None


def solve(text: str, modulus: int = USUAL_MODULUS) -> str:
    """Work out a prompt (``... ->``); its text does not say the modulus."""
    prompt = re.fullmatch(r"(?:LENGTH|OPS) (\d+) \| (.*) \| (?:VALUE|RESULT) (\d+) ->", text)
    if prompt is None or prompt[1] != prompt[3]:
        raise ValueError(f"not a Mano prompt: {text!r}")
    symbols = iter(prompt[2].split())
    try:
        tree = parse(symbols)
        if next(symbols, None) is not None or len(operations(tree)) != int(prompt[1]):
            raise RowError("something follows the expression, or its length is another")
        return str(evaluate(tree, modulus))
    except RowError as problem:
        raise ValueError(f"not a Mano prompt: {text!r}: {problem}") from problem


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the facts of a valid row: its expression."""
    return read_row(ids, pieces).tree
