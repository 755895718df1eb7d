"""Verification finds out every forged manifest and every broken file, also where the hashes have been made to fit."""

import copy
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen import data
from synthgen.cli import main

from tests.public_cases import few


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that is right."""
    root = tmp_path_factory.mktemp("pristine") / "data"
    data.generate(data.Plan.make(few(), 60_000), root)
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
    "a line in place of another": (LINES, lambda content: b"".join(content.splitlines(True)[i] for i in (0, 0, 2))),
    "another name": (LINES, lambda content: content.replace(b'"sample_id":"dyna_1_test_0"', b'"sample_id":"x"')),
    "other facts": (LINES, lambda content: content.replace(b'\\"num_ops\\":', b'\\"num_ops\\":9', 1)),
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


weights = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda three: sum(three) > 0.01)
plans = st.fixed_dictionaries(
    {
        "names": st.lists(st.sampled_from(few()), min_size=1, unique=True),
        "total_tokens": st.integers(1000, 30_000),
        "curriculum_weights": weights,
        "split_ratios": weights,
        "seed": st.integers(0, 2**64 - 1),
        "formats": st.sampled_from([("jsonl",), ("npy",), ("npy", "jsonl")]),
        "shard_tokens": st.integers(1000, 20_000),
    }
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(plans)
def test_the_dataset_of_any_plan_verifies(asked: dict[str, Any]) -> None:
    plan = data.Plan.make(**asked)
    with tempfile.TemporaryDirectory() as root:
        manifest = data.generate(plan, root)
        found = data.verify(root)
        assert found.ok, found.problems
        assert found.tokens == sum(shard["tokens"] for shard in manifest["shards"]) >= 0.99 * asked["total_tokens"] - 50


def test_an_unfinished_run_of_the_same_plan_is_overwritten(root: Path) -> None:
    (root / "manifest.json").unlink()
    (root / TOKENS).rename(root / f"{TOKENS}.123.tmp")
    plan = data.Plan.make(few(), 60_000)
    with pytest.raises(synthgen.DatasetError, match=r"no manifest\.json"):
        data.generate(plan, root, overwrite=True)
    (root / ".synthgen-unfinished").touch()
    (root / "notes.tmp").touch()
    with pytest.raises(synthgen.DatasetError, match=r"notes\.tmp"):
        data.generate(plan, root, overwrite=True)
    (root / "notes.tmp").unlink()
    data.generate(plan, root, overwrite=True)
    assert data.verify(root).ok
