"""Any sequence of rows as a sequence of batches, shared by the processes and the workers of a training run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, SupportsIndex

from ..checks import integer, switch
from ..errors import param_error
from .collation import collate
from .rows import Rows, take


class Batches(Rows[Any]):
    """Batches of a sequence of rows: `len`, `getitem`, iteration, and a state to resume from.

    Batch b of all processes together is rows b * batch_size * world_size onward, in the order of the sequence;
    process `rank` has every `world_size`-th of them. So the rows that are trained on at step b depend on
    batch_size * world_size alone, and no row is left out or comes twice.

    The rows left at the end make a last, smaller batch, or none with `drop_last`. Without it, the last batches of two
    processes may differ by one row, and a process may have none.

    Iteration begins at batch `start`, or at the batch that `load_state_dict` names: every pass begins there.
    """

    def __init__(
        self,
        rows: Any,
        batch_size: int,
        *,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        start: int = 0,
        seq_len: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> None:
        self.rows = rows
        self.batch_size = integer(None, "batch_size", batch_size, 1, 2**31)
        self.world_size = integer(None, "world_size", world_size, 1, 2**31)
        self.rank = integer(None, "rank", rank, 0, self.world_size - 1)
        self._width = None if seq_len is None else integer(None, "seq_len", seq_len, 1, 2**30)
        self._fields = None if fields is None else tuple(fields)
        step = self.batch_size * self.world_size
        whole, rest = divmod(len(rows), step)
        self._count = whole + (rest > self.rank and not switch(None, "drop_last", drop_last))
        self._first = self._next = integer(None, "start", start, 0, 2**63)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self._count} of {self.batch_size} rows, process {self.rank} of {self.world_size}>"
        )

    def positions(self, b: SupportsIndex) -> range:
        """Numbers of the rows in batch b of this process."""
        first = self._number(b) * self.batch_size * self.world_size + self.rank
        return range(first, min(first + self.batch_size * self.world_size, len(self.rows)), self.world_size)

    def __getitem__(self, b: SupportsIndex) -> Any:
        """Batch b: a dict of arrays, as `collate` makes it."""
        return collate(take(self.rows, self.positions(b)), self._width, self._fields)

    def worker(self) -> tuple[int, int]:
        """Number of this worker of its process, and how many there are."""
        return 0, 1

    def __iter__(self) -> Iterator[Any]:
        """Batches from `start` on; of several workers each gives its turn, so that their round is the whole order."""
        number, workers = self.worker()
        first, b = self._first, self._next
        b += (number - (b - first)) % workers
        while b < self._count:
            batch = self[b]
            # Set before the batch is handed out: whoever asks for the state between two batches has had this one.
            self._state = {"first": first, "next": b + workers}
            yield batch
            b += workers

    def state_dict(self) -> dict[str, int]:
        """State after the batch last given, in this process and worker."""
        return dict(getattr(self, "_state", {"first": self._first, "next": self._next}))

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Begin where `state` says: one of `state_dict`, or `{"next": n}` to begin at batch n with any workers.

        Raises ParamError for anything else.
        """
        if not isinstance(state, Mapping) or not {"next"} <= state.keys() <= {"first", "next"}:
            raise param_error(None, "state", state, "allowed: what state_dict gave, or {'next': number of a batch}")
        self._next = integer(None, "state['next']", state["next"], 0, 2**63)
        # A worker takes up its own turn again. A whole process may hand what is left to workers of any number.
        first = integer(None, "state['first']", state.get("first", self._next), 0, self._next)
        self._first = first if self.worker()[1] > 1 else self._next
        self._state = {"first": self._first, "next": self._next}
