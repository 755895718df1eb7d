"""The formats of shards: each takes the blocks of a shard, one after another, and writes files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from ..checks import extra
from .plan import Plan, Shard

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

GROUP_TOKENS = 1 << 20
"""Tokens of a group of rows in Parquet, about."""
Block = dict[str, Any]
"""Columns of consecutive rows, as `_native.Shard.block` gives them."""


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


class Flat:
    """Tokens, loss mask and rows as flat files, without or with the header of .npy."""

    def __init__(self, plan: Plan, shard: Shard, paths: dict[str, Path]) -> None:
        dtypes = {"tokens": np.dtype(plan.dtype).newbyteorder("<"), "mask": np.dtype("u1"), "rows": np.dtype("<i4")}
        self._files = {kind: _Array(path, dtypes[kind], 3 if kind == "rows" else 1) for kind, path in paths.items()}
        self._bits: NDArray[np.uint8] = np.zeros(0, np.uint8)

    def write(self, block: Block) -> None:
        """Add tokens; mask bits that fill no byte yet are kept for the next block."""
        self._files["tokens"].append(block["ids"])
        self._files["rows"].append(block["rows"])
        bits = np.concatenate([self._bits, block["mask"]]) if self._bits.size else block["mask"]
        whole = bits.size // 8 * 8
        self._files["mask"].append(np.packbits(bits[:whole], bitorder="little"))
        self._bits = bits[whole:].copy()

    def close(self) -> None:
        """Write the last bits, and close the files."""
        self._files["mask"].append(np.packbits(self._bits, bitorder="little"))
        for file in self._files.values():
            file.close()


class _Array:
    """A flat array file that grows; with a .npy header if its name says so."""

    _HEADER = 128

    def __init__(self, path: Path, dtype: np.dtype[Any], width: int) -> None:
        self._file = path.open("wb")
        self._dtype, self._width, self._count = dtype, width, 0
        self._npy = path.suffixes[-1:] == [".npy"] or ".npy." in path.name
        if self._npy:
            self._file.write(bytes(self._HEADER))

    def append(self, values: NDArray[Any]) -> None:
        values = np.ascontiguousarray(values, dtype=self._dtype)
        self._file.write(values.view(np.uint8).data if values.size else b"")
        self._count += values.size // self._width

    def close(self) -> None:
        try:
            if self._npy:
                self._file.seek(0)
                self._file.write(self._header())
        finally:
            self._file.close()

    def _header(self) -> bytes:
        # Version 1.0 of the format (numpy.lib.format), padded with spaces to a fixed length.
        shape = f"({self._count},)" if self._width == 1 else f"({self._count}, {self._width})"
        text = f"{{'descr': '{self._dtype.str}', 'fortran_order': False, 'shape': {shape}, }}"
        space = self._HEADER - 10 - 1
        return b"\x93NUMPY\x01\x00" + (space + 1).to_bytes(2, "little") + text.ljust(space).encode() + b"\n"


class Tables:
    """Parquet, or Arrow's stream format."""

    def __init__(self, plan: Plan, shard: Shard, paths: dict[str, Path]) -> None:
        self._plan, self._shard = plan, shard
        self._cells = plan.cells()
        self._schema = schema(plan)
        self._file: IO[bytes] | None = None
        self._waiting: list[pyarrow.Table] = []
        self._tokens = 0
        ((kind, path),) = paths.items()
        if kind == "parquet":
            parquet = extra("pyarrow.parquet", "data")
            codec = "zstd" if plan.compress == "auto" else plan.compress
            self._sink: Any = parquet.ParquetWriter(
                path,
                self._schema,
                compression=codec,
                compression_level=1 if codec == "zstd" else None,
                use_dictionary=["task", "difficulty", "split"],
                write_statistics=False,
                store_schema=True,
            )
        else:
            ipc = extra("pyarrow.ipc", "data")
            options = ipc.IpcWriteOptions(compression="zstd" if plan.compress == "zstd" else None)
            self._file = path.open("wb")
            self._sink = ipc.new_stream(self._file, self._schema, options=options)

    def write(self, block: Block) -> None:
        """Add a table, once there is enough for a group of rows."""
        self._waiting.append(table(self._plan, self._shard.split, block, self._schema))
        self._tokens += block["mask"].size
        if self._tokens >= GROUP_TOKENS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows = extra("pyarrow", "data").concat_tables(self._waiting)
            self._waiting, self._tokens = [], 0
            self._sink.write_table(rows)

    def close(self) -> None:
        """Write what waits and the footer, and close the file."""
        try:
            self._flush()
            self._sink.close()
        finally:
            if self._file:
                self._file.close()


def schema(plan: Plan) -> pyarrow.Schema:
    """Columns of parquet and arrow shards."""
    pa = extra("pyarrow", "data")
    ids = pa.list_(getattr(pa, plan.dtype)())
    if plan.seq_len is not None:
        whole = pa.list_(pa.int32())
        return pa.schema(
            {"input_ids": ids, "loss_mask": pa.list_(pa.uint8()), "segment_ids": whole, "position_ids": whole}
        )
    text = {name: pa.string() for name in ("input_text", "target", "task")}
    more = {"difficulty": pa.int64(), "split": pa.string(), "sample_id": pa.string()}
    last = {"metadata": pa.string()} if plan.metadata == "full" else {}
    return pa.schema(text | more | last | {"input_ids": ids, "loss_mask": pa.list_(pa.uint8())})


def table(plan: Plan, split: str, block: Block, columns: pyarrow.Schema) -> pyarrow.Table:
    """A block as a table; token columns share the block's memory."""
    pa = extra("pyarrow", "data")
    rows: NDArray[np.int32] = block["rows"]
    if plan.seq_len is not None:
        windows = np.arange(0, block["mask"].size + 1, plan.seq_len, dtype=np.int32)
        segments, positions = placed(rows, int(block["mask"].size), plan.seq_len, int(rows[0, 0]))
        flat = {
            "input_ids": block["ids"],
            "loss_mask": block["mask"],
            "segment_ids": segments,
            "position_ids": positions,
        }
        return pa.table({name: pa.ListArray.from_arrays(windows, pa.array(flat[name])) for name in columns.names})
    cells = plan.cells()
    which = pa.array(rows[:, 2])
    ends = np.concatenate([[0], np.cumsum(rows[:, 1])]).astype(np.int32)

    def strings(name: str) -> Any:
        offsets, text = block[name]
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(text))

    made = {
        "task": pa.array([cell.task for cell in cells]).take(which),
        "difficulty": pa.array([cell.level for cell in cells], pa.int64()).take(which),
        "split": pa.repeat(split, len(rows)),
        "input_ids": pa.ListArray.from_arrays(ends, pa.array(block["ids"])),
        "loss_mask": pa.ListArray.from_arrays(ends, pa.array(block["mask"])),
    }
    return pa.table([made[name] if name in made else strings(name) for name in columns.names], schema=columns)


def placed(rows: NDArray[np.int32], size: int, seq_len: int, start: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Segment ids and positions, int32 (size,), of windows whose first token is number `start` of the shard."""
    begins, lengths = rows[:, 0].astype(np.int64) - start, rows[:, 1]
    window = begins // seq_len
    first = np.searchsorted(window, window, side="left")
    numbers = (np.arange(len(rows)) - first + 1).astype(np.int32)
    segments, positions = np.zeros(size, np.int32), np.zeros(size, np.int32)
    token = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(begins, lengths) + token
    segments[at], positions[at] = np.repeat(numbers, lengths), token
    return segments, positions


@dataclass(frozen=True)
class Format:
    """A format: its writer, and the endings of its files by kind."""

    writer: Callable[[Plan, Shard, dict[str, Path]], Writer]
    endings: dict[str, str]
    package: str | None = None


_KINDS = ("tokens", "mask", "rows")
_FORMATS = {
    "jsonl": Format(Lines, {"jsonl": ".jsonl"}),
    "parquet": Format(Tables, {"parquet": ".parquet"}, "pyarrow.parquet"),
    "arrow": Format(Tables, {"arrow": ".arrow"}, "pyarrow.ipc"),
    "bin": Format(Flat, dict(zip(_KINDS, (".bin", ".mask.bin", ".rows.bin"), strict=True))),
    "npy": Format(Flat, dict(zip(_KINDS, (".npy", ".mask.npy", ".rows.npy"), strict=True))),
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
