"""Defaults and presets of the tasks, written out by hand, and ``resolve``: what given keywords amount to."""

from collections.abc import Mapping
from typing import Any

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "dyna": {
        "state_size": (5, 15),
        "num_ops": (5, 30),
        "num_queries": 3,
        "query_kind": "both",
        "symbolic_names": True,
        "effective_depth": None,
    },
    "depo": {
        "n_max": 225,
        "k_max": 8,
        "num_queries": 10,
        "mini_vocab": 50,
        "min_word_len": 1,
        "max_word_len": 2,
        "qa": False,
        "separator": False,
        "fixed_k": None,
        "k_set": None,
        "allow_wrap": None,
    },
}

PRESETS: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    "dyna": {
        1: {"state_size": (5, 7), "num_ops": (5, 10)},
        2: {"state_size": (8, 12), "num_ops": (10, 20)},
        3: {"state_size": (13, 20), "num_ops": (20, 50)},
    },
    "depo": {1: {"n_max": 225}, 2: {"n_max": 300}, 3: {"n_max": 375}},
}

RANGES = ("state_size", "num_ops", "effective_depth")


def resolve(task: str, difficulty: int | None = None, **given: Any) -> dict[str, Any]:
    """Give every param of the task: defaults, then the preset, then ``given``; lone values become pairs."""
    params = dict(DEFAULTS[task])
    if difficulty is not None:
        params.update(PRESETS[task][difficulty])
    unknown = set(given) - set(params)
    if unknown:
        raise KeyError(f"{task} has no params {sorted(unknown)}")
    params.update(given)
    for name in RANGES:
        if isinstance(params.get(name), int):
            params[name] = (params[name], params[name])
    return params
