"""Streams of the package `datasets` resume exactly, whole or shared, and say what type their columns get."""

import json
from typing import Any

import numpy as np
import pytest
import synthgen
from datasets.distributed import split_dataset_by_node
from hypothesis import given, settings
from hypothesis import strategies as st


def stream(n: int, shards: int, columns: Any = "tokens") -> Any:
    return synthgen.dyna.iterable(3, n, start=5, difficulty=1, columns=columns, shards=shards)


def worker(made: Any, number: int, of: int) -> Any:
    return made.shard(num_shards=of, index=number)


def node(made: Any, number: int, of: int) -> Any:
    return split_dataset_by_node(made, number, of)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.sampled_from(["all", "text", "tokens"]),
    st.sampled_from([worker, node]),
    st.integers(1, 3),
    st.data(),
)
def test_a_stream_resumes_at_any_row(
    n: int, shards: int, columns: str, share: Any, of: int, data: st.DataObject
) -> None:
    of = min(of, shards, n)
    number = data.draw(st.integers(0, of - 1))
    whole = list(share(stream(n, shards, columns), number, of))
    given_out = data.draw(st.integers(0, len(whole)))
    made = share(stream(n, shards, columns), number, of)
    passing = iter(made)
    first = [next(passing) for _ in range(given_out)]
    again = share(stream(n, shards, columns), number, of)
    again.load_state_dict(json.loads(json.dumps(made.state_dict())))
    assert first + list(again) == whole


def test_shares_of_a_stream_that_stopped_resume_to_every_row_once() -> None:
    found = []
    for number in range(3):
        made = worker(stream(100, 6), number, 3)
        passing = iter(made)
        found += [next(passing) for _ in range(7 + 11 * number)]
        again = worker(stream(100, 6), number, 3)
        again.load_state_dict(made.state_dict())
        found += list(again)
    wanted = list(stream(100, 1))
    assert sorted(map(str, found)) == sorted(map(str, wanted))


@pytest.mark.parametrize("make", [synthgen.dyna.dataset, lambda n, **asked: synthgen.dyna.iterable(0, n, **asked)])
def test_the_numpy_format_widens_and_a_dtype_keeps(make: Any) -> None:
    made = make(2, columns="tokens")
    assert {array.dtype for array in next(iter(made.with_format("numpy"))).values()} == {np.dtype(np.int64)}
    if hasattr(made, "format"):
        narrow = made.with_format("numpy", dtype=np.int32)[0]
        assert {array.dtype for array in narrow.values()} == {np.dtype(np.int32)}
