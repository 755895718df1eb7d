"""Mixers: what lets tokens see each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from . import kernels, recurrence
from .config import ModelConfig
from .layers import Layout, ShortConv, convolve, linear, no_inputs, norm, rotate

SHORT_CONV = 4
"""Width of the convolutions that Mamba2 and gated DeltaNet have of their own."""
DECAY_SHARPNESS = 16.0
"""Gated linear attention takes this root of its gates, so that they begin near 1 (Yang et al., 2024, section 4.4)."""


class MixerCache(NamedTuple):
    """What a mixer keeps of the tokens before; None where it keeps nothing."""

    canon: Array | None = None  # last inputs of Canon B
    conv: Array | None = None  # last inputs of the mixer's own convolution
    keys: Array | None = None  # of attention, (batch, length, kv_heads, head_dim)
    values: Array | None = None  # likewise
    state: Array | None = None  # of a recurrence, float32 (batch, heads, keys, values)

    def after(self, state: Array) -> MixerCache:
        """The cache with a new state, where it has one."""
        return self if self.state is None else self._replace(state=state)


EMPTY = MixerCache()
"""The cache of training: it stays as it is."""


class Mixer(Protocol):
    """What all mixers are."""

    def cache(self, batch: int, length: int, dtype: jnp.dtype) -> MixerCache:
        """The cache before the first of `length` tokens, for activations of `dtype`."""
        ...

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Mix x (batch, time, width), and give the cache after it."""
        ...


def _split(x: Array, heads: int) -> Array:
    return x.reshape(*x.shape[:2], heads, -1)


class Attention(nnx.Module):
    """Softmax attention with rotary positions, grouped queries, and optionally a window and normed queries and keys."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        self.config = config
        self.sizes = (config.num_heads * config.head_width, config.kv_heads * config.head_width)
        self.qkv = linear(config, config.width, self.sizes[0] + 2 * self.sizes[1], rngs, bias=config.bias)
        self.out = linear(config, self.sizes[0], config.width, rngs, bias=config.bias)
        self.canon = _canon_b(config, self.sizes[0] + 2 * self.sizes[1], rngs)
        self.q_norm, self.k_norm = (norm(config, config.head_width, rngs) if config.qk_norm else None for _ in range(2))

    def cache(self, batch: int, length: int, dtype: jnp.dtype) -> MixerCache:
        """Room for `length` tokens."""
        shape = (batch, length, self.config.kv_heads, self.config.head_width)
        canon = no_inputs(self.canon, batch, dtype)
        return MixerCache(canon, keys=jnp.zeros(shape, dtype), values=jnp.zeros(shape, dtype))

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Attend."""
        config = self.config
        joined, canon = convolve(self.canon, self.qkv(x), layout, cache.canon)
        q, k, v = jnp.split(joined, [self.sizes[0], sum(self.sizes)], -1)
        q, k, v = _split(q, config.num_heads), _split(k, config.kv_heads), _split(v, config.kv_heads)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = (rotate(one, layout.positions, config) for one in (q, k))
        if cache.keys is None or cache.values is None or layout.known is None:
            mixed = kernels.attend(q, k, v, layout.segments, config.window)
        else:
            k = jax.lax.dynamic_update_slice_in_dim(cache.keys, k, layout.start, 1)
            v = jax.lax.dynamic_update_slice_in_dim(cache.values, v, layout.start, 1)
            cache = MixerCache(canon, keys=k, values=v)
            at, every = layout.start + jnp.arange(x.shape[1]), jnp.arange(k.shape[1])
            seen = kernels.seen(at, every, layout.segments, layout.known, config.window)
            mixed = jax.nn.dot_product_attention(q, k, v, mask=seen)
        found: Array = self.out(mixed.reshape(*x.shape[:2], -1))
        return found, cache


def _canon_b(config: ModelConfig, channels: int, rngs: nnx.Rngs) -> ShortConv | None:
    return ShortConv(channels, config.canon_width, residual=True, rngs=rngs) if "B" in config.canon else None


class _Recurrent(nnx.Module):
    """What recurrent mixers share: queries, keys and values, a norm on each head's output, a gate, and a projection."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs, *, gated: bool, conv: bool) -> None:
        self.heads, self.wide = config.num_heads, config.num_heads * config.head_width
        self.qkv = linear(config, config.width, 3 * self.wide, rngs)
        self.canon = _canon_b(config, 3 * self.wide, rngs)
        self.conv = ShortConv(3 * self.wide, SHORT_CONV, residual=False, rngs=rngs) if conv else None
        self.gate = linear(config, config.width, self.wide, rngs) if gated else None
        self.norm = norm(config, config.head_width, rngs)
        self.out = linear(config, self.wide, config.width, rngs)

    def cache(self, batch: int, length: int, dtype: jnp.dtype) -> MixerCache:
        """The state before the first token, of one size whatever the length."""
        width = self.wide // self.heads
        state = jnp.zeros((batch, self.heads, width, width), jnp.float32)
        return MixerCache(no_inputs(self.canon, batch, dtype), no_inputs(self.conv, batch, dtype), state=state)

    def project(self, x: Array, layout: Layout, cache: MixerCache) -> tuple[Array, Array, Array, MixerCache]:
        """Queries, keys and values, each (batch, time, heads, head width)."""
        joined, canon = convolve(self.canon, self.qkv(x), layout, cache.canon)
        joined, conv = convolve(self.conv, joined, layout, cache.conv)
        if self.conv is not None:
            joined = jax.nn.silu(joined)
        q, k, v = (_split(part, self.heads) for part in jnp.split(joined, 3, -1))
        return q, k, v, cache._replace(canon=canon, conv=conv)

    def finish(self, mixed: Array, x: Array) -> Array:
        """Norm, gate and project (batch, time, heads, head width)."""
        normed = self.norm(mixed).reshape(*x.shape[:2], -1)
        found: Array = self.out(normed if self.gate is None else normed * jax.nn.silu(self.gate(x)))
        return found


class LinearAttention(_Recurrent):
    """Linear attention with elu + 1 features (Katharopoulos et al., 2020), a norm in place of the normaliser."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs, gated=False, conv=False)

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Mix."""
        q, k, v, cache = self.project(x, layout, cache)
        mixed, state = recurrence.linear_attention(
            jax.nn.elu(q) + 1,
            jax.nn.elu(k) + 1,
            v,
            segments=layout.segments,
            state=cache.state,
            before=layout.before(1),
        )
        return self.finish(mixed, x), cache.after(state)


class GatedLinearAttention(_Recurrent):
    """Gated linear attention (Yang et al., 2024): a decay for every key, of low rank in the input."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs, gated=True, conv=False)
        self.low = linear(config, config.width, 16, rngs)
        self.high = nnx.Linear(16, self.wide, dtype=jnp.float32, rngs=rngs)

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Mix."""
        q, k, v, cache = self.project(x, layout, cache)
        low: Array = self.low(x)
        log_decay = jax.nn.log_sigmoid(self.high(low.astype(jnp.float32))) / DECAY_SHARPNESS
        scaled = q * q.shape[-1] ** -0.5
        mixed, state = recurrence.gated_linear_attention(
            scaled,
            k,
            v,
            _split(log_decay, self.heads),
            segments=layout.segments,
            state=cache.state,
            before=layout.before(1),
        )
        return self.finish(mixed, x), cache.after(state)


class _Rates(nnx.Module):
    """Log decays of each head, -exp(A) softplus(W x + b): as Mamba2 begins, A in 1..16 and steps in 0.001..0.1."""

    def __init__(self, config: ModelConfig, heads: int, rngs: nnx.Rngs) -> None:
        self.step = nnx.Linear(config.width, heads, use_bias=False, dtype=jnp.float32, rngs=rngs)
        self.log_rate = nnx.Param(jnp.log(jax.random.uniform(rngs.params(), (heads,), minval=1.0, maxval=16.0)))
        low, high = jnp.log(0.001), jnp.log(0.1)
        steps = jnp.exp(jax.random.uniform(rngs.params(), (heads,), minval=low, maxval=high))
        # The inverse of softplus.
        self.bias = nnx.Param(steps + jnp.log(-jnp.expm1(-steps)))

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Log decays and steps, float32 (batch, time, heads)."""
        steps = jax.nn.softplus(self.step(x.astype(jnp.float32)) + self.bias[...])
        return -jnp.exp(self.log_rate[...]) * steps, steps


class Mamba2(nnx.Module):
    """Mamba2 (Dao and Gu, 2024): a decay a head, keys and queries shared by all heads, twice the width inside."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        self.heads, self.state = config.num_heads, config.state_size
        self.wide = 2 * config.num_heads * config.head_width
        self.into = linear(config, config.width, 2 * self.wide + 2 * self.state, rngs)
        self.canon = _canon_b(config, self.wide + 2 * self.state, rngs)
        self.conv = ShortConv(self.wide + 2 * self.state, SHORT_CONV, residual=False, rngs=rngs)
        self.rates = _Rates(config, self.heads, rngs)
        self.skip = nnx.Param(jnp.ones((self.heads,)))
        self.norm = norm(config, self.wide, rngs)
        self.out = linear(config, self.wide, config.width, rngs)

    def cache(self, batch: int, length: int, dtype: jnp.dtype) -> MixerCache:
        """The state before the first token, of one size whatever the length."""
        state = jnp.zeros((batch, self.heads, self.state, self.wide // self.heads), jnp.float32)
        return MixerCache(no_inputs(self.canon, batch, dtype), no_inputs(self.conv, batch, dtype), state=state)

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Mix."""
        gate, joined = jnp.split(self.into(x), [self.wide], -1)
        joined, canon = convolve(self.canon, joined, layout, cache.canon)
        joined, conv = self.conv(joined, layout, cache.conv)
        v, k, q = jnp.split(jax.nn.silu(joined), [self.wide, self.wide + self.state], -1)
        v = _split(v, self.heads)
        k, q = (jnp.broadcast_to(one[:, :, None], (*one.shape[:2], self.heads, self.state)) for one in (k, q))
        log_decay, steps = self.rates(x)
        mixed, state = recurrence.ssd(
            q,
            k,
            v * steps[..., None].astype(v.dtype),
            log_decay,
            segments=layout.segments,
            state=cache.state,
            before=layout.before(1),
        )
        mixed = (mixed + v * self.skip[...][:, None].astype(v.dtype)).reshape(*x.shape[:2], -1)
        found: Array = self.out(self.norm(mixed * jax.nn.silu(gate)))
        return found, cache._replace(canon=canon, conv=conv).after(state)


class GatedDeltaNet(_Recurrent):
    """Gated DeltaNet (Yang et al., 2025): short convolutions, keys of length 1, a decay and a strength of writing."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs, gated=True, conv=True)
        self.rates = _Rates(config, self.heads, rngs)
        self.strength = linear(config, config.width, self.heads, rngs)

    def __call__(self, x: Array, layout: Layout, cache: MixerCache = EMPTY) -> tuple[Array, MixerCache]:
        """Mix."""
        q, k, v, cache = self.project(x, layout, cache)
        q, k = (one * jax.lax.rsqrt((one * one).sum(-1, keepdims=True) + 1e-6) for one in (q, k))
        log_decay, _ = self.rates(x)
        strength: Array = self.strength(x)
        beta = jax.nn.sigmoid(strength.astype(jnp.float32))
        mixed, state = recurrence.gated_delta_rule(
            q, k, v, log_decay, beta, segments=layout.segments, state=cache.state, before=layout.before(1)
        )
        return self.finish(mixed, x), cache.after(state)


MIXERS: dict[str, Callable[[ModelConfig, nnx.Rngs], Mixer]] = {
    "attention": Attention,
    "linear": LinearAttention,
    "gla": GatedLinearAttention,
    "mamba2": Mamba2,
    "gdn": GatedDeltaNet,
}
