"""What a run counts in bounded memory, against counting with plain dictionaries."""

import json
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from synthgen import _native
from synthgen.cli import main
from synthgen.data import Plan, summary
from synthgen.data.plan import Shard
from synthgen.data.summary import summarise
from synthgen.data.verification import verify

from tests.dataset_files import SPLITS, Entry, entries, lines, stream, write
from tests.public_cases import law

TASKS = ("copying", "analogy", "capo")
"""One is not split."""
PLAN = Plan.make(TASKS, 10_000)
CELLS = PLAN.cells()
TWENTIETH = (2**64 - 1) // 20
KEPT = np.dtype([("content", "<u8"), ("hash", "<u8"), ("length", "<u4"), ("cell", "<u2")])
"""What is kept of a row."""
Facts = tuple[str, list[tuple[int, int, int, int]]]
"""A split and its rows: content, hash, length, cell."""

contents = st.one_of(
    st.sampled_from([0, 1, TWENTIETH - 1, TWENTIETH, 2 * TWENTIETH - 1, 2 * TWENTIETH + 1, 2**64 - 1]),
    st.integers(0, 2**64 - 1),
)
rows = st.tuples(
    contents, st.integers(0, 30).map(lambda i: i * 2**59 + i), st.integers(1, 5000), st.integers(0, len(CELLS) - 1)
)
parts = st.lists(st.tuples(st.sampled_from(SPLITS), st.lists(rows, max_size=60)), min_size=1, max_size=6)


def split_of(content: int) -> str:
    """A twentieth of all hashes is test, the next is validation."""
    if content < TWENTIETH:
        return "test"
    return "validation" if content < (2**64 - 1) // 10 else "train"


def slow(parts: list[Facts]) -> Entry:
    """Count the same with dictionaries."""
    every = [(split, *row) for split, rows in parts for row in rows]
    found: list[Entry] = []
    for split in SPLITS:
        for number, cell in enumerate(CELLS):
            own = [row for row in every if (row[0], row[4]) == (split, number)]
            if own:
                times = Counter(content for _, content, *_ in own)
                pairs = sum(n * (n - 1) // 2 for n in times.values())
                all_pairs = len(own) * (len(own) - 1) // 2
                found.append(
                    {
                        "task": cell.task,
                        "level": cell.level,
                        "split": split,
                        "rows": len(own),
                        "tokens": sum(row[3] for row in own),
                        "instances": len(times),
                        "duplicate_rows": len(own) - len({row[2] for row in own}),
                        "space": all_pairs // pairs if pairs else None,
                        "space_at_least": len(times) if pairs else max(len(times), all_pairs // 3),
                    }
                )
    hashes = {split: [row[2] for row in every if row[0] == split] for split in SPLITS}
    return {
        "rows": {split: len(hashes[split]) for split in SPLITS},
        "tokens": {split: sum(row[3] for row in every if row[0] == split) for split in SPLITS},
        "cells": found,
        "duplicates": {
            "within": {split: len(own) - len(set(own)) for split, own in hashes.items() if own},
            # Each content counts in every split beyond its first.
            "across": sum(len(set(own)) for own in hashes.values()) - len(set().union(*hashes.values())),
        },
        "leaked": sum(not CELLS[row[4]].only_train and split_of(row[1]) != row[0] for row in every),
    }


def counted(parts: list[Facts], work: Path) -> Entry:
    """Count facts as a run's end does."""
    files = []
    for number, (split, rows) in enumerate(parts):
        path = work / f"{number}.facts"
        path.write_bytes(np.array(rows, KEPT).tobytes())
        files.append((Shard(split, number, len(parts), ()), path))
    before = set(work.iterdir())
    found = summarise(PLAN, files, work)
    assert set(work.iterdir()) == before
    return found


def check_lengths(found: Entry, parts: list[Facts]) -> None:
    """Hold the histogram to count each row once, in the bin of its length."""
    edges = found["edges"]
    assert edges == sorted(set(edges))
    for level in (1, 2, 3):
        lengths = [row[2] for _, rows in parts for row in rows if CELLS[row[3]].level == level]
        wanted = [sum(low <= length < high for length in lengths) for low, high in pairwise(edges)]
        assert found["counts"][str(level)] == wanted
        assert sum(wanted) == len(lengths)
    whole = [sum(counts) for counts in zip(*found["counts"].values(), strict=True)]
    assert not whole or (whole[0] and whole[-1])


@law(parts, st.integers(1, 40), st.integers(1, 40), examples=60)
def test_counts_are_those_of_a_slow_count(parts: list[Facts], bucket: int, chunk: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "BUCKET", bucket)
        patch.setattr(summary, "CHUNK", chunk)
        found = counted(parts, Path(folder))
    check_lengths(found.pop("lengths"), parts)
    assert found == slow(parts)
    json.dumps(found)


def test_rows_read_at_a_time_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "BUCKET", 100)
    monkeypatch.setattr(summary, "CHUNK", 64)
    rng = np.random.default_rng(5)
    n = 5000
    rows = np.empty(n, KEPT)
    rows["content"], rows["hash"] = (rng.integers(0, 2**64, n, np.uint64, endpoint=False) for _ in range(2))
    rows["length"], rows["cell"] = 7, 0
    seen: list[int] = []

    def spy(name: str, size: int) -> None:
        count = getattr(_native, name)

        def counted(held: bytes, *more: Any) -> Any:
            seen.append(len(held) // size)
            return count(held, *more)

        monkeypatch.setattr(_native, name, counted)

    spy("count_facts", KEPT.itemsize)
    spy("count_again", 10)
    as_tuples: Any = rows.tolist()
    found = counted([("train", as_tuples)], tmp_path)
    assert found["cells"][0]["instances"] == n
    assert sum(seen) == 2 * n
    # Buckets are filled by hashes: none is twice as full as the mean but once in a million.
    assert max(seen) < 200


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of spaces so small that rows come again."""
    root = tmp_path_factory.mktemp("summary") / "data"
    tasks = ["analogy", "sequence", "arithmetic", "facts"]
    write(Plan.make(tasks, 300_000, formats=["jsonl", "bin"], shard_tokens=40_000), root)
    return root


def test_the_certificate_counts_the_rows_of_the_files(data: Path) -> None:
    found = json.loads((data / "metadata.json").read_bytes())
    rows: list[tuple[str, str, int, tuple[int, ...], str]] = []
    for entry in entries(data):
        for record, (ids, _, _) in zip(lines(data, entry), stream(data, entry), strict=True):
            rows.append((entry["split"], record["task"], record["difficulty"], ids, record["metadata"]))
    of_split = {split: [row for row in rows if row[0] == split] for split in SPLITS}
    assert found["splits"] == {split: len(own) for split, own in of_split.items()}
    assert found["tokens"] == {split: sum(len(row[3]) for row in own) for split, own in of_split.items()}
    assert found["total_samples"] == len(rows)
    certificate = found["certificate"]
    assert (certificate["rows"], certificate["tokens"]) == (len(rows), sum(len(row[3]) for row in rows))
    repeated = {split: len(own) - len({row[3] for row in own}) for split, own in of_split.items()}
    assert certificate["duplicates"] == {"within": repeated, "across": 0}
    assert repeated["train"] > 10
    assert certificate["leaked"] == 0
    for cell in certificate["cells"]:
        own = [row for row in rows if row[:3] == (cell["split"], cell["task"], cell["level"])]
        assert (cell["rows"], cell["tokens"]) == (len(own), sum(len(row[3]) for row in own))
        assert cell["duplicate_rows"] == len(own) - len({row[3] for row in own})
        # An instance may come in several wordings, but a row says only one instance.
        assert 1 <= cell["instances"] <= len({row[3] for row in own})
    assert len(certificate["cells"]) == len({row[:3] for row in rows})


def test_the_space_is_estimated_where_it_is_known(data: Path) -> None:
    """Sums of two one-digit numbers without an order: few, and drawn evenly enough for the estimate to be near."""
    cells = json.loads((data / "metadata.json").read_bytes())["certificate"]["cells"]
    small = [cell for cell in cells if cell["space"] is not None and cell["rows"] > 20 * cell["instances"]]
    assert small
    for cell in small:
        # What has been seen so often has been seen whole; an uneven law makes repetitions only likelier.
        assert cell["space"] <= cell["instances"] * 1.1
        assert cell["space_at_least"] == cell["instances"]


def test_verification_counts_the_same_as_the_run(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = json.loads((data / "metadata.json").read_bytes())["certificate"]
    found = verify(data).summary
    assert found["cells"] == certificate["cells"]
    assert (found["duplicates"], found["leaked"]) == (certificate["duplicates"], 0)
    assert main(["verify", str(data), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert f"train {certificate['duplicates']['within']['train']:,}" in out
    for cell in certificate["cells"]:
        if cell["split"] == "train":
            size = cell["space_at_least"] if cell["space"] is None else cell["space"]
            about = "at least" if cell["space"] is None else "about"
            assert f"  {cell['task']} level {cell['level']}: {about} {size:,} instances in train\n" in out


def test_a_row_in_the_wrong_split_is_counted(tmp_path: Path) -> None:
    for split, wrong in (("train", 0), ("test", 2**64 - 1), ("validation", 0)):
        cell = next(number for number, cell in enumerate(CELLS) if not cell.only_train)
        right = {"train": 2**64 - 1, "validation": TWENTIETH + 5, "test": 3}[split]
        rows = [(wrong, 1, 5, cell), (right, 2, 5, cell), (right, 2, 5, cell)]
        assert counted([(split, rows)], tmp_path)["leaked"] == 1
