"""Make small datasets, and read their files with other means than those they were written with."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import synthgen
from numpy.typing import NDArray
from synthgen.data import Plan, generate

from tests.public_cases import few

ALL = ("jsonl", "parquet", "arrow", "bin", "npy")
EVERY = ",".join(ALL)
SMALL = ("--shard-size", "20K")
"""Ten shards or so of 150K tokens."""
SPLITS = ("train", "validation", "test")
FEW = few()
DESCRIBED = {"README.md", "metadata.json", "statistics.png", "manifest.json", "vocab.json"}
"""What a merged dataset holds beside its shards; a single task's has tokenizer.json too."""
Entry = dict[str, Any]
Row = tuple[tuple[int, ...], tuple[int, ...], int]
"""Ids, loss mask and cell."""

Cli = Callable[..., tuple[int, str, str]]


def refused(result: tuple[int, str, str], *hints: str) -> None:
    """Hold a call to have been refused with a message of one line, which names what would do."""
    status, _, err = result
    assert status == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for hint in hints:
        assert hint in err


def command(kind: str, formats: str, root: Path, *more: object, tokens: str = "200K") -> list[str]:
    """Words of the command line for a dataset of one task, or of a few."""
    words = ["merged", "--tasks", ",".join(FEW)] if kind == "merged" else ["single", kind]
    words = ["generate", *words, "--total-tokens", tokens, "--format", formats, "--output-dir", str(root), "--quiet"]
    return [*words, *map(str, more)]


def plan(kind: str, formats: str = "jsonl", tokens: int = 200_000, **more: Any) -> Plan:
    """The plan that the same words mean."""
    names = FEW if kind == "merged" else [kind]
    return Plan.make(names, tokens, formats=formats.split(","), joint=kind == "merged", **more)


def write(planned: Plan, root: Path, **how: Any) -> Entry:
    """Write a dataset that comes to its end; give its manifest."""
    manifest = generate(planned, root, **how)
    assert manifest is not None
    return manifest


PROGRAM = [sys.executable, "-m", "synthgen.cli"]


def start(words: Sequence[str]) -> "subprocess.Popen[str]":
    """Start the command line in a process of its own."""
    own = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=own)


def run(words: Sequence[str]) -> tuple[int, str, str]:
    """Run it to its end; return its exit status and what it printed."""
    with start(words) as child:
        out, err = child.communicate()
    return child.returncode, out, err


def tree(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def hashes(root: Path) -> dict[str, str]:
    """A hash of every file below a directory."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in tree(root).items()}


def manifest_of(root: Path) -> Entry:
    found: Entry = json.loads((root / "manifest.json").read_bytes())
    return found


def entries(root: Path, split: str | None = None) -> list[Entry]:
    """The manifest's entries of the shards of a split, or of all, in order."""
    return [entry for entry in manifest_of(root)["shards"] if split in (None, entry["split"])]


def paths(root: Path, entry: Entry, fmt: str) -> dict[str, Path]:
    """Files of a shard in one format, by kind."""
    found = {file["kind"]: root / name for name, file in entry["files"].items() if f".{fmt}" in name}
    assert found
    return found


def unpacked(path: Path) -> bytes:
    """Content of a file, decompressed as its name says."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return bytes(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd").read())
    return path.read_bytes()


def lines(root: Path, entry: Entry) -> list[Entry]:
    """JSON lines of a shard, each held to be spelt in the one way."""
    (path,) = paths(root, entry, "jsonl").values()
    text = unpacked(path).decode()
    found = [json.loads(line) for line in text.splitlines()]
    assert text == "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in found)
    return found


def table(root: Path, entry: Entry, fmt: str) -> Any:
    """Parquet or arrow shard as a table."""
    (path,) = paths(root, entry, fmt).values()
    if fmt == "parquet":
        return pyarrow.parquet.read_table(path)
    with pa.OSFile(str(path)) as file:
        return pyarrow.ipc.open_stream(file).read_all()


@dataclass(frozen=True)
class Stream:
    """A token shard: ids, loss mask (a byte a token) and rows (start, length, cell)."""

    ids: NDArray[Any]
    mask: NDArray[np.uint8]
    rows: NDArray[np.int32]

    def __iter__(self) -> Iterator[Row]:
        ids, mask = self.ids.tolist(), self.mask.tolist()
        for start, length, cell in self.rows.tolist():
            yield tuple(ids[start : start + length]), tuple(mask[start : start + length]), cell


def stream(root: Path, entry: Entry, fmt: str = "bin") -> Stream:
    """Token shard of either format, held to its types."""
    dtype = np.dtype(manifest_of(root)["plan"]["dtype"])
    named = paths(root, entry, fmt)
    if fmt == "npy":
        ids, bits, rows = (np.load(named[kind]) for kind in ("tokens", "mask", "rows"))
        assert (ids.dtype, bits.dtype, rows.dtype) == (dtype, np.uint8, np.int32)
    else:
        ids, bits = np.fromfile(named["tokens"], dtype), np.fromfile(named["mask"], np.uint8)
        rows = np.fromfile(named["rows"], np.int32).reshape(-1, 3)
    assert bits.shape == (-(-len(ids) // 8),)
    mask = np.unpackbits(bits, bitorder="little")
    assert not mask[len(ids) :].any()
    assert rows.shape == (entry["rows"], 3)
    return Stream(ids, mask[: len(ids)], rows)


@lru_cache(maxsize=4096)
def expected(task: str, level: int, seed: int, split: str, start: int, n: int) -> list[tuple[list[int], list[int]]]:
    """Ids and loss masks of rows as the library draws them one task at a time."""
    batch = synthgen.get(task).batch(n, seed, start=start, split=split, difficulty=level)
    found = zip(batch.input_ids, batch.loss_mask, batch.lengths, strict=True)
    return [(ids[:length].tolist(), mask[:length].tolist()) for ids, mask, length in found]


def joint(vocab: Entry, task: str, ids: list[int], mask: list[int]) -> tuple[list[int], list[int]]:
    """Lift a row to joint ids: the task's piece comes after <bos>, its own pieces lie in its own range."""
    (own,) = (part for part in vocab["ranges"] if part["task"] == task)
    return [ids[0], own["piece"], *(i if i < 3 else i + own["offset"] for i in ids[1:])], [mask[0], 0, *mask[1:]]


def instances(root: Path, entry: Entry) -> list[tuple[list[int], list[int]]]:
    """Rows of a shard as the library draws them, whole, in the order of the cells in its file of rows."""
    manifest, vocab = manifest_of(root)["plan"], json.loads((root / "vocab.json").read_bytes())
    cells = stream(root, entry).rows[:, 2].tolist()
    drawn = {
        cell: iter(
            expected(
                manifest["cells"][cell]["task"],
                manifest["cells"][cell]["level"],
                manifest["seed"],
                entry["split"],
                entry["number"] * 2**32,
                len(list(group)),
            )
        )
        for cell, group in groupby(sorted(cells))
    }
    rows = [(manifest["cells"][cell]["task"], *next(drawn[cell])) for cell in cells]
    return [joint(vocab, *row) if manifest["joint"] else (row[1], row[2]) for row in rows]
