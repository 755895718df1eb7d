"""The library and the Python oracles agree on every sample and mutant, and no facts are in two splits."""

from collections.abc import Hashable, Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from tests.kits import KITS
from tests.laws import Ints
from tests.mutants import mutant
from tests.oracles.params import resolve
from tests.public_cases import SPLITS, TASKS, splits

EVERY_TASK = pytest.mark.parametrize("task", list(TASKS))


def identify(case: tuple[Any, ...]) -> str:
    """Name a case by its task and its keywords."""
    keywords = case[-1]
    return "-".join([case[0], *(f"{name}={value}" for name, value in keywords.items())])


def drawn(task: str, rows: int, seed: int, asked: Mapping[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Draw a batch; return it with its params, as the library and as the oracle take them."""
    batch = TASKS[task].batch(rows, seed=seed, **asked)
    params = {name: value for name, value in asked.items() if name != "split"}
    return batch, params, resolve(task, **params)


def assert_solved(task: str, prompt: str, answer: str, params: Mapping[str, Any]) -> None:
    """Hold the library and the oracle to solve a prompt: by its answer, or by another right one if there are more."""
    found = [TASKS[task].solve(prompt, **params)]
    if not KITS[task].RULES_IN_PARAMS:
        found.append(KITS[task].ORACLE.solve(prompt))
    for solved in found:
        if KITS[task].ANY_ORDER:
            assert TASKS[task].validate({"input_text": prompt, "target": solved}, **params).ok, (prompt, solved)
        else:
            assert solved == answer, prompt


@pytest.mark.parametrize("case", [(task, *sample) for task in TASKS for sample in KITS[task].SAMPLES], ids=identify)
def test_every_sample_is_right(case: tuple[str, int, Mapping[str, Any]]) -> None:
    task, rows, asked = case
    library, kit = TASKS[task], KITS[task]
    batch, params, resolved = drawn(task, rows, 2024, asked)
    lengths = batch.lengths.tolist()
    for i in range(rows):
        ids, mask = batch.input_ids[i].tolist(), batch.loss_mask[i].tolist()
        assert kit.ORACLE.check(ids, mask, kit.PIECES, resolved) is None, (i, ids)
        assert library.validate(ids, mask, **params).ok, (i, ids)
        assert ids[lengths[i] - 1] != 0
        assert not any(ids[lengths[i] :]), (i, ids)
        prompt, answer = batch.prompt(i), batch.answer(i)
        asked_at = batch.queries(i)[0]
        before, said = (
            "".join(kit.PIECES[token] for token in part if token > 2)
            for part in (ids[: asked_at.answer_start], ids[asked_at.answer_start : asked_at.answer_end])
        )
        assert before.startswith(prompt), (prompt, before)  # an opening marker may stand between
        assert said.strip() == answer.strip()
        assert_solved(task, prompt, answer, params)


@EVERY_TASK
def test_there_are_enough_cases(task: str) -> None:
    kit = KITS[task]
    assert sum(rows for rows, _ in kit.SAMPLES) >= 20_000
    assert sum(rows * times for rows, times, _ in kit.MUTATED) >= 10_000
    assert len(kit.STRANGERS) >= 4
    assert set(kit.UNDEFEATED) <= set(kit.SHORTCUTS)


@EVERY_TASK
def test_what_the_kit_declares_is_what_the_library_declares(task: str) -> None:
    info, kit = synthgen.tasks()[task], KITS[task]
    assert tuple(TASKS[task].vocab.pieces) == kit.PIECES
    assert len(set(kit.PIECES)) == len(kit.PIECES)

    def plain(params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}

    defaults = {param.name: param.default for param in info.params}
    assert plain(defaults) == plain(kit.DEFAULTS)
    for level, preset in zip((1, 2, 3), info.presets, strict=True):
        assert plain(defaults | preset) == plain({**kit.DEFAULTS, **kit.PRESETS[level]})
    assert set(kit.RANGES) <= set(kit.DEFAULTS)


@pytest.mark.parametrize("case", [(task, *sample) for task in TASKS for sample in KITS[task].MUTATED], ids=identify)
def test_the_validators_agree_on_every_mutant(case: tuple[str, int, int, Mapping[str, Any]]) -> None:
    task, rows, times, asked = case
    library, kit = TASKS[task], KITS[task]
    batch, params, resolved = drawn(task, rows, 77, asked)
    rng = Random(f"{task} {asked}")
    accepted = 0
    for i in range(rows):
        length = int(batch.lengths[i])
        ids, mask = batch.input_ids[i, :length].tolist(), batch.loss_mask[i, :length].tolist()
        answers = [(query.answer_start, query.answer_end) for query in batch.queries(i)]
        for _ in range(times):
            made = mutant(rng, task, ids, mask, answers)
            verdict = library.validate(made.ids, made.mask, **params)
            reason = kit.ORACLE.check(made.ids, made.mask, kit.PIECES, resolved)
            story = f"{made.how}: library says {verdict}, oracle says {reason!r}, {made}, row {ids}, {mask}"
            assert verdict.ok == (reason is None), story
            assert not (made.surely_invalid and verdict.ok), story
            assert verdict.ok == (verdict.reason is None), story
            accepted += verdict.ok
    assert 0.01 < accepted / (rows * times) < 0.5  # both verdicts were put to the test


@EVERY_TASK
def test_the_validators_agree_on_rows_drawn_with_other_params(task: str) -> None:
    """Rows of one kind of params are judged under another kind: every rule on params is met from both sides."""
    library, kit = TASKS[task], KITS[task]
    mixed = wrong = 0
    for asked in kit.STRANGERS:
        batch = library.batch(60, seed=5, **asked)
        rows = list(zip(batch.input_ids.tolist(), batch.loss_mask.tolist(), strict=True))
        for params in kit.STRANGERS:
            resolved = resolve(task, **params)
            verdicts = [library.validate(ids, mask, **params) for ids, mask in rows]
            reasons = [kit.ORACLE.check(ids, mask, kit.PIECES, resolved) for ids, mask in rows]
            for (ids, _), verdict, reason in zip(rows, verdicts, reasons, strict=True):
                assert verdict.ok == (reason is None), (ids, asked, params, verdict, reason)
            right = sum(verdict.ok for verdict in verdicts)
            assert right == len(rows) or params != asked
            mixed += 0 < right < len(rows)
            wrong += right == 0
    assert mixed >= len(kit.STRANGERS) // 2
    assert wrong


# ---- splits -----------------------------------------------------------------------------------------------

ROWS_PER_CELL = 35_000  # for each of three splits and two seeds
ROWS_FOR_THE_ORACLE = 2_000  # the same, where the oracle must read every row


def facts_of(task: str, seed: int, **asked: Any) -> tuple[list[Hashable], Ints]:
    """Draw rows at the task's crowded parameters; give the facts of each, and the ids."""
    kit = KITS[task]
    batch = TASKS[task].batch(ROWS_PER_CELL if kit.keys else ROWS_FOR_THE_ORACLE, seed, **kit.CROWDED, **asked)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    if kit.keys:
        return [key.tobytes() for key in kit.keys(ids)], ids
    return [kit.ORACLE.canonical(row.tolist(), kit.PIECES) for row in ids], ids


def assert_facts_recur(one: set[Hashable], two: set[Hashable]) -> None:
    """Hold facts to come up again in another seed, so that a leak would show."""
    assert len(one & two) >= min(50, min(len(one), len(two)) / 2), f"{len(one & two)} facts recur: too few"


@EVERY_TASK
def test_no_facts_occur_in_two_splits(task: str) -> None:
    kit = KITS[task]
    seen: dict[str, list[set[Hashable]]] = {}
    exact: dict[Hashable, Hashable] = {}
    for split in splits(task):
        seen[split] = []
        for seed in (1, 2):
            keys, ids = facts_of(task, seed, split=split)
            seen[split].append(set(keys))
            for i in range(1000):
                facts = kit.ORACLE.canonical(ids[i].tolist(), kit.PIECES)
                assert exact.setdefault(keys[i], facts) == facts  # one key never stands for two facts
    assert len(set(exact.values())) == len(exact)  # nor do two keys for the same facts
    for one, two in seen.values():
        assert_facts_recur(one, two)
    for one_split, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if one_split in seen and other in seen:
            shared = (seen[one_split][0] | seen[one_split][1]) & (seen[other][0] | seen[other][1])
            assert not shared, f"{len(shared)} facts are in {one_split} and in {other}"


@EVERY_TASK
def test_unfiltered_rows_do_leak_so_the_test_above_can_fail(task: str) -> None:
    one, two = (set(facts_of(task, seed)[0]) for seed in (1, 2))
    assert_facts_recur(one, two)


@pytest.mark.parametrize("task", [task for task in TASKS if KITS[task].UNSPLIT])
def test_a_task_without_splits_says_so(task: str) -> None:
    for split in SPLITS[1:]:
        with pytest.raises(synthgen.SplitExhausted) as caught:
            TASKS[task].batch(1, split=split)
        assert (caught.value.task, caught.value.split) == (task, split)
