"""Architectures under one block."""

from .config import SIZES, ModelConfig, sized
from .model import Cache, LanguageModel, count_parameters

__all__ = ["SIZES", "Cache", "LanguageModel", "ModelConfig", "count_parameters", "sized"]
