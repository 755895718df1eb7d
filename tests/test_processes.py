"""Rows are the same in any process and thread, sources go to any worker, and Ctrl-C ends a call that runs."""

import hashlib
import json
import multiprocessing
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from datasets.distributed import split_dataset_by_node
from synthgen import _task
from synthgen.cli import main
from synthgen.data import Plan, generate

from tests.kits import KITS
from tests.public_cases import few, splits, wide

TASKS = tuple(synthgen.tasks())
every_task = pytest.mark.parametrize("name", TASKS)
Row = dict[str, Any]


def same(one: Any, other: Any) -> bool:
    """Tell whether two rows, examples or records are equal, type for type."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def run(code: str, *args: str) -> str:
    """Run a program in a process of its own, where no other package has started a thread; return what it prints."""
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


FORK = """
import hashlib, multiprocessing, sys
import synthgen

task, width = synthgen.get(sys.argv[1]), int(sys.argv[2])

def digest(threads):
    batch = task.batch(5000, 7, difficulty=1, split="train", threads=threads)
    packed = task.packed(300, width, 7, difficulty=1, threads=threads)
    whole = hashlib.sha256()
    for array in (batch.input_ids, batch.loss_mask, batch.lengths, packed.input_ids, packed.segment_ids):
        whole.update(array.tobytes())
    whole.update(repr(batch.example(11)).encode())
    return whole.hexdigest()

wanted = digest(2)
context = multiprocessing.get_context("fork")
with context.Pool(3) as pool:
    children = pool.map_async(digest, [2, 1, 2, 1, 3, 2]).get(timeout=60)
again = digest(2)
print(len({wanted, again, *children}), len(children))
"""


@every_task
def test_forked_children_of_a_threaded_parent_make_the_same_rows(name: str) -> None:
    assert run(FORK, name, str(wide(name, difficulty=1))).split() == ["1", "6"]


@every_task
@pytest.mark.parametrize("padded", [False, True])
def test_a_spawned_process_makes_the_rows_of_a_pickled_source(name: str, padded: bool) -> None:
    seq_len = wide(name, difficulty=2) if padded else None
    source = synthgen.get(name).source(3, 1000, start=17, split=splits(name)[-1], difficulty=2, seq_len=seq_len)
    places = [0, 5, 999, -1]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        spawned = pool.map_async(source.__getitem__, places).get(timeout=60)
    assert same(spawned, [source[i] for i in places])


@every_task
def test_threads_of_one_process_make_the_same_rows(name: str) -> None:
    task = synthgen.get(name)
    wanted = task.batch(3000, 5, threads=1)
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda threads: task.batch(3000, 5, threads=threads), [1, 2, 3, 8, 2, 1]))
    for batch in batches:
        assert same(batch.input_ids, wanted.input_ids)
        assert same(batch.loss_mask, wanted.loss_mask)


@every_task
def test_a_source_has_the_rows_of_the_batch(name: str) -> None:
    task = synthgen.get(name)
    n, start, split = 50, 2**40 + 3, splits(name)[-1]
    source = task.source(9, n, start=start, split=split, difficulty=1)
    batch = task.batch(n, 9, start=start, split=split, difficulty=1)
    assert len(source) == n
    for i, row in enumerate(source):
        end = int(batch.lengths[i])
        wanted = {
            "input_ids": batch.input_ids[i, :end],
            "loss_mask": batch.loss_mask[i, :end],
            "labels": batch.labels[i, :end],
        }
        assert same(row, wanted)
        assert same(source[i - n], wanted)
        assert same(source[np.int64(i)], wanted)
    assert i == n - 1


@every_task
def test_a_source_pads_to_seq_len(name: str) -> None:
    task = synthgen.get(name)
    width = wide(name)
    own, padded = task.source(1, 20), task.source(1, 20, seq_len=width)
    for i in range(20):
        length = len(own[i]["input_ids"])
        for field, pad in (("input_ids", 0), ("loss_mask", 0), ("labels", -100)):
            assert padded[i][field].shape == (width,)
            assert same(padded[i][field][:length], own[i][field])
            assert (padded[i][field][length:] == pad).all()


@every_task
@pytest.mark.parametrize("length", [0, 1, 10])
def test_rows_outside_a_source_are_index_errors(name: str, length: int) -> None:
    source = synthgen.get(name).source(1, length)
    for i in (length, length + 1, -length - 1, 2**70, -(2**70)):
        with pytest.raises(IndexError, match=str(i)):
            source[i]
    with pytest.raises(TypeError):
        source["0"]
    assert len(list(source)) == length


@every_task
def test_a_source_survives_pickling(name: str) -> None:
    source = synthgen.get(name).source(4, 2**40, start=5, split="train", **KITS[name].STRANGERS[0])
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    assert len(again) == 2**40
    for i in (0, 1, 2**39, -1):
        assert same(again[i], source[i])


COLUMNS = {
    "text": {"input_text", "target", "task", "difficulty", "split", "sample_id", "metadata"},
    "tokens": {"input_ids", "loss_mask", "labels"},
}
COLUMNS["all"] = COLUMNS["text"] | COLUMNS["tokens"]
every_choice = pytest.mark.parametrize("columns", COLUMNS)


def records(name: str, columns: str, n: int, *, start: int = 0) -> list[Row]:
    """Make the wanted records from a batch, as plain Python values."""
    task = synthgen.get(name)
    batch = task.batch(n, 6, start=start, split="train", difficulty=1)
    found = []
    for i, (length, row) in enumerate(zip(batch.lengths, batch.examples(), strict=True)):
        tokens = {field: getattr(batch, field)[i, :length].tolist() for field in sorted(COLUMNS["tokens"])}
        # Metadata is compared as a value; that it is one string is for the records to show.
        found.append({key: value for key, value in (row | tokens).items() if key in COLUMNS[columns]})
    return found


def values(rows: Any) -> list[Row]:
    """Read the metadata of records, which is JSON, make plain integers of ids, and leave the rest."""
    found = []
    for row in rows:
        plain = dict(row)
        for field in COLUMNS["tokens"] & row.keys():
            plain[field] = [index(value) for value in row[field]]
        if "metadata" in row:
            plain["metadata"] = json.loads(row["metadata"])
            assert row["metadata"] == json.dumps(plain["metadata"], sort_keys=True, separators=(",", ":"))
        found.append(plain)
    return found


@every_task
@every_choice
@pytest.mark.parametrize("n", [0, 1, 300])
def test_a_dataset_holds_each_row_once(name: str, columns: str, n: int) -> None:
    made = synthgen.get(name).dataset(n, 6, start=11, split="train", difficulty=1, columns=columns)
    assert set(made.column_names) == COLUMNS[columns]
    assert len(made) == n
    assert same(values(made), records(name, columns, n, start=11))


@every_task
def test_columns_have_the_same_types_whatever_the_rows(name: str) -> None:
    task = synthgen.get(name)
    features = task.dataset(0).features
    kinds = {key: str(getattr(kind, "feature", kind).dtype) for key, kind in features.items()}
    assert kinds.pop("difficulty") == "int64"
    assert [kinds.pop(key) for key in ("input_ids", "loss_mask", "labels")] == ["int32", "uint8", "int32"]
    assert set(kinds.values()) == {"string"}
    for made in (task.dataset(3), task.dataset(3, difficulty=2, split=splits(name)[-1]), task.iterable(0, 3)):
        assert made.features == features


@every_task
@every_choice
@pytest.mark.parametrize("n", [1, 3, 4, 301])
def test_a_stream_holds_each_row_once_in_order(name: str, columns: str, n: int) -> None:
    made = synthgen.get(name).iterable(6, n, split="train", difficulty=1, columns=columns, shards=4)
    assert made.num_shards == min(4, n)
    wanted = records(name, columns, n)
    assert same(values(made), wanted)
    assert same(values(made), wanted)  # a second epoch begins anew


def split_up(made: Any, worker: int, workers: int) -> Any:
    return made.shard(num_shards=workers, index=worker)


@every_task
@pytest.mark.parametrize("split", [split_up, split_dataset_by_node])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_share_a_stream_without_repeats(name: str, split: Any, workers: int) -> None:
    n = 301
    made = synthgen.get(name).iterable(6, n, split="train", difficulty=1, columns="all", shards=4)
    shares = [values(split(made, worker, workers)) for worker in range(workers)]
    assert all(len(share) >= n // 4 for share in shares)
    found = sorted((row for share in shares for row in share), key=lambda row: int(row["sample_id"].split("_")[-1]))
    assert same(found, records(name, "all", n))


@pytest.mark.parametrize("columns", ["none", "", None, "TEXT"])
def test_unknown_columns_are_refused(columns: Any) -> None:
    for make in (synthgen.dyna.dataset, synthgen.dyna.iterable):
        with pytest.raises(synthgen.ParamError, match="'all', 'text' or 'tokens'"):
            make(3, columns=columns)


def asked_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many threads the native module is asked for."""
    seen: list[int] = []
    ask = _task.request

    def request(*args: Any, **kwargs: Any) -> dict[str, Any]:
        asked = ask(*args, **kwargs)
        seen.append(index(asked["threads"]))
        return asked

    monkeypatch.setattr(_task, "request", request)
    return seen


@every_task
@pytest.mark.parametrize("given", ["1", "2", "7", "1024"])
def test_the_environment_sets_the_threads(name: str, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = synthgen.get(name)
    wanted, width = task.batch(600, threads=1), wide(name)
    monkeypatch.setenv("SYNTHGEN_NUM_THREADS", given)
    seen = asked_threads(monkeypatch)
    assert same(task.batch(600).input_ids, wanted.input_ids)
    task.packed(20, width)
    task.batch(600, threads=3)
    assert seen == [int(given), int(given), 3]


@every_task
@pytest.mark.parametrize("given", ["0", "-1", "1025", "two", "1.5", " 2", "²", "9" * 30])
def test_a_bad_number_of_threads_in_the_environment_is_refused(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHGEN_NUM_THREADS", given)
    with pytest.raises(synthgen.ParamError) as caught:
        synthgen.get(name).batch(3)
    assert caught.value.field == "SYNTHGEN_NUM_THREADS"
    assert caught.value.task == name
    assert len(synthgen.get(name).batch(3, threads=2)) == 3


# The first signals are let pass, so that the call is certainly under way when the one comes that ends it.
INTERRUPTED = """
import signal, sys
import synthgen

name, kind, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
task = synthgen.get(name)
passed = 0

def interrupt(number, frame):
    global passed
    passed += 1
    if passed > 2:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

signal.signal(signal.SIGINT, interrupt)
width = task.batch(0, difficulty=3).input_ids.shape[1]
print("ready", flush=True)
rows = {"difficulty": 3, "split": sys.argv[4], "dtype": "uint16", "threads": threads}
if kind == "batch":
    task.batch(1_800_000_000 // (width * 3), **rows)
elif kind == "truncated":
    task.batch(20_000_000, seq_len=8, overflow="truncate", **rows)
else:
    task.packed(1_800_000_000 // (width * 11), width, **rows)
print("the call came to its end")
"""


# A process that begins in the background of a shell ignores Ctrl-C, and so do its children.
ATTENTIVE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def interruptible(*words: str) -> "subprocess.Popen[str]":
    """Start Python as a child that Ctrl-C ends, whatever this process does of it."""
    command = [sys.executable, "-c", ATTENTIVE, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# Two tasks stand for all in what the engine does whatever the task; every task ends one call of the common kind.
INTERRUPTIONS = [
    *((name, kind, threads) for name in TASKS[:2] for kind in ("batch", "truncated", "packed") for threads in (1, 2)),
    *((name, "batch", 2) for name in TASKS[2:]),
]


@pytest.mark.parametrize(("name", "kind", "threads"), INTERRUPTIONS)
def test_an_interrupt_ends_a_call_that_runs(name: str, kind: str, threads: int) -> None:
    with interruptible("-c", INTERRUPTED, name, kind, str(threads), splits(name)[-1]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for _ in range(200):
            child.send_signal(signal.SIGINT)
            try:
                child.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        else:
            child.kill()
        out, err = child.communicate()
    assert out == ""
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert child.returncode == -signal.SIGINT


LONG_DATASET = ["generate", "merged", "--tasks", ",".join(few()), "--total-tokens", "1B", "--shard-size", "1M"]


@pytest.mark.parametrize("more", [["--quiet"], []])
@pytest.mark.parametrize("moment", ["*.tmp", "*-of-*.json"])
def test_an_interrupt_ends_the_command_line(tmp_path: Path, more: list[str], moment: str) -> None:
    root = tmp_path / "data"
    with interruptible("-m", "synthgen.cli", *LONG_DATASET, "--output-dir", str(root), *more) as child:
        while not list(root.glob(f".synthgen/{moment}")):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.endswith("interrupted\n")
    assert not [path for path in root.rglob("*") if path.name == "manifest.json" or path.suffix == ".tmp"]
    # What has a final name has its entry, and is what the entry says.
    entries = [json.loads(path.read_bytes()) for path in root.glob(".synthgen/*-of-*.json")]
    listed = {name: file["sha256"] for entry in entries for name, file in entry["files"].items()}
    found = contents(root)
    final = {str(path): content for path, content in found.items() if ".synthgen" not in path.parts}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in final.items()} == listed


def test_the_command_line_is_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "synthgen.cli"]
    for words, status in ((["list", "--params"], 0), (["show", "dyna", "--metadata"], 0), (["show", "dina"], 1)):
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert done.returncode == main(words) == status
        assert (done.stdout, done.stderr) == capsys.readouterr()
    # The reader of a pipe may leave.
    words = ["show", "depo", "--rows", "2000"]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


def contents(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_stops_leaves_only_whole_files(tmp_path: Path, kind: type[BaseException], workers: int) -> None:
    # Shards of more than 2^20 tokens, so that some calls come while a shard is made.
    plan = Plan.make(["dyna"], 2_600_000, shard_tokens=1_200_000, formats=["bin"])
    calls: list[int] = []
    generate(plan, tmp_path / "whole", workers=1, progress=calls.append)
    whole = contents(tmp_path / "whole")
    assert calls == sorted(calls)
    assert len(calls) > len(plan.shards())
    written = []
    for number in range(len(calls)):
        root = tmp_path / "stopped"
        left = iter(range(number))

        def stop(_: int, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise kind("stopped by the callback")

        with pytest.raises(kind, match="stopped by the callback"):
            generate(plan, root, workers=workers, progress=stop)
        found = {path: content for path, content in contents(root).items() if ".synthgen" not in path.parts}
        assert found.items() <= whole.items()
        assert Path("manifest.json") not in found
        assert not list(root.rglob("*.tmp"))
        written.append(len(found))
        generate(plan, root, workers=workers)
        assert contents(root) == whole
        shutil.rmtree(root)
    if workers == 1:
        assert written == sorted(written)
        assert 0 == written[0] < written[-1]
