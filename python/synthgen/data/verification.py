"""Verify a dataset: every shard is made again, read by another road than it was written, and compared byte for byte."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import _native
from .._task import generator
from ..checks import extra
from ..errors import DatasetError
from ..registry import tasks
from .engines import cores
from .files import entry, json_bytes, settle, sha256
from .formats import files, kinds, open_writer
from .generate import (
    MANIFEST,
    TOKENIZER,
    descriptions,
    plan_from,
    read_manifest,
    shard_numbered,
)
from .plan import Plan, Shard
from .shards import WORK, Stopped, blocks, describe, tools
from .summary import Summary, summarise
from .tokenizer import Foreign


@dataclass
class Certificate:
    """What a verification found. `ok` means that nothing is wrong."""

    rows: int = 0
    tokens: int = 0
    files: int = 0
    invalid: int = 0
    leaked: int = 0
    problems: list[str] = field(default_factory=list)
    summary: Summary = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when every file is whole, every row valid, and no row in the wrong split."""
        return not (self.invalid or self.leaked or self.problems)

    def add(self, name: str, audit: tuple[int, int, int, int, list[str]]) -> None:
        """Count what an audit of some rows found."""
        _, _, invalid, leaked, flaws = audit
        self.invalid += invalid
        self.leaked += leaked
        self.problems += [f"{name}: {flaw}" for flaw in flaws]

    def merge(self, other: Certificate) -> None:
        """Add what was found in another shard."""
        self.rows += other.rows
        self.tokens += other.tokens
        self.files += other.files
        self.invalid += other.invalid
        self.leaked += other.leaked
        self.problems += other.problems


def plan_of(manifest: dict[str, Any], root: Path) -> Plan:
    """The plan that a manifest records; refuses one whose tasks have another version now."""
    try:
        recorded = dict(manifest["plan"])
        for cell in recorded["cells"]:
            known = tasks().get(cell["task"])
            if known is None or known.version != cell["version"]:
                now = "unknown" if known is None else f"version {known.version}"
                raise DatasetError(f"task {cell['task']} is {now} here, the dataset has version {cell['version']}")
        plan = plan_from(recorded, _foreign(recorded, root))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"the plan in {MANIFEST} cannot be read: {error}") from error
    if json.loads(json_bytes(plan.describe())) != recorded:
        raise DatasetError(f"the plan in {MANIFEST} is not one that synthgen makes")
    return plan


def _foreign(recorded: dict[str, Any], root: Path) -> Foreign | None:
    if recorded["tokenizer"] is None:
        return None
    try:
        found = Foreign((root / TOKENIZER).read_text(encoding="utf-8"), recorded["eos"])
    except OSError as error:
        raise DatasetError(f"{root / TOKENIZER} cannot be read: {error.strerror}") from error
    if found.sha256 != recorded["tokenizer"]:
        raise DatasetError(f"{root / TOKENIZER} is not the tokenizer that the dataset was made with")
    return found


def verify(
    directory: str | Path, *, workers: int | None = None, progress: Callable[[int], None] | None = None
) -> Certificate:
    """Check a dataset and count what it holds.

    Every shard is made again. Each row is read by the validator, which takes another road than the generator; it must
    be valid for its task and level, and lie in the split of its content. Files, and what the manifest says of them,
    must be what comes out. Duplicates are counted in bounded memory. `progress` is called with the tokens checked.
    """
    root = Path(directory)
    manifest = read_manifest(root)
    plan = plan_of(manifest, root)
    shards = plan.shards()
    entries = manifest["shards"] if isinstance(manifest["shards"], list) else []
    found = Certificate()
    if len(entries) != len(shards):
        found.problems.append(f"{MANIFEST}: {len(entries)} shards, the plan has {len(shards)}")
    same_tools = manifest.get("tools") == tools(plan)
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="synthgen-") as folder, ThreadPoolExecutor(workers or cores()) as pool:
        work = Path(folder)

        def check(number: int) -> Certificate:
            if stop.is_set():
                raise Stopped
            stated = entries[number] if number < len(entries) else None
            return _Check(plan, shards[number], root, work, same_tools, stop).run(stated)

        try:
            for part in pool.map(check, range(len(shards))):
                found.merge(part)
                if progress:
                    progress(found.tokens)
            parts = [(shard, work / f"{shard.stem}.facts") for shard in shards]
            found.summary = summarise(plan, parts, work, workers)
        finally:
            stop.set()
    _descriptions(found, plan, manifest, root)
    return found


def _descriptions(found: Certificate, plan: Plan, manifest: dict[str, Any], root: Path) -> None:
    expected = descriptions(plan)
    listed = manifest.get("files")
    if not isinstance(listed, dict) or listed.keys() != expected.keys():
        found.problems.append(f"{MANIFEST}: lists other files than its plan gives")
        return
    for name, content in expected.items():
        found.files += 1
        path = root / name
        if not path.is_file():
            found.problems.append(f"{name}: missing")
        elif path.read_bytes() != content or entry("description", path) != listed[name]:
            found.problems.append(f"{name}: differs from what its plan gives")


class _Check:
    """One shard made again beside the one on disk."""

    def __init__(
        self, plan: Plan, shard: Shard, root: Path, work: Path, same_tools: bool, stop: threading.Event
    ) -> None:
        self.plan, self.shard, self.root, self.work, self.stop = plan, shard, root, work, stop
        self.same_tools = same_tools
        self.found = Certificate()
        self.names = kinds(plan, shard)

    def run(self, stated: dict[str, Any] | None) -> Certificate:
        made = {name: self.work / name.replace("/", "-") for name in self.names}
        try:
            self._make(made)
            listed = {name: entry(kind, made[name]) for name, kind in self.names.items()}
            for name, kind in self.names.items():
                self._compare(name, kind, made[name], listed[name]["sha256"])
        finally:
            for path in made.values():
                path.unlink(missing_ok=True)
        if not self.same_tools and isinstance(stated, dict) and isinstance(stated.get("files"), dict):
            # Bytes of another version of a library are compared by content instead.
            listed = {name: entry(kind, self.root / name) for name, kind in self.names.items() if self._is_there(name)}
        if stated != describe(self.shard, self.found.rows, self.found.tokens, listed):
            self.found.problems.append(f"{MANIFEST}: the entry of {self.shard.stem} is not what its plan gives")
        return self.found

    def _is_there(self, name: str) -> bool:
        return (self.root / name).is_file()

    def _make(self, made: dict[str, Path]) -> None:
        plan, shard = self.plan, self.shard
        writers = [
            open_writer(name, plan, shard, {kind: made[file] for kind, file in own.items()})
            for name, own in files(plan, shard).items()
        ]
        try:
            with (self.work / f"{shard.stem}.facts").open("wb") as ledger:
                for block in blocks(plan, shard, audit=True):
                    if self.stop.is_set():
                        raise Stopped
                    for writer in writers:
                        writer.write(block)
                    ledger.write(block["facts"])
                    self.found.rows += block["count"]
                    self.found.tokens += block["tokens"]
                    self.found.add(shard.stem, block["audit"])
        finally:
            for writer in writers:
                writer.close()

    def _compare(self, name: str, kind: str, made: Path, expected: str) -> None:
        self.found.files += 1
        path = self.root / name
        if not path.is_file():
            self.found.problems.append(f"{name}: missing")
        elif sha256(path) != expected and (self.same_tools or not self._same_content(kind, path, made)):
            self.found.problems.append(f"{name}: differs from what its plan gives")
            self._explain(name, kind, path)

    def _same_content(self, kind: str, path: Path, made: Path) -> bool:
        if kind not in ("parquet", "arrow"):
            return False
        try:
            pairs = zip(_batches(kind, path), _batches(kind, made), strict=True)
            return all(here.equals(there) for here, there in pairs)
        except Exception:  # whatever a damaged file makes the library raise
            return False

    def _explain(self, name: str, kind: str, path: Path) -> None:
        """Say which rows of a file that differs are wrong, where its format lets them be read one by one."""
        cells = [generator(cell.task, {}, cell.level) for cell in self.plan.cells()]
        if kind == "jsonl" and name.endswith(".jsonl"):
            self.found.add(name, _native.audit_jsonl(cells, self.shard.split, path.read_bytes()))
        if kind == "tokens" and self.plan.seq_len is None and self.plan.foreign is None:
            joint = self.plan.joint_vocabulary()
            try:
                ids, rows = _tokens(path)
            except (OSError, ValueError, EOFError) as error:
                self.found.problems.append(f"{name}: cannot be read as arrays: {error}")
                return
            native = joint.native if joint else None
            self.found.add(name, _native.audit_tokens(cells, native, self.shard.split, ids, rows))


def _batches(kind: str, path: Path) -> Any:
    if kind == "parquet":
        return extra("pyarrow.parquet", "data").ParquetFile(path).iter_batches()
    return extra("pyarrow.ipc", "data").open_stream(path.open("rb"))


def _tokens(path: Path) -> tuple[Any, Any]:
    """Token ids and rows of a token shard."""
    rows = path.with_name(f"{path.stem}.rows{path.suffix}")
    if path.suffix == ".npy":
        found = np.load(path, mmap_mode="r", allow_pickle=False), np.load(rows, allow_pickle=False)
    else:
        found = np.fromfile(path, "<u2"), np.fromfile(rows, "<i4").reshape(-1, 3)
    ids, index = found
    if (ids.dtype, ids.ndim) != (np.uint16, 1) or index.dtype != np.int32 or index.shape[1:] != (3,):
        raise ValueError("not a flat uint16 stream with rows of three int32")
    return ids, np.ascontiguousarray(index)


def rebuild(directory: str | Path, number: int) -> list[str]:
    """Make one shard of a dataset again, from its plan alone, and put its files in place; give their names.

    `number` counts shards as the manifest lists them. Raises DatasetError if what comes out is not what the manifest
    says, and leaves the directory as it was.
    """
    root = Path(directory)
    manifest = read_manifest(root)
    plan = plan_of(manifest, root)
    shard = shard_numbered(plan, number)
    (root / WORK).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / WORK) as folder:
        check = _Check(plan, shard, root, Path(folder), same_tools=True, stop=threading.Event())
        made = {name: Path(folder) / name.replace("/", "-") for name in check.names}
        check._make(made)
        found = settle({made[name]: kind for name, kind in check.names.items()})
        listed = dict(zip(check.names, found, strict=True))
        try:
            stated = manifest["shards"][number]["files"]
        except (IndexError, KeyError, TypeError):
            stated = None
        if stated != listed:
            was, now = manifest.get("tools"), tools(plan)
            raise DatasetError(
                f"shard {number} comes out otherwise than the manifest of {root} says; made with {was}, here {now}"
            )
        for name in check.names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            made[name].replace(root / name)
    with contextlib.suppress(OSError):
        (root / WORK).rmdir()
    return list(check.names)
