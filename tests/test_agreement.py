"""The library and the Python oracles agree on every sample and mutant, and no facts are in two splits."""

from collections.abc import Callable, Hashable
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from tests.laws import Ints
from tests.mutants import mutant
from tests.oracles import depo, dyna
from tests.oracles.params import resolve
from tests.oracles.pieces import PIECES

TASKS: dict[str, Any] = {"dyna": synthgen.dyna, "depo": synthgen.depo}
ORACLES: dict[str, Any] = {"dyna": dyna, "depo": depo}
SPLITS = ("train", "validation", "test")

# Task, rows to compare, what to call the library with. More than 20,000 rows for each task.
SAMPLES: list[tuple[str, int, dict[str, Any]]] = [
    ("dyna", 4000, {}),
    ("dyna", 4000, {"difficulty": 1}),
    ("dyna", 3000, {"difficulty": 2}),
    ("dyna", 2000, {"difficulty": 3}),
    ("dyna", 2000, {"symbolic_names": False}),
    ("dyna", 2000, {"effective_depth": (2, 4)}),
    ("dyna", 1000, {"effective_depth": 0, "state_size": (3, 8), "num_ops": (1, 12), "num_queries": 2}),
    ("dyna", 1000, {"query_kind": "position", "num_queries": 4}),
    ("dyna", 1000, {"query_kind": "element", "num_queries": 1, "split": "test"}),
    ("dyna", 1000, {"state_size": 2, "num_ops": 1, "num_queries": 1}),
    ("dyna", 300, {"state_size": (25, 64), "num_ops": (1, 60), "num_queries": 24}),
    ("dyna", 50, {"state_size": 64, "num_ops": 512, "num_queries": 63, "symbolic_names": False}),
    ("depo", 3000, {}),
    ("depo", 700, {"difficulty": 1, "split": "validation"}),
    ("depo", 700, {"difficulty": 2}),
    ("depo", 700, {"difficulty": 3}),
    ("depo", 7000, {"n_max": 12}),
    ("depo", 1500, {"n_max": 40, "separator": True}),
    ("depo", 1500, {"n_max": 30, "qa": True}),
    ("depo", 1500, {"n_max": 30, "fixed_k": 4}),
    ("depo", 1500, {"n_max": 20, "k_set": [1, 3, 3, 9], "k_max": 9}),
    ("depo", 1500, {"n_max": 75, "mini_vocab": 4, "min_word_len": 5, "max_word_len": 7}),
    ("depo", 500, {"n_max": 3, "num_queries": 1, "mini_vocab": 6, "max_word_len": 1}),
    ("depo", 500, {"n_max": 20, "k_max": 32, "qa": True, "mini_vocab": 128, "max_word_len": 8}),
    ("depo", 500, {"n_max": 30, "k_max": 5, "allow_wrap": False, "num_queries": 30}),
    ("depo", 3, {"n_max": 4096, "qa": True, "mini_vocab": 128, "num_queries": 1024, "k_max": 128}),
]

# Task, rows, mutants of each, what to call the library with. More than 10,000 mutants for each task.
MUTATED: list[tuple[str, int, int, dict[str, Any]]] = [
    ("dyna", 200, 50, {"difficulty": 1}),
    ("dyna", 200, 50, {}),
    ("dyna", 100, 50, {"state_size": (3, 4), "num_ops": (1, 3), "num_queries": 2}),
    ("dyna", 100, 50, {"symbolic_names": False, "num_queries": 1}),
    ("dyna", 100, 50, {"query_kind": "position"}),
    ("dyna", 100, 50, {"effective_depth": (2, 4), "num_ops": (4, 9)}),
    ("dyna", 40, 50, {"state_size": (26, 64), "num_ops": 5}),
    ("depo", 200, 50, {"n_max": 6}),
    ("depo", 100, 50, {"n_max": 30}),
    ("depo", 100, 50, {"n_max": 6, "separator": True, "num_queries": 3}),
    ("depo", 100, 50, {"n_max": 5, "qa": True, "k_max": 12}),
    ("depo", 100, 50, {"n_max": 9, "fixed_k": 3}),
    ("depo", 100, 50, {"n_max": 9, "k_max": 4, "allow_wrap": False}),
    ("depo", 100, 50, {"n_max": 5, "k_set": [2, 5, 7, 10], "k_max": 10}),
    ("depo", 100, 50, {"n_max": 6, "mini_vocab": 3, "min_word_len": 2, "max_word_len": 4}),
    ("depo", 20, 50, {}),
]


def identify(case: tuple[Any, ...]) -> str:
    """Name a case by its task and its keywords."""
    keywords = case[-1]
    return "-".join([case[0], *(f"{name}={value}" for name, value in keywords.items())])


def drawn(task: str, rows: int, seed: int, asked: dict[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Draw a batch; return it with its params, as the library and as the oracle take them."""
    batch = TASKS[task].batch(rows, seed=seed, **asked)
    params = {name: value for name, value in asked.items() if name != "split"}
    return batch, params, resolve(task, **params)


@pytest.mark.parametrize("case", SAMPLES, ids=identify)
def test_every_sample_is_right(case: tuple[str, int, dict[str, Any]]) -> None:
    task, rows, asked = case
    library, oracle = TASKS[task], ORACLES[task]
    batch, params, resolved = drawn(task, rows, 2024, asked)
    lengths = batch.lengths.tolist()
    for i in range(rows):
        ids, mask = batch.input_ids[i].tolist(), batch.loss_mask[i].tolist()
        assert oracle.check(ids, mask, PIECES[task], resolved) is None, (i, ids)
        assert library.validate(ids, mask, **params).ok, (i, ids)
        assert ids[lengths[i] - 1] != 0
        assert not any(ids[lengths[i] :]), (i, ids)
        text = "".join(PIECES[task][token] for token in ids if token > 2)
        prompt, answer = batch.prompt(i), batch.answer(i)
        assert text.startswith(prompt + (" " if task == "dyna" else "") + answer), (prompt, answer, text)
        assert prompt == text.partition("->")[0] + "->"
        assert library.solve(prompt) == oracle.solve(prompt) == answer, prompt


def test_there_are_enough_cases() -> None:
    for task in TASKS:
        assert sum(case[1] for case in SAMPLES if case[0] == task) >= 20_000
        assert sum(case[1] * case[2] for case in MUTATED if case[0] == task) >= 10_000


def test_the_piece_tables_are_the_librarys() -> None:
    for task, library in TASKS.items():
        assert tuple(library.vocab.pieces) == PIECES[task]


@pytest.mark.parametrize("case", MUTATED, ids=identify)
def test_the_validators_agree_on_every_mutant(case: tuple[str, int, int, dict[str, Any]]) -> None:
    task, rows, times, asked = case
    library, oracle = TASKS[task], ORACLES[task]
    batch, params, resolved = drawn(task, rows, 77, asked)
    rng = Random(f"{task} {asked}")
    accepted = 0
    for i in range(rows):
        length = int(batch.lengths[i])
        ids, mask = batch.input_ids[i, :length].tolist(), batch.loss_mask[i, :length].tolist()
        for _ in range(times):
            made = mutant(rng, task, ids, mask)
            verdict = library.validate(made.ids, made.mask, **params)
            reason = oracle.check(made.ids, made.mask, PIECES[task], resolved)
            story = f"{made.how}: library says {verdict}, oracle says {reason!r}, {made}, row {ids}, {mask}"
            assert verdict.ok == (reason is None), story
            assert not (made.surely_invalid and verdict.ok), story
            assert verdict.ok == (verdict.reason is None), story
            accepted += verdict.ok
    assert 0.01 < accepted / (rows * times) < 0.5  # both verdicts were put to the test


# Rows of one kind of params are judged under another kind: every rule on params is met from both sides.
STRANGERS: dict[str, list[dict[str, Any]]] = {
    "dyna": [
        {"state_size": (3, 5), "num_ops": (2, 4), "num_queries": 2},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 3},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "query_kind": "element"},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "query_kind": "position"},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "symbolic_names": False},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "effective_depth": (1, 2)},
        {"state_size": (4, 6), "num_ops": (3, 5), "num_queries": 2, "effective_depth": (2, 9)},
    ],
    "depo": [
        {"n_max": 5, "k_max": 4, "num_queries": 4},
        {"n_max": 7, "k_max": 4, "num_queries": 4},
        {"n_max": 7, "k_max": 4, "num_queries": 4, "allow_wrap": False},
        {"n_max": 7, "k_max": 4, "num_queries": 5},
        {"n_max": 7, "k_max": 7, "num_queries": 4},
        {"n_max": 7, "k_max": 7, "num_queries": 4, "qa": True},
        {"n_max": 7, "k_max": 4, "num_queries": 4, "separator": True},
        {"n_max": 7, "num_queries": 4, "fixed_k": 4},
        {"n_max": 7, "num_queries": 4, "fixed_k": 4, "allow_wrap": True},
        {"n_max": 7, "num_queries": 4, "k_set": [1, 2, 4]},
        {"n_max": 7, "k_max": 4, "num_queries": 4, "max_word_len": 1},
        {"n_max": 7, "k_max": 4, "num_queries": 4, "min_word_len": 2},
        {"n_max": 7, "k_max": 4, "num_queries": 4, "mini_vocab": 30},
    ],
}


@pytest.mark.parametrize("task", TASKS)
def test_the_validators_agree_on_rows_drawn_with_other_params(task: str) -> None:
    library, oracle = TASKS[task], ORACLES[task]
    mixed = 0
    for asked in STRANGERS[task]:
        batch = library.batch(60, seed=5, **asked)
        rows = list(zip(batch.input_ids.tolist(), batch.loss_mask.tolist(), strict=True))
        for params in STRANGERS[task]:
            resolved = resolve(task, **params)
            verdicts = [library.validate(ids, mask, **params) for ids, mask in rows]
            reasons = [oracle.check(ids, mask, PIECES[task], resolved) for ids, mask in rows]
            for (ids, _), verdict, reason in zip(rows, verdicts, reasons, strict=True):
                assert verdict.ok == (reason is None), (ids, asked, params, verdict, reason)
            right = sum(verdict.ok for verdict in verdicts)
            assert right == len(rows) or params != asked
            mixed += 0 < right < len(rows)
    assert mixed > len(STRANGERS[task])


# ---- splits -----------------------------------------------------------------------------------------------

# At these params rows of different seeds often state the same facts (of about 2.5 million, and 1.4 million).
CROWDED: dict[str, dict[str, Any]] = {
    "dyna": {"state_size": 4, "num_ops": 4, "num_queries": 1},
    "depo": {"n_max": 4, "num_queries": 1, "k_max": 3, "mini_vocab": 50, "max_word_len": 1},
}
ROWS_PER_CELL = 35_000  # for each of three splits and two seeds


def dyna_keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the queries blanked, the arguments of a swap in order."""
    number = {piece: i for i, piece in enumerate(PIECES["dyna"])}
    keys = ids.copy()
    row, at = np.nonzero(np.isin(ids, [number["SWAP"], number[" | SWAP"]]))
    left, right = ids[row, at + 1] - number["(0,"], ids[row, at + 2] - number["0)"]
    keys[row, at + 1] = np.minimum(left, right) + number["(0,"]
    keys[row, at + 2] = np.maximum(left, right) + number["0)"]
    first_query = [number[" || QUERY position "], number[" || QUERY element "]]
    keys[np.cumsum(np.isin(ids, first_query), axis=1) > 0] = 0
    return keys


def depo_keys(ids: Ints) -> Ints:
    """Turn every row into its facts: the edges in order. All words are one token long here."""
    number = {piece: i for i, piece in enumerate(PIECES["depo"])}
    query = (ids >= number["| QUERY hops=1 "]) & (ids <= number["| QUERY hops=128 "])
    graph = np.where(np.cumsum(query, axis=1) > 0, 0, ids)[:, 1:9]
    return np.sort(graph[:, 0::2] * 1000 + graph[:, 1::2], axis=1)


KEYS: dict[str, Callable[[Ints], Ints]] = {"dyna": dyna_keys, "depo": depo_keys}


@pytest.mark.parametrize("task", TASKS)
def test_no_facts_occur_in_two_splits(task: str) -> None:
    library, oracle = TASKS[task], ORACLES[task]
    seen: dict[str, list[set[bytes]]] = {split: [] for split in SPLITS}
    exact: dict[bytes, Hashable] = {}
    for split in SPLITS:
        for seed in (1, 2):
            batch = library.batch(ROWS_PER_CELL, seed=seed, split=split, **CROWDED[task])
            ids = np.asarray(batch.input_ids).astype(np.int64)
            keys = [key.tobytes() for key in KEYS[task](ids)]
            seen[split].append(set(keys))
            for i in range(1000):
                facts = oracle.canonical(ids[i].tolist(), PIECES[task])
                assert exact.setdefault(keys[i], facts) == facts  # one key never stands for two facts
    assert len(set(exact.values())) == len(exact)  # nor do two keys for the same facts
    assert 6 * ROWS_PER_CELL >= 200_000
    for split, (one, two) in seen.items():
        assert len(one & two) > 50, f"{split}: hardly any facts recur, so that a leak could not show"
    for one_split, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = (seen[one_split][0] | seen[one_split][1]) & (seen[other][0] | seen[other][1])
        assert not shared, f"{len(shared)} facts are in {one_split} and in {other}"


@pytest.mark.parametrize("task", TASKS)
def test_unfiltered_rows_do_leak_so_the_test_above_can_fail(task: str) -> None:
    one, two = (
        {key.tobytes() for key in KEYS[task](np.asarray(batch.input_ids).astype(np.int64))}
        for batch in (TASKS[task].batch(ROWS_PER_CELL, seed=seed, **CROWDED[task]) for seed in (1, 2))
    )
    assert len(one & two) > 50
