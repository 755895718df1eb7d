"""Architectures under one block."""

from .config import SIZES, ModelConfig, sized
from .model import LanguageModel, count_parameters

__all__ = ["SIZES", "LanguageModel", "ModelConfig", "count_parameters", "sized"]
