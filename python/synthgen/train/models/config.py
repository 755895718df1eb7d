"""What a model is: one description for all architectures, checked before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...errors import ParamError, param_error

MIXERS = ("attention", "linear", "gla", "mamba2", "gdn")
MLPS = ("swiglu", "gelu", "none")
NORMS = ("rms", "layer")
POSITIONS = ("rope", "learned")
DTYPES = ("float32", "bfloat16")
CANON = "ABCD"


@dataclass(frozen=True)
class ModelConfig:
    """A stack of blocks: norm, mixer, norm, MLP, each with a residual.

    `mixers` names the mixer of each layer, and is repeated as often as there are layers: ("attention",) is a
    Transformer, ("gdn", "gdn", "gdn", "attention") a hybrid. `canon` is any of the letters ABCD, where Canon layers
    stand (Physics of Language Models, Part 4.1): A before the mixer, B on queries, keys and values, C before the MLP,
    D inside it.

    Llama (Touvron et al., 2023) is the default block with `tie_embeddings=False`; GPT-2 (Radford et al., 2019) is
    `norm="layer", bias=True, positions="learned", mlp="gelu"`.
    """

    vocab_size: int
    width: int = 256
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int | None = None  # fewer than num_heads: grouped queries, in attention
    head_dim: int | None = None  # None: width / num_heads
    mixers: tuple[str, ...] = ("attention",)
    mlp: str = "swiglu"
    mlp_width: int | None = None  # None: 8/3 width for swiglu, 4 width for gelu, in steps of 32
    positions: str = "rope"  # learned: a vector for each position is added to the embeddings, and nothing is rotated
    max_positions: int | None = None  # of learned positions; with rope, only told to other programs
    rope_share: float = 1.0  # share of each head that is rotated; 0: no positions
    rope_theta: float = 10_000.0
    rope_scaling: tuple[float, ...] | None = None  # Llama 3.1: factor, low and high frequency factor, first context
    qk_norm: bool = False
    window: int | None = None  # tokens that attention sees, its own included
    canon: str = ""
    canon_width: int = 4
    state_size: int = 64  # keys of a Mamba2 head
    norm: str = "rms"
    norm_eps: float = 1e-6
    bias: bool = False  # of the projections of attention and MLP, and of LayerNorm
    tie_embeddings: bool = True
    dtype: str = "float32"  # of activations; parameters are float32

    def __post_init__(self) -> None:
        for name, low in (("vocab_size", 2), ("width", 1), ("num_layers", 1), ("num_heads", 1), ("canon_width", 1)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < low:
                raise param_error(None, f"model.{name}", getattr(self, name), f"allowed: an integer >= {low}")
        for name, allowed in (("mlp", MLPS), ("norm", NORMS), ("positions", POSITIONS), ("dtype", DTYPES)):
            if getattr(self, name) not in allowed:
                raise self._refuse(name, f"allowed: one of {', '.join(allowed)}")
        if not self.mixers or set(self.mixers) - set(MIXERS):
            raise self._refuse("mixers", f"allowed: names among {', '.join(MIXERS)}")
        if set(self.canon) - set(CANON) or len(set(self.canon)) != len(self.canon):
            raise self._refuse("canon", "allowed: letters among A, B, C, D, each once")
        if self.head_dim is None and self.width % self.num_heads:
            raise self._refuse("num_heads", f"allowed: a divisor of width = {self.width}, or give head_dim")
        if self.num_heads % self.kv_heads:
            raise self._refuse("num_kv_heads", f"allowed: a divisor of num_heads = {self.num_heads}")
        for name in ("window", "max_positions"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise self._refuse(name, "allowed: an integer >= 1, or none")
        self._check_positions()

    def _check_positions(self) -> None:
        if not 0 <= self.rope_share <= 1:
            raise self._refuse("rope_share", "allowed: 0..=1")
        if self.rope_scaling is not None and not _is_scaling(self.rope_scaling):
            raise self._refuse("rope_scaling", "allowed: factor >= 1, low > 0, high > low, positions >= 1; or none")
        if self.positions == "learned" and self.max_positions is None:
            raise self._refuse("max_positions", "allowed: an integer >= 1, as positions = learned")

    def _refuse(self, name: str, allowed: str) -> ParamError:
        return param_error(None, f"model.{name}", getattr(self, name), allowed)

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    @property
    def head_width(self) -> int:
        """Width of a head."""
        return self.width // self.num_heads if self.head_dim is None else self.head_dim

    @property
    def hidden(self) -> int:
        """Width inside the MLP."""
        if self.mlp_width is not None:
            return self.mlp_width
        return max(32, round(self.width * (8 / 3 if self.mlp == "swiglu" else 4) / 32) * 32)

    def mixer(self, layer: int) -> str:
        """The mixer of a layer."""
        return self.mixers[layer % len(self.mixers)]


def _is_scaling(values: tuple[float, ...]) -> bool:
    return len(values) == 4 and values[0] >= 1 and 0 < values[1] < values[2] and values[3] >= 1


_SIZES: dict[str, dict[str, Any]] = {
    "0.2m": {"width": 64, "num_layers": 4, "num_heads": 4},
    "1m": {"width": 128, "num_layers": 5, "num_heads": 4},
    "10m": {"width": 320, "num_layers": 8, "num_heads": 5},
    "50m": {"width": 640, "num_layers": 10, "num_heads": 10},
    "100m": {"width": 768, "num_layers": 14, "num_heads": 12},
    "350m": {"width": 1024, "num_layers": 28, "num_heads": 16},
    "1.3b": {"width": 2048, "num_layers": 26, "num_heads": 32},
}
"""Sizes by the parameters of a swiglu Transformer, embeddings not counted."""
SIZES = tuple(_SIZES)


def sized(size: str, vocab_size: int, **changes: Any) -> ModelConfig:
    """A model of a preset size. Raises ParamError."""
    if size not in _SIZES:
        raise param_error(None, "model.size", size, f"allowed: one of {', '.join(SIZES)}")
    return replace(ModelConfig(vocab_size, **_SIZES[size]), **changes)
