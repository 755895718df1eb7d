"""Synthetic pre-training tasks for language models: exact, reproducible, fast.

>>> import synthgen
>>> batch = synthgen.dyna.batch(2, seed=0, difficulty=1)
>>> batch.input_ids.shape == batch.loss_mask.shape
True
>>> synthgen.dyna.validate(batch.input_ids[0], batch.loss_mask[0], difficulty=1).ok
True
"""

from __future__ import annotations

import warnings

from . import _native, compat, errors, grammar, people
from ._task import Split
from ._tasks import *  # noqa: F403 - one module per registered task
from ._tasks import __all__ as _task_names
from .batch import Batch, Packed, Query, Score, Verdict
from .curricula import Curriculum, curriculum
from .errors import (
    DatasetError,
    OutOfMemory,
    ParamError,
    SolveError,
    SplitExhausted,
    SynthgenError,
    UnknownTaskError,
)
from .mixture import Mixture, mix
from .registry import TaskInfo, get, tasks
from .vocab import Vocab

__version__ = "0.1.0"

__all__ = [  # noqa: PLE0604 - the tasks are named by their package
    *_task_names,
    "Batch",
    "Curriculum",
    "DatasetError",
    "Mixture",
    "OutOfMemory",
    "Packed",
    "ParamError",
    "Query",
    "Score",
    "SolveError",
    "Split",
    "SplitExhausted",
    "SynthgenError",
    "TaskInfo",
    "UnknownTaskError",
    "Verdict",
    "Vocab",
    "compat",
    "curriculum",
    "errors",
    "get",
    "grammar",
    "mix",
    "people",
    "tasks",
]

if _native.DEBUG:
    warnings.warn("synthgen was built without optimisation and is many times slower; run `make build`", stacklevel=2)
