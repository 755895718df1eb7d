"""The token shards of a dataset directory, checked against its manifest and mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch import labels
from ..errors import DatasetError, param_error

FORMATS = ("bin", "npy")
"""Formats whose files can be mapped into memory, the preferred first."""


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
    """One shard: where its three files lie, and what is in them. The files are opened where they are first read."""

    tokens_file: Path
    mask_file: Path
    rows_file: Path
    rows: int
    dtype: str

    def __getstate__(self) -> dict[str, Any]:
        # A map pickles as a copy of the file; another process opens its own.
        return {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}

    @cached_property
    def ids(self) -> NDArray[Any]:
        """Token ids of the shard, flat; with windows also their padding."""
        return _map(self.tokens_file, self.dtype, (-1,))

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """Loss mask, a bit per token."""
        return _map(self.mask_file, "|u1", (-(-len(self.ids) // 8),))

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
    """Map a file; -1 stands for as many as there are."""
    try:
        if path.suffix == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        elif path.stat().st_size == 0:  # an empty file cannot be mapped
            array = np.empty(0, dtype)
        else:
            array = np.memmap(path, dtype, "r")
        # The binary format has no shape of its own, the other one has to have this.
        fits = path.suffix != ".npy" or array.ndim == len(shape)
        mapped: NDArray[Any] = array.view(np.ndarray).reshape(shape)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path} cannot be mapped as {dtype} {shape}: {error}") from error
    if not fits or array.dtype != np.dtype(dtype):
        raise DatasetError(f"{path} holds {array.dtype} {array.shape}, not {dtype} {shape} as its manifest says")
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
        raise DatasetError(f"the manifest of {root} names no file of {', '.join(sorted(missing))} for a shard in {fmt}")
    kind = np.dtype(dtype).newbyteorder("<").str
    return MappedShard(files["tokens"], files["mask"], files["rows"], entry["rows"], kind)


def _check_size(path: Path, stated: int) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"{path} is missing, though the manifest names it: {error.strerror}") from error
    if found != stated:
        raise DatasetError(f"{path} has {found} bytes, its manifest says {stated}; verify the dataset")
