"""The token shards of a dataset directory, checked against its manifest and mapped into memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch import labels
from ..errors import DatasetError, param_error

MANIFEST = "manifest.json"
UNFINISHED = ".synthgen"
"""Folder that lies in a directory while its dataset is being written."""
FORMATS = ("bin", "npy")
"""Formats whose files can be mapped into memory, the preferred first."""


def manifest_of(root: Path) -> dict[str, Any]:
    """Read the manifest of a finished dataset. Raises DatasetError for any other directory."""
    if (root / UNFINISHED).exists():
        raise DatasetError(f"{root} is not finished: its run was interrupted, or still writes; run it again to end it")
    try:
        manifest = json.loads((root / MANIFEST).read_text())
    except FileNotFoundError:
        raise DatasetError(f"{root} is no dataset of synthgen: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{root / MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != 2 or not {"plan", "shards"} <= manifest.keys():
        raise DatasetError(f"{root / MANIFEST} is not a manifest of format 2; write the dataset again")
    return manifest


def choose(root: Path, plan: dict[str, Any], wanted: str | None) -> str:
    """Format to read. Raises DatasetError where none of the formats can be mapped, or the wanted one is not there."""
    there = [fmt for fmt in FORMATS if fmt in plan["formats"]]
    if not there:
        held = ", ".join(plan["formats"])
        raise DatasetError(f"{root} holds {held}, and no tokens to map; write it in the format bin or npy")
    if wanted is None:
        return there[0]
    if wanted not in there:
        raise param_error(None, "format", wanted, f"allowed: token shards that {root} holds, {', '.join(there)}")
    return wanted


@dataclass(frozen=True)
class MappedShard:
    """One shard: where its three files lie, and how much is in them. The files are opened where they are first read."""

    tokens_file: Path
    mask_file: Path
    rows_file: Path
    rows: int
    tokens: int
    dtype: str

    def __getstate__(self) -> dict[str, Any]:
        # A map pickles as a copy of the file; another process opens its own.
        return {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}

    @cached_property
    def ids(self) -> NDArray[Any]:
        """Token ids of the shard, (tokens,)."""
        return _map(self.tokens_file, self.dtype, (self.tokens,))

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """Loss mask, a bit per token."""
        return _map(self.mask_file, "|u1", (-(-self.tokens // 8),))

    @cached_property
    def index(self) -> NDArray[np.int32]:
        """Start, length and cell of each instance, int32 (rows, 3)."""
        return _map(self.rows_file, "<i4", (self.rows, 3))

    def mask(self, start: int, end: int) -> NDArray[np.uint8]:
        """Loss mask of tokens start .. end, a byte per token."""
        first = start & ~7
        unpacked = np.unpackbits(self.bits[first >> 3 : (end + 7) >> 3], bitorder="little")
        return unpacked[start - first : end - first]

    def span(self, start: int, end: int) -> dict[str, NDArray[Any]]:
        """Tokens start .. end with their mask and labels; the ids are a view of the file."""
        ids, mask = self.ids[start:end], self.mask(start, end)
        return {"input_ids": ids, "loss_mask": frozen(mask), "labels": frozen(labels(ids, mask))}


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Make an array read-only, as the maps are."""
    array.flags.writeable = False
    return array


def _map(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        elif 0 in shape:  # an empty file cannot be mapped
            array = np.empty(shape, dtype)
        else:
            array = np.memmap(path, dtype, "r", shape=shape)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path} cannot be mapped: {error}") from error
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise DatasetError(f"{path} holds {array.dtype} {array.shape}, its manifest says {np.dtype(dtype)} {shape}")
    mapped: NDArray[Any] = array.view(np.ndarray)
    return mapped


def shards_of(root: Path, manifest: dict[str, Any], split: str, fmt: str) -> list[MappedShard]:
    """Shards of a split, in order. Raises DatasetError for a split without shards, and for files that are not whole."""
    entries = [entry for entry in manifest["shards"] if entry["split"] == split]
    if not entries:
        held = ", ".join(dict.fromkeys(entry["split"] for entry in manifest["shards"])) or "none"
        raise DatasetError(f"{root} has no split {split!r}; it has {held}")
    return [_shard(root, entry, fmt, manifest["plan"]["dtype"]) for entry in entries]


def _shard(root: Path, entry: dict[str, Any], fmt: str, dtype: str) -> MappedShard:
    files: dict[str, Path] = {}
    for name, stated in entry["files"].items():
        if name.startswith(f"{fmt}/"):
            files[stated["kind"]] = root / name
            _check_size(root / name, stated["bytes"])
    missing = {"tokens", "mask", "rows"} - files.keys()
    if missing:
        raise DatasetError(f"{root / MANIFEST} names no file of {', '.join(sorted(missing))} for a shard in {fmt}")
    kind = np.dtype(dtype).newbyteorder("<").str
    return MappedShard(files["tokens"], files["mask"], files["rows"], entry["rows"], entry["tokens"], kind)


def _check_size(path: Path, stated: int) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"{path} is missing, though the manifest names it: {error.strerror}") from error
    if found != stated:
        raise DatasetError(f"{path} has {found} bytes, its manifest says {stated}; verify the dataset")
