"""Operations whose gradients XLA would not work out well by itself: each is its plain formula, faster."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

BLOCK = 128
"""Queries that are worked on together, at least: fewer waste less on keys that come later, but make small products."""
BLOCKS = 8
"""Blocks of queries, at most: each is compiled by itself."""

Saved = tuple[Array, ...]


def _product_forward(x: Array, weights: Array) -> tuple[Array, Saved]:
    return x @ weights, (x, weights)


def _product_backward(saved: Saved, slope: Array) -> Saved:
    x, weights = saved
    # JAX writes the second as a transposed product of `slope` and `x`, before which XLA copies both on a CPU.
    rows, slopes = (one.reshape(-1, one.shape[-1]) for one in (x, slope))
    return slope @ weights.T, jax.lax.dot_general(rows, slopes, (((0,), (0,)), ((), ())))


_product = jax.custom_vjp(jnp.matmul)
_product.defvjp(_product_forward, _product_backward)


def product(x: Array, weights: Array, *_: Any, **__: Any) -> Array:
    """`x @ weights` of x (..., inputs) and weights (inputs, outputs), all that `nnx.Linear` asks of it."""
    found: Array = _product(x, weights)
    return found


def turns(angles: Array) -> tuple[Array, Array]:
    """Sine and cosine of angles (..., pairs).

    XLA would work them out on a CPU for each head, in every product that they enter: it fuses whatever is no product of
    matrices. One with the identity changes nothing, and is where it stops.
    """
    sin, cos = jnp.sin(angles), jnp.cos(angles)
    if jax.default_backend() == "cpu":
        same = np.eye(angles.shape[-1], dtype=np.float32)
        sin, cos = sin @ same, cos @ same
    return sin, cos


def attend(queries: Array, keys: Array, values: Array, segments: Array, window: int | None = None) -> Array:
    """Causal softmax attention within segments; all (batch, time, heads, width), keys and values with fewer heads.

    A token sees itself and, of its segment, the `window` - 1 tokens before, or all. `segments` is (batch, time), or
    (1, time) where all rows are divided alike.
    """
    if jax.default_backend() != "cpu":
        every = np.arange(queries.shape[1])
        mask = seen(every, every, segments, segments, window)
        return jax.nn.dot_product_attention(queries, keys, values, mask=mask)
    groups = queries.shape[2] // keys.shape[2]
    across = (one.swapaxes(1, 2) for one in (queries * queries.shape[-1] ** -0.5, keys, values))
    q, k, v = across
    k, v = (jnp.repeat(one, groups, 1) if groups > 1 else one for one in (k, v))
    return _attend(q, k, v, segments, window).swapaxes(1, 2)


def seen(rows: Any, columns: Any, segments: Array, known: Array, window: int | None) -> Array:
    """Which tokens, at `rows` in `segments`, see which, at `columns` in `known`: bool (batch, 1, rows, columns)."""
    gaps = rows[:, None] - columns
    near = (gaps >= 0) if window is None else (gaps >= 0) & (gaps < window)
    return (near & (segments[:, :, None] == known[:, None, :]))[:, None]


def _blocks(time: int, window: int | None) -> list[tuple[int, int, int]]:
    """Blocks of queries start .. end, and the first key that one of them sees."""
    size = max(BLOCK, -(-time // BLOCKS))
    starts = range(0, time, size)
    return [(at, min(at + size, time), 0 if window is None else max(0, at - window + 1)) for at in starts]


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attend(queries: Array, keys: Array, values: Array, segments: Array, window: int | None) -> Array:
    """Attention of scaled queries, (batch, heads, time, width), block by block of queries against the keys they see."""
    return _attend_forward(queries, keys, values, segments, window)[0]


def _attend_forward(
    queries: Array, keys: Array, values: Array, segments: Array, window: int | None
) -> tuple[Array, Any]:
    outputs, saved = [], []
    for start, end, first in _blocks(queries.shape[2], window):
        scores = _times("bhtd,bhsd->bhts", queries[:, :, start:end], keys[:, :, first:end])
        rows, columns = np.arange(start, end), np.arange(first, end)
        mask = seen(rows, columns, segments[:, start:end], segments[:, first:end], window)
        scores = jnp.where(mask, scores, -jnp.inf)
        powers = jnp.exp(scores - scores.max(-1, keepdims=True))
        total = powers.sum(-1, keepdims=True)
        powers = powers.astype(values.dtype)
        outputs.append(_times("bhts,bhsd->bhtd", powers, values[:, :, first:end]) / total)
        saved.append((powers, total))
    output = jnp.concatenate(outputs, 2).astype(values.dtype)
    return output, (queries, keys, values, output, saved)


def _attend_backward(window: int | None, kept: Any, slope: Array) -> tuple[Array, Array, Array, None]:
    queries, keys, values, output, saved = kept
    of_queries = []
    of_keys, of_values = (jnp.zeros_like(one.swapaxes(2, 3)) for one in (keys, values))
    for (start, end, first), (powers, total) in zip(_blocks(queries.shape[2], window), saved, strict=True):
        above = slope[:, :, start:end] / total
        part = (above * output[:, :, start:end]).sum(-1, keepdims=True)
        above = above.astype(values.dtype)
        of_scores = _times("bhtd,bhsd->bhts", above, values[:, :, first:end]) - part
        of_scores = (of_scores * powers).astype(values.dtype)
        of_queries.append(_times("bhts,bhsd->bhtd", of_scores, keys[:, :, first:end]))
        added = _times("bhtd,bhts->bhds", queries[:, :, start:end], of_scores)
        of_keys = of_keys.at[..., first:end].add(added.astype(keys.dtype))
        added = _times("bhtd,bhts->bhds", above, powers)
        of_values = of_values.at[..., first:end].add(added.astype(keys.dtype))
    found = jnp.concatenate(of_queries, 2).astype(queries.dtype)
    return found, of_keys.swapaxes(2, 3), of_values.swapaxes(2, 3), None


_attend.defvjp(_attend_forward, _attend_backward)


def _times(letters: str, one: Array, other: Array) -> Array:
    """A product of matrices, summed and given in float32."""
    return jnp.einsum(letters, one, other, preferred_element_type=jnp.float32)
