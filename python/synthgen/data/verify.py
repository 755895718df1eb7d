"""Check a dataset directory: hashes, every row by the validators, splits, and budgets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import _native
from .._task import generator
from ..errors import DatasetError
from ..registry import tasks
from .files import sha256
from .generate import MANIFEST, joint_vocabulary, native_joint
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


def read_manifest(root: Path) -> dict[str, Any]:
    """The manifest of a dataset directory."""
    try:
        manifest = json.loads((root / MANIFEST).read_text())
    except FileNotFoundError:
        raise DatasetError(f"{root} is no dataset of synthgen: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != 1 or "shards" not in manifest:
        raise DatasetError(f"{root / MANIFEST} is not a manifest of format 1")
    return manifest


def plan_of(manifest: dict[str, Any]) -> Plan:
    """The plan that a manifest records; refuses one whose tasks have another version now."""
    recorded = dict(manifest["plan"])
    for cell in recorded.pop("cells"):
        known = tasks().get(cell["task"])
        if known is None or known.version != cell["version"]:
            now = "unknown" if known is None else f"version {known.version}"
            raise DatasetError(f"task {cell['task']} is {now} here, the dataset has version {cell['version']}")
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in recorded.items()
    }
    return Plan(**fields)


def verify(directory: str | Path) -> Certificate:
    """Re-hash every file, re-validate every row of every format, and check that rows lie in their content's split."""
    root = Path(directory)
    manifest = read_manifest(root)
    plan = plan_of(manifest)
    joint = native_joint(joint_vocabulary(plan))
    cells = [generator(cell.task, {}, cell.level) for cell in plan.cells()]
    certificate = Certificate()
    expected = len(plan.shards())
    if len(manifest["shards"]) != expected:
        certificate.problems.append(f"{len(manifest['shards'])} shards, the plan has {expected}")
    for shard in [*manifest["shards"], {"files": manifest.get("files", {})}]:
        kinds: dict[str, Path] = {}
        for name, entry in shard["files"].items():
            certificate.files += 1
            path = root / name
            if not path.is_file():
                certificate.problems.append(f"{name}: missing")
            elif sha256(path) != entry["sha256"]:
                certificate.problems.append(f"{name}: its hash differs from the manifest's")
            else:
                kinds[entry["kind"]] = path
        if "split" in shard:
            _verify_shard(certificate, shard, kinds, cells, joint)
    return certificate


def _verify_shard(
    certificate: Certificate,
    shard: dict[str, Any],
    kinds: dict[str, Path],
    cells: list[_native.Generator],
    joint: _native.Mixture | None,
) -> None:
    certificate.rows += shard["rows"]
    certificate.tokens += shard["tokens"]
    if "tokens" in kinds and "rows" in kinds:
        ids, rows = np.load(kinds["tokens"], mmap_mode="r"), np.load(kinds["rows"])
        if ids.dtype != np.uint16 or rows.dtype != np.int64 or rows.ndim != 2:
            certificate.problems.append(f"{kinds['tokens'].name}: wrong dtype")
            return
        name = kinds["tokens"].name
        audit = _native.audit_tokens(cells, joint, shard["split"], ids, rows.reshape(-1))
        if audit[:2] != (shard["rows"], shard["tokens"]):
            certificate.problems.append(f"{name}: {audit[0]} rows and {audit[1]} tokens, the manifest says otherwise")
        certificate.add(name, audit)
    if "jsonl" in kinds:
        audit = _native.audit_jsonl(cells, shard["split"], kinds["jsonl"].read_bytes())
        if audit[0] != shard["rows"]:
            certificate.problems.append(f"{kinds['jsonl'].name}: {audit[0]} rows, the manifest says {shard['rows']}")
        certificate.add(kinds["jsonl"].name, audit)
