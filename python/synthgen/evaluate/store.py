"""The directory of a run: rows that are only ever added, a state, and a summary that is worked out from the rows."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..data.files import json_bytes, write_atomic
from ..errors import EvaluationError

RESULTS, STATE, SUMMARY = "results.jsonl", "state.json", "summary.json"
OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "error")
"""What can come of a question; all but the last are answers."""
PAUSE, SHARE = 5.0, 0.02
"""Seconds between two writings of the state, and the share of all time that they may take; rows are written at once."""
Key = tuple[str, int]
"""Sample id and repeat."""


def now() -> str:
    """The time, as rows have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_of(row: dict[str, Any]) -> Key:
    """What a row is the answer to."""
    return str(row["sample_id"]), int(row.get("repeat", 0))


def spelled(key: Key) -> str:
    """A key as the state has it: `dyna_1_test_0`, and with repeats `dyna_1_test_0#1`."""
    return key[0] if not key[1] else f"{key[0]}#{key[1]}"


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a results file and where each begins. Raises EvaluationError for what is no row.

    A last line without its end was cut when the process was killed: it is left out.
    """
    offset = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not _is_row(row):
                message = f"{path}: line {number} is no row of an evaluation; remove that line, and resume the run"
                raise EvaluationError(message)
            yield offset, row
            offset += len(line)


def _is_row(row: Any) -> bool:
    """Has a row everything that is worked with, in the form that we write?"""
    if not isinstance(row, dict) or row.get("outcome") not in OUTCOMES:
        return False
    texts = ("sample_id", "task", "input_text", "target", "raw_response", "extracted_answer")
    numbers = ("repeat", "difficulty", "prompt_tokens", "completion_tokens", "attempts")
    return (
        all(isinstance(row.get(name), str) for name in texts)
        and all(isinstance(row.get(name), int) and 0 <= row[name] < 2**53 for name in numbers)
        and all(isinstance(row.get(name), str | None) for name in ("reasoning", "finish_reason", "error"))
        and isinstance(row.get("latency_ms"), int | float)
        and math.isfinite(row["latency_ms"])
        and isinstance(row.get("metadata"), dict)
        and isinstance(row.get("is_correct"), bool)
    )


def places(path: Path) -> dict[Key, tuple[int, bool]]:
    """Where the row that counts for each key begins, and whether it is an error.

    The last one counts, but an error never replaces an answer.
    """
    found: dict[Key, tuple[int, bool]] = {}
    for offset, row in lines(path):
        failed = row["outcome"] == "error"
        if not failed or found.get(key_of(row), (0, True))[1]:
            found[key_of(row)] = (offset, failed)
    return found


def rows(directory: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run, one for each key, in the order of the file; they are read one at a time."""
    path = directory / RESULTS
    wanted = {offset for offset, _ in places(path).values()}
    for offset, row in lines(path):
        if offset in wanted:
            yield row


def read_state(directory: Path) -> dict[str, Any]:
    """The state of a run. Raises EvaluationError where there is none."""
    path = directory / STATE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        config = state["config"]
        named = all(isinstance(name, str) for name in (state["run_id"], state["started_at"], *config["tasks"]))
        if not named or not all(type(level) is int for level in config["difficulties"]):
            raise TypeError("names or levels are missing")
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{directory} is no directory of an evaluation: {path.name} cannot be read ({error})"
        raise EvaluationError(f"{message}; give one that `synthgen evaluate` wrote") from None
    return dict(state)


class Store:
    """A run that is being written; one process at a time."""

    def __init__(self, directory: Path, config: dict[str, Any], total: int) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(directory / RESULTS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock()
            state = read_state(directory) if (directory / STATE).exists() else {}
            self._state = {
                "run_id": state.get("run_id", directory.name),
                "config": config,
                "started_at": state.get("started_at", now()),
                "total_samples": total,
            }
            self.done = {key for key, (_, failed) in self._recovered().items() if not failed}
            self._again = 0.0
            self.save()
        except BaseException:
            self._release()
            raise

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # on Windows, where nothing keeps a second process away
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{self.directory}: another process is writing this run; wait for it, or stop it"
            raise EvaluationError(message) from None

    def _release(self) -> None:
        os.close(self._file)
        self._file = -1  # whoever writes after this is told, and hits no file that was opened since

    def _recovered(self) -> dict[Key, tuple[int, bool]]:
        """What is there, after a line that was cut is taken away."""
        path = self.directory / RESULTS
        size = os.fstat(self._file).st_size
        if size:
            with path.open("rb") as file:
                end = size
                while end:
                    start = max(end - 2**16, 0)
                    file.seek(start)
                    at = file.read(end - start).rfind(b"\n")
                    end = start + at + 1 if at >= 0 else start
                    if at >= 0:
                        break
            if end < size:
                os.ftruncate(self._file, end)
        return places(path)

    def add(self, row: dict[str, Any]) -> None:
        """Write a row: when this returns, the process may be killed."""
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        while line:
            line = line[os.write(self._file, line) :]
        if row["outcome"] != "error":
            self.done.add(key_of(row))
        if time.monotonic() > self._again:
            self.save()

    def save(self) -> None:
        """Write the state."""
        began = time.monotonic()
        ids = sorted(spelled(key) for key in self.done)
        state = self._state | {"last_updated": now(), "completed_sample_ids": ids, "completed_count": len(ids)}
        write_atomic(self.directory / STATE, json_bytes(state), durable=False)
        ended = time.monotonic()
        self._again = ended + max(PAUSE, (ended - began) / SHARE)

    def close(self) -> None:
        """Wait until all rows are on the disk, and let others write."""
        try:
            self.save()
            os.fsync(self._file)
        finally:
            self._release()
