"""Write a dataset: every shard is pure, so any of them can be made alone, and gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import _native
from .._task import generator
from ..errors import DatasetError
from ..mixture import Mixture, mix
from ..registry import get
from .files import TEMPORARY, json_bytes, npy_bytes, write_atomic
from .plan import Plan, Shard

MANIFEST = "manifest.json"
VOCABULARY = "vocab.json"
UNFINISHED = ".synthgen-unfinished"
"""Stands in a directory while its dataset is being written, so that an interrupted run can be recognised."""
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


def make_shard(
    plan: Plan, shard: Shard, progress: Callable[[int], None] | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Make one shard, a function of the plan and its number alone: its manifest entry, and its files by name."""
    start = shard.number * SHARD_DOMAIN
    # A cell without a budget keeps its number in the row index: it is passed, and draws nothing.
    cells = [
        (generator(cell.task, {}, cell.level), start, budget)
        for cell, budget in zip(plan.cells(), shard.budgets, strict=True)
    ]
    joint = native_joint(joint_vocabulary(plan))
    ids, rows, lines = _native.shard(cells, plan.seed, shard.split, joint, progress)
    made = {"jsonl": lines, "tokens": npy_bytes(ids), "rows": npy_bytes(rows.reshape(-1, 3))}
    names = shard_files(plan, shard)
    content = {name: made[kind] for kind, name in names.items()}
    entry = {
        "split": shard.split,
        "number": shard.number,
        "of": shard.of,
        "rows": len(rows) // 3,
        "tokens": len(ids),
        "files": {name: file_entry(kind, made[kind]) for kind, name in names.items()},
    }
    return entry, content


def file_entry(kind: str, content: bytes) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"kind": kind, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_shard(
    plan: Plan, shard: Shard, directory: Path, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Make one shard and write its files; return its entry of the manifest."""
    entry, content = make_shard(plan, shard, progress)
    for name, part in content.items():
        write_atomic(directory / name, part)
    return entry


def read_manifest(root: Path) -> dict[str, Any]:
    """Read the manifest of a dataset directory. Raises DatasetError for anything else."""
    try:
        manifest = json.loads((root / MANIFEST).read_text())
    except FileNotFoundError:
        raise DatasetError(f"{root} is no dataset of synthgen: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != 1 or "shards" not in manifest:
        raise DatasetError(f"{root / MANIFEST} is not a manifest of format 1")
    return manifest


def _prepare(plan: Plan, root: Path, overwrite: bool) -> None:
    if root.exists() and not root.is_dir():
        raise DatasetError(f"{root} is a file; give a directory")
    if not root.exists() or not any(root.iterdir()):
        return
    if not overwrite:
        raise DatasetError(f"{root} is not empty; use --overwrite (overwrite=True) or another directory")
    own = {MANIFEST, VOCABULARY, UNFINISHED}
    if (root / MANIFEST).exists():
        try:
            own |= {name for shard in read_manifest(root)["shards"] for name in shard["files"]}
        except (DatasetError, KeyError, TypeError) as error:
            raise DatasetError(f"{root} is not overwritten: it holds no dataset of synthgen ({error})") from error
    elif (root / UNFINISHED).exists():
        own |= {name for shard in plan.shards() for name in shard_files(plan, shard).values()}
    else:
        raise DatasetError(f"{root} is not overwritten: it holds no dataset of synthgen (no {MANIFEST})")
    files = [path for path in root.rglob("*") if not path.is_dir()]
    foreign = [path.name for path in files if _original(path.relative_to(root)) not in own]
    if foreign:
        raise DatasetError(f"{root} is not overwritten: {foreign[0]} is no file of the dataset in it")
    for path in files:
        path.unlink()
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()


def _original(path: Path) -> str:
    """Name that a temporary file would have got; any other file's own name."""
    if path.suffix != TEMPORARY:
        return str(path)
    return str(path.with_suffix("").with_suffix(""))


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
    (root / UNFINISHED).touch()
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
    vocabulary = vocabulary_bytes(plan)
    write_atomic(root / VOCABULARY, vocabulary)
    manifest = {
        "format": 1,
        "plan": plan.describe(),
        "shards": entries,
        "files": {VOCABULARY: file_entry("vocabulary", vocabulary)},
    }
    write_atomic(root / MANIFEST, json_bytes(manifest))
    (root / UNFINISHED).unlink()
    return manifest


def vocabulary_bytes(plan: Plan) -> bytes:
    """Content of vocab.json: the pieces by id and, for a merged dataset, the range of each task."""
    joint = joint_vocabulary(plan)
    if joint is None:
        return json_bytes({"pieces": list(get(plan.tasks[0]).vocab.pieces), "ranges": []})
    ranges = [{"task": name, "piece": piece, "offset": offset} for name, piece, offset in joint.ranges]
    return json_bytes({"pieces": list(joint.vocab.pieces), "ranges": ranges})
