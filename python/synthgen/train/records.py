"""Where the metrics of a run go: a table and a log that no crash tears, TensorBoard, and Weights & Biases."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ..checks import extra, integer
from ..data.files import write_atomic
from ..errors import SynthgenError, param_error

TABLE, LOG = "metrics.csv", "metrics.jsonl"
Kind = Literal["train", "eval"]


@dataclass(frozen=True)
class WandbSettings:
    """How Weights & Biases is to know a run. A resumed run goes on under the id that it began with.

    Offline, nothing leaves the machine; `wandb sync` uploads the run's folder later.
    """

    project: str
    name: str | None = None
    entity: str | None = None
    mode: Literal["online", "offline"] = "online"
    config: Mapping[str, Any] = field(default_factory=dict)  # what the run was configured with


class Recorder:
    """The records of a run, in `metrics.csv` and `metrics.jsonl` of a directory, and wherever else is asked for.

    A record is a row of both files: the step, the kind, and under `<kind>/<name>` each value, as `train/loss` or
    `eval/exact_match/hops=2`. The table has every column that a record has had so far, in the order in which they
    came, and empty cells where a record has no such value. What is not finite is `nan`, `inf` or `-inf` in both files;
    JSON has no such numbers, so there it is a string, which `float` reads like the others.

    The log is what counts: the table is written again from it when a column comes, and when a run is resumed. A
    process that is killed loses at most the record it was writing.

    With `resume_step`, records of later steps are dropped, because they will come again; -1 drops all of them. So what
    belongs to a step has to be recorded before its checkpoint is saved. TensorBoard drops them as well; Weights &
    Biases keeps the old points beside the equal new ones.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tensorboard: bool = False,
        wandb: WandbSettings | None = None,
        resume_step: int | None = None,
    ) -> None:
        board = _package("tensorboardX", "tensorboard") if tensorboard else None
        if wandb is not None and wandb.mode == "offline":
            # Reports of errors would leave the machine also then; the package asks when it is imported.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        weights = None if wandb is None else _package("wandb", "wandb")
        last = -1 if resume_step is None else integer(None, "resume_step", resume_step, -1, 2**63 - 1)
        self._path = directory
        directory.mkdir(parents=True, exist_ok=True)
        log = directory / LOG
        if resume_step is None and log.exists() and log.stat().st_size:
            message = "already has the records of a run; resume that run, or choose another directory"
            raise SynthgenError(f"{directory} {message}")
        for left in directory.glob("metrics.*.tmp"):
            left.unlink()
        rows = [row for row in read_log(log) if row["step"] <= last]
        self._step = rows[-1]["step"] if rows else 0
        self.evaluated = max((row["step"] for row in rows if row["kind"] == "eval"), default=-1)
        """The last step of which an evaluation is kept; -1 if none is."""
        write_atomic(log, b"".join(map(_log_line, rows)))
        self._columns = list(dict.fromkeys(name for row in [{"step": 0, "kind": ""}, *rows] for name in row))
        with ExitStack() as closing:
            self._log = closing.enter_context(log.open("ab"))
            self._table = self._written_table(rows)
            closing.callback(self._close_table)
            self._board = self._run = None
            if board is not None:
                purge = None if resume_step is None else last + 1
                self._board = board.SummaryWriter(str(directory / "tensorboard"), purge_step=purge)
                closing.callback(self._board.close)
            if weights is not None and wandb is not None:
                self._run = _run(weights, wandb, directory, resumed=last >= 0)
                closing.push(self._finish)
            self._closing = closing.pop_all()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    def record(self, step: int, kind: Kind, values: Mapping[str, float]) -> None:
        """Write one record. Steps never go back."""
        self._step = integer(None, "step", step, self._step, 2**63 - 1)
        for name in values:
            if not name or not name.isprintable():
                raise param_error(None, "values", name, "allowed: names of printable characters")
        numbers = {f"{kind}/{name}": float(value) for name, value in values.items()}
        row = {"step": self._step, "kind": kind} | {name: _plain(value) for name, value in numbers.items()}
        self._log.write(_log_line(row))
        self._log.flush()
        came = [name for name in row if name not in self._columns]
        if came:
            self._columns += came
            self._table.close()
            self._table = self._written_table(read_log(self._path / LOG))
        else:
            self._table.write(self._table_line(row))
            self._table.flush()
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, self._step)
        if self._run is not None:
            self._run.log({"step": self._step} | numbers)

    def sync(self) -> None:
        """Wait until all records are on the disk: before a checkpoint is saved that will count on them."""
        os.fsync(self._log.fileno())
        os.fsync(self._table.fileno())
        if self._board is not None:
            self._board.flush()

    def _written_table(self, rows: Iterable[Mapping[str, Any]]) -> io.BufferedWriter:
        """Write the table anew; give it opened for more."""
        path = self._path / TABLE
        write_atomic(path, b"".join([_cells(self._columns), *map(self._table_line, rows)]), durable=False)
        return path.open("ab")

    def _table_line(self, row: Mapping[str, Any]) -> bytes:
        return _cells(row.get(name, "") for name in self._columns)

    def _close_table(self) -> None:
        self._table.close()

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if kind is None else 1)


def log_image(directory: Path, settings: WandbSettings, name: str, path: Path) -> None:
    """Add an image to the run of Weights & Biases that was begun in a directory."""
    weights = _package("wandb", "wandb")
    run = _run(weights, settings, directory, resumed=True)
    run.log({name: weights.Image(str(path))})
    run.finish(exit_code=0)


def _package(name: str, group: str) -> Any:
    try:
        return extra(name, group)
    except ModuleNotFoundError as error:
        raise SynthgenError(str(error)) from error


def _run(weights: Any, settings: WandbSettings, directory: Path, *, resumed: bool) -> Any:
    """Begin a run of Weights & Biases, or go on with the one that was begun in this directory."""
    kept = directory / "wandb-id.txt"
    known = resumed and kept.exists()
    if not known:
        write_atomic(kept, f"{os.urandom(4).hex()}\n".encode())
    run = weights.init(
        project=settings.project,
        name=settings.name,
        entity=settings.entity,
        mode=settings.mode,
        config=dict(settings.config),
        dir=str(directory),
        id=kept.read_text().strip(),
        resume="allow" if known and settings.mode == "online" else None,
        # A line that is redrawn all the time is no log to keep.
        settings=weights.Settings(console="off"),
    )
    # The steps of the run, not the number of calls, which a resumed run counts on.
    run.define_metric("*", step_metric="step")
    return run


def read_log(log: Path) -> list[dict[str, Any]]:
    """Rows of a log that may not exist yet; a torn last one is left out."""
    rows = []
    # What comes after the last line's end is empty, or torn.
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(dict(json.loads(line)))
        except ValueError as error:
            message = f"line {number} is no record; remove the line, or begin again in another directory"
            raise SynthgenError(f"{log}: {message}") from error
    return rows


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _log_line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode()


def _cells(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
