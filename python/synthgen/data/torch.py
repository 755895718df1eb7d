"""PyTorch datasets over any sequence of rows: whole batches in one order for any number of workers, resumed exactly.

Needs torch, and imports it; `synthgen.data.Batches`, which does the work, needs no framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np

from ..checks import extra
from .batches import Batches
from .collation import collate as _collate
from .rows import Rows, take

torch: Any = extra("torch", "heavy")
data: Any = extra("torch.utils.data", "heavy")

_LONG = ("input_ids", "labels", "position_ids", "segment_ids", "attention_mask")
"""What losses, embeddings and models take as int64."""


def tensors(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A batch of arrays as tensors: ids, labels, positions and attention int64, all else as it is."""
    return {
        name: torch.from_numpy(value.astype(np.int64) if name in _LONG else np.ascontiguousarray(value))
        if isinstance(value, np.ndarray)
        else value
        for name, value in batch.items()
    }


def collate(rows: Sequence[Mapping[str, Any]], seq_len: int | None = None, fields: Sequence[str] | None = None) -> Any:
    """Pad rows and stack them to tensors: the `collate_fn` of a DataLoader; see `synthgen.data.collate`."""
    return tensors(_collate(rows, seq_len, fields))


class Dataset(Rows[Any], data.Dataset):  # type: ignore[misc]
    """Rows by number, for a DataLoader with `batch_size`, a sampler, and `collate_fn=synthgen.data.torch.collate`."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Dataset of {self.rows!r}>"

    def __getitem__(self, i: SupportsIndex) -> Any:
        """Row i, as its sequence gives it."""
        return self.rows[i]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The rows of a batch, in one call."""
        return take(self.rows, indices)


class IterableDataset(Batches, data.IterableDataset):  # type: ignore[misc]
    """Padded batches as tensors, for `DataLoader(dataset, batch_size=None, num_workers=…)`.

    Batch b is the same for any number of workers, forked or spawned: each worker makes the batches whose turn it is.
    Each process of a distributed run has its share; `rank` and `world_size` default to those of torch.distributed
    where it is initialised, else to a single process. See `synthgen.data.Batches` for what the shares are.

    To resume after n batches: `load_state_dict({"next": n})`, or `start=n`, before the loader is iterated. A loader
    that asks each worker for `state_dict`, as torchdata's StatefulDataLoader, gets what it needs.
    """

    def __init__(
        self,
        rows: Any,
        batch_size: int,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
        start: int = 0,
        seq_len: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> None:
        own, count = _process()
        super().__init__(
            rows,
            batch_size,
            rank=own if rank is None else rank,
            world_size=count if world_size is None else world_size,
            drop_last=drop_last,
            start=start,
            seq_len=seq_len,
            fields=fields,
        )

    def __getitem__(self, b: SupportsIndex) -> Any:
        """Batch b as tensors."""
        return tensors(super().__getitem__(b))

    def worker(self) -> tuple[int, int]:
        """Number of this worker of its process, and how many there are."""
        info = data.get_worker_info()
        return (0, 1) if info is None else (info.id, info.num_workers)


def _process() -> tuple[int, int]:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
