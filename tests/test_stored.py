"""Stored rows and windows are those that were written, whichever way, order and process they are read in."""

import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.data import Plan, Stored, collate, generate

from tests.stored_fixture import row_stream, window_stream, write_stored

ROWS, SHARDS = 10, 3
FIELDS = ("input_ids", "loss_mask", "labels", "segment_ids", "position_ids")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of rows."""
    made = tmp_path_factory.mktemp("rows")
    write_stored(made, rows=ROWS, shards=SHARDS)
    return made


def written(split: str) -> list[tuple[Any, Any, int]]:
    """Ids, mask and cell of all rows of a split."""
    found = []
    for number in range(SHARDS):
        ids, mask, index = row_stream(split, number, ROWS)
        found += [(ids[at : at + n], mask[at : at + n], cell) for at, n, cell in index.tolist()]
    return found


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("fmt", [None, "bin", "npy"])
def test_rows_come_back_as_they_were_written(root: Path, split: str, fmt: str | None) -> None:
    stored, wanted = Stored(root, split, format=fmt), written(split)
    assert len(stored) == len(wanted) == len(list(stored))
    for row, (ids, mask, cell) in zip(stored, wanted, strict=True):
        assert np.array_equal(row["input_ids"], ids)
        assert np.array_equal(row["loss_mask"], mask)
        assert np.array_equal(row["labels"], np.where(mask, ids.astype(int), -100))
        assert [row[name].dtype for name in FIELDS[:3]] == [np.uint16, np.uint8, np.int32]
        assert (row["task"], row["difficulty"]) == (("dyna", "mano")[cell // 2], cell % 2 + 1)
    for i in (0, 7, len(stored) - 1):
        assert np.array_equal(stored[i - len(stored)]["input_ids"], stored[np.int64(i)]["input_ids"])


def test_rows_are_those_of_the_batch(root: Path) -> None:
    stored = Stored(root)
    first = [row for row in stored if (row["task"], row["difficulty"]) == ("mano", 2)][:ROWS]
    batch = synthgen.mano.batch(ROWS, 3, split="train", difficulty=2)
    made = collate([{name: row[name] for name in FIELDS[:3]} for row in first])
    assert np.array_equal(made["input_ids"], batch.input_ids[:, : made["input_ids"].shape[1]])
    assert np.array_equal(made["labels"], batch.labels[:, : made["labels"].shape[1]])
    assert np.array_equal(made["attention_mask"].sum(1), batch.lengths)


def test_batches_are_padded_rows(root: Path) -> None:
    stored = Stored(root)
    made = stored.batch([5, 0, -1], seq_len=4096)
    assert made["input_ids"].shape == made["labels"].shape == (3, 4096)
    assert made["input_ids"].dtype == np.int32
    assert made["task"] == [stored[i]["task"] for i in (5, 0, -1)]
    for i, at in enumerate((5, 0, -1)):
        n = len(stored[at]["input_ids"])
        assert np.array_equal(made["input_ids"][i, :n], stored[at]["input_ids"])
        assert not made["input_ids"][i, n:].any()
        assert (made["labels"][i, n:] == -100).all()
    with pytest.raises(synthgen.ParamError, match="raise seq_len"):
        stored.batch([0], seq_len=2)


@pytest.mark.parametrize("fmt", ["bin", "npy"])
def test_ids_are_read_only_views_of_the_file(root: Path, fmt: str) -> None:
    stored = Stored(root, format=fmt)
    window = stored.windows(256)[0]
    for row in (stored[3], window):
        assert np.shares_memory(row["input_ids"], stored.shards[0].ids)
        for name, array in row.items():
            assert not isinstance(array, np.ndarray) or not array.flags.writeable, name


def lay(rows: list[tuple[Any, Any]], seq_len: int, policy: str) -> list[dict[str, list[int]]]:
    """Pack rows slowly, token by token."""
    windows: list[dict[str, list[int]]] = []
    room = 0
    for ids, mask in rows:
        if room == 0 or (policy == "pad" and len(ids) > room):
            windows.append({name: [] for name in FIELDS})
            room = seq_len
        window = windows[-1]
        segment = window["segment_ids"][-1] + 1 if window["segment_ids"] else 1
        for position, (token, predicted) in enumerate(zip(ids.tolist(), mask.tolist(), strict=True)):
            if room:
                row = (token, predicted, token if predicted else -100, segment, position)
                for name, value in zip(FIELDS, row, strict=True):
                    window[name].append(value)
                room -= 1
    for window in windows:
        for name in FIELDS:
            window[name] += [-100 if name == "labels" else 0] * (seq_len - len(window[name]))
    return windows


@settings(max_examples=25, deadline=None)
@given(extra=st.integers(0, 700), policy=st.sampled_from(["truncate", "pad"]), fmt=st.sampled_from(["bin", "npy"]))
def test_windows_are_packed_as_by_hand(root: Path, extra: int, policy: Any, fmt: str) -> None:
    stored = Stored(root, "validation", format=fmt)
    seq_len = max(len(row["input_ids"]) for row in stored) + extra
    windows = stored.windows(seq_len, policy)
    wanted = []
    for number in range(SHARDS):
        rows = written("validation")[number * ROWS * 4 : (number + 1) * ROWS * 4]
        wanted += lay([(ids, mask) for ids, mask, _ in rows], seq_len, policy)
    assert len(windows) == len(wanted)
    for window, expected in zip(windows, wanted, strict=True):
        assert {name: array.tolist() for name, array in window.items()} == expected
        assert {array.shape for array in window.values()} == {(seq_len,)}
    made = windows.batch([len(wanted) - 1, 0])
    assert made["position_ids"].tolist() == [wanted[-1]["position_ids"], wanted[0]["position_ids"]]
    assert np.array_equal(made["attention_mask"], made["segment_ids"] > 0)


@pytest.mark.parametrize("packing", ["truncate", "pad"])
@pytest.mark.parametrize("fmt", ["bin", "npy"])
def test_windows_that_were_written_come_back(tmp_path: Path, packing: Any, fmt: str) -> None:
    write_stored(tmp_path, rows=4, shards=2, formats=(fmt,), seq_len=700, packing=packing)
    stored = Stored(tmp_path)
    windows = stored.windows()
    assert (windows.seq_len, windows.policy, len(windows)) == (700, packing, 8)
    for number in range(2):
        packed = synthgen.dyna.packed(4, 700, 3, start=number * 2**32, split="train", difficulty=1, policy=packing)
        for r in range(4):
            for name in FIELDS:
                assert np.array_equal(windows[number * 4 + r][name], getattr(packed, name)[r]), name
    _, _, index = window_stream("train", 0, 4, 700, packing)
    assert [len(stored[i]["input_ids"]) for i in range(len(index))] == index[:, 1].tolist()
    for asked in ({"seq_len": 701}, {"policy": {"truncate": "pad", "pad": "truncate"}[packing]}):
        with pytest.raises(synthgen.ParamError, match="written"):
            stored.windows(**asked)


def test_wide_ids_come_back(tmp_path: Path) -> None:
    write_stored(tmp_path, dtype="uint32")
    stored = Stored(tmp_path)
    assert stored.dtype == stored[0]["input_ids"].dtype == "uint32"
    assert np.array_equal(stored[1]["input_ids"], written("train")[1][0])


def test_copies_read_the_same_in_other_threads_and_after_pickling(root: Path) -> None:
    stored = Stored(root)
    windows = stored.windows(1024, "pad")
    wanted = [stored[i]["input_ids"].tobytes() for i in range(len(stored))]
    content = pickle.dumps((stored, windows))
    assert len(content) < 10_000  # no map travels along
    again, windowed = pickle.loads(content)
    with ThreadPoolExecutor(4) as pool:
        assert [row["input_ids"].tobytes() for row in pool.map(again.__getitem__, range(len(again)))] == wanted
    assert all(np.array_equal(windowed[i]["labels"], windows[i]["labels"]) for i in range(len(windows)))


def test_places_outside_are_index_errors(root: Path) -> None:
    stored = Stored(root)
    for rows in (stored, stored.windows(1024)):
        for i in (len(rows), -len(rows) - 1, 2**70):
            with pytest.raises(IndexError, match=str(i)):
                rows[i]


def spoil(change: Callable[[Path, dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change a dataset and its manifest."""

    def do(root: Path) -> None:
        manifest = json.loads((root / "manifest.json").read_text())
        change(root, manifest)
        (root / "manifest.json").write_text(json.dumps(manifest))

    return do


def cut_file(root: Path, name: str) -> None:
    content = (root / name).read_bytes()
    (root / name).write_bytes(content[:-1])


def unfinish(root: Path) -> None:
    (root / ".synthgen").mkdir()
    (root / "manifest.json").unlink()


BIN = "bin/train-00001-of-00003"
WRONG: list[tuple[Callable[[Path], Any], str]] = [
    (lambda root: (root / "manifest.json").unlink(), "no manifest.json"),
    (lambda root: (root / "manifest.json").write_text("{"), "cannot be read"),
    (unfinish, "not complete"),
    (spoil(lambda _, manifest: manifest.update(format=1)), "format 2"),
    (spoil(lambda _, manifest: manifest["plan"].update(formats=["jsonl"])), "holds jsonl, .* bin or npy"),
    (spoil(lambda _, manifest: manifest.update(shards=manifest["shards"][3:])), "no split 'train'; it has validation"),
    (lambda root: (root / f"{BIN}.mask.bin").unlink(), "mask.bin is missing"),
    (lambda root: cut_file(root, f"{BIN}.bin"), "its manifest says"),
    (spoil(lambda _, manifest: manifest["shards"][1]["files"].pop(f"{BIN}.rows.bin")), "no file of rows"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_what_is_no_dataset_is_refused(tmp_path: Path, change: Callable[[Path], Any], message: str) -> None:
    write_stored(tmp_path, rows=1)
    change(tmp_path)
    with pytest.raises(synthgen.DatasetError, match=message):
        Stored(tmp_path)


def test_wrong_arguments_are_refused(root: Path) -> None:
    stored = Stored(root)
    for call, message in (
        (lambda: Stored(root, format="arrow"), "allowed: token shards"),
        (lambda: stored.windows(8), "the longest row"),
        (stored.windows, "seq_len = None"),
        (lambda: stored.windows(1024, "cut"), "'truncate' or 'pad'"),  # type: ignore[arg-type]
    ):
        with pytest.raises(synthgen.ParamError, match=message):
            call()


def test_an_array_file_of_another_type_is_refused(tmp_path: Path) -> None:
    write_stored(tmp_path, formats=("npy",))
    path = next(tmp_path.glob("npy/train-00000*.rows.npy"))
    np.save(path, np.load(path).reshape(-1))
    size = path.stat().st_size
    spoil(lambda _, manifest: manifest["shards"][0]["files"][f"npy/{path.name}"].update(bytes=size))(tmp_path)
    stored = Stored(tmp_path)
    with pytest.raises(synthgen.DatasetError, match="npy holds int32"):
        stored[0]


def test_rows_with_gaps_are_not_packed(tmp_path: Path) -> None:
    write_stored(tmp_path, formats=("bin",), rows=2)
    path = next(tmp_path.glob("bin/train-00000*.rows.bin"))
    index = np.fromfile(path, "<i4").reshape(-1, 3)
    index[1, 0] += 1
    index.tofile(path)
    with pytest.raises(synthgen.DatasetError, match="one after another"):
        Stored(tmp_path).windows(1024)


def table(root: Path, split: str) -> list[dict[str, Any]]:
    """Rows or windows of a split in parquet, in order."""
    from pyarrow import parquet

    return [row for path in sorted(root.glob(f"parquet/{split}-*")) for row in parquet.read_table(path).to_pylist()]


@pytest.mark.parametrize("tasks", [["mano"], ["dyna", "mano", "capo"]])
def test_rows_of_the_writer_are_those_of_its_parquet(tmp_path: Path, tasks: list[str]) -> None:
    plan = Plan.make(tasks, "60K", formats=["parquet", "bin", "npy"], shard_tokens=20_000)
    generate(plan, tmp_path)
    for split in ("train", "validation"):
        wanted = table(tmp_path, split)
        for fmt in ("bin", "npy"):
            stored = Stored(tmp_path, split, format=fmt)
            assert len(stored) == len(wanted)
            assert stored.tokens == sum(len(row["input_ids"]) for row in wanted)
            for row, other in zip(stored, wanted, strict=True):
                assert row["input_ids"].tolist() == other["input_ids"]
                assert row["loss_mask"].tolist() == other["loss_mask"]
                assert (row["task"], row["difficulty"]) == (other["task"], other["difficulty"])
    stored = Stored(tmp_path)
    windows = stored.windows(max(len(row["input_ids"]) for row in stored), "pad")
    assert sum(int((window["segment_ids"] > 0).sum()) for window in windows) == stored.tokens


@pytest.mark.parametrize("packing", ["truncate", "pad"])
def test_windows_of_the_writer_are_those_of_its_parquet(tmp_path: Path, packing: str) -> None:
    formats = ["parquet", "bin", "npy"]
    plan = Plan.make(["mano", "depo"], "100K", formats=formats, shard_tokens=30_000, seq_len=2048, packing=packing)
    generate(plan, tmp_path)
    for split in ("train", "test"):
        wanted = table(tmp_path, split)
        for fmt in ("bin", "npy"):
            windows = Stored(tmp_path, split, format=fmt).windows()
            assert (len(windows), windows.policy) == (len(wanted), packing)
            for window, other in zip(windows, wanted, strict=True):
                for name in ("input_ids", "loss_mask", "segment_ids", "position_ids"):
                    assert window[name].tolist() == other[name], name
