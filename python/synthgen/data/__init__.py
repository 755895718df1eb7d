"""Datasets: sources for training loops, and shards on disk."""

from typing import TYPE_CHECKING

from ..later import later
from .generate import generate
from .plan import Plan

if TYPE_CHECKING:
    from .batches import Batches
    from .collation import collate
    from .joining import Joint, joint, shuffled
    from .sources import MixedSource, Source, dataset, iterable
    from .stored import Stored
    from .verification import Certificate, rebuild, verify
    from .windows import Windows

_LATER = {
    "Batches": "batches",
    "Certificate": "verification",
    "Joint": "joining",
    "MixedSource": "sources",
    "Source": "sources",
    "Stored": "stored",
    "Windows": "windows",
    "collate": "collation",
    "dataset": "sources",
    "iterable": "sources",
    "joint": "joining",
    "rebuild": "verification",
    "shuffled": "joining",
    "verify": "verification",
}
"""What is imported when it is first used, by name, and its module; none has the name of a module."""

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

__getattr__, __dir__ = later(__name__, _LATER)
