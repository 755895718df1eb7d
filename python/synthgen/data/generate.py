"""Write a dataset: every shard is pure, so any of them can be made alone, and gives the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import _native
from .._task import generator
from ..errors import DatasetError
from ..mixture import Mixture, mix
from .files import TEMPORARY, json_bytes, npy_bytes, sha256, write_atomic
from .plan import Plan, Shard

MANIFEST = "manifest.json"
SHARD_DOMAIN = 2**32
"""Shard s draws rows s * 2^32 onward of every cell, so that no two shards share a row number."""


def native_joint(mixture: Mixture | None) -> _native.Mixture | None:
    """The native module of a mixture, if there is one."""
    return None if mixture is None else mixture.native


def joint_vocabulary(plan: Plan) -> Mixture | None:
    """The joint vocabulary of a merged dataset; None for a single task's own."""
    return mix(dict.fromkeys(plan.tasks, 1.0)) if plan.joint else None


def shard_files(plan: Plan, shard: Shard) -> dict[str, str]:
    """Names of a shard's files, by kind."""
    stem = f"{shard.split}-{shard.number:05d}-of-{shard.of:05d}"
    names = {}
    if "jsonl" in plan.formats:
        # One shard of one format lies at the root, under the name that the seed's tools and users expect.
        alone = shard.of == 1 and plan.formats == ("jsonl",)
        names["jsonl"] = f"{shard.split}.jsonl" if alone else f"jsonl/{stem}.jsonl"
    if "npy" in plan.formats:
        names |= {"tokens": f"npy/{stem}.npy", "rows": f"npy/{stem}.rows.npy"}
    return names


def write_shard(
    plan: Plan, shard: Shard, directory: Path, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Make one shard and write its files; return its entry of the manifest."""
    start = shard.number * SHARD_DOMAIN
    # A cell without a budget keeps its number in the row index: it is passed, and draws nothing.
    cells = [
        (generator(cell.task, {}, cell.level), start, budget)
        for cell, budget in zip(plan.cells(), shard.budgets, strict=True)
    ]
    joint = native_joint(joint_vocabulary(plan))
    ids, rows, lines = _native.shard(cells, plan.seed, shard.split, joint, progress)
    content = {"jsonl": lines, "tokens": npy_bytes(ids), "rows": npy_bytes(rows.reshape(-1, 3))}
    files = {}
    for kind, name in shard_files(plan, shard).items():
        files[name] = {
            "kind": kind,
            "bytes": len(content[kind]),
            "sha256": write_atomic(directory / name, content[kind]),
        }
    return {
        "split": shard.split,
        "number": shard.number,
        "of": shard.of,
        "rows": len(rows) // 3,
        "tokens": len(ids),
        "files": files,
    }


def _prepare(plan: Plan, directory: Path, overwrite: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise DatasetError(f"{directory} is a file; give a directory")
    if not directory.exists() or not any(directory.iterdir()):
        return
    if not overwrite:
        raise DatasetError(f"{directory} is not empty; use --overwrite (overwrite=True) or another directory")
    if not (directory / MANIFEST).exists():
        raise DatasetError(f"{directory} is no dataset of synthgen (it has no {MANIFEST}): not overwriting it")
    shutil.rmtree(directory)


def generate(
    plan: Plan,
    directory: str | Path,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the dataset of a plan; return its manifest. `progress` is called with the tokens made so far.

    Files appear under their names only when whole; the manifest comes last. Raises DatasetError for a directory that is
    not empty, unless `overwrite` and it holds a dataset.
    """
    root = Path(directory)
    plan.check()
    _prepare(plan, root, overwrite)
    root.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    done = 0

    def advance(tokens: int) -> None:
        if progress:
            progress(done + tokens)

    for shard in plan.shards():
        entry = write_shard(plan, shard, root, advance)
        advance(entry["tokens"])
        done += entry["tokens"]
        entries.append(entry)
    files = _vocabulary_files(plan, root)
    manifest = {"format": 1, "plan": plan.describe(), "shards": entries, "files": files}
    write_atomic(root / MANIFEST, json_bytes(manifest))
    return manifest


def _vocabulary_files(plan: Plan, root: Path) -> dict[str, Any]:
    from ..registry import get

    joint = joint_vocabulary(plan)
    if joint is None:
        pieces = list(get(plan.tasks[0]).vocab.pieces)
        table: dict[str, Any] = {"pieces": pieces, "ranges": []}
    else:
        ranges = [{"task": name, "piece": piece, "offset": offset} for name, piece, offset in joint.ranges]
        table = {"pieces": list(joint.vocab.pieces), "ranges": ranges}
    content = json_bytes(table)
    return {
        "vocab.json": {
            "kind": "vocab",
            "bytes": len(content),
            "sha256": write_atomic(root / "vocab.json", content),
        }
    }


__all__ = ["MANIFEST", "TEMPORARY", "Plan", "generate", "sha256", "write_shard"]
