"""Whatever stops a run, what has a final name is whole, and the next run goes on to the same bytes."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from synthgen import data
from synthgen.data.verification import verify

from tests.dataset_files import (
    ALL,
    DESCRIBED,
    EVERY,
    PROGRAM,
    SMALL,
    Cli,
    command,
    hashes,
    manifest_of,
    plan,
    refused,
    run,
    start,
    tree,
    write,
)


def finals(root: Path) -> dict[str, str]:
    """Hashes of the files under final names."""
    return {name: found for name, found in hashes(root).items() if not name.startswith(".synthgen/")}


def seen(root: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files that are there now."""
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                yield f"{folder}/{name}", os.stat(f"{folder}/{name}").st_size
            except FileNotFoundError:
                continue


def kill_at(child: "subprocess.Popen[str]", root: Path, moment: int | str) -> bool:
    """Kill a run at its `moment`-th file event, or when a file of that name is there; was it still running?"""
    events: set[tuple[str, int]] = set()
    before = set(seen(root))
    while child.poll() is None:
        events |= set(seen(root)) - before
        reached = len(events) >= moment if isinstance(moment, int) else any(moment in name for name, _ in events)
        if reached:
            child.kill()
            break
    child.communicate()
    return child.returncode != 0


LATE = ("bucket-", "vocab.json", "metadata.json", "README.md", "statistics.png", "manifest.json")
"""Files of a run's end."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_killed_goes_on_to_the_same_dataset(whole: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    wanted, kills = hashes(whole), 0
    for number in range(20):
        root = tmp_path / str(number)
        words = command("merged", EVERY, root, *SMALL, "--workers", draw.choice([1, 2]), tokens="150K")
        for _ in range(draw.choice([1, 1, 2, 4])):
            moment: int | str = draw.choice(LATE) if draw.random() < 0.3 else draw.randint(1, 60)
            if not kill_at(start(words), root, moment):
                break
            kills += 1
            # Whatever has a final name is whole, and the manifest comes last.
            found = finals(root)
            assert found.items() <= wanted.items()
            assert "manifest.json" not in found or found == wanted
        before = {path: path.stat().st_mtime_ns for path in done_shards(root)}
        assert run(words)[0] == 0
        assert hashes(root) == wanted
        assert {path: path.stat().st_mtime_ns for path in before} == before
        if kills > 6:
            break
    assert kills > 6
    assert verify(root).ok


def done_shards(root: Path) -> list[Path]:
    """Files of the shards that an unfinished run has completed."""
    known = [json.loads(path.read_bytes()) for path in (root / ".synthgen").glob("*-of-*.json")]
    return [root / name for entry in known for name in entry["files"]]


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Python with files that end at a size, as on a disk that is full there."""


FULL = [*((fmt, "auto") for fmt in ALL), ("jsonl", "gzip"), ("jsonl", "zstd"), ("arrow", "zstd"), (EVERY, "auto")]


@pytest.mark.parametrize(("formats", "compress"), FULL)
def test_a_full_disk_is_one_clear_error_and_the_next_run_goes_on(tmp_path: Path, formats: str, compress: str) -> None:
    # Train is one large shard beside two, and only its files are too large for the disk. Those two take longer to draw,
    # and begin before it.
    more = ["--compress", compress, "--shard-size", "16M", "--split-ratios", "0.6", "0.2", "0.2", "--workers", "2"]
    words = command("merged", formats, tmp_path / "data", *more, tokens="300K")
    whole = tmp_path / "whole"
    assert run([str(whole) if word == str(tmp_path / "data") else word for word in words])[0] == 0
    sizes = {name: len(content) for name, content in tree(whole).items() if name not in DESCRIBED}
    room = max(size for name, size in sizes.items() if "train" not in name) + 4096
    assert room < max(sizes.values())
    limited = [sys.executable, "-c", LIMITED, str(room), *PROGRAM[1:], *words]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    result = (done.returncode, done.stdout, done.stderr)
    refused(result, "cannot be written: ", "large", "what is complete stays, and the same command goes on from there")
    found = tree(tmp_path / "data")
    left = {name for name in found if name.startswith(".synthgen/")}
    assert not {name for name in left if name.endswith(".tmp")}
    assert {".synthgen/plan.json", ".synthgen/test-00000-of-00001.json"} <= left
    assert found.keys() - left == {name for name in sizes if "train" not in name}
    assert finals(tmp_path / "data").items() <= hashes(whole).items()
    before = {path: path.stat().st_mtime_ns for path in done_shards(tmp_path / "data")}
    assert len(before) == len(found) - len(left)
    assert run(words)[0] == 0
    assert hashes(tmp_path / "data") == hashes(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_directory_that_cannot_be_written_is_one_clear_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear reader")
    for root in (tmp_path / "letter", tmp_path / "letter" / "data", Path("/proc/data"), Path("/dev/null")):
        refused(cli(*command("dyna", "jsonl", root)), str(root))
        refused(cli(*command("dyna", "jsonl", root, "--overwrite")), str(root))
    assert tree(tmp_path) == {"letter": b"dear reader"}


def test_a_damaged_shard_of_an_unfinished_run_is_made_again(whole: Path, tmp_path: Path) -> None:
    planned, root = plan("merged", EVERY, 150_000, shard_tokens=20_000), tmp_path / "data"
    data.generate(planned, root, shard_index=0, num_shards=2)
    made = sorted(finals(root))
    for name in made[::3]:
        content = bytearray((root / name).read_bytes())
        content[len(content) // 2] ^= 1
        (root / name).write_bytes(content)
    for name in made[1::3]:
        (root / name).unlink()
    for path in sorted((root / ".synthgen").iterdir())[::4]:
        if path.name != "plan.json":
            path.write_bytes(path.read_bytes()[:-3])
    write(planned, root)
    assert hashes(root) == hashes(whole)


def test_a_damaged_dataset_is_not_taken_for_complete(cli: Cli, whole: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(whole, tmp_path / "data"))
    words = command("merged", EVERY, root, *SMALL, tokens="150K")
    (shard, *_) = manifest_of(root)["shards"]
    for name in [*shard["files"], "vocab.json"]:
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        out = "--overwrite" if name == "vocab.json" else f"`synthgen rebuild {root} --shard 0`"
        refused(cli(*words), f"{root / name} is missing or not what the manifest says", out)
        (root / name).write_bytes(content)
    assert cli(*words)[0] == 0
