"""Packed windows over stored rows, with random access: only the first row of each window is worked out in advance."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, SupportsIndex, get_args

import numpy as np

from .._task import Policy
from ..checks import integer
from ..errors import DatasetError, param_error
from .collation import collate
from .mapped import MappedShard, frozen
from .rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .stored import Stored


class Windows(Rows["dict[str, NDArray[Any]]"]):
    """Windows of a stored split: `len` and `getitem`, picklable. Made by `Stored.windows`.

    Attributes:
        seq_len, policy: width, and what becomes of a row that crosses the end of a window.

    """

    def __init__(self, stored: Stored, seq_len: int | None, policy: Policy | None) -> None:
        self.stored = stored
        self.seq_len, self.policy = _layout(stored, seq_len, policy)
        cut = _written if stored.seq_len else _cut
        # The first row of each window, and the number of rows at the end.
        self._firsts = [cut(shard, self.seq_len, self.policy) for shard in stored.shards]
        self._offsets = (0, *accumulate(len(firsts) - 1 for firsts in self._firsts))

    def __len__(self) -> int:
        return self._offsets[-1]

    def __repr__(self) -> str:
        return f"<Windows {len(self)} of {self.seq_len} tokens, {self.policy}, over {self.stored!r}>"

    def __getitem__(self, i: SupportsIndex) -> dict[str, NDArray[Any]]:
        """Window i: input_ids, loss_mask uint8, labels, segment_ids and position_ids int32, each (seq_len,).

        Segments are 1, 2, … and 0 on padding; positions begin anew in each. The arrays are read-only; the ids of a
        full window are a view of the file.
        """
        number = self._number(i)
        place = bisect_right(self._offsets, number) - 1
        firsts, shard = self._firsts[place], self.stored.shards[place]
        first, last = firsts[number - self._offsets[place] :][:2].tolist()
        lengths = shard.index[first:last, 1]
        start = int(shard.index[first, 0])
        end = start + min(int(lengths.sum()), self.seq_len)
        made = {name: self._fill(array, name) for name, array in shard.span(start, end).items()}
        segments = np.repeat(np.arange(1, last - first + 1, dtype=np.int32), lengths)[: end - start]
        begins = np.repeat(np.cumsum(lengths, dtype=np.int32) - lengths, lengths)[: end - start]
        made["segment_ids"] = self._fill(segments, "segment_ids")
        made["position_ids"] = self._fill(np.arange(end - start, dtype=np.int32) - begins, "position_ids")
        return made

    def _fill(self, array: NDArray[Any], name: str) -> NDArray[Any]:
        room = self.seq_len - len(array)
        padding = -100 if name == "labels" else 0
        return frozen(np.pad(array, (0, room), constant_values=padding) if room else array)

    def batch(self, indices: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Windows by number, each array (n, seq_len), with attention_mask; see `synthgen.data.collate`."""
        return collate([self[i] for i in indices])


def _layout(stored: Stored, seq_len: int | None, policy: Policy | None) -> tuple[int, Policy]:
    written = stored.seq_len
    if policy is not None and policy not in get_args(Policy):
        raise param_error(None, "policy", policy, "allowed: 'truncate' or 'pad'")
    if written is not None and stored.packing is not None:
        if seq_len not in (None, written):
            raise param_error(
                None, "seq_len", seq_len, f"allowed: {written}, the width that the dataset was written in"
            )
        if policy not in (None, stored.packing):
            allowed = f"allowed: {stored.packing!r}, as the dataset was written"
            raise param_error(None, "policy", policy, allowed)
        return written, stored.packing
    return integer(None, "seq_len", seq_len, 1, 2**30), policy or "truncate"


def _written(shard: MappedShard, seq_len: int, policy: Policy) -> NDArray[np.int32]:
    """First rows of the windows that a shard was written in."""
    edges = np.arange(0, len(shard.ids) + 1, seq_len)
    return np.searchsorted(shard.index[:, 0], edges).astype(np.int32)


def _cut(shard: MappedShard, seq_len: int, policy: Policy) -> NDArray[np.int32]:
    """First rows of windows cut from rows that lie one after another."""
    starts = shard.index[:, 0].astype(np.int64)
    ends = starts + shard.index[:, 1]
    if shard.rows and (starts[0] != 0 or (starts[1:] != ends[:-1]).any() or ends[-1] != len(shard.ids)):
        raise DatasetError(f"{shard.rows_file}: its rows do not lie one after another; verify the dataset")
    longest = int((ends - starts).max(initial=0))
    if longest > seq_len:
        allowed = f"allowed: at least {longest}, the longest row, since a window begins with a whole one"
        raise param_error(None, "seq_len", seq_len, allowed)
    # Where the next window begins, were this row the first of one.
    if policy == "truncate":
        following = np.searchsorted(starts, starts + seq_len)
    else:
        following = np.searchsorted(ends, starts + seq_len, side="right")
    after = following.tolist()
    firsts, at = [0], 0
    while at < shard.rows:
        at = after[at]
        firsts.append(at)
    return np.array(firsts, dtype=np.int32)
