"""A small writer of token shards, straight from the description of the layout: what the reader is tested against."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import synthgen

TASKS = ("dyna", "mano")


def rows_of(split: str, number: int, rows: int, level: int, task: str) -> list[tuple[Any, Any]]:
    """Ids and mask of the rows of one cell in a shard."""
    batch = synthgen.get(task).batch(rows, 3, start=number * 2**32, split=split, difficulty=level, dtype="uint16")
    ends = batch.lengths.tolist()
    return [(batch.input_ids[i, :end], batch.loss_mask[i, :end]) for i, end in enumerate(ends)]


def row_stream(split: str, number: int, rows: int) -> tuple[Any, Any, Any]:
    """Tokens, mask and index of a shard of rows, the cells in turn."""
    cells = [rows_of(split, number, rows, level, task) for task in TASKS for level in (1, 2)]
    flat = [(ids, mask, cell) for group in zip(*cells, strict=True) for cell, (ids, mask) in enumerate(group)]
    lengths = np.array([len(ids) for ids, _, _ in flat], np.int32)
    index = np.stack([np.cumsum(lengths) - lengths, lengths, [cell for _, _, cell in flat]], 1)
    return np.concatenate([ids for ids, _, _ in flat]), np.concatenate([mask for _, mask, _ in flat]), index


def window_stream(split: Any, number: int, windows: int, seq_len: int, policy: Any) -> tuple[Any, Any, Any]:
    """Tokens, mask and index of a shard of windows."""
    packed = synthgen.dyna.packed(
        windows, seq_len, 3, start=number * 2**32, split=split, difficulty=1, policy=policy, dtype="uint16"
    )
    index = []
    for r in range(windows):
        for segment in range(1, int(packed.segment_ids[r].max()) + 1):
            (places,) = np.nonzero(packed.segment_ids[r] == segment)
            index.append((r * seq_len + int(places[0]), len(places), 0))
    return packed.input_ids.reshape(-1), packed.loss_mask.reshape(-1), np.array(index)


def write_stored(
    root: Path,
    *,
    rows: int = 10,
    shards: int = 3,
    formats: tuple[str, ...] = ("bin", "npy"),
    dtype: str = "uint16",
    seq_len: int | None = None,
    packing: Any = "truncate",
) -> dict[str, Any]:
    """Write a dataset of two splits: `rows` per cell and shard, or windows if `seq_len`; return its manifest."""
    entries = []
    for split in ("train", "validation"):
        for number in range(shards):
            if seq_len is None:
                ids, mask, index = row_stream(split, number, rows)
            else:
                ids, mask, index = window_stream(split, number, rows, seq_len, packing)
            entries.append(
                write_shard(root, f"{split}-{number:05d}-of-{shards:05d}", formats, ids.astype(dtype), mask, index)
            )
            entries[-1] |= {
                "split": split,
                "number": number,
                "of": shards,
                "rows": len(index),
                "tokens": int(index[:, 1].sum()),
            }
    cells: list[dict[str, Any]] = [
        {"task": task, "level": level, "version": 1, "params": {}} for task in TASKS for level in (1, 2)
    ]
    plan = {"tasks": TASKS, "formats": formats, "dtype": dtype, "cells": cells, "seq_len": seq_len, "packing": packing}
    manifest = {"format": 2, "plan": plan, "shards": entries, "files": {}}
    (root / "manifest.json").write_text(json.dumps(manifest))
    return manifest


def write_shard(root: Path, stem: str, formats: tuple[str, ...], ids: Any, mask: Any, index: Any) -> dict[str, Any]:
    """Write the three files of a shard in each format; return what the manifest says of them."""
    arrays = {"": ids, ".mask": np.packbits(mask, bitorder="little"), ".rows": index.astype("<i4")}
    files = {}
    for fmt in formats:
        (root / fmt).mkdir(parents=True, exist_ok=True)
        for (suffix, array), kind in zip(arrays.items(), ("tokens", "mask", "rows"), strict=True):
            path = root / fmt / f"{stem}{suffix}.{fmt}"
            if fmt == "npy":
                np.save(path, array)
            else:
                array.tofile(path)
            files[f"{fmt}/{path.name}"] = {"kind": kind, "bytes": path.stat().st_size, "sha256": ""}
    return {"files": files}
