"""Synthetic pre-training tasks for language models: exact, reproducible, fast.

>>> import synthgen
>>> batch = synthgen.dyna.batch(2, seed=0, difficulty=1)
>>> batch.input_ids.shape == batch.loss_mask.shape
True
>>> synthgen.dyna.validate(batch.input_ids[0], batch.loss_mask[0], difficulty=1).ok
True
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

from . import _native, errors
from ._task import Split
from ._tasks import __all__ as _task_names
from .batch import Batch, Packed, Query, Score, Verdict
from .curricula import Curriculum, curriculum
from .errors import (
    DatasetError,
    EvaluationError,
    OutOfMemory,
    ParamError,
    SolveError,
    SplitExhausted,
    SynthgenError,
    UnknownTaskError,
    WeightsError,
)
from .mixture import Mixture, mix
from .registry import TaskInfo, get, tasks
from .vocab import Vocab

if TYPE_CHECKING:
    from . import compat, grammar, people
    from ._tasks import *  # noqa: F403 - one module per registered task

__version__ = "0.1.0"

__all__ = [  # noqa: PLE0604 - the tasks are named by their package
    *_task_names,
    "Batch",
    "Curriculum",
    "DatasetError",
    "EvaluationError",
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
    "WeightsError",
    "compat",
    "curriculum",
    "errors",
    "get",
    "grammar",
    "mix",
    "people",
    "tasks",
]

_LATER = {name: f".{name}" for name in ("compat", "grammar", "people")} | {
    name: f"._tasks.{name}" for name in _task_names
}
"""Modules that are imported when they are first used: most programs need one task."""


def __getattr__(name: str) -> ModuleType:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = importlib.import_module(_LATER[name], __name__)
    module: ModuleType = globals()[name]
    return module


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


if _native.DEBUG:
    warnings.warn("synthgen was built without optimisation and is many times slower; run `make build`", stacklevel=2)
