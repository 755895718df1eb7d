"""Rows worked out by hand, spelled as lists of pieces, and the tools to change and judge them."""

from collections.abc import Sequence
from typing import Any

from tests.kits import KITS
from tests.oracles import depo, dyna
from tests.oracles.params import resolve

PIECES = {task: KITS[task].PIECES for task in ("dyna", "depo")}
IDS = {task: {piece: i for i, piece in enumerate(pieces)} for task, pieces in PIECES.items()}

DYNA = resolve("dyna", state_size=(4, 6), num_ops=(4, 5), num_queries=2)
DYNA_PROMPT = [
    *["<bos>", "STATE [", "E", ", ", "C", ", ", "D", ", ", "B", ", ", "A", "] || OPS "],
    *["ROTATE_RIGHT", "(1)", " | REVERSE", "(2,", "3)", " | REVERSE", "(0,", "3)", " | ROTATE_RIGHT", "(2)"],
    *[" || QUERY element ", "C", " ->"],
]
DYNA_ROW = [*DYNA_PROMPT, " 2", " | QUERY position ", "1", " ->", " B", "<eos>"]
DYNA_MASK = [0] * len(DYNA_PROMPT) + [1, 0, 0, 0, 1, 1]

DEPO = resolve("depo", num_queries=3)
DEPO_EDGES = ["<bos>", "10 ", "2.", "1 ", "7.", "43 ", "10 ", "2.", "1 ", "7.", "43 "]
DEPO_QUERIES = [
    *["| QUERY hops=2 ", "2.", "1 ", "->", "10 "],
    *["| QUERY hops=1 ", "7.", "43 ", "->", "10 "],
    *["| QUERY hops=5 ", "10 ", "->", "7.", "43 "],
]
DEPO_ROW = DEPO_EDGES + DEPO_QUERIES
DEPO_MASK = [0] * 11 + [0, 0, 0, 1, 1] + [0, 0, 0, 1, 1] + [0, 0, 1, 1, 1]


def encode(task: str, row: Sequence[str]) -> list[int]:
    """Turn a row of pieces into ids."""
    return [IDS[task][piece] for piece in row]


def check_dyna(row: Sequence[str], mask: Sequence[int] | None = None, **changed: Any) -> str | None:
    """Ask the oracle about a row of pieces, under the golden row's params but for ``changed``."""
    return dyna.check(encode("dyna", row), mask, PIECES["dyna"], {**DYNA, **changed})


def check_depo(row: Sequence[str], mask: Sequence[int] | None = None, **changed: Any) -> str | None:
    """Ask the oracle about a row of pieces, under the golden row's params but for ``changed``."""
    return depo.check(encode("depo", row), mask, PIECES["depo"], {**DEPO, **changed})


def edited(row: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the row with the first run of pieces ``old`` replaced by ``new``."""
    for start in range(len(row) - len(old) + 1):
        if list(row[start : start + len(old)]) == list(old):
            return [*row[:start], *new, *row[start + len(old) :]]
    raise AssertionError(f"{old} is not in the row")
