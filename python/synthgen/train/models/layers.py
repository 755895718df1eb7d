"""Parts that all architectures share: positions, Canon layers, MLPs, and what links the tokens of a batch."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from . import kernels
from .config import ModelConfig


class Layout(NamedTuple):
    """Which tokens belong together: segments and positions, int32 (batch, time), or (1, time) if all rows are alike."""

    segments: Array
    positions: Array

    @classmethod
    def of(cls, input_ids: Array, segments: Array | None, positions: Array | None) -> Layout:
        """One segment a row, with positions from 0, where nothing else is said."""
        time = input_ids.shape[1]
        return cls(
            np.ones((1, time), np.int32) if segments is None else segments,
            np.arange(time, dtype=np.int32)[None] if positions is None else positions,
        )


def linear(config: ModelConfig, inputs: int, outputs: int, rngs: nnx.Rngs) -> nnx.Linear:
    """A projection without bias, of normal values with variance 1 / inputs."""
    init = nnx.initializers.variance_scaling(1.0, "fan_in", "normal")
    dtype = jnp.dtype(config.dtype)
    return nnx.Linear(
        inputs, outputs, use_bias=False, dtype=dtype, kernel_init=init, dot_general=kernels.product, rngs=rngs
    )


def norm(config: ModelConfig, width: int, rngs: nnx.Rngs) -> nnx.RMSNorm:
    """RMSNorm (Zhang and Sennrich, 2019)."""
    return nnx.RMSNorm(width, epsilon=config.norm_eps, dtype=jnp.dtype(config.dtype), rngs=rngs)


def rotate(x: Array, positions: Array, share: float, theta: float) -> Array:
    """Rotary positions (Su et al., RoFormer, 2021) on the first `share` of each head; x (batch, time, heads, width).

    Pairs are a place of the first half and the same place of the second, as in Llama.
    """
    width = int(x.shape[-1] * share) // 2 * 2
    if width == 0:
        return x
    turned, rest = x[..., :width].astype(jnp.float32), x[..., width:]
    speeds = np.float32(theta) ** (-np.arange(0, width, 2, dtype=np.float32) / width)
    angles = positions[..., None, None].astype(jnp.float32) * speeds
    sin, cos = jnp.sin(angles), jnp.cos(angles)
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

    def __call__(self, x: Array, layout: Layout) -> Array:
        """Convolve x (batch, time, channels)."""
        kernel = self.kernel[...].astype(x.dtype)
        total = x * kernel[0]
        for back in range(1, kernel.shape[0]):
            shifted = jnp.pad(x, ((0, 0), (back, 0), (0, 0)))[:, : x.shape[1]]
            before = jnp.pad(layout.segments, ((0, 0), (back, 0)), constant_values=-1)[:, : x.shape[1]]
            total += jnp.where((before == layout.segments)[..., None], shifted, 0) * kernel[back]
        return x + total if self.residual else total


class MLP(nnx.Module):
    """SwiGLU (Shazeer, 2020) or GELU, with Canon D on what is inside."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        self.gated = config.mlp == "swiglu"
        inside = config.hidden * (2 if self.gated else 1)
        self.up = linear(config, config.width, inside, rngs)
        self.down = linear(config, config.hidden, config.width, rngs)
        self.canon = ShortConv(inside, config.canon_width, residual=True, rngs=rngs) if "D" in config.canon else None

    def __call__(self, x: Array, layout: Layout) -> Array:
        """Apply to x (batch, time, width)."""
        inside = self.up(x)
        if self.canon is not None:
            inside = self.canon(inside, layout)
        if self.gated:
            inside = kernels.swiglu(inside)
        else:
            inside = jax.nn.gelu(inside)
        found: Array = self.down(inside)
        return found
