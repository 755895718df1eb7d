"""Generation: prompts are read once, then token by token from a cache, all rows of a batch together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from ..errors import param_error
from .models import Cache, LanguageModel

STEP = 32
"""Prompts and answers get room in steps of so many tokens, so that few shapes are compiled."""


class Sampling(NamedTuple):
    """How tokens are drawn, and what of the distribution is left to draw from."""

    keys: Array  # of each row
    temperature: Array
    top_k: Array | None
    top_p: Array | None


def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    *,
    stop_id: int | Sequence[int] | None = None,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    draws: Sequence[int] | None = None,
) -> list[NDArray[np.int32]]:
    """Give the ids that follow each prompt, up to `stop_id` or any of several, included, or to `max_new_tokens`.

    At temperature 0 the most probable token is taken. Otherwise one is drawn from softmax(logits / temperature), of
    which `top_k` leaves the k most probable tokens, and `top_p` (Holtzman et al., 2020) the fewest of these that have
    this share of what is left; what is drawn for a prompt depends on `seed` and on its number in `draws` (by default
    its place in the list), not on the other prompts. All prompts are read as one batch, which must fit into memory.
    Raises ParamError.
    """
    stops = [] if stop_id is None else list(stop_id) if isinstance(stop_id, Sequence) else [stop_id]
    _check_settings(model, max_new_tokens, stop_id, stops, temperature, top_k, top_p, seed)
    rows = [_prompt(model, at, prompt) for at, prompt in enumerate(prompts)]
    numbers = list(range(len(rows))) if draws is None else list(draws)
    if len(numbers) != len(rows) or not all(isinstance(one, Integral) and 0 <= int(one) < 2**32 for one in numbers):
        raise param_error(
            None, "draws", draws, f"allowed: an integer in 0..=4294967295 for each of {len(rows)} prompts"
        )
    if not rows:
        return []
    lengths = np.array([len(row) for row in rows], np.int32)
    most, reach = model.config.max_positions, int(lengths.max()) + max_new_tokens
    if model.config.positions == "learned" and most is not None and reach > most:
        allowed = f"allowed: with the longest prompt at most {most} tokens, for which the model has positions"
        raise param_error(None, "max_new_tokens", max_new_tokens, allowed)
    width = _padded(int(lengths.max()))
    input_ids = np.stack([np.pad(row, (width - len(row), 0)) for row in rows])
    sampling = None
    if temperature > 0:
        ranks = None if top_k is None else jnp.int32(min(top_k, model.config.vocab_size))
        share = None if top_p is None else jnp.float32(top_p)
        own = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.asarray(numbers, jnp.uint32))
        sampling = Sampling(own, jnp.float32(temperature), ranks, share)
    graph, state = nnx.split(model)
    ends = np.zeros(model.config.vocab_size, bool)
    ends[stops] = True
    room = _padded(max_new_tokens)
    made, counts = _run(graph, state, input_ids, lengths, max_new_tokens, ends, sampling, room)
    return [row[:count].copy() for row, count in zip(np.asarray(made), np.asarray(counts), strict=True)]


def _padded(length: int) -> int:
    return -(-length // STEP) * STEP


class _Progress(NamedTuple):
    """Where the loop over tokens is."""

    made: Array  # int32 (batch, room)
    count: Array  # tokens of the longest row
    counts: Array  # int32 (batch,)
    running: Array  # bool (batch,)
    cache: Cache


@partial(jax.jit, static_argnames=("graph", "room"))
def _run(
    graph: Any,
    state: Any,
    input_ids: Array,
    lengths: Array,
    limit: Array,
    ends: Array,
    sampling: Sampling | None,
    room: int,
) -> tuple[Array, Array]:
    """New ids (batch, room) and how many of them each row has, for prompts (batch, width) that end at the right."""
    model: LanguageModel = nnx.merge(graph, state)
    batch, width = input_ids.shape

    def take(logits: Array, so_far: _Progress) -> _Progress:
        tokens = _choose(logits[:, -1], so_far.count, sampling)
        made = jax.lax.dynamic_update_slice_in_dim(so_far.made, tokens[:, None], so_far.count, 1)
        counts = so_far.counts + so_far.running
        running = so_far.running & ~ends[tokens]
        return _Progress(made, so_far.count + 1, counts, running, so_far.cache)

    def step(so_far: _Progress) -> _Progress:
        last = jax.lax.dynamic_slice_in_dim(so_far.made, so_far.count - 1, 1, 1)
        positions = (lengths + so_far.count - 1)[:, None]
        logits, cache = model.extend(last, so_far.cache, positions=positions)
        return take(logits, so_far._replace(cache=cache))

    positions = jnp.arange(width) - (width - lengths)[:, None]
    segments = (positions >= 0).astype(jnp.int32)
    cache = model.cache(batch, width + room)
    logits, cache = model.extend(input_ids, cache, segments, jnp.maximum(positions, 0), last=True)
    empty = jnp.zeros((batch, room), jnp.int32)
    start = _Progress(empty, jnp.int32(0), jnp.zeros(batch, jnp.int32), jnp.ones(batch, bool), cache)
    end = jax.lax.while_loop(lambda now: (now.count < limit) & now.running.any(), step, take(logits, start))
    return end.made, end.counts


def _choose(logits: Array, count: Array, sampling: Sampling | None) -> Array:
    """One id a row, int32 (batch,), of logits (batch, vocab_size); `count` says which draw of the row it is."""
    if sampling is None:
        return jnp.argmax(logits, -1).astype(jnp.int32)
    keys, temperature, top_k, top_p = sampling
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, count)
    draw = jax.vmap(jax.random.categorical)
    # The largest is subtracted before the division: however low the temperature, it stays 0.
    logits = (logits - logits.max(-1, keepdims=True)) / jnp.maximum(temperature, jnp.finfo(jnp.float32).tiny)
    if top_k is None and top_p is None:
        return draw(keys, logits).astype(jnp.int32)
    order = jnp.argsort(-logits, -1)
    ranked = jnp.take_along_axis(logits, order, -1)
    if top_k is not None:
        ranked = jnp.where(jnp.arange(ranked.shape[-1]) < top_k, ranked, -jnp.inf)
    if top_p is not None:
        shares = jax.nn.softmax(ranked, -1)
        ranked = jnp.where(jnp.cumsum(shares, -1) - shares < top_p, ranked, -jnp.inf)
    return jnp.take_along_axis(order, draw(keys, ranked)[:, None], -1)[:, 0].astype(jnp.int32)


def _check_settings(
    model: LanguageModel,
    max_new_tokens: int,
    stop_id: Any,
    stops: Sequence[int],
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int,
) -> None:
    def whole(value: Any, low: int, high: float = inf) -> bool:
        return isinstance(value, Integral) and low <= int(value) <= high

    last = model.config.vocab_size - 1
    checks = (
        ("max_new_tokens", max_new_tokens, whole(max_new_tokens, 1), "an integer >= 1"),
        ("stop_id", stop_id, all(whole(stop, 0, last) for stop in stops), f"ids in 0..={last}, or None"),
        ("temperature", temperature, isinstance(temperature, Real) and 0 <= temperature < inf, "a number >= 0"),
        ("top_k", top_k, top_k is None or whole(top_k, 1), "an integer >= 1, or None"),
        ("top_p", top_p, top_p is None or (isinstance(top_p, Real) and 0 < top_p <= 1), "above 0, up to 1, or None"),
        ("seed", seed, whole(seed, 0, 2**32 - 1), "an integer in 0..=4294967295"),
    )
    for name, value, good, allowed in checks:
        if not good:
            raise param_error(None, name, value, f"allowed: {allowed}")


def _prompt(model: LanguageModel, at: int, prompt: Sequence[int]) -> NDArray[np.int32]:
    """The ids of a prompt, checked."""
    row, last = np.asarray(prompt), model.config.vocab_size - 1
    if row.ndim != 1 or row.size == 0 or row.dtype.kind not in "iu":
        raise param_error(None, f"prompts[{at}]", prompt, "allowed: a sequence of one or more ids")
    if row.min() < 0 or row.max() > last:
        raise param_error(None, f"prompts[{at}]", prompt, f"allowed: ids in 0..={last}")
    return row.astype(np.int32)
