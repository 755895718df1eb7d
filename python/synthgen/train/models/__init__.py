"""Architectures under one block. Their descriptions need no JAX."""

from typing import TYPE_CHECKING

from ...later import later

if TYPE_CHECKING:
    from .config import SIZES, ModelConfig, sized
    from .model import Cache, LanguageModel, count_parameters

_LATER = {
    "SIZES": "config",
    "Cache": "model",
    "LanguageModel": "model",
    "ModelConfig": "config",
    "count_parameters": "model",
    "sized": "config",
}

__all__ = ["SIZES", "Cache", "LanguageModel", "ModelConfig", "count_parameters", "sized"]

__getattr__, __dir__ = later(__name__, _LATER)
