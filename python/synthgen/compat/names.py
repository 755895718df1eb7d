"""Names of the originals, and what every family of this package does with a configuration and a row."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .._task import EXAMPLES, Split, generator
from ..checks import MAX_U64, extra, integer, text_argument
from ..errors import ParamError, param_error
from ..registry import tasks

if TYPE_CHECKING:
    import datasets

SEED_NAMES = {
    "N": "n_max",
    "K": "k_max",
    "M": "num_queries",
    "min_tlen": "min_word_len",
    "max_tlen": "max_word_len",
    "L": "length_max",
    "value_mod": "modulus",
    "ttype": "operators",
    "use_symbolic_names": "symbolic_names",
    "config_name": "grammar",
}
"""Names of the originals, and ours."""

Generators = random.Random | np.random.Generator
"""Where a seed may come from."""


def seed_from(task: str, rng: Any) -> int:
    """Draw a seed from a generator of Python's or NumPy's."""
    if isinstance(rng, random.Random):
        return rng.getrandbits(64)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, MAX_U64, dtype=np.uint64, endpoint=True))
    raise param_error(task, "rng", rng, "allowed: a random.Random or a numpy.random.Generator")


def own_seed(task: str, seed: Any) -> int:
    """Check a seed; without one, draw one that nobody knows."""
    return random.SystemRandom().getrandbits(64) if seed is None else integer(task, "seed", seed, 0, MAX_U64)


def filled(task: str, defaults: Mapping[str, Any], config: Any, more: Any = ()) -> dict[str, Any]:
    """Fill a configuration with defaults. Unknown fields are refused; `more` are fields known without a default."""
    if not isinstance(config, Mapping):
        raise param_error(task, "config", config, "allowed: a dict of fields to values")
    for name, value in config.items():
        if name not in defaults and name not in more:
            known = ", ".join(dict.fromkeys([*defaults, *more]))
            raise param_error(task, text_argument(task, "config", name), value, f"no such field; known: {known}")
    return {**defaults, **config}


def our_params(task: str, config: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Translate a configuration with the originals' names; names that are ours already pass.

    `others` are fields that are no parameters: known, and left out.
    """
    known = {param.name for param in tasks()[task].params}
    params = {}
    for name, value in config.items():
        ours = SEED_NAMES.get(name, name)
        if ours in known:
            params[ours] = value
        elif name not in (others or {}):
            listed = ", ".join(dict.fromkeys([*(others or ()), *sorted(known)]))
            raise param_error(task, name, value, f"no such field; known: {listed}")
    return params


@contextmanager
def said_as(names: Mapping[str, str]) -> Iterator[None]:
    """Let errors speak of fields by the caller's names: `names` maps ours to theirs."""
    try:
        yield
    except ParamError as error:
        name = names.get(error.field)
        if name is None:
            raise
        message = str(error).replace(f"{error.field} = ", f"{name} = ", 1)
        raise ParamError(message, task=error.task, field=name, value=error.value, allowed=error.allowed) from None


def views(
    task: str,
    n: Any,
    seed: int,
    params: Mapping[str, Any],
    *,
    start: int = 0,
    split: Split | None = None,
    difficulty: int | None = None,
) -> list[dict[str, Any]]:
    """Rows start .. start + n with everything about them: text, tokens, mask, queries, metadata."""
    native = generator(task, params, difficulty)
    count = integer(task, "num_examples", n, 0, 2**31)
    rows: list[dict[str, Any]] = []
    for at in range(start, start + count, EXAMPLES):
        block = (at, 0, min(EXAMPLES, start + count - at))
        rows += json.loads(native.records(seed, split, None, block, "view"))
    return rows


class RowList(list[dict[str, Any]]):
    """Rows where the package `datasets` is not installed: a list with the names of its columns, and columns by name."""

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self[0]) if self else []

    def __getitem__(self, at: Any) -> Any:
        """A row or several by their place, or a column by its name."""
        return [row[at] for row in self] if isinstance(at, str) else super().__getitem__(at)


def hf_dataset(rows: list[dict[str, Any]]) -> datasets.Dataset:
    """Rows as a datasets.Dataset, or as a RowList where that package is not installed."""
    try:
        datasets = extra("datasets", "data")
    except ModuleNotFoundError:
        return RowList(rows)
    return datasets.Dataset.from_list(rows)
