"""Models: nothing comes from later tokens or other rows of a window, whatever the architecture; sizes; refusals."""

import dataclasses
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthgen
from flax import nnx
from synthgen.train.models import SIZES, LanguageModel, ModelConfig, count_parameters, sized
from synthgen.train.models.layers import Layout

TINY = ModelConfig(vocab_size=29, width=32, num_layers=2, num_heads=2, state_size=8)
KINDS: dict[str, dict[str, Any]] = {
    "attention": {},
    "no positions": {"rope_share": 0.0},
    "partial rope, norms, groups, window": {"rope_share": 0.5, "qk_norm": True, "num_kv_heads": 1, "window": 5},
    "gelu, untied": {"mlp": "gelu", "tie_embeddings": False},
    "learned positions, layer norm, biases": {
        "positions": "learned",
        "max_positions": 192,
        "norm": "layer",
        "bias": True,
        "mlp": "gelu",
    },
    "scaled rope": {"rope_scaling": (8.0, 1.0, 4.0, 16)},
    "canon": {"canon": "ABCD"},
    "linear": {"mixers": ("linear",)},
    "gla": {"mixers": ("gla",)},
    "mamba2": {"mixers": ("mamba2",), "mlp": "none"},
    "gdn": {"mixers": ("gdn",)},
    "hybrid with canon": {"mixers": ("gdn", "attention"), "canon": "ABCD"},
    "bfloat16": {"mixers": ("mamba2", "attention"), "dtype": "bfloat16"},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def model_of(kind: str) -> LanguageModel:
    return LanguageModel(dataclasses.replace(TINY, **KINDS[kind]), nnx.Rngs(0))


@every_kind
def test_logits_depend_on_what_came_before_in_the_same_row(kind: str) -> None:
    model = model_of(kind)
    rng = np.random.default_rng(0)
    time, cut, at = 24, 9, 17
    segments = jnp.asarray(np.where(np.arange(time) < cut, 1, 2)[None].repeat(2, 0), jnp.int32)
    positions = jnp.asarray(np.where(np.arange(time) < cut, np.arange(time), np.arange(time) - cut)[None].repeat(2, 0))
    ids = jnp.asarray(rng.integers(0, 29, (2, time)), jnp.int32)

    def reach(inputs: Any) -> Any:
        return model.logits(inputs, Layout(segments, positions))[:, at].sum()

    slopes = jnp.abs(jax.grad(reach)(model.embedding(ids)).astype(jnp.float32)).max((0, 2))
    assert bool(jnp.isfinite(slopes).all())
    assert not slopes[at + 1 :].any()
    assert not slopes[:cut].any()
    seen = slopes[cut : at + 1] if "window" not in kind else slopes[at - 4 : at + 1]
    assert seen.all()


@every_kind
def test_packed_rows_have_the_logits_of_rows_alone(kind: str) -> None:
    model = model_of(kind)
    packed = synthgen.kv.packed(1, 192, seed=1, difficulty=1, policy="pad")
    ids = jnp.asarray(packed.input_ids % 29)
    together = model(ids, jnp.asarray(packed.segment_ids), jnp.asarray(packed.position_ids))
    starts = [*packed.instance_starts.tolist(), int((packed.segment_ids[0] > 0).sum())]
    assert len(starts) > 2
    for start, end in pairwise(starts):
        alone = model(ids[:, start:end])
        tolerance = 3e-2 if kind == "bfloat16" else 1e-4
        assert jnp.allclose(together[:, start:end], alone, atol=tolerance, rtol=tolerance)


@every_kind
def test_a_model_is_a_function_of_its_config_and_key(kind: str) -> None:
    ids = jnp.arange(12)[None]
    logits = model_of(kind)(ids)
    assert (logits.shape, logits.dtype) == ((1, 12, 29), jnp.float32)
    assert bool((logits == model_of(kind)(ids)).all())
    other = LanguageModel(dataclasses.replace(TINY, **KINDS[kind]), nnx.Rngs(1))
    assert not bool((logits == other(ids)).any())


@pytest.mark.parametrize("size", SIZES)
def test_sizes_have_the_parameters_they_are_named_for(size: str) -> None:
    config = sized(size, vocab_size=32)
    shapes = nnx.eval_shape(lambda: LanguageModel(config, nnx.Rngs(0)))
    own = count_parameters(shapes) - 32 * config.width
    stated = float(size[:-1]) * {"m": 1e6, "b": 1e9}[size[-1]]
    assert 0.85 * stated <= own <= 1.15 * stated, own


REFUSED: dict[str, dict[str, Any]] = {
    "num_heads": {"num_heads": 3},
    "num_kv_heads": {"num_heads": 4, "num_kv_heads": 3},
    "mixers": {"mixers": ("rnn",)},
    "canon": {"canon": "AE"},
    "mlp": {"mlp": "relu"},
    "rope_share": {"rope_share": 1.5},
    "rope_scaling": {"rope_scaling": (8.0, 4.0, 1.0, 16)},
    "positions": {"positions": "alibi"},
    "max_positions": {"positions": "learned"},
    "norm": {"norm": "batch"},
    "window": {"window": 0},
    "width": {"width": 0},
    "dtype": {"dtype": "float16"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_config_is_refused_by_the_key(name: str) -> None:
    with pytest.raises(synthgen.ParamError, match=rf"model\.{name} = .*allowed"):
        dataclasses.replace(TINY, **REFUSED[name])
