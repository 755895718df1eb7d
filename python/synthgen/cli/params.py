"""Task parameters on the command line: `--n-max 6`, `--state-size 5,7`, `--qa true`."""

from __future__ import annotations

from typing import Any

from ..errors import ParamError


def value(text: str) -> Any:
    """Read one value: an integer, a comma-separated list, true, false, none, or a word."""
    if "," in text:
        items = [value(part) for part in text.split(",") if part]
        return tuple(items)
    word = text.strip().lower()
    if word in ("true", "false"):
        return word == "true"
    if word in ("none", "null"):
        return None
    try:
        return int(text)
    except ValueError:
        return text


def read(rest: list[str]) -> dict[str, Any]:
    """Read `--name value` and `--name=value` pairs; names and bounds are checked by the task."""
    params: dict[str, Any] = {}
    words = list(rest)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise ParamError(f"unexpected argument {word!r}; parameters are given as --name value")
        name, equals, given = word[2:].partition("=")
        if not equals:
            # A flag without a value is a switch turned on.
            given = words.pop(0) if words and not words[0].startswith("--") else "true"
        params[name.replace("-", "_")] = value(given)
    return params
