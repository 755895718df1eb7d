"""Oracle for Arithmetic: sums of two numbers, separated by commas; the last is the question."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.fewshot import RowError, check_mask, judge_shown, text_of

SALT = 0x6172697400000008
NUMBER = r"(0|[1-9]\d*)"


def read(text: str) -> list[tuple[int, int, int]]:
    """Take a row apart: the operands and the result of each sum."""
    sums = []
    for item in text.split(", "):
        found = re.fullmatch(rf"{NUMBER}\+{NUMBER}={NUMBER}", item, re.ASCII)
        if not found:
            raise RowError(f"not a sum: {item!r}")
        sums.append((int(found[1]), int(found[2]), int(found[3])))
    return sums


def key(a: int, b: int) -> tuple[int, int]:
    """The operands in order of size."""
    return min(a, b), max(a, b)


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        text = text_of(ids, pieces)
        sums = read(text)
        low, high = params["operands"]
        for a, b, result in sums:
            if not (low <= a <= high and low <= b <= high):
                raise RowError(f"an operand of {a}+{b} is out of range")
            if result != a + b:
                raise RowError(f"{a}+{b} is not {result}")
        keys = [key(a, b) for a, b, _ in sums]
        judge_shown(keys, [a * 2**32 + b for a, b in keys], SALT, params["num_examples"])
        if mask is not None:
            check_mask(ids, mask, text, str(sums[-1][2]))
    except RowError as problem:
        return str(problem)
    return None


def solve(text: str) -> str:
    """Complete the last sum."""
    question = re.fullmatch(rf"(?:.*, )?{NUMBER}\+{NUMBER}=", text, re.ASCII)
    if not question:
        raise ValueError(f"not an Arithmetic prompt: {text!r}")
    return str(int(question[1]) + int(question[2]))


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the operands of the question, in order of size."""
    a, b, _ = read(text_of(ids, pieces))[-1]
    return key(a, b)
