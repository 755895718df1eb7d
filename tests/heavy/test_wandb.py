"""Weights & Biases, offline: a run is on the disk as it was recorded, and nothing leaves the machine."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthgen.train.records import TABLE

pytestmark = pytest.mark.heavy

SCRIPT = """
import pathlib, sys
from synthgen.train.records import Recorder, WandbSettings
settings = WandbSettings("tests", name="a run", mode="offline", config={"model": {"width": 64}})
first, last, resume = (int(word) if word else None for word in sys.argv[2:])
with Recorder(pathlib.Path(sys.argv[1]), wandb=settings, resume_step=resume) as recorder:
    for step in range(first, last):
        recorder.record(step, "train", {"loss": step / 4})
    recorder.record(last, "eval", {"exact_match/hops=2": 0.5, "loss": float("nan")})
    if last == 9:
        raise RuntimeError("stopped")
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a socket that would be asked, as the proxy, for whatever is outside."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.setblocking(False)
        yield found


def train(directory: Path, listener: socket.socket, *words: object) -> subprocess.CompletedProcess[str]:
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    names = [name for word in ("http", "https", "all") for name in (f"{word}_proxy", f"{word}_proxy".upper())]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment = clean | dict.fromkeys(names, proxy) | {"no_proxy": "", "NO_PROXY": "", "HOME": str(directory)}
    command = [sys.executable, "-c", SCRIPT, str(directory / "run"), *map(str, words)]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)


def logged(path: Path) -> list[Any]:
    """The messages of a run's file: a log in blocks of 32 KiB, each message in one or several parts."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts, found = path.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(parts))
            parts = b""
    return found


def rows(records: list[Any]) -> list[dict[str, Any]]:
    kept = [{item.nested_key[0]: json.loads(item.value_json) for item in one.history.item} for one in records]
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in kept if row]


def test_an_offline_run_is_on_the_disk_and_a_resumed_one_goes_on(tmp_path: Path, listener: socket.socket) -> None:
    broken = train(tmp_path, listener, 0, 9, "")
    assert "RuntimeError: stopped" in broken.stderr
    resumed = train(tmp_path, listener, 5, 8, 4)
    assert resumed.returncode == 0, resumed.stderr
    paths = sorted((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(paths) == 2
    assert len({path.name for path in paths}) == 1
    first, second = map(logged, paths)
    (begun,) = (one.run for one in first if one.HasField("run"))
    assert (begun.project, begun.display_name) == ("tests", "a run")
    assert {item.key: json.loads(item.value_json) for item in begun.config.update}["model"] == {"width": 64}
    expected = [{"step": step, "train/loss": step / 4} for step in range(9)]
    assert rows(first)[:9] == expected
    assert rows(second)[:3] == expected[5:8]
    assert rows(second)[3].items() >= {"step": 8, "eval/exact_match/hops=2": 0.5}.items()
    assert [one.exit.exit_code for found in (first, second) for one in found if one.HasField("exit")] == [1, 0]
    assert len((tmp_path / "run" / TABLE).read_text().splitlines()) == 10
    with pytest.raises(BlockingIOError):
        listener.accept()
