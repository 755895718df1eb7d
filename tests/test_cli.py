"""Datasets that are interrupted, forged or broken, and the command line as a process of its own."""

import copy
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen import data
from synthgen.cli import main
from synthgen.data.generate import write_shard

TASKS = tuple(synthgen.tasks())
COMMAND = [sys.executable, "-m", "synthgen.cli"]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# ---- processes --------------------------------------------------------------------------------------------


def test_the_exit_status_says_how_it_went(tmp_path: Path) -> None:
    listed = run("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(TASKS)
    small = ("--total-tokens", 2000, "--quiet", "--output-dir", tmp_path / "data")
    made = run("generate", "single", "dyna", *small)
    assert (made.returncode, made.stderr) == (0, "")
    assert run("verify", tmp_path / "data").returncode == 0
    refused = run("generate", "single", "dyna", *small)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "--overwrite" in refused.stderr
    assert run("frobnicate").returncode == 2
    assert {word.returncode for word in (run("show", "dina"), run("verify", tmp_path))} == {1}


def test_a_closed_pipe_is_no_error() -> None:
    command = [*COMMAND, "show", "dyna", "--rows", "3000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith(b"[brackets]")
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


def test_a_directory_that_cannot_be_made_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for where in (tmp_path / "file", tmp_path / "file" / "data"):
        done = run("generate", "single", "dyna", "--total-tokens", 2000, "--quiet", "--output-dir", where)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert files(tmp_path) == {"file": b"mine"}


# ---- interruptions ----------------------------------------------------------------------------------------


class Stop(Exception):
    """Raised by a progress callback."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Stop])
@pytest.mark.parametrize("after", range(1, 6))
def test_an_interrupted_generation_leaves_whole_files_and_no_manifest(
    tmp_path: Path, after: int, kind: type[BaseException]
) -> None:
    # The first shard is long enough for its progress to be told while it is made.
    plan = data.Plan.make(TASKS, 700_000)
    data.generate(plan, tmp_path / "whole")
    left = after

    def progress(_: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise kind("enough")

    with pytest.raises(kind, match="enough"):
        data.generate(plan, tmp_path / "part", progress=progress)
    whole, part = files(tmp_path / "whole"), files(tmp_path / "part")
    assert "manifest.json" not in part
    assert part.items() <= whole.items()
    with pytest.raises(synthgen.DatasetError, match=r"no manifest\.json"):
        data.verify(tmp_path / "part")


def test_progress_rises_to_the_number_of_tokens(tmp_path: Path) -> None:
    seen: list[int] = []
    manifest = data.generate(data.Plan.make(TASKS, 700_000), tmp_path / "data", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == sum(shard["tokens"] for shard in manifest["shards"])
    assert len(seen) > len(manifest["shards"])


def test_ctrl_c_ends_the_command_line_and_leaves_no_half_written_file(tmp_path: Path) -> None:
    root = tmp_path / "data"
    words = ["generate", "single", "dyna", "--total-tokens", "2B", "--shard-tokens", "1000000", "--quiet"]
    command = [*COMMAND, *words, "--output-dir", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        second = root / "npy" / "train-00001-of-01800.npy"
        while not second.exists():  # generation is under way, and far from its end
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (128 + signal.SIGINT, "interrupted\n")
    assert "Wrote" not in out
    found = files(root)
    assert "manifest.json" not in found
    assert not [name for name in found if ".tmp" in name]
    plan = data.Plan.make(["dyna"], "2B", shard_tokens=1_000_000)
    write_shard(plan, plan.shards()[0], tmp_path / "alone")
    assert files(tmp_path / "alone").items() <= found.items()


# ---- forgeries --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that is right."""
    root = tmp_path_factory.mktemp("pristine") / "data"
    data.generate(data.Plan.make(TASKS, 60_000), root)
    assert data.verify(root).ok
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(pristine, tmp_path / "data"))


def refuses(root: Path) -> bool:
    """Is a dataset found wrong, or refused as none; and does the command line say the same?"""
    try:
        wrong = not data.verify(root).ok
    except synthgen.SynthgenError:
        wrong = True
    assert main(["verify", str(root)]) == int(wrong)
    return wrong


def plan_with(**changed: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda manifest: manifest["plan"].update(changed)


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no plan": lambda manifest: manifest.pop("plan"),
    "a plan without cells": lambda manifest: manifest["plan"].pop("cells"),
    "a plan of something else": plan_with(colour="red"),
    "a plan of an unknown task": plan_with(tasks=["physics"]),
    "a plan of words": plan_with(total_tokens="many"),
    "a plan of more tokens": plan_with(total_tokens=600_000),
    "a plan of other shares": plan_with(split_ratios=[0.5, 0.25, 0.25]),
    "shards that are a number": lambda manifest: manifest.update(shards=3),
    "shards that are numbers": lambda manifest: manifest.update(shards=[1, 2, 3]),
    "one shard three times": lambda manifest: manifest.update(shards=[manifest["shards"][0]] * 3),
    "a shard without files": lambda manifest: manifest["shards"][0].update(files={}),
    "a shard without tokens": lambda manifest: manifest["shards"][0]["files"].pop("npy/train-00000-of-00001.npy"),
    "a shard without a split": lambda manifest: manifest["shards"][0].pop("split"),
    "a shard of an unknown split": lambda manifest: manifest["shards"][0].update(split="dev"),
    "a shard of another split": lambda manifest: manifest["shards"][0].update(split="test"),
    "a shard with other rows": lambda manifest: manifest["shards"][0].update(rows=3),
    "a shard with a word of rows": lambda manifest: manifest["shards"][0].update(rows="many"),
    "no vocabulary": lambda manifest: manifest.update(files={}),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_manifest_is_found_out(root: Path, what: str) -> None:
    manifest = json.loads((root / "manifest.json").read_text())
    forged = copy.deepcopy(manifest)
    FORGERIES[what](forged)
    assert forged != manifest
    (root / "manifest.json").write_text(json.dumps(forged))
    assert refuses(root)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


TOKENS, ROWS = "npy/test-00000-of-00001.npy", "npy/test-00000-of-00001.rows.npy"
LINES = "jsonl/test-00000-of-00001.jsonl"
BROKEN: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "tokens that are no array": (TOKENS, lambda _: b"garbage"),
    "tokens cut off": (TOKENS, lambda content: content[:-2]),
    "tokens in a grid": (TOKENS, lambda _: npy(np.zeros((3, 3), np.uint16))),
    "tokens of another type": (TOKENS, lambda _: npy(np.zeros(3, np.int32))),
    "tokens out of the vocabulary": (TOKENS, lambda content: npy(np.full_like(array(content), 65535))),
    "no tokens": (TOKENS, lambda _: npy(np.zeros(0, np.uint16))),
    "one token more": (TOKENS, lambda content: npy(np.append(array(content), np.uint16(2)))),
    "rows that are no array": (ROWS, lambda _: b""),
    "no rows": (ROWS, lambda _: npy(np.zeros((0, 3), np.int64))),
    "rows of two numbers": (ROWS, lambda _: npy(np.zeros((3, 2), np.int64))),
    "rows of one cell": (ROWS, lambda content: npy(array(content) * np.array([1, 1, 0]))),
    "rows before the beginning": (ROWS, lambda _: npy(np.full((5, 3), -(2**62)))),
    "rows after the end": (ROWS, lambda _: npy(np.full((5, 3), 2**63 - 1))),
    "rows in another order": (ROWS, lambda content: npy(array(content)[::-1])),
    "no lines": (LINES, lambda _: b""),
    "lines of no encoding": (LINES, lambda content: b"\xff\xfe" + content),
    "lines cut off": (LINES, lambda content: content[:-9]),
    "one line less": (LINES, lambda content: content.partition(b"\n")[2]),
}


def array(content: bytes) -> Any:
    return np.load(io.BytesIO(content))


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_with_the_right_hash_is_found_out(root: Path, what: str) -> None:
    name, change = BROKEN[what]
    before = (root / name).read_bytes()
    content = change(before)
    assert content != before
    (root / name).write_bytes(content)
    manifest = json.loads((root / "manifest.json").read_text())
    (entry,) = (shard["files"][name] for shard in manifest["shards"] if name in shard["files"])
    entry |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert refuses(root)


def test_a_manifest_names_no_file_outside_its_directory(root: Path) -> None:
    outside = root.parent / "outside.npy"
    shutil.copy(root / TOKENS, outside)
    os.remove(root / TOKENS)
    text = (root / "manifest.json").read_text()
    (root / "manifest.json").write_text(text.replace(TOKENS, "../outside.npy"))
    assert refuses(root)
