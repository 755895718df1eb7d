"""A dataset directory as a sequence of rows, or of packed windows: memory-mapped, random access, picklable."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

from .._task import Policy
from .collation import collate
from .generate import read_manifest
from .mapped import choose, shards_of
from .rows import Rows

if TYPE_CHECKING:
    from .windows import Windows


class Stored(Rows[dict[str, Any]]):
    """Rows of one split of a dataset directory, in the order of its shards: `len` and `getitem`.

    Reads the token shards (formats bin and npy). Files are mapped where they are first read, so opening is cheap, and
    a pickled copy opens its own in another process.

    Attributes:
        directory, split, format: what is read.
        dtype: dtype of the ids, uint16 or uint32.
        tokens: tokens of all rows.
        seq_len, packing: width and policy of the windows that the dataset was written in; None for rows.

    Raises DatasetError for a directory that holds no finished dataset, no token shards, not this split, or files of
    another size than its manifest says.

    """

    def __init__(self, directory: str | Path, split: str = "train", *, format: str | None = None) -> None:
        self.directory = Path(directory)
        self.split = split
        manifest = read_manifest(self.directory)
        plan = manifest["plan"]
        self.format = choose(self.directory, plan, format)
        self.dtype: str = plan["dtype"]
        self.seq_len: int | None = plan["seq_len"]
        self.packing: Policy | None = plan["packing"] if self.seq_len else None
        self.tokens = sum(entry["tokens"] for entry in manifest["shards"] if entry["split"] == split)
        self.shards = shards_of(self.directory, manifest, split, self.format)
        self._cells = [(cell["task"], cell["level"]) for cell in plan["cells"]]
        self._offsets = (0, *accumulate(shard.rows for shard in self.shards))

    def __len__(self) -> int:
        return self._offsets[-1]

    def __repr__(self) -> str:
        return f"<Stored {self.directory} {self.split}: {len(self)} rows, {self.tokens} tokens, {self.format}>"

    def __getitem__(self, i: SupportsIndex) -> dict[str, Any]:
        """Row i: input_ids in the dtype of the file, loss_mask uint8, labels int32, each (length,); task, difficulty.

        The arrays are read-only, and input_ids is a view of the file.
        """
        number = self._number(i)
        place = bisect_right(self._offsets, number) - 1
        shard = self.shards[place]
        start, length, cell = shard.index[number - self._offsets[place]].tolist()
        task, level = self._cells[cell]
        return {**shard.span(start, start + length), "task": task, "difficulty": level}

    def batch(self, indices: Sequence[int], seq_len: int | None = None) -> dict[str, Any]:
        """Rows by number as padded arrays; see `synthgen.data.collate`."""
        return collate([self[i] for i in indices], seq_len)

    def windows(self, seq_len: int | None = None, policy: Policy | None = None) -> Windows:
        """Packed windows of `seq_len` tokens; without arguments, the windows that the dataset was written in.

        Each window begins with a whole row, and further rows follow. The one that would cross its end is cut there
        (`policy="truncate"`, the default) or begins the next window, and padding follows (`"pad"`). The windows of a
        shard lie within it: the last is padded.

        Raises ParamError for a width below the longest row, or another one than the dataset was written in.
        """
        from .windows import Windows

        return Windows(self, seq_len, policy)
