"""Rows put together into one batch of padded NumPy arrays: the form that every training loop starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..batch import IGNORED
from ..errors import param_error

Row = Mapping[str, Any]


def collate(rows: Sequence[Row], seq_len: int | None = None, fields: Sequence[str] | None = None) -> dict[str, Any]:
    """Pad rows to one width and stack them.

    Flat arrays and lists of numbers become (n, width): width is `seq_len`, or else the longest row; token ids, masks
    and positions are padded with 0, labels with -100. Unsigned token ids become int32. Plain numbers become (n,), and
    strings a list. Rows with `input_ids` get `attention_mask`, uint8, 1 on tokens, unless they bring their own.

    Raises ParamError for a row longer than `seq_len`, and for rows of different fields: `fields` then names the ones
    to keep, in any order.
    """
    if not rows:
        raise param_error(None, "rows", [], "allowed: one or more rows")
    names = list(rows[0]) if fields is None else list(fields)
    for row in rows:
        if not row.keys() >= set(names) or (fields is None and len(row) != len(names)):
            allowed = f"allowed: rows of the same fields, {', '.join(names)}; name those to keep with fields=[...]"
            raise param_error(None, "rows", ", ".join(row), allowed)
    made: dict[str, Any] = {name: _column(name, [row[name] for row in rows], seq_len) for name in names}
    if "input_ids" in made and "attention_mask" not in made:
        made["attention_mask"] = _attention(rows, made)
    return made


def _column(name: str, values: list[Any], seq_len: int | None) -> Any:
    if isinstance(values[0], str):
        return values
    arrays = [np.asarray(value) for value in values]
    if arrays[0].ndim == 0:
        return np.array(values)
    longest = max(len(array) for array in arrays)
    if seq_len is not None and longest > seq_len:
        allowed = f"allowed: rows of at most seq_len = {seq_len} tokens; raise seq_len"
        raise param_error(None, name, f"row of {longest} tokens", allowed)
    dtype = np.result_type(*arrays)
    # uint16 and uint32 are forms for storage: most frameworks can neither index nor subtract with them.
    kind = np.dtype(np.int32) if dtype.kind == "u" and dtype.itemsize > 1 else dtype
    padding = IGNORED if name == "labels" else 0
    padded = np.full((len(arrays), longest if seq_len is None else seq_len), padding, kind)
    for i, array in enumerate(arrays):
        padded[i, : len(array)] = array
    return padded


def _attention(rows: Sequence[Row], made: Mapping[str, Any]) -> Any:
    """Windows carry padding inside their width; their segments say where."""
    if "segment_ids" in made:
        return (made["segment_ids"] > 0).astype(np.uint8)
    lengths = np.array([len(row["input_ids"]) for row in rows])
    return (np.arange(made["input_ids"].shape[1]) < lengths[:, None]).astype(np.uint8)
