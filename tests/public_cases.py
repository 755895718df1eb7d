"""Parameters that the tasks accept, seeds and row numbers, drawn for laws of the public calls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kits import KITS

TASKS: dict[str, Any] = {name: synthgen.get(name) for name in synthgen.tasks()}
SPLITS = ("train", "validation", "test")
MAX_U64 = 2**64 - 1
ROW_ARRAYS = ("input_ids", "loss_mask", "lengths", "splits", "parts")
WINDOW_ARRAYS = (
    "input_ids",
    "loss_mask",
    "segment_ids",
    "position_ids",
    "instance_offsets",
    "instance_starts",
    "instance_complete",
    "instance_splits",
    "instance_parts",
    "query_offsets",
    "query_spans",
    "query_complete",
)

Test = TypeVar("Test", bound=Callable[..., None])


def law(*drawn: Any, examples: int = 40) -> Callable[[Test], Test]:
    """Hold a test for many drawn arguments, the same in every run."""
    fixed = settings(deadline=None, derandomize=True, max_examples=examples)
    holding: Any = given(*drawn)

    def wrap(test: Test) -> Test:
        return cast(Test, fixed(holding(test)))

    return wrap


def task_law(*drawn: Any, examples: int = 6, tasks: Iterable[str] = TASKS) -> Callable[[Any], Any]:
    """Hold a test for every task: for many cases of it, and many of what else is drawn, the same in every run."""

    def wrap(test: Callable[..., None]) -> Any:
        @law(st.data(), examples=examples)
        def holding(task: str, data: Any) -> None:
            case = data.draw(KITS[task].cases(), label="case")
            test(case, *(data.draw(other) for other in drawn))

        holding.__name__, holding.__doc__ = test.__name__, test.__doc__
        return pytest.mark.parametrize("task", list(tasks))(holding)

    return wrap


def composite(make: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a function that draws into a maker of strategies."""
    return cast(Callable[..., Any], st.composite(make))


@dataclass(frozen=True)
class Case:
    """A task and parameters for it; ``split`` is None or one that holds many instances at these parameters."""

    task: str
    params: dict[str, Any]
    split: str | None = None

    @property
    def module(self) -> Any:
        return TASKS[self.task]

    @property
    def asked(self) -> dict[str, Any]:
        """What to pass to a call that draws rows."""
        return {"split": self.split, **self.params}

    @property
    def width(self) -> int:
        """The default seq_len."""
        return int(self.module.batch(0, **self.params).input_ids.shape[1])


seeds: Any = st.integers(0, MAX_U64)
starts: Any = st.one_of(
    st.integers(0, 1000), st.integers(2**32 - 40, 2**32 + 40), st.integers(MAX_U64 - 1000, MAX_U64 - 100)
)


@composite
def spans(draw: Any, lo: int, low_end: int, high_end: int) -> tuple[int, int]:
    """Pairs in order, the first at most ``low_end`` and the second at most ``high_end``."""
    low = draw(st.integers(lo, low_end))
    return low, draw(st.integers(low, high_end))


@composite
def mixtures(draw: Any) -> tuple[synthgen.Mixture, dict[str, Case]]:
    """Up to four tasks in any order at even odds, and the parameters that each has there."""
    names = draw(st.lists(st.sampled_from(list(TASKS)), min_size=1, max_size=4, unique=True))
    parts = {name: draw(KITS[name].cases()) for name in names}
    params = {name: case.params for name, case in parts.items()}
    return synthgen.mix(dict.fromkeys(parts, 1), params=params), parts


def few() -> list[str]:
    """Name up to four tasks that have rows in every split, to stand for all in what many tasks would make slow."""
    return [task for task in TASKS if not KITS[task].UNSPLIT][:4]


def wide(task: str, **asked: Any) -> int:
    """Give a width that holds any row of the task."""
    return max(2048, int(TASKS[task].batch(0, **asked).input_ids.shape[1]))


def splits(task: str) -> tuple[str, ...]:
    """Name the splits that hold rows."""
    return SPLITS[:1] if KITS[task].UNSPLIT else SPLITS


def tokens(batch: Any, i: int) -> NDArray[Any]:
    """Row i without padding."""
    ids: NDArray[Any] = batch.input_ids[i, : batch.lengths[i]]
    return ids


def without_specials(ids: Any) -> list[int]:
    return [int(id_) for id_ in ids if id_ >= 3]


@lru_cache(maxsize=8)
def plain_tokenizer(task: str) -> Any:
    return TASKS[task].tokenizer("tokenizers")


def assert_equal_arrays(one: Any, other: Any, names: tuple[str, ...]) -> None:
    """Hold the named arrays of two results to be equal and of one type."""
    for name in names:
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b), name


def assert_window(packed: Any, r: int, decode: Any) -> None:
    """Hold window r to what its instances are when each is drawn alone."""
    first, end = (int(at) for at in packed.instance_offsets[r : r + 2])
    used = int(np.count_nonzero(packed.segment_ids[r]))
    edges = [*packed.instance_starts[first:end].tolist(), used]
    assert edges[0] == 0
    assert packed.instance_complete[first] == 1
    expected: list[tuple[int, int, int, bool]] = []
    for j in range(end - first):
        low, high = edges[j], edges[j + 1]
        alone = packed.instance(r, j)
        length = high - low
        assert length >= 1
        assert packed.input_ids[r, low:high].tolist() == alone["input_ids"][:length]
        assert packed.loss_mask[r, low:high].tolist() == alone["loss_mask"][:length]
        assert (packed.segment_ids[r, low:high] == j + 1).all()
        assert packed.position_ids[r, low:high].tolist() == list(range(length))
        assert packed.instance_complete[first + j] == (length == len(alone["input_ids"]))
        assert SPLITS[packed.instance_splits[first + j]] == alone["split"]
        for query in alone["queries"]:
            if query["question_start"] < length:
                at = (query["question_start"], query["answer_start"], query["answer_end"])
                cut = [low + min(place, length) for place in at]
                expected.append((cut[0], cut[1], cut[2], at[2] <= length))
                assert packed.answer_mask[r, cut[1] : cut[2]].all()
                if at[2] <= length:
                    assert decode(packed.input_ids[r, cut[1] : cut[2]]).strip() == query["answer"].strip()
    for array in (packed.input_ids, packed.loss_mask, packed.segment_ids, packed.position_ids):
        assert not array[r, used:].any()
    low, high = packed.query_offsets[r : r + 2]
    found = zip(packed.query_spans[low:high].tolist(), packed.query_complete[low:high].tolist(), strict=True)
    assert [(*spans, complete) for spans, complete in found] == expected
