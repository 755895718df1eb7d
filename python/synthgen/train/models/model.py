"""The language model: embedding, blocks, norm, output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .config import ModelConfig
from .layers import MLP, Layout, ShortConv, convolve, linear, no_inputs, norm
from .mixers import EMPTY, MIXERS, MixerCache


class BlockCache(NamedTuple):
    """What a block keeps of the tokens before: that of its mixer, and the last inputs of Canon A, C and D."""

    mixer: MixerCache = EMPTY
    canon_a: Array | None = None
    canon_c: Array | None = None
    canon_d: Array | None = None


NOTHING = BlockCache()
After = Callable[[int, Array], Array]
"""What is done with the output of each block."""


class Cache(NamedTuple):
    """What a model keeps of the tokens it has read, as `LanguageModel.cache` makes it and `extend` reads on."""

    segments: Array  # int32 (batch, length), of the tokens read
    count: Array  # int32, the tokens read
    blocks: tuple[BlockCache, ...]


class Block(nnx.Module):
    """One layer: a mixer and an MLP, each after a norm and around a residual, Canon A and C where they stand."""

    def __init__(self, config: ModelConfig, layer: int, rngs: nnx.Rngs) -> None:
        def canon(letter: str) -> ShortConv | None:
            there = letter in config.canon
            return ShortConv(config.width, config.canon_width, residual=True, rngs=rngs) if there else None

        self.norm = norm(config, config.width, rngs)
        self.canon_a = canon("A")
        self.mixer = MIXERS[config.mixer(layer)](config, rngs)
        with_mlp = config.mlp != "none"
        self.mlp_norm = norm(config, config.width, rngs) if with_mlp else None
        self.canon_c = canon("C") if with_mlp else None
        self.mlp = MLP(config, rngs) if with_mlp else None

    def cache(self, batch: int, length: int, dtype: jnp.dtype) -> BlockCache:
        """The cache before the first of `length` tokens."""
        canons = (self.canon_a, self.canon_c, None if self.mlp is None else self.mlp.canon)
        mixer = self.mixer.cache(batch, length, dtype)
        return BlockCache(mixer, *(no_inputs(canon, batch, dtype) for canon in canons))

    def __call__(self, x: Array, layout: Layout, cache: BlockCache = NOTHING) -> tuple[Array, BlockCache]:
        """Apply to x (batch, time, width)."""
        mixer, canon_a, canon_c, canon_d = cache
        inside, canon_a = convolve(self.canon_a, self.norm(x), layout, canon_a)
        inside, mixer = self.mixer(inside, layout, mixer)
        x = x + inside
        if self.mlp is not None and self.mlp_norm is not None:
            inside, canon_c = convolve(self.canon_c, self.mlp_norm(x), layout, canon_c)
            inside, canon_d = self.mlp(inside, layout, canon_d)
            x = x + inside
        return x, BlockCache(mixer, canon_a, canon_c, canon_d)


class LanguageModel(nnx.Module):
    """Token ids to logits of the next token.

    Parameters are float32 and begin as a function of the config and of `rngs` alone; activations have `config.dtype`.
    """

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        self.config = config
        self.remat = False  # keep no activations inside blocks for the backward pass, but work them out again
        init = nnx.initializers.normal(0.02)
        dtype = jnp.dtype(config.dtype)
        self.embedding = nnx.Embed(config.vocab_size, config.width, dtype=dtype, embedding_init=init, rngs=rngs)
        self.blocks = nnx.List([Block(config, layer, rngs) for layer in range(config.num_layers)])
        self.norm = norm(config, config.width, rngs)
        self.head = None if config.tie_embeddings else linear(config, config.width, config.vocab_size, rngs)
        self.positions = (
            nnx.Embed(config.max_positions or 1, config.width, dtype=dtype, embedding_init=init, rngs=rngs)
            if config.positions == "learned"
            else None
        )

    def __call__(self, input_ids: Array, segments: Array | None = None, positions: Array | None = None) -> Array:
        """Logits, float32 (batch, time, vocab_size), of ids (batch, time).

        `segments` (batch, time) numbers the rows of packed windows, between which nothing passes; `positions` counts
        the tokens of each. Both are as `task.packed` gives them.
        """
        return self.logits(self.embedding(input_ids), Layout.of(input_ids, segments, positions))

    def logits(self, x: Array, layout: Layout, after: After | None = None) -> Array:
        """Logits of tokens that are embedded already, x (batch, time, width).

        What comes out of each block, with its number, is given to `after`, and what that gives goes on: to read or to
        change the residual stream.
        """
        return self._output(self._through(x, layout, [NOTHING] * len(self.blocks), after)[0])

    def cache(self, batch: int, length: int) -> Cache:
        """A cache with room for `length` tokens in each of `batch` rows, none of them read yet."""
        blocks = tuple(block.cache(batch, length, jnp.dtype(self.config.dtype)) for block in self.blocks)
        return Cache(jnp.zeros((batch, length), jnp.int32), jnp.int32(0), blocks)

    def extend(
        self,
        input_ids: Array,
        cache: Cache,
        segments: Array | None = None,
        positions: Array | None = None,
        *,
        last: bool = False,
    ) -> tuple[Array, Cache]:
        """Logits, float32 (batch, time, vocab_size), of ids (batch, time) that follow those of the cache.

        The new tokens see those before them in the cache that are of their segment; without `segments` all are of
        segment 1, without `positions` the count goes on. Prompts of different lengths stand at the right, after padding
        of segment 0. With `last` the logits are those of the last token alone, (batch, 1, vocab_size). The tokens must
        fit into the cache: that is not checked.
        """
        if positions is None:
            positions = jnp.broadcast_to(cache.count + jnp.arange(input_ids.shape[1]), input_ids.shape)
        if segments is None:
            segments = jnp.ones_like(input_ids)
        layout = Layout.of(input_ids, segments, positions)
        known = jax.lax.dynamic_update_slice_in_dim(cache.segments, layout.segments, cache.count, 1)
        layout = layout._replace(known=known, start=cache.count)
        x, blocks = self._through(self.embedding(input_ids), layout, cache.blocks)
        logits = self._output(x[:, -1:] if last else x)
        return logits, Cache(known, cache.count + input_ids.shape[1], blocks)

    def _through(
        self, x: Array, layout: Layout, caches: Sequence[BlockCache], change: After | None = None
    ) -> tuple[Array, tuple[BlockCache, ...]]:
        if self.positions is not None:
            x = x + self.positions(layout.positions)
        run = nnx.remat(_run) if self.remat else _run
        after = []
        for number, (block, cache) in enumerate(zip(self.blocks, caches, strict=True)):
            x, kept = run(block, x, layout, cache)
            x = x if change is None else change(number, x)
            after.append(kept)
        return x, tuple(after)

    def _output(self, x: Array) -> Array:
        x = self.norm(x)
        logits: Array = self.embedding.attend(x) if self.head is None else self.head(x)
        return logits.astype(jnp.float32)


def _run(block: Block, x: Array, layout: Layout, cache: BlockCache) -> tuple[Array, BlockCache]:
    return block(x, layout, cache)


def count_parameters(model: nnx.Module, kind: type[nnx.Variable[Any]] = nnx.Param) -> int:
    """Numbers in the parameters of a kind: all of them, or those of adapters with `nnx.LoRAParam`."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, kind)))
