"""The names and conventions of the originals: rows, fields, views and refusals are as their users know them."""

import re
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from synthgen import compat, depo, dyna
from synthgen.errors import ParamError

from tests.public_cases import law

SAMPLE = {"input_text", "target", "metadata"}
FACTS = {"state_size", "num_ops", "initial_state", "final_state", "operations", "all_queries", "all_answers"}
ROW = ["input_ids", "loss_mask", "labels", "n", "query_count", "K", "mini_vocab"]
ELEMENT = r"(?:[A-Z]\d*|\d+)"
OPERATION = r"(?:(?:SWAP|REVERSE)\(\d+,\d+\)|ROTATE_(?:LEFT|RIGHT)\(\d+\))"
QUESTION = rf"QUERY (?:position \d+|element {ELEMENT}) ->"
STATE = rf"STATE \[{ELEMENT}(?:, {ELEMENT})+\] \|\| OPS {OPERATION}(?: \| {OPERATION})* \|\| "
TRAINING = re.compile(rf"{STATE}{QUESTION} {ELEMENT}(?: \| {QUESTION} {ELEMENT})*")
EVALUATION = re.compile(STATE + QUESTION)


def apply(state: list[str], operation: list[Any]) -> list[str]:
    """Apply an operation of the metadata."""
    name, arguments = operation
    if name == "ROTATE_LEFT":
        return state[arguments[0] :] + state[: arguments[0]]
    if name == "ROTATE_RIGHT":
        return state[-arguments[0] :] + state[: -arguments[0]]
    i, j = arguments
    if name == "REVERSE_SEGMENT":
        return state[:i] + state[i : j + 1][::-1] + state[j + 1 :]
    assert name == "SWAP"
    changed = list(state)
    changed[i], changed[j] = state[j], state[i]
    return changed


@law(st.integers(0, 2**64 - 1), st.integers(4, 30), st.integers(1, 40), st.integers(1, 3), st.booleans())
def test_dyna_samples(seed: int, size: int, ops: int, queries: int, symbolic: bool) -> None:
    config: dict[str, Any] = {
        "state_size_min": size,
        "state_size_max": size + 2,
        "num_ops_min": ops,
        "num_ops_max": ops + 3,
        "num_queries": queries,
        "use_symbolic_names": symbolic,
        "seed": seed,
    }
    training, evaluation = compat.DynaTask(config), compat.DynaTask(**config)
    for _ in range(3):
        train, cut = training.generate_sample(), evaluation.generate_evaluation_sample()
        assert set(train) == set(cut) == SAMPLE
        assert TRAINING.fullmatch(train["input_text"])
        assert EVALUATION.fullmatch(cut["input_text"])
        # The same draw in both views, one a beginning of the other.
        assert (train["target"], train["metadata"]) == (cut["target"], cut["metadata"])
        assert train["input_text"].startswith(f"{cut['input_text']} {cut['target']}")
        assert train["input_text"].count(" ->") == queries
        facts = train["metadata"]
        assert set(facts) >= FACTS
        assert size <= facts["state_size"] == len(facts["initial_state"]) <= size + 2
        assert ops <= facts["num_ops"] == len(facts["operations"]) <= ops + 3
        assert all(name.isdigit() != symbolic for name in facts["initial_state"])
        state = facts["initial_state"]
        for operation in facts["operations"]:
            state = apply(state, operation)
        assert state == facts["final_state"]
        assert len(facts["all_queries"]) == len(facts["all_answers"]) == queries
        for question, answer in zip(facts["all_queries"], facts["all_answers"], strict=True):
            kind, about = question.split()
            assert answer == (state[int(about)] if kind == "position" else str(state.index(about)))
            assert f"QUERY {question} -> {answer}" in train["input_text"]
        assert train["target"] == facts["all_answers"][0]
        assert dyna.solve(cut["input_text"]) == cut["target"]
        assert compat.validate_dyna_example(train)
        assert compat.validate_dyna_example(cut)
        assert not compat.validate_dyna_example(cut | {"target": "Z25"})


def test_dyna_samples_go_on_and_repeat_with_the_seed() -> None:
    one, other = compat.DynaTask(seed=5), compat.DynaTask({"seed": 5})
    drawn = [one.generate_sample() for _ in range(20)]
    assert drawn == [other.generate_sample() for _ in range(20)]
    assert len({sample["input_text"] for sample in drawn}) == 20
    assert drawn != [compat.DynaTask(seed=6).generate_sample() for _ in range(20)]
    assert compat.DynaTask().generate_sample() != compat.DynaTask().generate_sample()
    assert one.generate_dataset(3, 1) == other.generate_dataset(3, 1)
    assert one.generate_sample() == other.generate_sample()
    assert compat.generate_dyna_example(Random(1), {}) == compat.generate_dyna_example(Random(1), {})


def test_dyna_sizes_of_one_sample_go_before_the_configuration() -> None:
    task = compat.DynaTask(seed=1)
    facts = task.generate_sample(state_size=18, num_ops=2)["metadata"]
    assert (facts["state_size"], facts["num_ops"]) == (18, 2)
    facts = task.generate_evaluation_sample(num_ops=40)["metadata"]
    assert facts["num_ops"] == 40
    assert 5 <= facts["state_size"] <= 15


@pytest.mark.parametrize("sizes", [{"state_size": 0}, {"num_ops": 0}, {"state_size": 1}, {"num_ops": -1}])
def test_dyna_sizes_that_cannot_be_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ParamError):
        compat.DynaTask(seed=1).generate_sample(**sizes)


@pytest.mark.parametrize(
    ("level", "sizes", "ops"), [(1, (5, 7), (5, 10)), (2, (8, 12), (10, 20)), (3, (13, 20), (20, 50))]
)
def test_dyna_datasets_are_of_their_level(level: int, sizes: tuple[int, int], ops: tuple[int, int]) -> None:
    rows = compat.DynaTask(seed=2).generate_dataset(400, level)
    assert len(rows) == 400
    assert all(TRAINING.fullmatch(row["input_text"]) for row in rows)
    drawn_sizes = {row["metadata"]["state_size"] for row in rows}
    drawn_ops = {row["metadata"]["num_ops"] for row in rows}
    assert drawn_sizes == set(range(sizes[0], sizes[1] + 1))
    assert drawn_ops == set(range(ops[0], ops[1] + 1))
    if level == 1:
        assert compat.DynaTask(seed=2).generate_dataset(400) == rows


def test_dyna_fields_that_are_not_known_are_refused() -> None:
    for config in ({"state_size": 5}, {"seeds": 1}, {"num_query": 3}):
        with pytest.raises(ParamError, match="no such field") as caught:
            compat.DynaTask(config)
        assert caught.value.field == next(iter(config))
        with pytest.raises(ParamError, match="no such field"):
            compat.generate_dyna_example(Random(1), config)


def test_dyna_sets_start_with_shorter_ones() -> None:
    short, long = (compat.make_dyna_hf_dataset(n, {"num_ops_max": 9}, seed=3).to_list() for n in (4, 9))
    assert len(long) == 9
    assert long[:4] == short
    assert set(long[0]) == SAMPLE


# --- Depo ---


def configs() -> Any:
    """Give configurations in the names of the original, some of them left at their defaults."""
    choices = {
        "N": st.integers(9, 40),
        "K": st.integers(1, 32),
        "M": st.integers(1, 12),
        "qa": st.booleans(),
        "separator": st.booleans(),
        "mini_vocab": st.integers(20, 100),
        "min_tlen": st.integers(1, 2),
        "max_tlen": st.integers(2, 4),
        "fixed_k": st.one_of(st.none(), st.integers(1, 32)),
        "bos_token_id": st.sampled_from([0, 9999, 1000]),
        "separator_token_id": st.sampled_from([9700, 9701]),
        "query_token_base": st.sampled_from([9000, 8000]),
        "answer_token_id": st.sampled_from([9500, 9600]),
    }
    return st.fixed_dictionaries({"N": choices.pop("N")}, optional=choices)


def read(ids: list[int], config: dict[str, Any]) -> tuple[int, list[int]]:
    """Check a row by the original's rules alone; return its number of nodes and its hops."""
    c = {**compat.DEPO_DEFAULTS, **config}
    assert ids[0] == c["bos_token_id"]
    at, words = 1, []

    def word() -> tuple[int, ...]:
        nonlocal at
        begun = at
        while ids[at] <= c["mini_vocab"]:
            assert ids[at] >= 1
            at += 1
        assert ids[at] <= 2 * c["mini_vocab"]
        at += 1
        assert c["min_tlen"] <= at - begun <= c["max_tlen"]
        return tuple(ids[begun:at])

    def token(id_: int) -> None:
        nonlocal at
        assert ids[at] == id_
        at += 1

    edges: dict[tuple[int, ...], tuple[int, ...]] = {}
    while not 1 <= ids[at] - c["query_token_base"] <= 128:
        if c["separator"]:
            token(c["separator_token_id"])
        source, target = word(), word()
        assert source not in edges
        edges[source] = target
        words.append(source)
    assert sorted(edges.values()) == sorted(words)
    node, seen = words[0], set()
    while node not in seen:
        seen.add(node)
        node = edges[node]
    assert len(seen) == len(edges)
    hops, asked = [], []
    while at < len(ids):
        hops.append(ids[at] - c["query_token_base"])
        at += 1
        asked.append(word())
        token(c["answer_token_id"])
        answer, node = word(), asked[-1]
        for _ in range(hops[-1]):
            node = edges[node]
        assert node == answer
    assert len(set(asked)) == len(asked)
    return len(edges), hops


@law(configs(), st.integers(0, 2**32), examples=50)
def test_depo_rows(config: dict[str, Any], seed: int) -> None:
    c = {**compat.DEPO_DEFAULTS, **config}
    row = compat.generate_depo_example(Random(seed), config)
    assert row == compat.generate_depo_example(Random(seed), config)
    assert list(row) == ROW
    ids, mask = row["input_ids"], row["loss_mask"]
    assert row["labels"] == [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)]
    assert {type(value) for value in (*ids, *mask, *row["labels"])} == {int}
    n, hops = read(ids, config)
    assert (row["n"], row["query_count"], row["K"], row["mini_vocab"]) == (n, min(n, c["M"]), c["K"], c["mini_vocab"])
    assert len(hops) == row["query_count"]
    assert n == c["N"] if c["qa"] else 3 <= n <= c["N"]
    if c["fixed_k"] is not None:
        assert set(hops) == {c["fixed_k"]}
    elif c["qa"]:
        assert set(hops) <= {1, 2, 4, 8, 16, 32, c["K"], *([24] if c["K"] == 32 else [])}
    assert max(hops) <= max(c["K"], c["fixed_k"] or 0)
    # Predicted: the answer marker and the word after it, up to its final token.
    inside, wanted = False, []
    for id_ in ids:
        inside = inside or id_ == c["answer_token_id"]
        wanted.append(int(inside))
        inside = inside and not c["mini_vocab"] < id_ <= 2 * c["mini_vocab"]
    assert mask == wanted
    assert compat.validate_depo_example(ids, config)
    assert compat.validate_depo_example(np.array(ids), config)


@law(configs(), st.integers(0, 2**32), st.data(), examples=50)
def test_depo_rows_that_were_tampered_with_are_rejected(config: dict[str, Any], seed: int, data: Any) -> None:
    ids = compat.generate_depo_example(Random(seed), config)["input_ids"]
    at = data.draw(st.integers(0, len(ids) - 1))
    dropped, doubled = ids[:at] + ids[at + 1 :], ids[: at + 1] + ids[at:]
    cut = ids[: data.draw(st.integers(0, len(ids) - 1))]
    for wrong in (
        dropped,
        doubled,
        cut,
        [],
        ids[::-1],
        [*ids, 10**9],
        [-1, *ids],
        [float(id_) for id_ in ids],
        [ids],
        [ids, [1]],
    ):
        assert compat.validate_depo_example(wrong, config) is False
    last = ids[-1]
    for other in {config.get("mini_vocab", 50) + 1, config.get("mini_vocab", 50) + 2} - {last}:
        assert compat.validate_depo_example([*ids[:-1], other], config) is False


def test_depo_rows_in_other_special_ids_are_rejected() -> None:
    """A row is valid in the ids of its configuration only, not in the reference's as well."""
    config = {"N": 12, "separator": True}
    ours = {"bos_token_id": 9998, "answer_token_id": 9600, "separator_token_id": 9800, "query_token_base": 8000}
    plain = compat.generate_depo_example(Random(1), config)["input_ids"]
    for name, value in ours.items():
        other = compat.generate_depo_example(Random(1), {**config, name: value})["input_ids"]
        assert compat.validate_depo_example(other, {**config, name: value})
        assert not compat.validate_depo_example(other, config)
        assert not compat.validate_depo_example(plain, {**config, name: value}), name
    assert not compat.validate_depo_example([9999, *plain[1:]], config)


def test_depo_ids_are_the_reference_ids_of_the_task() -> None:
    config = {"N": 30, "bos_token_id": 9999}
    rng = Random(4)
    row = compat.generate_depo_example(Random(4), config)
    batch = depo.batch(1, rng.getrandbits(64), n_max=30, compat_ids=True)
    assert row["input_ids"] == batch.input_ids[0, : batch.lengths[0]].tolist()
    assert row["loss_mask"] == batch.loss_mask[0, : batch.lengths[0]].tolist()


@pytest.mark.parametrize("config", [{"N": 15}, {"N": 12, "qa": True, "fixed_k": 8, "separator": True}])
def test_depo_sets_start_with_shorter_ones(config: dict[str, Any]) -> None:
    short, long = (compat.make_depo_hf_dataset(n, config, seed=7) for n in (5, 12))
    assert (len(short), len(long)) == (5, 12)
    assert short.column_names == long.column_names == ROW
    assert long.to_list()[:5] == short.to_list()
    assert len({tuple(row["input_ids"]) for row in long}) == 12
    assert all(compat.validate_depo_example(row["input_ids"], config) for row in long)
    assert compat.make_depo_hf_dataset(5, config).to_list() == compat.make_depo_hf_dataset(5, config, seed=42).to_list()
    assert compat.make_depo_hf_dataset(5, config, seed=8).to_list() != short.to_list()


@pytest.mark.parametrize("name", ["Q", "n", "maxtlen", "L", "value_mod", "bos", "foo_token_id", "key_token_base"])
def test_depo_keys_that_are_not_known_are_refused(name: str) -> None:
    config = {"N": 12, name: 3}
    ids = compat.generate_depo_example(Random(1), {"N": 12})["input_ids"]
    for call in (
        lambda: compat.generate_depo_example(Random(1), config),
        lambda: compat.validate_depo_example(ids, config),
        lambda: compat.make_depo_hf_dataset(2, config),
    ):
        with pytest.raises(ParamError, match="no such field") as caught:
            call()
        assert (caught.value.task, caught.value.field) == ("depo", name)


@pytest.mark.parametrize(
    "config",
    [
        {"N": 2},
        {"N": "9"},
        {"K": 0},
        {"min_tlen": 3},
        {"mini_vocab": 4},
        # Ids of special tokens that are none, or that words, hops or other special tokens have.
        {"bos_token_id": "x"},
        {"bos_token_id": -1},
        {"query_token_base": None},
        {"answer_token_id": 5},
        {"answer_token_id": 0},
        {"separator_token_id": 9500},
        {"bos_token_id": 9001},
    ],
)
def test_depo_values_that_cannot_be_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ParamError) as caught:
        compat.generate_depo_example(Random(1), config)
    assert caught.value.task == "depo"
    with pytest.raises(ParamError):
        compat.validate_depo_example([0, 1], config)
