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
import pyarrow as pa
import pyarrow.parquet
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen import data
from synthgen.cli import main
from synthgen.data.files import entry as described

from tests.dataset_files import ALL, FEW, Cli, command, entries, manifest_of, plan, refused, tree, write
from tests.public_cases import few

EVERY = ",".join(ALL)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that is right."""
    root = tmp_path_factory.mktemp("pristine") / "data"
    write(plan("merged", EVERY, 60_000), root)
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
    "a cell of an unknown task": lambda manifest: manifest["plan"]["cells"][0].update(task="physics"),
    "a cell of another version": lambda manifest: manifest["plan"]["cells"][0].update(version=99),
    "a cell of other parameters": lambda manifest: manifest["plan"]["cells"][0]["params"].update(num_ops=[5, 11]),
    "a plan of words": plan_with(total_tokens="many"),
    "a plan of more tokens": plan_with(total_tokens=600_000),
    "a plan of other shares": plan_with(split_ratios=[0.5, 0.25, 0.25]),
    "shards that are a number": lambda manifest: manifest.update(shards=3),
    "shards that are numbers": lambda manifest: manifest.update(shards=[1, 2, 3]),
    "one shard three times": lambda manifest: manifest.update(shards=[manifest["shards"][0]] * 3),
    "a shard without files": lambda manifest: manifest["shards"][0].update(files={}),
    "a shard without tokens": lambda manifest: manifest["shards"][0]["files"].pop("npy/train-00000-of-00001.npy"),
    "a shard with a word of tokens": lambda manifest: manifest["shards"][0].update(tokens="many"),
    "a shard with no tokens": lambda manifest: manifest["shards"][0].pop("tokens"),
    "a manifest that is a list": lambda manifest: manifest.clear(),
    "a manifest of the format before": lambda manifest: manifest.update(format=1),
    "a plan with a tokenizer": plan_with(tokenizer="0" * 64),
    "a plan of other ids": plan_with(dtype="uint32"),
    "a plan of windows": plan_with(seq_len=4096),
    "a plan of another order": plan_with(order="easy-to-hard"),
    "a plan without metadata": plan_with(metadata="none"),
    "a plan of other files": plan_with(compress="zstd"),
    "shards in another order": lambda manifest: manifest["shards"].reverse(),
    "one shard less": lambda manifest: manifest["shards"].pop(),
    "files that are a list": lambda manifest: manifest.update(files=[]),
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
    # Whoever else reads it says so too, or makes what the plan says.
    for words in (["rebuild", str(root), "--shard", "0"], command("merged", EVERY, root, tokens="60K")):
        assert main(words) in (0, 1)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def table(content: bytes) -> Any:
    return pyarrow.parquet.read_table(io.BytesIO(content))


def parquet(changed: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(changed, buffer, compression="zstd")
    return buffer.getvalue()


def arrow(changed: Any) -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, changed.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:
        out.write_table(changed)
    return buffer.getvalue()


def batches(content: bytes) -> Any:
    return pa.ipc.open_stream(content).read_all()


STEM = "test-00000-of-00001"
TOKENS, ROWS, MASK = (f"npy/{STEM}{end}.npy" for end in ("", ".rows", ".mask"))
FLAT, FLAT_ROWS, FLAT_MASK = (f"bin/{STEM}{end}.bin" for end in ("", ".rows", ".mask"))
LINES, PARQUET, ARROW = f"jsonl/{STEM}.jsonl", f"parquet/{STEM}.parquet", f"arrow/{STEM}.arrow"
BROKEN: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "tokens that are no array": (TOKENS, lambda _: b"garbage"),
    "tokens cut off": (TOKENS, lambda content: content[:-2]),
    "tokens in a grid": (TOKENS, lambda _: npy(np.zeros((3, 3), np.uint16))),
    "tokens of another type": (TOKENS, lambda _: npy(np.zeros(3, np.int32))),
    "tokens out of the vocabulary": (TOKENS, lambda content: npy(np.full_like(array(content), 65535))),
    "no tokens": (TOKENS, lambda _: npy(np.zeros(0, np.uint16))),
    "one token more": (TOKENS, lambda content: npy(np.append(array(content), np.uint16(2)))),
    "tokens of objects": (TOKENS, lambda _: npy(np.array([{}], dtype=object))),
    "rows that are no array": (ROWS, lambda _: b""),
    "no rows": (ROWS, lambda _: npy(np.zeros((0, 3), np.int32))),
    "rows of two numbers": (ROWS, lambda _: npy(np.zeros((3, 2), np.int32))),
    "rows of longer numbers": (ROWS, lambda content: npy(array(content).astype(np.int64))),
    "rows of one cell": (ROWS, lambda content: npy(array(content) * np.array([1, 1, 0], np.int32))),
    "rows before the beginning": (ROWS, lambda _: npy(np.full((5, 3), -(2**30), np.int32))),
    "rows after the end": (ROWS, lambda _: npy(np.full((5, 3), 2**31 - 1, np.int32))),
    "rows in another order": (ROWS, lambda content: npy(array(content)[::-1])),
    "an empty mask": (MASK, lambda content: npy(np.zeros_like(array(content)))),
    "a mask of bytes": (MASK, lambda content: npy(np.unpackbits(array(content), bitorder="little"))),
    "flat tokens cut off within one": (FLAT, lambda content: content[:-1]),
    "no flat tokens": (FLAT, lambda _: b""),
    "flat tokens of the other byte order": (FLAT, lambda content: np.frombuffer(content, "<u2").byteswap().tobytes()),
    "flat rows cut off": (FLAT_ROWS, lambda content: content[:-4]),
    "a mask read the other way": (FLAT_MASK, lambda content: np.packbits(
        np.unpackbits(np.frombuffer(content, np.uint8)), bitorder="little").tobytes()),
    "no lines": (LINES, lambda _: b""),
    "lines of no encoding": (LINES, lambda content: b"\xff\xfe" + content),
    "lines cut off": (LINES, lambda content: content[:-9]),
    "a line in place of another": (LINES, lambda content: b"".join(content.splitlines(True)[i] for i in (0, 0, 2))),
    "another name": (LINES, lambda content: content.replace(b"_test_0", b"_test_x", 1)),
    "other facts": (LINES, lambda content: content.replace(b'\\"num_ops\\":', b'\\"num_ops\\":9', 1)),
    "other spaces": (LINES, lambda content: content.replace(b'": ', b'":')),
    "one line less": (LINES, lambda content: content.partition(b"\n")[2]),
    "a table that is none": (PARQUET, lambda _: b"PAR1"),
    "a table without a column": (PARQUET, lambda content: parquet(table(content).drop_columns(["target"]))),
    "a table of fewer rows": (PARQUET, lambda content: parquet(table(content).slice(1))),
    "a table in another order": (PARQUET, lambda content: parquet(table(content).sort_by("sample_id"))),
    "batches that are none": (ARROW, lambda _: b""),
    "batches cut off": (ARROW, lambda content: content[: len(content) // 2]),
    "batches of fewer rows": (ARROW, lambda content: arrow(batches(content).slice(1))),
}  # fmt: skip


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


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_of_other_tools_is_found_out(root: Path, what: str) -> None:
    """Bytes of other versions may differ, what they say may not."""
    name, change = BROKEN[what]
    (root / name).write_bytes(change((root / name).read_bytes()))
    manifest = manifest_of(root)
    manifest["tools"]["pyarrow"] = "0.1"
    (root / "manifest.json").write_text(json.dumps(manifest))
    settle(root)
    assert refuses(root)


def test_tables_of_another_version_may_have_other_bytes(root: Path) -> None:
    for name, read, written in ((PARQUET, table, parquet), (ARROW, batches, arrow)):
        content = (root / name).read_bytes()
        again = written(read(content))
        assert again != content
        (root / name).write_bytes(again)
    settle(root)
    assert refuses(root)
    manifest = manifest_of(root)
    manifest["tools"]["pyarrow"] = "0.1"
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert not refuses(root)


def settle(root: Path) -> None:
    """Make the manifest agree with the files again, as far as sizes and hashes go."""
    manifest = manifest_of(root)
    for shard in manifest["shards"]:
        shard["files"] = {name: described(file["kind"], root / name) for name, file in shard["files"].items()}
    (root / "manifest.json").write_text(json.dumps(manifest))


weights = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda three: sum(three) > 0.01)
plans = st.fixed_dictionaries(
    {
        "names": st.lists(st.sampled_from(few()), min_size=1, unique=True),
        "total_tokens": st.integers(1000, 30_000),
        "curriculum_weights": weights,
        "split_ratios": weights,
        "seed": st.integers(0, 2**64 - 1),
        "formats": st.lists(st.sampled_from(ALL), min_size=1, unique=True),
        "shard_tokens": st.integers(1000, 20_000),
        "order": st.sampled_from(("shuffled", "easy-to-hard")),
        "metadata": st.sampled_from(("full", "none")),
    }
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(plans)
def test_the_dataset_of_any_plan_verifies(asked: dict[str, Any]) -> None:
    planned = data.Plan.make(**asked)
    with tempfile.TemporaryDirectory() as root:
        manifest = write(planned, Path(root))
        found = data.verify(root)
        assert found.ok, found.problems
        assert found.tokens == sum(shard["tokens"] for shard in manifest["shards"])
        # Half a row by level and shard, of at most 1562 tokens.
        assert abs(found.tokens - asked["total_tokens"]) <= 3 * len(planned.shards()) * 800


def found_wrong(cli: Cli, root: Path, problem: str, *, invalid: int | None = 0, leaked: int = 0) -> None:
    status, out, _ = cli("verify", root)
    assert (status, out.splitlines()[-1]) == (1, "FAILED")
    assert problem in out
    counts = "" if invalid is None else f"invalid rows {invalid}   rows in a wrong split {leaked} "
    assert counts in out


@pytest.mark.parametrize("compress", ["auto", "none"])
def test_verification_finds_one_changed_byte_in_any_file(cli: Cli, tmp_path: Path, compress: str) -> None:
    root = tmp_path / "data"
    write(plan(FEW[0], EVERY, 30_000, shard_tokens=15_000, compress=compress), root)
    check_bytes(cli, root)


@pytest.mark.parametrize(("fmt", "compress"), [("jsonl", "gzip"), ("jsonl", "zstd"), ("parquet", "gzip")])
def test_verification_finds_one_changed_byte_in_compressed_files(
    cli: Cli, tmp_path: Path, fmt: str, compress: str
) -> None:
    root = tmp_path / "data"
    write(plan("merged", fmt, 30_000, compress=compress), root)
    check_bytes(cli, root)


def check_bytes(cli: Cli, root: Path) -> None:
    """Spoil every file of a dataset in turn."""
    ours = {name for entry in entries(root) for name in entry["files"]} | manifest_of(root)["files"].keys()
    for number, (name, whole) in enumerate(sorted(tree(root).items())):
        if name in ours:
            content = bytearray(whole)
            content[(number * 7919) % len(content)] ^= 1
            (root / name).write_bytes(content)
            found_wrong(cli, root, f"{name}: differs from what its plan gives", invalid=None)
            (root / name).unlink()
            found_wrong(cli, root, f"{name}: missing")
            (root / name).write_bytes(whole)
    assert cli("verify", root)[0] == 0


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "target": lambda row: row.update(target=f"{row['target']}{row['target']}"),
    "prompt": lambda row: row.update(input_text=row["input_text"][:-1]),
    "task": lambda row: row.update(task="none"),
    "level": lambda row: row.update(difficulty=row["difficulty"] + 1),
    "split": lambda row: row.update(split="train"),
    "form": lambda row: row.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_verification_reads_every_line_again(cli: Cli, root: Path, change: str) -> None:
    first, *rest = (root / LINES).read_text().splitlines(keepends=True)
    record = json.loads(first)
    CHANGES[change](record)
    (root / LINES).write_text("".join([json.dumps(record) + "\n", *rest]))
    settle(root)
    found_wrong(cli, root, f"{LINES}: row 0:", invalid=1)


@pytest.mark.parametrize("name", [TOKENS, FLAT])
def test_verification_reads_every_answer_again(cli: Cli, root: Path, name: str) -> None:
    ids = array((root / name).read_bytes()) if name == TOKENS else np.fromfile(root / name, np.uint16)
    (_, length, _) = array((root / ROWS).read_bytes())[0]
    ids[length - 2 : length] = ids[length - 1]  # the last answer becomes another <eos>
    (root / name).write_bytes(npy(ids) if name == TOKENS else ids.tobytes())
    settle(root)
    found_wrong(cli, root, f"{name}: row 0:", invalid=1)


def test_verification_counts_rows_that_leak(cli: Cli, root: Path) -> None:
    train, test = ((root / LINES.replace("test", split)).read_text().splitlines(True) for split in ("train", "test"))
    moved = json.dumps(json.loads(train[-1]) | {"split": "test"}) + "\n"
    (root / LINES).write_text("".join([*test[:-1], moved]))
    settle(root)
    found_wrong(cli, root, "its content belongs to train", leaked=1)


def test_verification_says_what_is_no_dataset(cli: Cli, root: Path, tmp_path: Path) -> None:
    manifest = manifest_of(root)
    manifest["plan"]["cells"][0]["version"] = 99
    (root / "manifest.json").write_text(json.dumps(manifest))
    refused(cli("verify", root), "version 99")
    for wrong in ({"format": 1}, {"format": 3}, {}):
        (root / "manifest.json").write_text(json.dumps(wrong))
        refused(cli("verify", root), "format 2")
    for text in ("{", "[]", "3"):
        (root / "manifest.json").write_text(text)
        refused(cli("verify", root), "manifest.json")
    (root / "manifest.json").unlink()
    refused(cli("verify", root), "no manifest.json")
    refused(cli("verify", root / "vocab.json"), "cannot be read")
    refused(cli("verify", tmp_path / "none"), "no manifest.json")
    data.generate(plan("merged"), tmp_path / "begun", shard_index=1, num_shards=2)
    refused(cli("verify", tmp_path / "begun"), "is not complete; run the command that made it again")
    refused(cli("rebuild", tmp_path / "begun", "--shard", 0), "is not complete")


def test_a_changed_tokenizer_is_found_out(cli: Cli, tmp_path: Path) -> None:
    synthgen.get(FEW[0]).tokenizer("tokenizers").save(str(tmp_path / "tokenizer.json"))
    words = ("--tokenizer", tmp_path / "tokenizer.json")
    refused(cli(*command("merged", "bin", tmp_path / "none", *words)), "the tokenizer cannot encode a row")
    root = tmp_path / "data"
    assert cli(*command(FEW[0], "bin", root, *words, tokens="20K"))[0] == 0
    assert cli("verify", root)[0] == 0
    whole = (root / "tokenizer.json").read_text()
    for changed in (whole + " ", "{", "", whole.replace("1", "2")):
        (root / "tokenizer.json").write_text(changed)
        refused(cli("verify", root), "is not the tokenizer that the dataset was made with")
        refused(cli("rebuild", root, "--shard", 0), "is not the tokenizer that the dataset was made with")
    (root / "tokenizer.json").unlink()
    refused(cli("verify", root), "tokenizer.json cannot be read")
    refused(cli("rebuild", root, "--shard", 0), "tokenizer.json cannot be read")
