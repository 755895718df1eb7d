"""No cheap way from a prompt to an answer beats guessing, but for those that the docs name with their figures."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.kits import KITS, Shortcut
from tests.public_cases import TASKS

PROMPTS, ROWS = 4000, 20_000
MARGIN = 0.03


def accuracy(task: str, level: int, shortcut: Shortcut, rows: list[dict[str, Any]]) -> float:
    """Share of prompts that a shortcut answers right."""
    rng = Random(f"{task} {level}")
    right = 0
    for row in rows:
        guess = shortcut(row["input_text"], rng)
        if KITS[task].ANY_ORDER:
            guessed = {"input_text": row["input_text"], "target": guess}
            right += TASKS[task].validate(guessed, difficulty=level).ok
        else:
            right += guess == row["target"]
    return right / len(rows)


def most_common_share(task: str, level: int) -> float:
    """Share of the most common first answer, as tokens, among fresh rows."""
    batch = TASKS[task].batch(ROWS, 31, difficulty=level)
    inside = np.pad(batch.answer_mask, ((0, 0), (0, 1)))
    starts = inside.argmax(axis=1)
    counts: Counter[bytes] = Counter()
    for ids, mask, start in zip(batch.input_ids, inside, starts.tolist(), strict=True):
        end = start + int(mask[start:].argmin())
        counts[ids[start:end].tobytes()] += 1
    return counts.most_common(1)[0][1] / ROWS


@pytest.mark.parametrize("task", list(TASKS))
def test_no_shortcut_beats_chance(task: str) -> None:
    kit = KITS[task]
    assert len(kit.SHORTCUTS) >= 3
    beaten: set[str] = set()
    for level in (1, 2, 3):
        chance = kit.chance(level)
        rows = TASKS[task].examples(PROMPTS, 2025, difficulty=level)
        rows = [row for row in rows if kit.audited is None or kit.audited(row["input_text"])]
        found = {name: accuracy(task, level, shortcut, rows) for name, shortcut in kit.SHORTCUTS.items()}
        above = {name: share for name, share in found.items() if share > chance + MARGIN}
        assert above.keys() <= kit.UNDEFEATED.keys(), f"at level {level} chance is {chance:.3f}: {above}"
        beaten |= above.keys()
        # Chance is what it is declared to be: no margin is hidden in it.
        constant = accuracy(task, level, kit.guess, rows) if kit.guess else most_common_share(task, level)
        assert chance < 0.005 or abs(constant - chance) < 0.02, f"level {level}: declared {chance}, found {constant}"
    assert beaten == kit.UNDEFEATED.keys(), "a shortcut is excused that needs no excuse"
