"""Parts that all architectures share: positions, Canon layers, MLPs, and what links the tokens of a batch."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from . import kernels
from .config import ModelConfig


class Layout(NamedTuple):
    """Which tokens belong together: segments and positions, int32 (batch, time), or (1, time) where rows are alike.

    When a cache is read on, `known` (batch, length) holds the segments of all its tokens, and the new ones stand there
    from `start` on, an int32 number.
    """

    segments: Array
    positions: Array
    known: Array | None = None
    start: Array | None = None

    @classmethod
    def of(cls, input_ids: Array, segments: Array | None, positions: Array | None) -> Layout:
        """One segment a row, with positions from 0, where nothing else is said."""
        time = input_ids.shape[1]
        return cls(
            jnp.ones((1, time), jnp.int32) if segments is None else segments,
            jnp.arange(time, dtype=jnp.int32)[None] if positions is None else positions,
        )

    def before(self, count: int) -> Array | None:
        """Segments of the `count` tokens before the first, (batch, count); any, where there were fewer."""
        if self.known is None or self.start is None:
            return None
        return self.known[:, jnp.maximum(self.start - count + jnp.arange(count), 0)]


def linear(config: ModelConfig, inputs: int, outputs: int, rngs: nnx.Rngs, *, bias: bool = False) -> nnx.Linear:
    """A projection of normal values with variance 1 / inputs; a bias begins at 0."""
    init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")
    dtype = jnp.dtype(config.dtype)
    return nnx.Linear(
        inputs, outputs, use_bias=bias, dtype=dtype, kernel_init=init, dot_general=kernels.product, rngs=rngs
    )


def norm(config: ModelConfig, width: int, rngs: nnx.Rngs) -> nnx.RMSNorm | nnx.LayerNorm:
    """RMSNorm (Zhang and Sennrich, 2019) or LayerNorm (Ba et al., 2016)."""
    dtype = jnp.dtype(config.dtype)
    if config.norm == "rms":
        return nnx.RMSNorm(width, epsilon=config.norm_eps, dtype=dtype, rngs=rngs)
    # The fast variance, E[x^2] - E[x]^2, loses what is small beside the mean.
    return nnx.LayerNorm(
        width, epsilon=config.norm_eps, use_bias=config.bias, use_fast_variance=False, dtype=dtype, rngs=rngs
    )


def _speeds(config: ModelConfig, width: int) -> NDArray[np.float32]:
    """Radians a position for each pair, (width / 2,), slow ones slower still where `rope_scaling` says so.

    The scaling is that of Llama 3.1: waves that fit often enough into the first context stay, those that do not are
    `factor` times as long, and between the two frequencies the share changes linearly.
    """
    speeds: NDArray[np.float64] = config.rope_theta ** (-np.arange(0, width, 2) / width)
    if config.rope_scaling is not None:
        factor, low, high, positions = config.rope_scaling
        kept = np.clip((positions * speeds / (2 * np.pi) - low) / (high - low), 0, 1)
        speeds = speeds * (kept + (1 - kept) / factor)
    return speeds.astype(np.float32)


def rotate(x: Array, positions: Array, config: ModelConfig) -> Array:
    """Rotary positions (Su et al., RoFormer, 2021) on the first `rope_share` of each head.

    `x` is (batch, time, heads, width). A pair is a place of the first half and the same place of the second, as in
    Llama.
    """
    width = int(x.shape[-1] * config.rope_share) // 2 * 2
    if width == 0 or config.positions != "rope":
        return x
    turned, rest = x[..., :width].astype(jnp.float32), x[..., width:]
    angles = positions[..., None].astype(jnp.float32) * _speeds(config, width)
    sin, cos = (one[..., None, :] for one in kernels.turns(angles))
    a, b = jnp.split(turned, 2, -1)
    turned = jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)
    return jnp.concatenate([turned.astype(x.dtype), rest], -1)


class ShortConv(nnx.Module):
    """A causal convolution of each channel with its last few values, those of other segments left out.

    With `residual` it is a Canon layer: x + conv(x), without activation (Physics of Language Models, Part 4.1).
    """

    def __init__(self, channels: int, width: int, *, residual: bool, rngs: nnx.Rngs) -> None:
        self.residual = residual
        bound = width**-0.5
        values = jax.random.uniform(rngs.params(), (width, channels), minval=-bound, maxval=bound)
        self.kernel = nnx.Param(values)

    def __call__(self, x: Array, layout: Layout, cache: Array | None = None) -> tuple[Array, Array | None]:
        """Convolve x (batch, time, channels), after the inputs of a cache (batch, width - 1, channels)."""
        kernel = self.kernel[...].astype(x.dtype)
        time, reach = x.shape[1], kernel.shape[0] - 1
        past = layout.before(reach)
        if cache is None or past is None:
            inputs = jnp.pad(x, ((0, 0), (reach, 0), (0, 0)))
            segments = jnp.pad(layout.segments, ((0, 0), (reach, 0)), constant_values=-1)
        else:
            inputs = jnp.concatenate([cache, x], 1)
            segments = jnp.concatenate([past, layout.segments], 1)
        total = x * kernel[0]
        for back in range(1, reach + 1):
            at = slice(reach - back, reach - back + time)
            total += jnp.where((segments[:, at] == layout.segments)[..., None], inputs[:, at], 0) * kernel[back]
        return x + total if self.residual else total, None if cache is None else inputs[:, time:]


def convolve(conv: ShortConv | None, x: Array, layout: Layout, cache: Array | None) -> tuple[Array, Array | None]:
    """Apply a convolution, where there is one."""
    return (x, cache) if conv is None else conv(x, layout, cache)


def no_inputs(conv: ShortConv | None, batch: int, dtype: jnp.dtype) -> Array | None:
    """What a convolution keeps before the first token, where there is a convolution."""
    if conv is None:
        return None
    width, channels = conv.kernel[...].shape
    return jnp.zeros((batch, width - 1, channels), dtype)


class MLP(nnx.Module):
    """SwiGLU (Shazeer, 2020) or GELU in the tanh form, with Canon D on what is inside."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        self.gated = config.mlp == "swiglu"
        inside = config.hidden * (2 if self.gated else 1)
        self.up = linear(config, config.width, inside, rngs, bias=config.bias)
        self.down = linear(config, config.hidden, config.width, rngs, bias=config.bias)
        self.canon = ShortConv(inside, config.canon_width, residual=True, rngs=rngs) if "D" in config.canon else None

    def __call__(self, x: Array, layout: Layout, cache: Array | None = None) -> tuple[Array, Array | None]:
        """Apply to x (batch, time, width); the cache is that of Canon D."""
        inside, cache = convolve(self.canon, self.up(x), layout, cache)
        if self.gated:
            gate, value = jnp.split(inside, 2, -1)
            inside = jax.nn.silu(gate) * value
        else:
            inside = jax.nn.gelu(inside, approximate=True)
        found: Array = self.down(inside)
        return found, cache
