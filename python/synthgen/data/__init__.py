"""Datasets: sources for training loops, and shards on disk."""

from .generate import generate
from .plan import Plan
from .sources import Source, dataset, iterable
from .verify import Certificate, rebuild, verify

__all__ = ["Certificate", "Plan", "Source", "dataset", "generate", "iterable", "rebuild", "verify"]
