"""Files that appear whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any


def temporary(folder: Path, name: str) -> Path:
    """A name in `folder` that no other process on any machine uses."""
    return folder / f"{name.replace('/', '-')}.{socket.gethostname()}.{os.getpid()}.tmp"


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put(made: Path, path: Path, *, durable: bool = True) -> None:
    """Give a complete file its final name; `durable` waits until it is on the disk."""
    if durable:
        sync(made)
    made.replace(path)


def write_atomic(path: Path, content: bytes, folder: Path | None = None, *, durable: bool = True) -> None:
    """Write under a temporary name, in `folder` or beside the file, and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = temporary(folder or path.parent, path.name)
    try:
        made.write_bytes(content)
        put(made, path, durable=durable)
    finally:
        made.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(kind: str, path: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"kind": kind, "bytes": path.stat().st_size, "sha256": sha256(path)}


def json_bytes(value: Any) -> bytes:
    """Give readable JSON with sorted keys."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
