"""Settings of every registered task, and how tests hold a law for many of them."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import synthgen
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

TASKS = tuple(synthgen.tasks())
SPLITS = ("train", "validation", "test")

Test = TypeVar("Test", bound=Callable[..., None])


def law(examples: int = 30, **drawn: Any) -> Callable[[Test], Test]:
    """Hold a test for many drawn arguments, the same ones in every run."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    fixed = settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=quiet)

    def wrap(test: Test) -> Test:
        return cast(Test, fixed(given(**drawn)(test)))

    return wrap


def composite(make: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a function that draws into a strategy."""
    return cast(Callable[..., Any], st.composite(make))


@composite
def span(draw: Any, low: int, high: int, wide: int) -> Any:
    """A range parameter in each of its forms; the smallest value is at least ``low``."""
    lo = draw(st.integers(low, high))
    hi = draw(st.integers(lo, min(high, lo + wide)))
    return draw(st.sampled_from([(lo, hi), [lo, hi], *([lo] if lo == hi else [])]))


def lowest(value: Any) -> int:
    return value if isinstance(value, int) else int(value[0])


@composite
def dyna(draw: Any) -> dict[str, Any]:
    """Parameters of dyna that are allowed together."""
    size, ops = draw(span(2, 20, 6)), draw(span(1, 24, 8))
    params = {
        "state_size": size,
        "num_ops": ops,
        "num_queries": draw(st.integers(1, min(lowest(size) - 1, 6))),
        "query_kind": draw(st.sampled_from(["both", "position", "element"])),
        "symbolic_names": draw(st.booleans()),
    }
    if lowest(size) >= 3 and draw(st.booleans()):
        low = draw(st.integers(0, lowest(ops)))
        params["effective_depth"] = (low, draw(st.integers(low, low + 9)))
    return params


@composite
def depo(draw: Any) -> dict[str, Any]:
    """Parameters of depo that are allowed together."""
    shortest = draw(st.integers(1, 3))
    longest = draw(st.integers(shortest, shortest + 2))
    values = draw(st.integers(2, 60))
    words = sum(values**length for length in range(shortest, longest + 1))
    assume(words >= 6)
    params: dict[str, Any] = {
        "n_max": draw(st.integers(3, min(50, words // 2))),
        "num_queries": draw(st.integers(1, 12)),
        "mini_vocab": values,
        "min_word_len": shortest,
        "max_word_len": longest,
        "qa": draw(st.booleans()),
        "separator": draw(st.booleans()),
    }
    hops = draw(st.sampled_from(["k_max", "fixed_k", "k_set"]))
    most = draw(st.integers(1, 40))
    params[hops] = [1, most, most] if hops == "k_set" else most
    if most < params["n_max"]:
        params["allow_wrap"] = draw(st.sampled_from([None, True, False]))
    elif hops == "fixed_k":
        params["allow_wrap"] = True
    return params


OWN: dict[str, Any] = {"dyna": dyna(), "depo": depo()}


def settings_of(name: str) -> Any:
    """Defaults, presets and the smallest parameters of a task, and what its own strategy draws."""
    task = synthgen.tasks()[name]
    known = st.sampled_from([{}, *task.presets, task.extremes[0]])
    return st.one_of(known, OWN[name]) if name in OWN else known


@composite
def streams(draw: Any) -> dict[str, Any]:
    """A task with parameters, a seed and a first row."""
    name = draw(st.sampled_from(TASKS))
    return {
        "name": name,
        "task": synthgen.get(name),
        "params": draw(settings_of(name)),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "start": draw(st.sampled_from([0, 1, 2**32 - 2, 2**63]) | st.integers(0, 2**64 - 100)),
    }


COLUMNS = ("input_ids", "loss_mask", "lengths", "splits", "parts")


def same_rows(one: Any, other: Any, rows: slice = slice(None)) -> bool:
    """Is a batch the same as some rows of another, pads aside?"""
    narrow = min(one.input_ids.shape[1], other.input_ids.shape[1])
    for name in COLUMNS:
        left, right = getattr(one, name), getattr(other, name)[rows]
        if left.ndim == 2:
            if left[:, narrow:].any() or right[:, narrow:].any():
                return False
            left, right = left[:, :narrow], right[:, :narrow]
        if not np.array_equal(left, right):
            return False
    return True


def row(batch: Any, i: int) -> tuple[list[int], list[int]]:
    """Ids and mask of a row without padding."""
    end = int(batch.lengths[i])
    return batch.input_ids[i, :end].tolist(), batch.loss_mask[i, :end].tolist()


def drawn(stream: dict[str, Any], n: int, **more: Any) -> Any:
    """Draw a batch of a stream; drop the case where its space is too small for the split."""
    try:
        return stream["task"].batch(n, stream["seed"], **{"start": stream["start"]} | stream["params"] | more)
    except synthgen.SplitExhausted:
        assume(False)
