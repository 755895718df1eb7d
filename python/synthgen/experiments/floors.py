"""Floors: the figures of a model that knows the layout of rows and the best constant answer, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..batch import Packed
from ..data.permute import key
from ..train.feed import Drawn, Rows

ROWS = 2048
"""Rows that the constant answer is chosen by, and as many that it is scored on."""
_SEED = 0x666C6F6F72


class Floor(NamedTuple):
    """Shares that need no understanding."""

    token_accuracy: float | None  # of predicted tokens; None where rows predict more than answers and markers
    exact_match: float  # of whole answers


def floor_of(rows: Rows, count: int = ROWS) -> Floor:
    """Choose the best constant answer on some rows, and score it on others; neither are those that models see.

    Of predicted tokens, markers and ends count as right, and of answers the likeliest token at each place within one.
    """
    own = replace(rows, seed=key(rows.seed, _SEED))
    chosen, scored = _answers(own.draw(0, count)), own.draw(count, count)
    answers = _answers(scored)
    places: list[Counter[int]] = []
    for answer in chosen:
        places += [Counter() for _ in range(len(answer) - len(places))]
        for place, token in zip(places, answer, strict=False):
            place[token] += 1
    best = [place.most_common(1)[0][0] for place in places]
    whole = Counter(chosen).most_common(1)[0][0] if chosen else ()
    wrong = sum(len(answer) - sum(map(int.__eq__, answer, best)) for answer in answers)
    predicted = int(scored.loss_mask.sum())
    tokens = None if _predicts_more(scored) else 1 - wrong / max(predicted, 1)
    return Floor(tokens, sum(answer == whole for answer in answers) / max(len(answers), 1))


def _answers(drawn: Drawn) -> list[tuple[int, ...]]:
    """The answers of rows, token by token; those that a window's end cuts are left out."""
    found = [tuple(drawn.input_ids[row, start:end].tolist()) for row, start, end in _spans(drawn)]
    if isinstance(drawn, Packed):
        found = [answer for answer, whole in zip(found, drawn.query_complete, strict=True) if whole]
    return found


def _spans(drawn: Drawn) -> Sequence[tuple[int, int, int]]:
    return list(drawn._answer_spans())  # type: ignore[union-attr]


def _predicts_more(drawn: Drawn) -> bool:
    return drawn._origin.markers is None  # type: ignore[union-attr]
