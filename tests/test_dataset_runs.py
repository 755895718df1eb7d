"""Runs of the writer: any number of workers and processes gives the same bytes, whatever stops a run before its end."""

import pickle
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen import data
from synthgen.data import summary
from synthgen.data.plan import Plan, Shard
from synthgen.data.shards import write_shard
from synthgen.data.verification import rebuild, verify

from tests.dataset_files import (
    EVERY,
    SMALL,
    Cli,
    command,
    hashes,
    manifest_of,
    plan,
    refused,
    start,
    tree,
    write,
)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_number_of_workers_changes_no_byte(cli: Cli, whole: Path, tmp_path: Path, workers: int) -> None:
    words = command("merged", EVERY, tmp_path / "data", *SMALL, "--workers", workers, tokens="150K")
    assert cli(*words)[0] == 0
    assert tree(tmp_path / "data") == tree(whole)


def test_the_order_of_words_changes_no_byte(cli: Cli, whole: Path, tmp_path: Path) -> None:
    names = list(reversed(manifest_of(whole)["plan"]["tasks"]))
    words = ["generate", "merged", *SMALL, "--format", "npy,bin,arrow,jsonl,parquet", "--total-tokens", "0.15M"]
    assert cli(*words, "--tasks", *names, "--output-dir", tmp_path / "data")[0] == 0
    assert tree(tmp_path / "data") == tree(whole)


def test_the_same_command_again_checks_the_dataset_and_changes_nothing(cli: Cli, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    words = command("merged", EVERY, whole, *SMALL, tokens="150K")
    assert cli(*words)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_processes_of_an_array_job_make_the_same_dataset(whole: Path, tmp_path: Path, parts: int) -> None:
    root = tmp_path / "data"
    words = command("merged", EVERY, root, *SMALL, "--workers", 1, "--num-shards", parts, tokens="150K")
    children = [start([*words, "--shard-index", str(part)]) for part in range(parts)]
    printed = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0] * parts, printed
    assert any("Wrote " in out for out, _ in printed)
    assert hashes(root) == hashes(whole)


def test_parts_one_after_another_make_the_same_dataset(cli: Cli, whole: Path, tmp_path: Path) -> None:
    words = command("merged", EVERY, tmp_path / "data", *SMALL, "--num-shards", 3, tokens="150K")
    for part in (2, 0):
        status, out, _ = cli(*words, "--shard-index", part)
        assert status == 0
        assert f"Part {part} of 3 is complete" in out
        assert "shards of other parts are missing" in out
        refused(cli("verify", tmp_path / "data"), "is not complete")
    status, out, _ = cli(*words, "--shard-index", 1)
    assert "Wrote " in out
    assert hashes(tmp_path / "data") == hashes(whole)
    for part in (3, -1):
        refused(cli(*words, "--shard-index", part), f"shard_index = {part}", "0..=2")


ELSEWHERE = """
import sys
from synthgen.data import Plan, generate
from synthgen.data.generate import facts_path, summarise
from synthgen.data.shards import WORK
from pathlib import Path

root, whole, names = Path(sys.argv[1]), sys.argv[2] == "whole", sys.argv[3].split(",")
plan = Plan.make(names, 60_000, shard_tokens=20_000)
if whole:
    generate(plan, root, shard_index=1, num_shards=2)
else:
    summarise(plan, [(shard, facts_path(root, shard)) for shard in plan.shards()], root / WORK)
"""


@pytest.mark.parametrize("where", ["__enter__", "add", "_append", "read", "__exit__"])
@pytest.mark.parametrize("far", ["whole", "counted"])
def test_two_processes_may_come_to_the_end_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, far: str
) -> None:
    planned = plan("merged", "jsonl", 60_000, shard_tokens=20_000)
    write(planned, tmp_path / "whole")
    root = tmp_path / "data"
    assert data.generate(planned, root, shard_index=1, num_shards=2) is None
    before = getattr(summary.Buckets, where)
    calls = iter([True])

    def meanwhile(*given: Any) -> Any:
        if next(calls, False):
            done = [sys.executable, "-c", ELSEWHERE, str(root), far, ",".join(planned.tasks)]
            subprocess.run(done, check=True)
        return before(*given)

    monkeypatch.setattr(summary.Buckets, where, meanwhile)
    assert data.generate(planned, root, shard_index=0, num_shards=2) == manifest_of(tmp_path / "whole")
    assert hashes(root) == hashes(tmp_path / "whole")


def test_an_engine_may_make_the_shards_in_any_way(whole: Path, tmp_path: Path) -> None:
    planned = plan("merged", EVERY, 150_000, shard_tokens=20_000)
    made: list[int] = []

    def backwards(plan: Plan, shards: Sequence[Shard], root: Path, *_: Any) -> None:
        for shard in reversed(shards):
            made.append(write_shard(plan, shard, root)["tokens"])
            write_shard(plan, shard, root)

    manifest = write(planned, tmp_path / "data", engine=backwards)
    assert sum(made) == sum(shard["tokens"] for shard in manifest["shards"])
    assert hashes(tmp_path / "data") == hashes(whole)


class Ray(types.ModuleType):
    """A cluster of one node that pickles what goes out and in, and makes the last task first, each twice."""

    def __init__(self, running: bool) -> None:
        super().__init__("ray")
        self.running, self.asked = running, [] if running else ["init"]
        self.log: list[str] = []

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **_: Any) -> None:
        self.log.append("init")

    def shutdown(self) -> None:
        self.log.append("shutdown")

    def remote(self, **_: Any) -> Callable[[Any], Any]:
        def wrap(function: Any) -> Any:
            def submit(*given: Any) -> bytes:
                return pickle.dumps((function, given))

            return types.SimpleNamespace(remote=submit)

        return wrap

    def wait(self, tasks: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        return tasks[-1:], tasks[:-1]

    def get(self, tasks: list[bytes]) -> list[Any]:
        return [[function(*given) for _ in range(2)][-1] for function, given in map(pickle.loads, tasks)]


@pytest.mark.parametrize("running", [False, True])
def test_tasks_of_a_cluster_make_the_same_dataset(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: bool
) -> None:
    ray = Ray(running)
    monkeypatch.setitem(sys.modules, "ray", ray)
    calls: list[int] = []
    planned = plan("merged", EVERY, 150_000, shard_tokens=20_000)
    manifest = write(planned, tmp_path / "data", engine="ray", progress=calls.append)
    assert hashes(tmp_path / "data") == hashes(whole)
    assert ray.log == ([] if running else ["init", "shutdown"])
    assert calls == sorted(calls)
    assert calls[-1] == sum(shard["tokens"] for shard in manifest["shards"])


CLASHES = [
    ("total_tokens", "--total-tokens 61K"),
    ("seed", "--seed 43"),
    ("formats", "--format jsonl,npy"),
    ("shard_tokens", "--shard-size 30K"),
    ("curriculum_weights", "--curriculum-weights 1 1 1"),
    ("split_ratios", "--split-ratios 8 1 1"),
    ("order", "--order easy-to-hard"),
    ("metadata", "--metadata none"),
    ("compress", "--compress none"),
    ("tasks", "--tasks dyna"),
]


@pytest.mark.parametrize("complete", [False, True])
def test_other_settings_are_refused_and_nothing_changes(cli: Cli, tmp_path: Path, complete: bool) -> None:
    root = tmp_path / "data"
    planned = plan("merged", "jsonl", 60_000, shard_tokens=20_000)
    if complete:
        write(planned, root)
    else:
        data.generate(planned, root, shard_index=0, num_shards=2)
    words, before = command("merged", "jsonl", root, *SMALL, tokens="60K"), hashes(root)
    for field, more in CLASHES:
        refused(cli(*words, *more.split()), "dataset of other settings", f"{field} = ", "--overwrite")
        assert hashes(root) == before
    assert cli(*words)[0] == 0
    assert verify(root).ok
    assert cli(*words, "--seed", 43, "--overwrite")[0] == 0
    assert manifest_of(root)["plan"]["seed"] == 43
    assert verify(root).ok


def test_every_shard_can_be_made_again_from_the_plan_alone(cli: Cli, whole: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(whole, tmp_path / "data"))
    for number, shard in enumerate(manifest_of(root)["shards"]):
        for name in shard["files"]:
            (root / name).unlink()
        status, out, _ = cli("rebuild", root, "--shard", number)
        assert (status, sorted(out.splitlines())) == (0, [f"rebuilt {name}" for name in sorted(shard["files"])])
    assert hashes(root) == hashes(whole)
    for number in (-1, 9):
        refused(cli("rebuild", root, "--shard", number), f"shard = {number}", "0..=8")


def test_a_shard_that_comes_out_otherwise_is_not_put_in_place(cli: Cli, whole: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(whole, tmp_path / "data"))
    text = (root / "manifest.json").read_text()
    (shard, *_) = manifest_of(root)["shards"]
    name, file = next(iter(shard["files"].items()))
    (root / "manifest.json").write_text(text.replace(file["sha256"], "0" * 64))
    (root / name).unlink()
    before = hashes(root)
    refused(cli("rebuild", root, "--shard", 0), "shard 0 comes out otherwise than the manifest of")
    assert hashes(root) == before
    with pytest.raises(synthgen.DatasetError, match="comes out otherwise"):
        rebuild(root, 0)
    assert set(rebuild(root, 1)) == manifest_of(root)["shards"][1]["files"].keys()


def test_only_a_dataset_is_overwritten_and_only_on_request(cli: Cli, whole: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(whole, tmp_path / "data"))
    (tmp_path / "letter").write_text("dear reader")
    before = hashes(tmp_path)
    refused(cli(*command("dyna", "npy", root)), "--overwrite")
    for more in ([], ["--overwrite"]):
        refused(cli(*command("dyna", "npy", tmp_path, *more)), str(tmp_path))
    (root / "jsonl" / "notes").write_text("mine")
    refused(cli(*command("dyna", "npy", root, "--overwrite")), "notes is no file of the dataset")
    (root / "jsonl" / "notes").unlink()
    assert hashes(tmp_path) == before
    assert cli(*command("dyna", "npy", root, "--overwrite"))[0] == 0
    assert manifest_of(root)["plan"]["tasks"] == ["dyna"]
    assert not (root / "jsonl").exists()
    assert verify(root).ok


def test_an_unfinished_dataset_is_overwritten_on_request(cli: Cli, tmp_path: Path) -> None:
    root = tmp_path / "data"
    data.generate(plan("merged", "jsonl,bin", 60_000, shard_tokens=20_000), root, shard_index=0, num_shards=2)
    (root / "notes").write_text("mine")
    refused(cli(*command("dyna", "npy", root, "--overwrite")), "notes is no file of the dataset")
    (root / "notes").unlink()
    assert cli(*command("dyna", "npy", root, "--overwrite"))[0] == 0
    assert verify(root).ok
    assert not (root / ".synthgen").exists()


@pytest.mark.parametrize(("formats", "compress"), [(EVERY, "auto"), ("jsonl,parquet", "gzip"), ("jsonl,arrow", "zstd")])
def test_no_clock_goes_into_a_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str, compress: str
) -> None:
    planned = plan("dyna", formats, 30_000, compress=compress)
    write(planned, tmp_path / "a")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    write(planned, tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
