"""Curricula: the difficulty levels of a task, or of a mixture, in shares that may change from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from . import _native
from ._task import frozen, generator
from .checks import integer, switch, text_argument
from .errors import param_error
from .mixture import Mixed, weight_of
from .vocab import Vocab

LEVELS = (1, 2, 3)
EASY_TO_HARD = (0.40, 0.35, 0.25)
"""Default shares of levels 1, 2 and 3."""

Weights = Sequence[float]


def _three(field: str, weights: Any) -> list[float]:
    if isinstance(weights, str) or not isinstance(weights, Sequence) or len(weights) != len(LEVELS):
        raise param_error("curriculum", field, weights, "allowed: three numbers >= 0, for levels 1, 2 and 3")
    return [weight_of("curriculum", f"{field}[{i}]", weight) for i, weight in enumerate(weights)]


class Curriculum(Mixed):
    """Rows of levels 1, 2 and 3 of one task, or of several. Made by `synthgen.curriculum`.

    With one task, rows are the task's own, in its own vocabulary; with several, they are those of a mixture. Row i is
    row i of the chosen task and level, and belongs to step `i // batch_size`.
    """

    name = "curriculum"

    def __init__(
        self,
        tasks: str | Mapping[str, float],
        schedule: Sequence[tuple[int, Weights]],
        batch_size: int,
        linear: bool,
        params: Mapping[str, Mapping[str, Any]],
    ) -> None:
        shares = {tasks: 1.0} if isinstance(tasks, str) else tasks
        if not isinstance(shares, Mapping) or not shares:
            raise param_error("curriculum", "tasks", tasks, "allowed: a task name, or a dict of names to shares")
        for name in shares:
            text_argument("curriculum", "tasks", name)
        if not isinstance(params, Mapping) or not all(isinstance(given, Mapping) for given in params.values()):
            raise param_error("curriculum", "params", params, "allowed: a dict of task names to dicts of parameters")
        for name in params:
            if name not in shares:
                raise param_error(
                    "curriculum", "params", name, f"allowed: tasks of the curriculum, {', '.join(shares)}"
                )
        if not isinstance(schedule, Sequence):
            raise param_error("curriculum", "schedule", schedule, "allowed: pairs of a step and three weights")
        own = {name: weight_of("curriculum", f"tasks[{name!r}]", share) for name, share in shares.items()}
        self.levels = tuple((name, level) for name in shares for level in LEVELS)
        """Task and level of each part, as `Batch.parts` numbers them."""
        self._parts = tuple((name, frozen(params.get(name, {})), level) for name, level in self.levels)
        knots = []
        for knot in schedule:
            if isinstance(knot, str) or not isinstance(knot, Sequence) or len(knot) != 2:
                raise param_error("curriculum", "schedule", knot, "allowed: pairs of a step and three weights")
            step = integer("curriculum", "schedule", knot[0], 0, 2**63)
            weights = _three("weights", knot[1])
            knots.append((step, [share * weight for share in own.values() for weight in weights]))
        rows = integer("curriculum", "batch_size", batch_size, 1, 2**40)
        self._build(knots, rows, switch("curriculum", "linear", linear), joint=len(shares) > 1)

    def __repr__(self) -> str:
        return f"<Curriculum of {', '.join(dict.fromkeys(name for name, _ in self.levels))}>"

    @property
    def native(self) -> _native.Mixture:
        """The native mixture."""
        return self._native

    @cached_property
    def vocab(self) -> Vocab:
        """The piece table: the task's own, or the joint one of several tasks."""
        if self._joint:
            from .mixture import mix

            return mix(dict.fromkeys((name for name, _ in self.levels), 1)).vocab
        native = generator(*self._parts[0])
        return Vocab(self.levels[0][0], native.pieces, native.encode)


def curriculum(
    tasks: str | Mapping[str, float],
    weights: Weights = EASY_TO_HARD,
    *,
    schedule: Sequence[tuple[int, Weights]] | None = None,
    batch_size: int = 1,
    linear: bool = False,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Curriculum:
    """Mix the difficulty levels of a task, or of several tasks with shares.

    `weights` are the shares of levels 1, 2 and 3. With a `schedule` instead, pairs of a step and three weights, the
    shares change at those steps, or with `linear` in a straight line between them; step t is the rows
    `t * batch_size .. (t + 1) * batch_size` (windows, when packed). `params` maps names to parameters that the presets
    leave alone.

    >>> import synthgen
    >>> course = synthgen.curriculum("dyna", schedule=[(0, (1, 0, 0)), (100, (0, 0, 1))], batch_size=8, linear=True)
    >>> [course.levels[part] for part in course.batch(3, start=50 * 8).parts]  # halfway
    [('dyna', 3), ('dyna', 3), ('dyna', 3)]

    Raises ParamError for weights that are negative, not finite or all zero, and for steps that do not rise from 0.
    """
    return Curriculum(
        tasks, [(0, weights)] if schedule is None else schedule, batch_size, linear, {} if params is None else params
    )
