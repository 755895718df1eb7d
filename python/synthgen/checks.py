"""Checks of argument types: each gives the value in its plain form, or the one clear error."""

from __future__ import annotations

import importlib
import operator
from typing import TYPE_CHECKING, Any

from .errors import param_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_U64 = 2**64 - 1


def extra(package: str, group: str) -> Any:
    """Import an optional package. Raises ImportError that says how to get it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        message = f"this needs the package {package}: pip install 'synthgen-lm[{group}]', or '.[{group}]' in a clone"
        raise ModuleNotFoundError(message, name=package) from error


def integer(task: str | None, field: str, value: Any, lo: int, hi: int) -> int:
    """Check an integer argument."""
    allowed = f"allowed: an integer in {lo}..={hi}"
    if isinstance(value, bool):
        raise param_error(task, field, value, allowed)
    try:
        number = operator.index(value)
    except TypeError as error:
        raise param_error(task, field, value, allowed) from error
    if not lo <= number <= hi:
        raise param_error(task, field, value, allowed)
    return number


def switch(task: str | None, field: str, value: Any) -> bool:
    """Check a truth value."""
    if not isinstance(value, bool):
        raise param_error(task, field, value, "allowed: True or False")
    return value


def text_argument(task: str | None, field: str, value: Any) -> str:
    """Check a text argument; lone surrogates are no text."""
    if not isinstance(value, str):
        raise param_error(task, field, value, "allowed: a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise param_error(task, field, value, "allowed: a string without lone surrogates") from error
    return value


def one_dimensional(task: str, field: str, values: Any) -> NDArray[np.int64]:
    """Turn any flat sequence of integers into int64, or raise ParamError."""
    import numpy as np

    allowed = "allowed: a flat sequence of integers"
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise param_error(task, field, values, allowed) from error
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise param_error(task, field, values, allowed)
    if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise param_error(task, field, values, "allowed: integers below 2^63")
    return np.ascontiguousarray(array, dtype=np.int64)
