"""Depo as users of the Hugging Face generators know it: rows, fields and refusals."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from synthgen import compat, depo
from synthgen.errors import ParamError

from tests.compat_rows import check_answers
from tests.public_cases import law

ROW = ["input_ids", "loss_mask", "labels", "n", "query_count", "K", "mini_vocab"]
NAMES = set(compat.DEPO_DEFAULTS)


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
        "fixed_k": st.one_of(st.none(), st.integers(1, 8)),
        "allow_wrap": st.just(True),
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
    assert list(row) == [*ROW, "answer_mask", "answer_spans", "query_hops"]
    ids, mask = row["input_ids"], row["loss_mask"]
    assert row["labels"] == [id_ if m else -100 for id_, m in zip(ids, mask, strict=True)]
    assert {type(value) for value in (*ids, *mask, *row["labels"])} == {int}
    n, hops = read(ids, config)
    assert (row["n"], row["query_count"], row["K"], row["mini_vocab"]) == (n, min(n, c["M"]), c["K"], c["mini_vocab"])
    assert len(hops) == row["query_count"]
    assert row["query_hops"] == hops
    check_answers(row)
    assert n == c["N"] if c["qa"] else 3 <= n <= c["N"]
    if c["fixed_k"] is not None:
        assert set(hops) == {c["fixed_k"]}
        assert n > c["fixed_k"] or c.get("allow_wrap")
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
    assert short.column_names == long.column_names == [*ROW, "answer_mask", "answer_spans", "query_hops"]
    assert long.to_list()[:5] == short.to_list()
    assert len({tuple(row["input_ids"]) for row in long}) == 12
    assert all(compat.validate_depo_example(row["input_ids"], config) for row in long)
    assert compat.make_depo_hf_dataset(5, config).to_list() == compat.make_depo_hf_dataset(5, config, seed=42).to_list()
    assert compat.make_depo_hf_dataset(5, config, seed=8).to_list() != short.to_list()


@pytest.mark.parametrize("name", ["Q", "n", "maxtlen", "L", "value_mod", "bos", "foo_token_id", "key_token_base"])
def test_depo_keys_that_are_not_known_are_refused(name: str) -> None:
    config = {"N": 12, name: 3}
    ids = compat.generate_depo_example(Random(1), {"N": 12})["input_ids"]
    calls: list[Callable[[], Any]] = [
        lambda: compat.generate_depo_example(Random(1), config),
        lambda: compat.validate_depo_example(ids, config),
        lambda: compat.make_depo_hf_dataset(2, config),
    ]
    for call in calls:
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
        {"N": 8, "fixed_k": 8},
    ],
)
def test_depo_values_that_cannot_be_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ParamError) as caught:
        compat.generate_depo_example(Random(1), config)
    assert caught.value.task == "depo"
    assert caught.value.field in NAMES
    assert caught.value.value
    assert caught.value.allowed
    with pytest.raises(ParamError):
        compat.validate_depo_example([0, 1], config)
