"""Batches: every row once over processes, workers and epochs; the same order for any of them; resumed anywhere."""

import json
import pickle
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import given
from hypothesis import strategies as st
from synthgen.data import Batches, collate, joint, shuffled

Case = tuple[int, int, int, int, bool]
cases = st.tuples(
    st.integers(0, 60), st.integers(1, 8), st.integers(1, 4), st.integers(1, 5), st.booleans()
)  # rows, batch_size, world_size, workers, drop_last


def numbers(n: int) -> list[dict[str, int]]:
    """Rows that say their number."""
    return [{"row": i} for i in range(n)]


class Worker(Batches):
    """What one worker of a loader sees."""

    number, workers = 0, 1

    def worker(self) -> tuple[int, int]:
        return self.number, self.workers


def at_work(batches: Batches, number: int, workers: int) -> Worker:
    """The copy of some batches that a worker gets."""
    copy: Worker = pickle.loads(pickle.dumps(batches))
    copy.number, copy.workers = number, workers
    return copy


def in_turn(batches: Batches, workers: int) -> list[list[int]]:
    """Rows of each batch as a loader collects them: from each worker in turn."""
    copies = [list(at_work(batches, number, workers)) for number in range(workers)]
    collected = [batch for turn in zip_longest(*copies) for batch in turn if batch is not None]
    return [batch["row"].tolist() for batch in collected]


@given(cases)
def test_every_row_comes_once_whoever_shares_the_work(case: Case) -> None:
    n, batch_size, world_size, workers, drop_last = case
    ranks = [
        Worker(numbers(n), batch_size, rank=rank, world_size=world_size, drop_last=drop_last)
        for rank in range(world_size)
    ]
    step = batch_size * world_size
    steps = list(zip_longest(*(in_turn(batches, workers) for batches in ranks), fillvalue=[]))
    assert [len(batches) for batches in ranks] == [sum(bool(step[r]) for step in steps) for r in range(world_size)]
    for b, parts in enumerate(steps):
        # Which rows a step holds depends on the size of the whole step alone.
        assert sorted(row for part in parts for row in part) == list(range(b * step, min((b + 1) * step, n)))
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        if drop_last:
            assert set(sizes) == {batch_size}
    assert sum(len(part) for step in steps for part in step) == (n // step * step if drop_last else n)


@given(cases, st.data())
def test_a_pass_resumes_at_any_batch_with_any_workers(case: Case, data: st.DataObject) -> None:
    n, batch_size, world_size, workers, drop_last = case
    made: dict[str, Any] = {"rank": world_size - 1, "world_size": world_size, "drop_last": drop_last}
    whole = in_turn(Worker(numbers(n), batch_size, **made), 1)
    given_out = data.draw(st.integers(0, len(whole)))
    first = Worker(numbers(n), batch_size, **made)
    passing = iter(first)
    for _ in range(given_out):
        next(passing)
    state = json.loads(json.dumps(first.state_dict()))
    again = Worker(numbers(n), batch_size, **made)
    again.load_state_dict(state)
    assert again.state_dict()["next"] == given_out
    assert in_turn(again, workers) == whole[given_out:]
    assert in_turn(Worker(numbers(n), batch_size, start=given_out, **made), workers) == whole[given_out:]
    again.load_state_dict({"next": given_out})
    assert in_turn(again, workers) == whole[given_out:]


@given(cases, st.integers(0, 5), st.data())
def test_a_worker_resumes_its_own_turn(case: Case, start: int, data: st.DataObject) -> None:
    n, batch_size, _, workers, drop_last = case
    batches = Worker(numbers(n), batch_size, drop_last=drop_last, start=start)
    number = data.draw(st.integers(0, workers - 1))
    worker = at_work(batches, number, workers)
    whole = [batch["row"].tolist() for batch in worker]
    given_out = data.draw(st.integers(0, len(whole)))
    passing = iter(at_work(batches, number, workers))
    worker = at_work(batches, number, workers)
    passing = iter(worker)
    for _ in range(given_out):
        next(passing)
    again = at_work(Worker(numbers(n), batch_size, drop_last=drop_last), number, workers)
    again.load_state_dict(worker.state_dict())
    assert [batch["row"].tolist() for batch in again] == whole[given_out:]


@pytest.mark.parametrize("seq_len", [None, 600])
def test_batches_of_a_source_are_the_batches_of_the_task(seq_len: int | None) -> None:
    source = synthgen.dyna.source(3, 20, start=5, difficulty=1, seq_len=seq_len)
    for b, made in enumerate(Batches(source, 8)):
        wanted = synthgen.dyna.batch(len(made["input_ids"]), 3, start=5 + b * 8, difficulty=1, seq_len=seq_len)
        width = made["input_ids"].shape[1]
        assert width == (seq_len or wanted.lengths.max())
        for name in ("input_ids", "loss_mask", "labels", "attention_mask"):
            array = getattr(wanted, name)[:, :width]
            assert np.array_equal(made[name], array), name
            assert made[name].dtype == array.dtype
    assert b == 2


MIXED: dict[str, Any] = {
    "mixture": synthgen.mix({"dyna": 1, "mano": 3}, difficulty=1),
    "curriculum": synthgen.curriculum("mano", schedule=[(0, (1, 0, 0)), (5, (0, 0, 1))], linear=True, batch_size=2),
}


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("seq_len", [None, 600])
def test_batches_of_a_mixed_source_are_those_of_the_mixture(kind: str, seq_len: int | None) -> None:
    mixed = MIXED[kind]
    assert len(mixed.vocab) > 0
    source = pickle.loads(pickle.dumps(mixed.source(3, 20, start=5, split="train", seq_len=seq_len)))
    wanted = mixed.batch(20, 3, start=5, split="train", seq_len=seq_len)
    for b, made in enumerate(Batches(source, 8)):
        width = made["input_ids"].shape[1]
        for name in ("input_ids", "loss_mask", "labels", "attention_mask"):
            assert np.array_equal(made[name], getattr(wanted, name)[b * 8 : (b + 1) * 8, :width]), name
    assert np.array_equal(source[19]["labels"], collate([source[-1]])["labels"][0])
    with pytest.raises(synthgen.ParamError, match="split"):
        mixed.source(split="dev")
    with pytest.raises(IndexError, match="20"):
        source.__getitems__([18, 19, 20])


def test_epochs_lie_in_the_order() -> None:
    n, epochs = 10, 3
    rows = [batch["row"] for batch in Batches(shuffled(numbers(n), 4, epochs=epochs), 4)]
    assert [len(batch) for batch in rows] == [4] * 7 + [2]  # a batch may hold rows of two epochs
    flat = np.concatenate(rows).reshape(epochs, n)
    assert (np.sort(flat) == np.arange(n)).all()
    assert len({tuple(epoch) for epoch in flat.tolist()}) == epochs


def test_rows_of_different_fields_are_refused_unless_fields_are_named() -> None:
    plain = {"input_ids": np.array([7, 8], np.uint16), "labels": [7, -100]}
    named = {"labels": np.array([1]), "input_ids": [3], "task": "dyna"}
    with pytest.raises(synthgen.ParamError, match="name those to keep"):
        collate([plain, named])
    with pytest.raises(synthgen.ParamError, match="name those to keep"):
        collate([plain, named], fields=["task"])
    made = collate([plain, named], 3, ["input_ids", "labels"])
    assert made["input_ids"].tolist() == [[7, 8, 0], [3, 0, 0]]
    assert made["labels"].tolist() == [[7, -100, -100], [1, -100, -100]]
    assert made["attention_mask"].tolist() == [[1, 1, 0], [1, 0, 0]]
    one = Batches(joint({"a": [plain], "b": [named]}), 2, seq_len=3, fields=["input_ids", "labels"])[0]
    assert sorted(one["input_ids"].tolist()) == sorted(made["input_ids"].tolist())
    with pytest.raises(synthgen.ParamError, match="one or more rows"):
        collate([])


@pytest.mark.parametrize("asked", [{"batch_size": 0}, {"batch_size": 2, "rank": 1}, {"batch_size": 2, "start": -1}])
def test_wrong_arguments_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(synthgen.ParamError, match="allowed"):
        Batches(numbers(3), **asked)


@pytest.mark.parametrize(
    "state", [{}, {"next": -1}, {"next": 1, "first": 2}, {"next": 1, "epoch": 0}, None, {"next": "1"}]
)
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(synthgen.ParamError, match="allowed"):
        Batches(numbers(3), 1).load_state_dict(state)
