"""Curricula: levels in their shares, schedules by step, rows that are the tasks' own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen import ParamError, curriculum

from tests.laws import assert_follows

WEIGHTS = (0.5, 0.3, 0.2)


def level_counts(course: synthgen.Curriculum, n: int, start: int = 0) -> Any:
    return np.bincount(course.batch(n, 5, start=start).parts, minlength=len(course.levels))


def test_levels_come_in_their_shares() -> None:
    course = curriculum("dyna", WEIGHTS)
    assert course.levels == (("dyna", 1), ("dyna", 2), ("dyna", 3))
    assert_follows(level_counts(course, 20_000), WEIGHTS, "levels")
    assert_follows(level_counts(curriculum("dyna"), 20_000), (0.40, 0.35, 0.25), "default levels")


def test_several_tasks_share_rows_by_task_and_by_level() -> None:
    course = curriculum({"dyna": 1, "depo": 3}, WEIGHTS)
    assert course.levels == tuple((name, level) for name in ("dyna", "depo") for level in (1, 2, 3))
    assert_follows(level_counts(course, 20_000), [share * w for share in (1, 3) for w in WEIGHTS], "tasks and levels")
    row = course.batch(40, 1)
    for i in range(40):
        name, level = course.levels[row.parts[i]]
        assert row.text(i).startswith(f"<{name}>")
        assert course.vocab.decode(row.input_ids[i]) == row.text(i)
        assert row.example(i) == synthgen.get(name).batch(40, 1, difficulty=level).example(i)


@pytest.mark.parametrize("split", [None, "train", "test"])
def test_a_row_is_the_row_of_its_level(split: Any) -> None:
    course = curriculum("dyna", WEIGHTS)
    batch = course.batch(60, 9, start=100, split=split)
    own = {level: synthgen.dyna.batch(60, 9, start=100, split=split, difficulty=level) for level in (1, 2, 3)}
    for i, part in enumerate(batch.parts):
        level = course.levels[part][1]
        assert batch.text(i) == own[level].text(i)
        assert batch.answer_mask[i].sum() == own[level].answer_mask[i].sum() == 3
        length = batch.lengths[i]
        assert batch.input_ids[i, :length].tolist() == own[level].input_ids[i, :length].tolist()
        assert batch.example(i)["difficulty"] == level
        assert synthgen.dyna.validate(batch.input_ids[i], batch.loss_mask[i], difficulty=level).ok


def test_a_schedule_changes_the_shares_from_step_to_step() -> None:
    schedule = [(0, (1, 0, 0)), (10, (0, 1, 0)), (20, (0, 0, 1))]
    course = curriculum("dyna", schedule=schedule, batch_size=32)
    parts = course.batch(30 * 32, 3).parts.reshape(30, 32)
    assert (parts == np.repeat([0, 1, 2], 10)[:, None]).all()
    # The same by any cut, also far beyond the last step.
    assert (course.batch(32, 3, start=10 * 32).parts == 1).all()
    assert (course.batch(8, 3, start=2**60).parts == 2).all()
    line = curriculum("dyna", schedule=schedule, batch_size=4000, linear=True)
    assert_follows(level_counts(line, 4000, start=5 * 4000), (0.5, 0.5, 0), "halfway")
    assert_follows(level_counts(line, 4000, start=18 * 4000), (0, 0.2, 0.8), "four fifths")
    windows = course.packed(3, 700, 3, start=9 * 32 + 31)
    firsts = windows.instance_parts[windows.instance_offsets[:-1]]
    assert firsts.tolist() == [0, 1, 1]


def test_parameters_that_presets_leave_alone() -> None:
    course = curriculum("dyna", params={"dyna": {"num_queries": 1}})
    batch = course.batch(5)
    assert all(len(batch.queries(i)) == 1 for i in range(5))


WRONG: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: curriculum("dyna", (1, 2)), ["weights = (1, 2)", "three numbers"]),
    (lambda: curriculum("dyna", (0, 0, 0)), ["weights", "at least one"]),
    (lambda: curriculum("dyna", (1, -1, 1)), ["weights", "numbers >= 0"]),
    (lambda: curriculum("dyna", ("1", 1, 1)), ["weights[0]", "'1'"]),  # type: ignore[arg-type]
    (lambda: curriculum("dyna", schedule=[]), ["schedule", "the first of which is 0"]),
    (lambda: curriculum("dyna", schedule=[(5, (1, 1, 1))]), ["schedule", "[5]"]),
    (lambda: curriculum("dyna", schedule=[(0, (1, 1, 1)), (0, (1, 1, 1))]), ["schedule", "[0, 0]"]),
    (lambda: curriculum("dyna", schedule=[3]), ["schedule = 3", "pairs"]),  # type: ignore[list-item]
    (lambda: curriculum("dyna", batch_size=0), ["batch_size = 0"]),
    (lambda: curriculum({}), ["tasks", "a task name"]),
    (lambda: curriculum("dyna", schedule=5), ["schedule = 5", "pairs"]),  # type: ignore[arg-type]
    (lambda: curriculum("dyna", params=5), ["params = 5", "a dict"]),  # type: ignore[arg-type]
    (lambda: curriculum("dyna", params={"dyna": 5}), ["params", "dicts of parameters"]),  # type: ignore[dict-item]
    (lambda: curriculum({"dyna": 1}, params={"depo": {}}), ["params", "'depo'", "dyna"]),
    (lambda: curriculum("dyna", params={"dyna": {"num_ops": 5}}), ["num_ops", "difficulty=1"]),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_calls_are_told_so(call: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises(ParamError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
