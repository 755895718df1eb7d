"""Shards as flat files of tokens, loss masks and rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .plan import Plan, Shard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .formats import Block


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
