"""Datasets: sources for training loops, and shards on disk."""

from .batches import Batches
from .collate import collate
from .generate import generate
from .joint import Joint, joint, shuffled
from .plan import Plan
from .sources import MixedSource, Source, dataset, iterable
from .stored import Stored
from .verify import Certificate, rebuild, verify
from .windows import Windows

__all__ = [
    "Batches",
    "Certificate",
    "Joint",
    "MixedSource",
    "Plan",
    "Source",
    "Stored",
    "Windows",
    "collate",
    "dataset",
    "generate",
    "iterable",
    "joint",
    "rebuild",
    "shuffled",
    "verify",
]
