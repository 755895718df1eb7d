"""Shards as tables of columns, in Parquet and Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..checks import extra
from .plan import Plan, Shard

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

    from .formats import Block

GROUP_TOKENS = 1 << 20
"""Tokens of a group of rows in Parquet, about."""


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
