"""The registry, as data."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from . import _native
from .checks import text_argument


class ParamInfo(NamedTuple):
    """A declared parameter of a task."""

    name: str
    doc: str
    default: Any
    allowed: str


class TaskInfo(NamedTuple):
    """What the registry knows about a task."""

    name: str
    version: int
    summary: str
    params: tuple[ParamInfo, ...]
    presets: tuple[dict[str, Any], ...]  # what levels 1, 2 and 3 change
    extremes: tuple[dict[str, Any], ...]  # the smallest and the largest parameters under test
    compat_ids: bool  # does the task know the reference's ids?
    split_key: str  # which facts decide the split
    axes: tuple[str, ...]  # numbers of the metadata that rise with the level


@lru_cache(maxsize=1)
def tasks() -> dict[str, TaskInfo]:
    """All tasks by name, in the order of their joint ids."""
    found = {}
    for entry in json.loads(_native.registry_json()):
        params = tuple(ParamInfo(**param) for param in entry.pop("params"))
        presets, extremes = tuple(entry.pop("presets")), tuple(entry.pop("extremes"))
        entry["axes"] = tuple(entry["axes"])
        found[entry["name"]] = TaskInfo(**entry, params=params, presets=presets, extremes=extremes)
    return found


def get(name: str) -> ModuleType:
    """Return the module of a task. Raises UnknownTaskError, with a suggestion, for an unknown name."""
    if name not in list(tasks()):
        _native.Generator(text_argument(None, "name", name), {}, None)
    return importlib.import_module(f"synthgen._tasks.{name}")


def at_level(name: str, level: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of a task's calls for a level whose own parameters yield to `params`.

    Where they do, the rows are of no level any more, and `difficulty` is left out.
    """
    presets = tasks()[name].presets
    # A level may leave a parameter at its default: it is the level's all the same where another level sets it.
    if not set(params) & {key for preset in presets for key in preset}:
        return {"difficulty": level, **params}
    own = {key: tuple(value) if isinstance(value, list) else value for key, value in presets[level - 1].items()}
    return {**own, **params}
