"""The formats of shards: each takes the blocks of a shard, one after another, and writes files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..checks import extra
from .plan import Plan, Shard

Block = dict[str, Any]
"""Columns of consecutive rows, as `_native.Shard.block` gives them; lines alone come without arrays."""


class Writer(Protocol):
    """Writes the files of one shard in one format."""

    def write(self, block: Block) -> None:
        """Add the rows of a block."""

    def close(self) -> None:
        """Write what is left, and close the files. Called once, also after an error."""


class Lines:
    """JSON lines."""

    def __init__(self, plan: Plan, shard: Shard, paths: dict[str, Path]) -> None:
        self._file: Any = paths["jsonl"].open("wb")
        self._through: Any = None
        if plan.compress == "gzip":
            # No name and no time of day: the same rows are the same bytes.
            self._through = gzip.GzipFile("", "wb", 6, self._file, mtime=0)
        elif plan.compress == "zstd":
            self._through = extra("pyarrow", "data").CompressedOutputStream(self._file, "zstd")

    def write(self, block: Block) -> None:
        """Add lines."""
        (self._through or self._file).write(block["lines"])

    def close(self) -> None:
        """Close the file."""
        try:
            if self._through:
                self._through.close()
        finally:
            self._file.close()


def _flat(plan: Plan, shard: Shard, paths: dict[str, Path]) -> Writer:
    from .flat import Flat

    return Flat(plan, shard, paths)


def _tables(plan: Plan, shard: Shard, paths: dict[str, Path]) -> Writer:
    from .tables import Tables

    return Tables(plan, shard, paths)


class Format(NamedTuple):
    """A format: its writer, and the endings of its files by kind."""

    writer: Callable[[Plan, Shard, dict[str, Path]], Writer]
    endings: dict[str, str]
    package: str | None = None


_KINDS = ("tokens", "mask", "rows")
_FORMATS = {
    "jsonl": Format(Lines, {"jsonl": ".jsonl"}),
    "parquet": Format(_tables, {"parquet": ".parquet"}, "pyarrow.parquet"),
    "arrow": Format(_tables, {"arrow": ".arrow"}, "pyarrow.ipc"),
    "bin": Format(_flat, dict(zip(_KINDS, (".bin", ".mask.bin", ".rows.bin"), strict=True))),
    "npy": Format(_flat, dict(zip(_KINDS, (".npy", ".mask.npy", ".rows.npy"), strict=True))),
}


def files(plan: Plan, shard: Shard) -> dict[str, dict[str, str]]:
    """Names of a shard's files, by format and kind."""
    found = {}
    for name in plan.formats:
        folder, stem = f"{name}/", shard.stem
        if plan.formats == ("jsonl",) and shard.of == 1:
            # One shard of one format lies at the root, under the name that the seed's tools and users expect.
            folder, stem = "", shard.split
        more = {"gzip": ".gz", "zstd": ".zst"}.get(plan.compress, "") if name == "jsonl" else ""
        found[name] = {kind: f"{folder}{stem}{end}{more}" for kind, end in _FORMATS[name].endings.items()}
    return found


def kinds(plan: Plan, shard: Shard) -> dict[str, str]:
    """Kind of each of a shard's files, by name."""
    return {name: kind for own in files(plan, shard).values() for kind, name in own.items()}


def open_writer(name: str, plan: Plan, shard: Shard, paths: dict[str, Path]) -> Writer:
    """Open the files of a shard in one format."""
    return _FORMATS[name].writer(plan, shard, paths)


def packages(plan: Plan) -> dict[str, str]:
    """Versions of the packages whose version may change the bytes of files."""
    names = {_FORMATS[name].package for name in plan.formats} - {None}
    if "jsonl" in plan.formats and plan.compress == "zstd":
        names.add("pyarrow")
    found = {"pyarrow": str(extra("pyarrow", "data").__version__)} if names else {}
    if plan.tokenizer:
        found["tokenizers"] = str(extra("tokenizers", "data").__version__)
    return found
