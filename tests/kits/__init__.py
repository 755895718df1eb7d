"""What the tests need to know about each task: one module per task, and the tests of every task go through them.

A task is put under all general laws by adding ``tests/kits/<task>.py`` with the names of `Kit`.
"""

import importlib
import importlib.util
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, Protocol, cast

import numpy as np
import synthgen
from numpy.typing import NDArray

Keywords = Mapping[str, Any]
Shortcut = Callable[[str, Random], str]


class Oracle(Protocol):
    """A slow, readable second opinion that shares nothing with the library."""

    def check(
        self, ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any], /
    ) -> str | None:
        """Return None if the row, and its mask if given, is valid, else why not."""

    def solve(self, text: str, /) -> str:
        """Answer the prompt; ValueError "not a ..." if it is none."""

    def canonical(self, ids: Sequence[int], pieces: Sequence[str], /) -> Hashable:
        """Return the exact facts by which rows are split."""


class Kit(Protocol):
    """The names that a kit defines; those with a default in `OPTIONAL` may be left out."""

    ORACLE: Oracle
    DEFAULTS: Keywords  # every parameter
    PRESETS: Mapping[int, Keywords]  # what levels 1, 2 and 3 change
    RANGES: Sequence[str]  # parameters that take a number or a pair
    PIECES: tuple[str, ...]  # the text of every id, written out from its definition

    SAMPLES: Sequence[tuple[int, Keywords]]  # rows to compare with the oracle, keywords of `batch`
    MUTATED: Sequence[tuple[int, int, Keywords]]  # rows to mutate, mutants of each, keywords of `batch`
    STRANGERS: Sequence[Keywords]  # rows of each are judged under each other's parameters
    CROWDED: Keywords  # rows of different seeds often state the same facts, and every split holds many
    keys: Callable[[NDArray[np.int64]], NDArray[Any]] | None  # the facts of each row there; None: ask the oracle

    SHORTCUTS: Mapping[str, Shortcut]  # cheap ways from a prompt to an answer
    UNDEFEATED: Mapping[str, str]  # shortcuts that beat chance by the task's own law, and why

    LENIENT_ANSWERS: bool  # can an answer of which one token was changed still be right?
    ANY_ORDER: bool  # are there several right answers?
    PLAIN_REFUSAL: str | None  # what the oracle says of rows of the plain generator, if that has a world of its own
    RULES_IN_PARAMS: bool  # do the params decide the answer, so that a prompt alone cannot be solved?
    UNSPLIT: bool  # do all rows belong to train?
    audited: Callable[[str], bool] | None  # which prompts the shortcuts are held to; None: all
    guess: Shortcut | None  # what chance is the accuracy of, where that depends on the prompt; None: one constant

    def family(self, piece: str, /) -> str:
        """Name the role of a piece: pieces of one family stand in the same places and say different things."""

    def said(self, piece: str, /) -> str:
        """Give what a piece says, the same in any role; "" if nothing."""

    def knowing(self, rng: Random, ids: list[int], mask: list[int], /) -> str:
        """Change a valid row in place so that one rule alone is broken, or none, and say how."""

    def cases(self) -> Any:
        """Strategy of `tests.public_cases.Case`: any parameters that the task accepts."""

    def chance(self, level: int, /) -> float:
        """Accuracy of the best constant answer, or of ``guess`` where there is one, under the declared law."""


OPTIONAL: dict[str, Any] = {
    "LENIENT_ANSWERS": False,
    "ANY_ORDER": False,
    "RULES_IN_PARAMS": False,
    "PLAIN_REFUSAL": None,
    "UNSPLIT": False,
    "audited": None,
    "guess": None,
}


@cache
def kit(name: str) -> Kit:
    """Import the kit of a task."""
    module = f"tests.kits.{name}"
    assert importlib.util.find_spec(module), f"task {name} has no kit: tests/kits/{name}.py is missing"
    found = importlib.import_module(module)
    for option, default in OPTIONAL.items():
        vars(found).setdefault(option, default)
    wanted = {*Kit.__annotations__, *(attribute for attribute in vars(Kit) if attribute[0].islower())}
    missing = sorted(wanted - vars(found).keys())
    assert not missing, f"tests/kits/{name}.py lacks {', '.join(missing)}"
    return cast(Kit, found)


class Kits(Mapping[str, Kit]):
    """The kits of all tasks, in the order of their joint ids; each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Kit:
        return kit(name)

    def __iter__(self) -> Iterator[str]:
        return iter(synthgen.tasks())

    def __len__(self) -> int:
        return len(synthgen.tasks())


KITS = Kits()
