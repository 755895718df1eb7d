"""Oracle for Sequence: three terms of a progression and the fourth, again and again; the last fourth is asked for."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.fewshot import RowError, check_mask, judge_shown, text_of

SALT = 0x7365717500000068
NUMBER = r"(0|[1-9]\d*)"


def read(text: str) -> list[list[int]]:
    """Take a row apart: the four terms of each progression."""
    found = [
        re.fullmatch(rf"\[{NUMBER},{NUMBER},{NUMBER}\]->\[{NUMBER}\]", item, re.ASCII) for item in text.split(", ")
    ]
    if not all(found):
        raise RowError("not progressions with their fourth term")
    return [[int(term) for term in item.groups()] for item in found if item]


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        text = text_of(ids, pieces)
        progressions = read(text)
        keys = []
        for terms in progressions:
            start, step = terms[0], terms[1] - terms[0]
            if terms != [start + i * step for i in range(4)]:
                raise RowError(f"{terms} is no progression")
            for name, value in (("start_value", start), ("step", step)):
                if not params[name][0] <= value <= params[name][1]:
                    raise RowError(f"{name} {value}")
            keys.append((start, step))
        judge_shown(keys, [start * 2**32 + step for start, step in keys], SALT, params["num_examples"])
        if mask is not None:
            check_mask(ids, mask, text, f"[{progressions[-1][3]}]")
    except RowError as problem:
        return str(problem)
    return None


def solve(text: str) -> str:
    """Continue the last progression."""
    question = re.fullmatch(rf"(?:.*, )?\[{NUMBER},{NUMBER},{NUMBER}\]->", text, re.ASCII)
    if not question:
        raise ValueError(f"not a Sequence prompt: {text!r}")
    _, second, third = (int(term) for term in question.groups())
    return f"[{third + (third - second)}]"


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return the first two terms of the question, which say all."""
    start, second, *_ = read(text_of(ids, pieces))[-1]
    return start, second
