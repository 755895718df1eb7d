"""Grain pipelines: every row once over hosts and epochs, the batches of any other loader, resumed exactly."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.checks import extra
from synthgen.data import Batches, Stored, collate, shuffled
from synthgen.data.grain import dataset, loader

from tests.stored_fixture import write_stored

grain = extra("grain", "grain")


class Numbers:
    """Rows that say their number."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> dict[str, int]:
        if not 0 <= i < self.n:
            raise IndexError(i)
        return {"row": i}

    def __repr__(self) -> str:
        return f"Numbers({self.n})"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of rows."""
    made = tmp_path_factory.mktemp("rows")
    write_stored(made, rows=5, shards=2)
    return made


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.sampled_from([None, 0, 7]))
def test_hosts_share_every_row_of_every_epoch(n: int, num_shards: int, epochs: int, seed: int | None) -> None:
    hosts = [
        [row["row"] for row in dataset(Numbers(n), seed=seed, epochs=epochs, shard_index=host, num_shards=num_shards)]
        for host in range(num_shards)
    ]
    order = [hosts[p % num_shards][p // num_shards] for p in range(n * epochs)]
    for epoch in range(epochs):
        assert sorted(order[epoch * n : (epoch + 1) * n]) == list(range(n))
    wanted = shuffled(Numbers(n), seed, epochs=epochs) if seed is not None else Numbers(n)
    assert order[:n] == [wanted[p]["row"] for p in range(n)]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3), st.booleans(), st.sampled_from([0, 1, 3]), st.data())
def test_an_iterator_resumes_at_any_batch(
    n: int, batch_size: int, num_shards: int, drop: bool, threads: int, data: st.DataObject
) -> None:
    host = data.draw(st.integers(0, num_shards - 1))
    asked: dict[str, Any] = {"shard_index": host, "num_shards": num_shards, "drop_remainder": drop, "threads": threads}
    batches = Batches(shuffled(Numbers(n), 3, epochs=2), batch_size, rank=host, world_size=num_shards, drop_last=drop)
    wanted = [batch["row"].tolist() for batch in batches]
    passing = iter(loader(Numbers(n), batch_size, seed=3, epochs=2, **asked))
    cut = data.draw(st.integers(0, len(wanted)))
    assert [next(passing)["row"].tolist() for _ in range(cut)] == wanted[:cut]
    state = json.loads(json.dumps(passing.get_state()))
    again = iter(loader(Numbers(n), batch_size, seed=3, epochs=2, **asked))
    again.set_state(state)
    assert [batch["row"].tolist() for batch in again] == wanted[cut:]
    assert [batch["row"].tolist() for batch in passing] == wanted[cut:]


def test_batches_of_a_source_are_the_batches_of_the_task() -> None:
    source = synthgen.depo.source(2, 30, difficulty=1)
    batch = synthgen.depo.batch(30, 2, difficulty=1)
    width = batch.input_ids.shape[1]
    made = list(loader(source, 10, seq_len=width))
    assert len(made) == 3
    for i, part in enumerate(made):
        for name in ("input_ids", "loss_mask", "labels", "attention_mask"):
            assert np.array_equal(part[name], getattr(batch, name)[i * 10 : (i + 1) * 10]), name


def test_stored_rows_and_windows_are_sources(root: Path) -> None:
    stored = Stored(root)
    windows = stored.windows(1024)
    rows = list(loader(stored, 4))
    assert [name for batch in rows for name in batch["task"]] == [row["task"] for row in stored]
    assert all(same(batch, other) for batch, other in zip(rows, Batches(stored, 4), strict=True))
    packed = list(loader(windows, 2, seed=1))
    assert sum(len(batch["input_ids"]) for batch in packed) == len(windows)
    assert all(batch["segment_ids"].shape[1] == 1024 for batch in packed)
    again = pickle.loads(pickle.dumps(windows))
    assert same(next(iter(loader(again, 2, seed=1))), packed[0])


def test_rows_pass_through_whatever_grain_offers() -> None:
    source = synthgen.dyna.source(1, 2**40, difficulty=1)
    rows = dataset(source, seed=5, shard_index=1, num_shards=4)
    assert len(rows) == 2**38
    made = rows.map(lambda row: {"input_ids": row["input_ids"]}).batch(3, batch_fn=collate)[2**36]
    order = shuffled(source, 5)
    wanted = collate([{"input_ids": order[1 + 4 * (2**36 * 3 + i)]["input_ids"]} for i in range(3)])
    assert same(made, wanted)


WORKERS = """
import json, sys
import synthgen
from synthgen.data.grain import loader

if __name__ == "__main__":
    made = loader(synthgen.dyna.source(0, 30, difficulty=1), 4, seed=9, workers=2, threads=1)
    passing = iter(made)
    first = [next(passing)["input_ids"].tolist() for _ in range(3)]
    state = json.loads(json.dumps(passing.get_state()))
    rest = [batch["input_ids"].tolist() for batch in passing]
    passing.close()
    again = iter(made)
    again.set_state(state)
    resumed = [batch["input_ids"].tolist() for batch in again]
    again.close()
    print(json.dumps([first, rest, resumed]))
"""


def test_worker_processes_give_the_same_batches(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "workers.py")], capture_output=True, text=True, check=True, timeout=300
    )
    first, rest, resumed = json.loads(done.stdout.splitlines()[-1])
    rows = synthgen.dyna.source(0, 30, difficulty=1)
    assert first + rest == [batch["input_ids"].tolist() for batch in Batches(shuffled(rows, 9), 4)]
    assert resumed == rest


@pytest.mark.parametrize("asked", [{"shard_index": 2, "num_shards": 2}, {"num_shards": 0}, {"epochs": -1}])
def test_wrong_arguments_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(synthgen.ParamError, match="allowed"):
        dataset(Numbers(4), **asked)
    with pytest.raises(synthgen.ParamError, match="allowed"):
        loader(Numbers(4), 2, **asked)
