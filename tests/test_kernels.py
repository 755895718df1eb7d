"""Kernels are their plain formulas, forwards and in the gradient; parts of a step on a CPU."""

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthgen.train.config import TrainConfig
from synthgen.train.models import kernels
from synthgen.train.parallel import PART, parts


def normal(seed: int, *shape: int) -> Any:
    return jax.random.normal(jax.random.key(seed), shape)


def plain_attention(queries: Any, keys: Any, values: Any, segments: Any, window: int | None) -> Any:
    time, groups = queries.shape[1], queries.shape[2] // keys.shape[2]
    row, column = np.arange(time)[:, None], np.arange(time)[None]
    seen = (column <= row) & (row - column < (window or time)) & (segments[:, :, None] == segments[:, None, :])
    keys, values = (jnp.repeat(one, groups, 2) for one in (keys, values))
    scores = jnp.einsum("bthd,bshd->bhts", queries, keys) / queries.shape[-1] ** 0.5
    return jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(jnp.where(seen[:, None], scores, -jnp.inf), -1), values)


def values_and_slopes(function: Callable[..., Any], *arrays: Any) -> list[Any]:
    found, back = jax.vjp(jax.jit(function), *arrays)
    return [found, *back(jnp.cos(jnp.arange(found.size, dtype=jnp.float32)).reshape(found.shape).astype(found.dtype))]


def assert_same(found: list[Any], expected: list[Any], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        gap = jnp.abs(one - other).astype(jnp.float32).max()
        assert float(gap) <= tolerance * max(1.0, float(jnp.abs(other).max()))


SHAPES = {
    "one token": (2, 1, 2, 2, 4),
    "less than a block": (2, 67, 2, 1, 8),
    "blocks": (2, 2 * kernels.BLOCK, 2, 2, 8),
    "groups, and a block that is not full": (1, 2 * kernels.BLOCK + 9, 4, 2, 8),
    "as many blocks as there may be": (1, kernels.BLOCK * kernels.BLOCKS + 3, 1, 1, 4),
}


@pytest.fixture(params=["cpu", "gpu"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both roads: the one made for a CPU, and the one that others take."""
    monkeypatch.setattr(jax, "default_backend", lambda: request.param)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("window", "divided"), [(None, "not at all"), (50, "row by row"), (1, "alike")])
def test_attention_is_its_formula(shape: str, window: int | None, divided: str) -> None:
    batch, time, heads, kv_heads, width = SHAPES[shape]
    segments = jnp.ones((1, time), jnp.int32)
    if divided != "not at all":
        starts = jax.random.bernoulli(jax.random.key(3), 0.03, (batch if divided == "row by row" else 1, time))
        segments = jnp.cumsum(starts, 1)
    arrays = normal(0, batch, time, heads, width), *normal(1, 2, batch, time, kv_heads, width)
    found, expected = (
        values_and_slopes(lambda q, k, v, own=own: own(q, k, v, segments, window), *arrays)
        for own in (kernels.attend, plain_attention)
    )
    assert_same(found, expected, 1e-5)


@pytest.mark.usefixtures("backend")
def test_large_scores_do_not_overflow() -> None:
    arrays = 100 * normal(0, 3, 1, 150, 1, 8)  # scores of 10,000, which float32 holds to 0.001
    segments = jnp.ones((1, 150), jnp.int32)
    found, expected = (
        values_and_slopes(lambda q, k, v, own=own: own(q, k, v, segments, None), *arrays)
        for own in (kernels.attend, plain_attention)
    )
    assert_same(found, expected, 1e-2)


@pytest.mark.usefixtures("backend")
def test_attention_in_bfloat16_is_near_its_formula() -> None:
    arrays = normal(0, 3, 2, 150, 2, 16)
    segments = jnp.ones((1, 150), jnp.int32)
    halves = [one.astype(jnp.bfloat16) for one in arrays]
    found = values_and_slopes(lambda q, k, v: kernels.attend(q, k, v, segments), *halves)
    expected = values_and_slopes(lambda q, k, v: plain_attention(q, k, v, segments, None), *arrays)
    assert all(one.dtype == jnp.bfloat16 for one in found)
    assert_same([one.astype(jnp.float32) for one in found], expected, 3e-2)


@pytest.mark.parametrize("shape", [(2, 7, 12), (9, 12)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_product_is_its_formula(shape: tuple[int, ...], dtype: str) -> None:
    arrays = [3 * normal(seed, *one).astype(dtype) for seed, one in enumerate((shape, (12, 5)))]
    found, expected = (values_and_slopes(one, *arrays) for one in (kernels.product, jnp.matmul))
    assert_same(found, expected, 1e-5 if dtype == "float32" else 3e-2)


@pytest.mark.usefixtures("backend")
def test_turns_are_sine_and_cosine() -> None:
    angles = 1000 * normal(0, 2, 5, 6)
    for one, other in zip(kernels.turns(angles), (jnp.sin(angles), jnp.cos(angles)), strict=True):
        assert float(jnp.abs(one - other).max()) <= 1e-6


def test_parts_divide_the_rows_of_each_device_and_are_of_a_good_size() -> None:
    devices = jax.devices()[:1]
    for batch_size, seq_len in product((1, 8, 31, 32, 127, 256), (16, 256, 1000)):
        count = parts(TrainConfig(batch_size=batch_size), devices, seq_len)
        assert batch_size % count == 0
        size = batch_size // count * seq_len
        better = [batch_size // one * seq_len for one in range(1, batch_size + 1) if batch_size % one == 0]
        assert max(size / PART, PART / size) <= min(max(one / PART, PART / one) for one in better) * (1 + 1e-9)
    assert parts(TrainConfig(batch_size=256, accumulate=1), devices, 1000) == 1
