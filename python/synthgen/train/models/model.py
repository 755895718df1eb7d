"""The language model: embedding, blocks, norm, output."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from .config import ModelConfig
from .layers import MLP, Layout, ShortConv, linear, norm
from .mixers import MIXERS


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

    def __call__(self, x: Array, layout: Layout) -> Array:
        """Apply to x (batch, time, width)."""
        inside = self.norm(x)
        if self.canon_a is not None:
            inside = self.canon_a(inside, layout)
        x = x + self.mixer(inside, layout)
        if self.mlp is None or self.mlp_norm is None:
            return x
        inside = self.mlp_norm(x)
        if self.canon_c is not None:
            inside = self.canon_c(inside, layout)
        return x + self.mlp(inside, layout)


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

    def logits(self, x: Array, layout: Layout) -> Array:
        """Logits of tokens that are embedded already, x (batch, time, width)."""
        if self.positions is not None:
            x = x + self.positions(layout.positions)
        through = nnx.remat(_through) if self.remat else _through
        for block in self.blocks:
            x = through(block, x, layout)
        x = self.norm(x)
        logits: Array = self.embedding.attend(x) if self.head is None else self.head(x)
        return logits.astype(jnp.float32)


def _through(block: Block, x: Array, layout: Layout) -> Array:
    return block(x, layout)


def count_parameters(model: nnx.Module, kind: type[nnx.Variable[Any]] = nnx.Param) -> int:
    """Numbers in the parameters of a kind: all of them, or those of adapters with `nnx.LoRAParam`."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, kind)))
