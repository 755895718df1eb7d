"""The exceptions of synthgen: one tree, and Python's own classes beside it where Python has the word."""

from __future__ import annotations

from typing import Any


class SynthgenError(ValueError):
    """Something is wrong with what was asked for. `task` names the task, where there is one."""

    def __init__(self, message: str, *, task: str | None = None) -> None:
        super().__init__(message)
        self.task = task


class ParamError(SynthgenError):
    """A parameter or argument is unknown, of the wrong type, out of range, or clashes with another.

    `field`, `value` and `allowed` hold the name, the value as text, and what is allowed.
    """

    def __init__(
        self, message: str, *, task: str | None = None, field: str = "", value: str = "", allowed: str = ""
    ) -> None:
        super().__init__(message, task=task)
        self.field = field
        self.value = value
        self.allowed = allowed


class UnknownTaskError(SynthgenError, LookupError):
    """No task of that name is registered."""


class SplitExhausted(SynthgenError):
    """No instance of the wanted `split` was found: the space of instances is too small at these parameters."""

    def __init__(self, message: str, *, task: str | None = None, split: str = "") -> None:
        super().__init__(message, task=task)
        self.split = split


class SolveError(SynthgenError):
    """A text is no prompt of the task; `position` is the character at which that shows."""

    def __init__(self, message: str, *, task: str | None = None, position: int = 0) -> None:
        super().__init__(message, task=task)
        self.position = position


class OutOfMemory(SynthgenError, MemoryError):
    """The arrays asked for do not fit into the memory that is available."""


class DatasetError(SynthgenError):
    """A dataset directory is not what it should be, or a run would clash with what is there."""


class WeightsError(SynthgenError):
    """Files of weights are not what they should be, or hold what our models cannot represent."""


class EvaluationError(SynthgenError):
    """The directory of an evaluation is not what it should be, or a run would clash with what is there."""


def show(value: Any) -> str:
    """Spell a value; what cannot be spelled (too deep, too long, hostile) becomes the name of its type."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def param_error(task: str | None, field: str, value: Any, allowed: str) -> ParamError:
    """Make the error that the core would make for a bad argument."""
    shown = show(value).encode("utf-8", "backslashreplace").decode()
    if len(shown) > 80:
        shown = shown[:77] + "..."
    where = "" if task is None else f"task {task}: "
    return ParamError(f"{where}{field} = {shown}; {allowed}", task=task, field=field, value=shown, allowed=allowed)
