"""Files that appear whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def temporary(folder: Path, name: str) -> Path:
    """A name in `folder` that nobody else uses, on any machine."""
    return folder / f"{name.replace('/', '-')}.{os.urandom(8).hex()}.tmp"


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: bytes, folder: Path | None = None, *, durable: bool = True) -> None:
    """Write under a temporary name, in `folder` or beside the file, and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = temporary(folder or path.parent, path.name)
    try:
        made.write_bytes(content)
        if durable:
            sync(made)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_all(paths: Collection[Path]) -> None:
    """Wait until files and folders are on the disk, all at once."""
    with ThreadPoolExecutor(max(len(paths), 1)) as side:
        for one in [side.submit(sync, path) for path in paths]:
            one.result()


def settle(made: dict[Path, str]) -> list[dict[str, Any]]:
    """Wait until files, each with its kind, are on the disk; give what the manifest says of them."""
    with ThreadPoolExecutor(1) as side:
        # The disk takes its time, during which the hashes are worked out.
        synced = [side.submit(sync, path) for path in made]
        found = [entry(kind, path) for path, kind in made.items()]
        for one in synced:
            one.result()
    return found


def entry(kind: str, path: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"kind": kind, "bytes": path.stat().st_size, "sha256": sha256(path)}


def json_bytes(value: Any) -> bytes:
    """Give readable JSON with sorted keys."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
