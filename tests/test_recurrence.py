"""Recurrences in chunks equal the same recurrences token by token, forward and backward, and leak nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthgen.train.models import recurrence

BATCH, HEADS, KEYS, VALUES = 2, 2, 6, 5
LENGTHS = (1, 37, 150)
"""Shorter than a chunk, and no multiple of one."""
STRENGTHS = {"none": 0.0, "mild": 0.1, "strong": 8.0, "total": 200.0}
"""Mean of -log decay; at 200 a state is forgotten within a token."""


def by_token(kind: str, inputs: dict[str, Any], segments: Any) -> Any:
    """Give the outputs, one token after another, with the state of the definition."""
    decay = jnp.exp(inputs["log_decay"]) if "log_decay" in inputs else jnp.ones(inputs["keys"].shape[:3])
    if decay.ndim == 3:
        decay = decay[..., None]
    starts = jnp.concatenate([jnp.ones((BATCH, 1), bool), segments[:, 1:] != segments[:, :-1]], 1)
    beta = inputs.get("beta", jnp.ones(inputs["keys"].shape[:3]))

    def step(state: Any, one: Any) -> tuple[Any, Any]:
        q, k, v, a, b, start = one
        state = jnp.where(start[:, None, None, None], 0, state * a[..., None])
        if kind == "delta":
            v = v - jnp.einsum("bhk,bhkv->bhv", k, state)
        state = state + jnp.einsum("bh,bhk,bhv->bhkv", b, k, v)
        return state, jnp.einsum("bhk,bhkv->bhv", q, state)

    columns = [inputs["queries"], inputs["keys"], inputs["values"], decay, beta, starts]
    zero = jnp.zeros((BATCH, HEADS, KEYS, VALUES))
    _, outputs = jax.lax.scan(step, zero, [jnp.moveaxis(column, 1, 0) for column in columns])
    return jnp.moveaxis(outputs, 0, 1)


FORMS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "linear": recurrence.linear_attention,
    "ssd": recurrence.ssd,
    "gla": recurrence.gated_linear_attention,
    "delta": recurrence.gated_delta_rule,
}


def draw(kind: str, time: int, strength: float, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(size=(BATCH, time, HEADS, KEYS)) for name in ("queries", "keys")}
    made["values"] = rng.normal(size=(BATCH, time, HEADS, VALUES))
    if kind == "delta":
        made["keys"] /= np.linalg.norm(made["keys"], axis=-1, keepdims=True)
        made["beta"] = rng.uniform(size=(BATCH, time, HEADS))
    if kind != "linear":
        width = (KEYS,) if kind == "gla" else ()
        made["log_decay"] = -strength * rng.exponential(size=(BATCH, time, HEADS, *width))
    return {name: jnp.asarray(array, jnp.float32) for name, array in made.items()}


def segments_of(time: int, cuts: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, time, size=(BATCH, cuts))
    marks = np.zeros((BATCH, time), np.int32)
    for row, at in enumerate(starts):
        marks[row, at] = 1
    return jnp.asarray(np.cumsum(marks, 1))


def assert_close(found: Any, expected: Any) -> None:
    """Hold arrays to each other within 1e-4 of the largest entry."""
    scale = max(float(jnp.abs(expected).max()), 1e-3)
    assert bool(jnp.isfinite(found).all())
    assert float(jnp.abs(found - expected).max()) <= 1e-4 * scale


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("kind", FORMS)
def test_chunks_equal_tokens_forward_and_backward(kind: str, time: int, strength: str) -> None:
    inputs = draw(kind, time, STRENGTHS[strength])
    segments = segments_of(time, cuts=2)
    weights = jax.random.normal(jax.random.key(1), (BATCH, time, HEADS, VALUES))

    def loss(form: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], tuple[Any, Any]]:
        def run(own: dict[str, Any]) -> tuple[Any, Any]:
            outputs = form(own)
            return (outputs * weights).sum(), outputs

        return run

    chunked = jax.jit(jax.value_and_grad(loss(lambda own: FORMS[kind](**own, segments=segments)[0]), has_aux=True))
    plain = jax.jit(jax.value_and_grad(loss(lambda own: by_token(kind, own, segments)), has_aux=True))
    (_, found), slopes = chunked(inputs)
    (_, expected), wanted = plain(inputs)
    assert_close(found, expected)
    for name in inputs:
        assert_close(slopes[name], wanted[name])


@pytest.mark.parametrize("kind", FORMS)
def test_a_state_carries_a_sequence_on(kind: str) -> None:
    inputs = draw(kind, 90, 0.5)
    whole, last = FORMS[kind](**inputs)
    head, state = FORMS[kind](**{name: array[:, :37] for name, array in inputs.items()})
    tail, end = FORMS[kind](**{name: array[:, 37:] for name, array in inputs.items()}, state=state)
    assert_close(jnp.concatenate([head, tail], 1), whole)
    assert_close(end, last)


@pytest.mark.parametrize("kind", FORMS)
def test_nothing_passes_from_later_tokens_or_other_segments(kind: str) -> None:
    time, at = 40, 23
    inputs = draw(kind, time, 0.3)
    segments = jnp.where(jnp.arange(time) < 10, 0, 1)[None].repeat(BATCH, 0)

    def output(own: dict[str, Any]) -> Any:
        return FORMS[kind](**own, segments=segments)[0][:, at].sum()

    for name, slope in jax.grad(output)(inputs).items():
        reach = jnp.abs(slope).reshape(BATCH, time, -1).max(-1)
        assert not reach[:, at + 1 :].any(), name
        assert not reach[:, :10].any(), name
        assert name in ("queries", "log_decay") or reach[:, 10 : at + 1].all(), name


def test_half_precision_goes_in_and_comes_out() -> None:
    inputs = {name: array.astype(jnp.bfloat16) for name, array in draw("ssd", 50, 1.0).items()}
    outputs, state = recurrence.ssd(**inputs)
    assert (outputs.dtype, state.dtype) == (jnp.bfloat16, jnp.float32)


@pytest.mark.parametrize("kind", FORMS)
def test_a_state_of_another_segment_is_forgotten(kind: str) -> None:
    inputs = draw(kind, 20, 0.5)
    segments = jnp.ones((BATCH, 20), jnp.int32)
    fresh, last = FORMS[kind](**inputs, segments=segments)
    state, before = jnp.ones((BATCH, HEADS, KEYS, VALUES)), jnp.asarray([[1], [0]])
    kept, _ = FORMS[kind](**inputs, segments=segments, state=state)
    found, end = FORMS[kind](**inputs, segments=segments, state=state, before=before)
    assert_close(found[0], kept[0])
    assert_close(found[1], fresh[1])
    assert_close(end[1], last[1])
    assert float(jnp.abs(found[0] - fresh[0]).max()) > 0.01
