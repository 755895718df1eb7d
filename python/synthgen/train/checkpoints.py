"""Checkpoints through orbax: whole or absent, the last few and the best, read back on any number of devices."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ..errors import DatasetError
from .steps import State

PARTS = ("trained", "moments", "step")
"""What a checkpoint holds; parameters that are not trained are where they came from."""


class Checkpoints:
    """The checkpoints of a run: `directory/checkpoints/STEP`, and `directory/best/STEP`.

    A checkpoint has its final name only when it is whole. It holds every array under its place in the state, so that
    it can be read without the code that wrote it.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        # Orbax tells of every save, which is no news to the reader of a run.
        logging.getLogger("absl").setLevel(logging.ERROR)
        self.directory = directory
        self._last = self._manager("checkpoints", keep)
        self._best = self._manager("best", 1)

    def _manager(self, name: str, keep: int) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, create=True, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        return ocp.CheckpointManager((self.directory / name).absolute(), options=options)

    @property
    def step(self) -> int | None:
        """Steps made at the last checkpoint."""
        found: int | None = self._last.latest_step()
        return found

    def path(self, step: int) -> Path:
        """Where a checkpoint is."""
        return self.directory / "checkpoints" / str(step)

    def save(self, step: int, state: State, notes: dict[str, Any], *, best: bool = False) -> None:
        """Write a checkpoint with `notes`, which are plain values; one of that step that is there stays."""
        manager = self._best if best else self._last
        if step in manager.all_steps():
            return
        items = ocp.args.Composite(state=ocp.args.StandardSave(named(state)), notes=ocp.args.JsonSave(notes))
        manager.save(step, args=items, force=True)

    def load(self, state: State, *, best: bool = False) -> tuple[State, dict[str, Any]]:
        """Read the last checkpoint, or the best, into a state of the same form, onto its devices; and the notes."""
        manager = self._best if best else self._last
        step = manager.latest_step()
        if step is None:
            raise DatasetError(f"{self.directory}: no checkpoint is here")
        wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, named(state))
        items = ocp.args.Composite(state=ocp.args.StandardRestore(wanted), notes=ocp.args.JsonRestore())
        try:
            found = manager.restore(step, args=items)
        except (ValueError, KeyError, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            message = f"{self.directory}: checkpoint {step} does not fit this model, or is damaged ({reason})"
            raise DatasetError(message) from error
        return unnamed(found["state"], state), found["notes"]

    def close(self) -> None:
        """Let go of the directory."""
        self._last.close()
        self._best.close()


def named(state: State) -> dict[str, Any]:
    """Every array that is kept, by its place."""
    kept = {part: getattr(state, part) for part in PARTS}
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(kept)}


def unnamed(arrays: dict[str, Any], state: State) -> State:
    """Put arrays back to their places."""
    kept = {part: getattr(state, part) for part in PARTS}
    found = jax.tree_util.tree_map_with_path(lambda path, _: arrays[jax.tree_util.keystr(path)], kept)
    return state._replace(**found)
