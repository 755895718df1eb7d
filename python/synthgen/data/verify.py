"""Check a dataset directory: every file against its plan, every row by the validators, every row's split."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import _native
from .._task import generator
from ..errors import DatasetError
from ..registry import tasks
from .files import json_bytes, sha256
from .generate import (
    MANIFEST,
    VOCABULARY,
    file_entry,
    joint_vocabulary,
    make_shard,
    native_joint,
    read_manifest,
    shard_files,
    vocabulary_bytes,
)
from .plan import Plan


@dataclass
class Certificate:
    """What a verification found. `ok` means that nothing is wrong."""

    rows: int = 0
    tokens: int = 0
    files: int = 0
    invalid: int = 0
    leaked: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when every file is whole, every row valid, and no row in the wrong split."""
        return not (self.invalid or self.leaked or self.problems)

    def add(self, name: str, audit: tuple[int, int, int, int, list[str]]) -> None:
        """Count what an audit of one file found."""
        _, _, invalid, leaked, flaws = audit
        self.invalid += invalid
        self.leaked += leaked
        self.problems += [f"{name}: {flaw}" for flaw in flaws]


def plan_of(manifest: dict[str, Any]) -> Plan:
    """The plan that a manifest records; refuses one whose tasks have another version now."""
    try:
        recorded = dict(manifest["plan"])
        for cell in recorded["cells"]:
            known = tasks().get(cell["task"])
            if known is None or known.version != cell["version"]:
                now = "unknown" if known is None else f"version {known.version}"
                raise DatasetError(f"task {cell['task']} is {now} here, the dataset has version {cell['version']}")
        plan = Plan.make(
            recorded["tasks"],
            recorded["total_tokens"],
            curriculum_weights=recorded["curriculum_weights"],
            split_ratios=recorded["split_ratios"],
            seed=recorded["seed"],
            formats=recorded["formats"],
            shard_tokens=recorded["shard_tokens"],
            joint=recorded["joint"],
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"the plan in {MANIFEST} cannot be read: {error}") from error
    if json.loads(json_bytes(plan.describe())) != recorded:
        raise DatasetError(f"the plan in {MANIFEST} is not one that synthgen makes")
    return plan


def verify(directory: str | Path) -> Certificate:
    """Check a dataset three ways.

    Every row of every format is valid for its task and level; every row lies in the split of its content; and every
    file, and what the manifest says of it, is what the plan gives when it is made again.
    """
    root = Path(directory)
    manifest = read_manifest(root)
    plan = plan_of(manifest)
    joint = native_joint(joint_vocabulary(plan))
    cells = [generator(cell.task, {}, cell.level) for cell in plan.cells()]
    found = Certificate()
    shards = plan.shards()
    entries = manifest["shards"] if isinstance(manifest["shards"], list) else []
    if len(entries) != len(shards):
        found.problems.append(f"{MANIFEST}: {len(entries)} shards, the plan has {len(shards)}")
    for number, shard in enumerate(shards):
        expected, content = make_shard(plan, shard)
        found.rows += expected["rows"]
        found.tokens += expected["tokens"]
        stated = entries[number] if number < len(entries) else None
        if stated != expected:
            found.problems.append(f"{MANIFEST}: the entry of shard {number} is not what its plan gives")
        names = shard_files(plan, shard)
        _verify_files(found, root, content)
        if "tokens" in names:
            _audit_tokens(found, root, names, shard.split, cells, joint)
        if "jsonl" in names and (root / names["jsonl"]).is_file():
            lines = (root / names["jsonl"]).read_bytes()
            found.add(names["jsonl"], _native.audit_jsonl(cells, shard.split, lines))
    vocabulary = vocabulary_bytes(plan)
    if manifest.get("files") != {VOCABULARY: file_entry("vocabulary", vocabulary)}:
        found.problems.append(f"{MANIFEST}: the entry of {VOCABULARY} is not what its plan gives")
    _verify_files(found, root, {VOCABULARY: vocabulary})
    return found


def _verify_files(found: Certificate, root: Path, content: dict[str, bytes]) -> None:
    for name, expected in content.items():
        found.files += 1
        path = root / name
        if not path.is_file():
            found.problems.append(f"{name}: missing")
        elif sha256(path) != hashlib.sha256(expected).hexdigest():
            found.problems.append(f"{name}: differs from what its plan gives")


def _audit_tokens(
    found: Certificate,
    root: Path,
    names: dict[str, str],
    split: str,
    cells: list[_native.Generator],
    joint: _native.Mixture | None,
) -> None:
    name = names["tokens"]
    if not (root / name).is_file() or not (root / names["rows"]).is_file():
        return
    try:
        ids = np.load(root / name, mmap_mode="r", allow_pickle=False)
        rows = np.load(root / names["rows"], allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        found.problems.append(f"{name}: cannot be read as arrays: {error}")
        return
    if (ids.dtype, ids.ndim) != (np.uint16, 1) or rows.dtype != np.int64 or rows.shape[1:] != (3,):
        found.problems.append(f"{name}: not a flat uint16 stream with rows of three int64")
        return
    found.add(name, _native.audit_tokens(cells, joint, split, ids, np.ascontiguousarray(rows).reshape(-1)))
