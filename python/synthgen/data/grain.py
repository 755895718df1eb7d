"""Grain pipelines over any sequence of rows: shuffled, shared by hosts, batched, resumed exactly.

Every sequence of rows here (a task's `source`, `Stored`, its `windows`, `joint`) is a source as Grain takes it. These
two functions only put one at the head of a pipeline; what Grain offers follows as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks import extra, integer
from .batches import Batches
from .joining import shuffled
from .rows import Repeated


def dataset(rows: Any, *, seed: int | None = None, epochs: int = 1, shard_index: int = 0, num_shards: int = 1) -> Any:
    """Rows of one host as a `grain.MapDataset`: every `num_shards`-th of the order, from `shard_index` on.

    With `seed`, `epochs` epochs in shuffled orders of their own, as `synthgen.data.shuffled` gives them; without, the
    rows in their own order, `epochs` times. Map, filter and batch as usual; `batch_fn=synthgen.data.collate` pads.
    """
    grain = extra("grain", "grain")
    count = integer(None, "num_shards", num_shards, 1, 2**31)
    first = integer(None, "shard_index", shard_index, 0, count - 1)
    return grain.MapDataset.source(_ordered(rows, seed, epochs))[first::count]


def loader(
    rows: Any,
    batch_size: int,
    *,
    seed: int | None = None,
    epochs: int = 1,
    shard_index: int = 0,
    num_shards: int = 1,
    drop_remainder: bool = False,
    seq_len: int | None = None,
    fields: Sequence[str] | None = None,
    threads: int = 4,
    workers: int = 0,
) -> Any:
    """Padded batches of one host as a `grain.IterDataset`; `get_state` and `set_state` of its iterator resume exactly.

    The batches are those of `synthgen.data.Batches`; `drop_remainder` leaves out the rows that do not fill a batch on
    every host, so that all hosts take the same number of steps. Rows are made by `threads` threads, or by `workers`
    processes of as many threads each. Threads are usually enough, since rows are made without the interpreter lock.
    """
    grain = extra("grain", "grain")
    batches = Batches(
        _ordered(rows, seed, epochs),
        batch_size,
        rank=shard_index,
        world_size=num_shards,
        drop_last=drop_remainder,
        seq_len=seq_len,
        fields=fields,
    )
    asked = integer(None, "threads", threads, 0, 1024)
    # A buffer is the memory of a pipeline: twice as many batches as are made at a time.
    options = grain.ReadOptions(num_threads=asked, prefetch_buffer_size=2 * asked)
    made = grain.MapDataset.source(batches).to_iter_dataset(options)
    count = integer(None, "workers", workers, 0, 1024)
    if not count:
        return made
    _parse_flags()
    return made.mp_prefetch(grain.MultiprocessingOptions(num_workers=count))


def _ordered(rows: Any, seed: int | None, epochs: int) -> Any:
    """Grain's own shuffle takes neighbouring seeds for neighbouring epochs, and 32 bits of both."""
    if seed is not None:
        return shuffled(rows, seed, epochs=epochs)
    return rows if epochs == 1 else Repeated(rows, epochs)


def _parse_flags() -> None:
    """Grain reads absl flags in its worker processes, which a program without absl's `app.run` never parsed."""
    flags = extra("absl.flags", "grain").FLAGS
    if not flags.is_parsed():
        flags.mark_as_parsed()
