"""Recurrences over a matrix state, in chunks: linear attention, SSD (Mamba2), gated linear attention, gated delta rule.

Each recurrence reads queries and keys (batch, time, heads, keys) and values (batch, time, heads, values), all of one
dtype, and gives outputs shaped like the values and the last state (batch, heads, keys, values). Within a chunk the
recurrence is a masked product of matrices; from chunk to chunk a state is carried by `jax.lax.scan`. Decays enter as
logarithms <= 0, and only sums of them are exponentiated: no decay, however strong, overflows or hides another. With
`segments` (batch, time) the state is forgotten where the number changes. A `state` that is handed in belongs to the
segments `before` (batch, 1), or where these are not given to the segment of the first token. All sums are in float32.

Sources: Katharopoulos et al., Transformers are RNNs, 2020 (linear attention); Dao and Gu, Transformers are SSMs, 2024,
section 6 (the chunked form of a scalar decay); Yang et al., Gated Linear Attention, 2024, section 4; Yang et al., Gated
Delta Networks, 2025, section 3.3, with the WY form of Yang et al., Parallelizing Linear Transformers with the Delta
Rule, 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

CHUNK = 64
FINE_CHUNK = 16
"""Tokens of a chunk where decays differ by key: pairs of tokens are then compared key by key."""


class Chunk(NamedTuple):
    """One chunk: token arrays (batch, heads, chunk, ...) and, by token, what links it to other tokens."""

    queries: Array
    keys: Array
    values: Array
    log_decay: Array  # (batch, heads, chunk) or (batch, heads, chunk, keys)
    beta: Array  # (batch, heads, chunk)
    segments: Array  # (batch, 1, chunk)
    before: Array  # (batch, 1, 1): segment of the token before the chunk


def linear_attention(
    queries: Array,
    keys: Array,
    values: Array,
    *,
    segments: Array | None = None,
    state: Array | None = None,
    before: Array | None = None,
) -> tuple[Array, Array]:
    """S_t = S_{t-1} + k_t v_t^T, o_t = S_t^T q_t."""
    zeros = jnp.zeros(queries.shape[:3], jnp.float32)
    return ssd(queries, keys, values, zeros, segments=segments, state=state, before=before)


def ssd(
    queries: Array,
    keys: Array,
    values: Array,
    log_decay: Array,
    *,
    segments: Array | None = None,
    state: Array | None = None,
    before: Array | None = None,
    chunk: int = CHUNK,
) -> tuple[Array, Array]:
    """S_t = a_t S_{t-1} + k_t v_t^T, o_t = S_t^T q_t, with log a_t (batch, time, heads)."""
    return _scan(_scalar_chunk, queries, keys, values, log_decay, None, segments, state, before, chunk)


def gated_linear_attention(
    queries: Array,
    keys: Array,
    values: Array,
    log_decay: Array,
    *,
    segments: Array | None = None,
    state: Array | None = None,
    before: Array | None = None,
    chunk: int = FINE_CHUNK,
) -> tuple[Array, Array]:
    """S_t = diag(a_t) S_{t-1} + k_t v_t^T, o_t = S_t^T q_t, with log a_t (batch, time, heads, keys)."""
    return _scan(_vector_chunk, queries, keys, values, log_decay, None, segments, state, before, chunk)


def gated_delta_rule(
    queries: Array,
    keys: Array,
    values: Array,
    log_decay: Array,
    beta: Array,
    *,
    segments: Array | None = None,
    state: Array | None = None,
    before: Array | None = None,
    chunk: int = CHUNK,
) -> tuple[Array, Array]:
    """S_t = a_t (I - b_t k_t k_t^T) S_{t-1} + b_t k_t v_t^T, o_t = S_t^T q_t; log a_t and b_t (batch, time, heads).

    Keys should have length at most 1, and b_t lie in 0..1, or the state may grow.
    """
    return _scan(_delta_chunk, queries, keys, values, log_decay, beta, segments, state, before, chunk)


def _scan(
    step: Callable[[Chunk, Array], tuple[Array, Array]],
    queries: Array,
    keys: Array,
    values: Array,
    log_decay: Array,
    beta: Array | None,
    segments: Array | None,
    state: Array | None,
    before: Array | None,
    chunk: int,
) -> tuple[Array, Array]:
    """Run `step` over the chunks of padded inputs, carrying the state."""
    batch, time, heads, width = keys.shape
    dtype = values.dtype
    chunk = min(chunk, time)
    count = -(-time // chunk)
    extra = count * chunk - time

    def cut(array: Array) -> Array:
        # Padding has zero keys and no decay: it adds nothing to the state.
        padded = jnp.pad(array.astype(jnp.float32), [(0, 0), (0, extra)] + [(0, 0)] * (array.ndim - 2))
        split = padded.reshape(batch, count, chunk, *array.shape[2:])
        return jnp.moveaxis(jnp.moveaxis(split, 3, 2), 1, 0)  # (count, batch, heads, chunk, ...)

    if segments is None:
        segments = jnp.zeros((1, time), jnp.int32)
    if beta is None:
        beta = jnp.ones((batch, time, heads), jnp.float32)
    if state is None:
        state = jnp.zeros((batch, heads, width, values.shape[-1]), jnp.float32)
    segments = jnp.broadcast_to(segments, (batch, time))
    marks = jnp.pad(segments, [(0, 0), (0, extra)], mode="edge").reshape(batch, count, 1, chunk)
    marks = jnp.moveaxis(marks, 1, 0)
    first = marks[:1, :, :, :1] if before is None else before[None, :, None]
    links = jnp.concatenate([first, marks[:-1, :, :, -1:]])
    chunks = Chunk(cut(queries), cut(keys), cut(values), cut(log_decay), cut(beta), marks, links)
    state, outputs = jax.lax.scan(lambda carried, one: step(one, carried), state.astype(jnp.float32), chunks)
    joined = jnp.moveaxis(outputs, 0, 1)  # (batch, count, heads, chunk, values)
    joined = jnp.moveaxis(joined, 2, 3).reshape(batch, count * chunk, heads, -1)
    return joined[:, :time].astype(dtype), state


class _Links(NamedTuple):
    """Factors between 0 and 1, for a scalar decay."""

    pairs: Array  # (batch, heads, chunk, chunk): from token j to token i >= j
    entering: Array  # (batch, heads, chunk): from the carried state to token i
    leaving: Array  # (batch, heads, chunk): from token j to the state after the chunk
    through: Array  # (batch, heads): from the carried state to the state after the chunk


def _spans(log_decay: Array, segments: Array) -> Array:
    """Factors from token j to token i >= j: exp of the decays after j up to i, 0 elsewhere and across segments.

    `log_decay` is (batch, heads, chunk, keys), the factors (batch, heads, i, j, keys). Each span is summed by itself: a
    difference of two running sums would lose the small decays between large ones.
    """
    size = log_decay.shape[-2]
    later = jnp.tril(jnp.ones((size, size), bool), -1)[..., None]
    sums = jnp.cumsum(jnp.where(later, log_decay[..., :, None, :], 0.0), -3)
    linked = jnp.tril(jnp.ones((size, size), bool)) & (segments[..., :, None] == segments[..., None, :])
    return jnp.exp(jnp.where(linked[..., None], sums, -jnp.inf))


def _entering(one: Chunk, log_decay: Array) -> Array:
    """Factors from the carried state to each token, (batch, heads, chunk, keys)."""
    return jnp.where((one.segments == one.before)[..., None], jnp.exp(jnp.cumsum(log_decay, -2)), 0.0)


def _scalar_links(one: Chunk) -> _Links:
    log_decay = one.log_decay[..., None]
    pairs = _spans(log_decay, one.segments)[..., 0]
    entering = _entering(one, log_decay)[..., 0]
    return _Links(pairs, entering, pairs[..., -1, :], entering[..., -1])


def _scalar_chunk(one: Chunk, state: Array) -> tuple[Array, Array]:
    links = _scalar_links(one)
    scores = jnp.einsum("bhik,bhjk->bhij", one.queries, one.keys) * links.pairs
    inner = jnp.einsum("bhij,bhjv->bhiv", scores, one.values)
    outer = jnp.einsum("bhik,bhkv->bhiv", one.queries, state) * links.entering[..., None]
    added = jnp.einsum("bhjk,bhjv->bhkv", one.keys * links.leaving[..., None], one.values)
    return state * links.through[..., None, None] + added, inner + outer


def _vector_chunk(one: Chunk, state: Array) -> tuple[Array, Array]:
    pairs, entering = _spans(one.log_decay, one.segments), _entering(one, one.log_decay)
    scores = jnp.einsum("bhik,bhjk,bhijk->bhij", one.queries, one.keys, pairs)
    inner = jnp.einsum("bhij,bhjv->bhiv", scores, one.values)
    outer = jnp.einsum("bhik,bhkv->bhiv", one.queries * entering, state)
    added = jnp.einsum("bhjk,bhjv->bhkv", one.keys * pairs[..., -1, :, :], one.values)
    return state * entering[..., -1, :, None] + added, inner + outer


def _delta_chunk(one: Chunk, state: Array) -> tuple[Array, Array]:
    links = _scalar_links(one)
    size = one.keys.shape[-2]
    weighted = one.keys * one.beta[..., None]
    # Each token writes what its value differs by from what is already stored under its key: a triangular system.
    overlap = jnp.einsum("bhik,bhjk->bhij", weighted, one.keys) * links.pairs
    system = jnp.eye(size) + jnp.tril(overlap, -1)
    known = one.values * one.beta[..., None] - jnp.einsum(
        "bhik,bhkv->bhiv", weighted * links.entering[..., None], state
    )
    written = jax.scipy.linalg.solve_triangular(system, known, lower=True, unit_diagonal=True)
    scores = jnp.einsum("bhik,bhjk->bhij", one.queries, one.keys) * links.pairs
    inner = jnp.einsum("bhij,bhjv->bhiv", scores, written)
    outer = jnp.einsum("bhik,bhkv->bhiv", one.queries, state) * links.entering[..., None]
    added = jnp.einsum("bhjk,bhjv->bhkv", one.keys * links.leaving[..., None], written)
    return state * links.through[..., None, None] + added, inner + outer
