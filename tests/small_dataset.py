"""A small dataset on disk, laid out as `synthgen.data` lays it out, for tests of what is done with one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from synthgen import __version__
from synthgen.data.card import card, histogram, metadata
from synthgen.data.files import json_bytes
from synthgen.data.plan import LEVELS, SPLITS, Plan
from synthgen.registry import get

SHARDS = {"train": 2, "validation": 1, "test": 1}
EDGES = [0, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024]
KINDS = {"bin": ("tokens", "mask", "rows"), "npy": ("tokens", "mask", "rows")}


def small_dataset(
    root: Path,
    names: Sequence[str] = ("dyna", "copying"),
    formats: Sequence[str] = ("jsonl", "parquet"),
    *,
    rows: int = 4,
    seed: int = 42,
    repo: str | None = None,
) -> dict[str, Any]:
    """Write `rows` rows of every cell and split, with card and manifest; return the run's summary."""
    plan = Plan.make(names, 10_000, seed=seed).describe() | {"formats": list(formats), "dtype": "uint16"}
    plan |= {"order": "mixed", "metadata": "full", "seq_len": None, "packing": None, "tokenizer": None}
    shards, cells, summary = [], [], empty_summary()
    for split in SPLITS:
        drawn: list[dict[str, Any]] = []
        for name in plan["tasks"]:
            for level in LEVELS:
                part = draw(name, level, split, rows, seed)
                drawn += part
                cells.append(cell_counts(name, level, split, part))
        for row in drawn:
            count_row(summary, row)
        for number in range(SHARDS[split]):
            part = drawn[number :: SHARDS[split]]
            files = {
                name: entry
                for fmt in formats
                for name, entry in write_format(root, fmt, f"{split}-{number:05d}-of-{SHARDS[split]:05d}", part).items()
            }
            tokens = sum(len(row["input_ids"]) for row in part)
            shards.append(
                {"split": split, "number": number, "of": SHARDS[split], "rows": len(part), "tokens": tokens}
                | {"files": files}
            )
    summary["cells"] = cells
    tools = {"synthgen": __version__, "pyarrow": "0"}
    manifest: dict[str, Any] = {"format": 2, "plan": plan, "tools": tools, "shards": shards, "files": {}}
    contents = {
        "vocab.json": json_bytes({"pieces": [], "ranges": []}),
        "metadata.json": json_bytes(metadata(manifest, summary)),
        "statistics.png": histogram(summary),
        "README.md": card(manifest, summary, repo=repo).encode(),
    }
    for name, content in contents.items():
        manifest["files"][name] = write(root, name, name.split(".", 1)[0], content)
    (root / "manifest.json").write_bytes(json_bytes(manifest))
    return summary


def draw(name: str, level: int, split: str, rows: int, seed: int) -> list[dict[str, Any]]:
    """Rows of a cell, with the columns of parquet."""
    task: Any = get(name)
    found = []
    batch = task.batch(rows, seed, split=split, difficulty=level, dtype="uint16")
    for i, row in enumerate(task.examples(rows, seed, split=split, difficulty=level)):
        length = int(batch.lengths[i])
        ids = {"input_ids": batch.input_ids[i, :length].tolist(), "loss_mask": batch.loss_mask[i, :length].tolist()}
        found.append(row | {"metadata": json.dumps(row["metadata"], sort_keys=True)} | ids)
    return found


def empty_summary() -> dict[str, Any]:
    """Nothing counted yet."""
    return {
        "rows": dict.fromkeys(SPLITS, 0),
        "tokens": dict.fromkeys(SPLITS, 0),
        "cells": [],
        "lengths": {"edges": EDGES, "counts": {str(level): [0] * (len(EDGES) - 1) for level in LEVELS}},
        "duplicates": {"within": dict.fromkeys(SPLITS, 0), "across": 0},
        "leaked": 0,
    }


def count_row(summary: dict[str, Any], row: dict[str, Any]) -> None:
    """Count a row."""
    length = len(row["input_ids"])
    summary["rows"][row["split"]] += 1
    summary["tokens"][row["split"]] += length
    summary["lengths"]["counts"][str(row["difficulty"])][int(np.searchsorted(EDGES, length, "right")) - 1] += 1


def cell_counts(name: str, level: int, split: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a summary says of a cell."""
    return {
        "task": name,
        "level": level,
        "split": split,
        "rows": len(rows),
        "tokens": sum(len(row["input_ids"]) for row in rows),
        "instances": len(rows),
        "duplicate_rows": 0,
        "space": None,
        "space_at_least": 10 * len(rows),
    }


def write(root: Path, name: str, kind: str, content: bytes) -> dict[str, Any]:
    """Write a file; return its entry of the manifest."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)
    return {"kind": kind, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_format(root: Path, fmt: str, stem: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write a shard in one format; return the entries of its files."""
    if fmt == "jsonl":
        keys = ("input_text", "target", "task", "difficulty", "split", "sample_id", "metadata")
        lines = [json.dumps({key: row[key] for key in keys}) + "\n" for row in rows]
        return {f"jsonl/{stem}.jsonl": write(root, f"jsonl/{stem}.jsonl", "jsonl", "".join(lines).encode())}
    if fmt in ("parquet", "arrow"):
        name = f"{fmt}/{stem}.{fmt}"
        return {name: write(root, name, fmt, table_bytes(fmt, rows))}
    ids = np.concatenate([np.array(row["input_ids"], "<u2") for row in rows])
    mask = np.concatenate([np.array(row["loss_mask"], "u1") for row in rows])
    lengths = np.array([len(row["input_ids"]) for row in rows], "<i4")
    index = np.stack([np.cumsum(lengths) - lengths, lengths, lengths * 0], axis=1).astype("<i4")
    found = {}
    arrays = {"tokens": ids, "mask": np.packbits(mask, bitorder="little"), "rows": index}
    for kind, array in arrays.items():
        name = f"{fmt}/{stem}{'' if kind == 'tokens' else f'.{kind}'}.{fmt}"
        (root / fmt).mkdir(exist_ok=True, parents=True)
        if fmt == "npy":
            np.save(root / name, array)
        found[name] = write(root, name, kind, (root / name).read_bytes() if fmt == "npy" else array.tobytes())
    return found


def table_bytes(fmt: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as a parquet file or an Arrow stream."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"difficulty": pa.int32(), "input_ids": pa.list_(pa.uint16()), "loss_mask": pa.list_(pa.uint8())}
    keys = ("input_text", "target", "task", "difficulty", "split", "sample_id", "metadata", "input_ids", "loss_mask")
    schema = pa.schema([(key, kinds.get(key, pa.string())) for key in keys])
    table = pa.Table.from_pylist([{key: row[key] for key in keys} for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    if fmt == "parquet":
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, schema) as stream:
            stream.write_table(table)
    return bytes(sink.getvalue())
