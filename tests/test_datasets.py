"""What a dataset holds: the rows and tokens of its plan, in its order, the same in every format."""

import json
from collections import Counter
from math import sqrt
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen.data import Plan
from synthgen.data.files import sha256
from synthgen.data.formats import files
from synthgen.data.verification import verify

from tests.dataset_files import (
    ALL,
    DESCRIBED,
    FEW,
    SPLITS,
    Cli,
    Entry,
    command,
    entries,
    instances,
    lines,
    manifest_of,
    plan,
    stream,
    table,
    tree,
    write,
)
from tests.kits import KITS
from tests.laws import Z, assert_follows
from tests.public_cases import law

TASKS = tuple(synthgen.tasks())
SPLIT_TASKS = [name for name in TASKS if not KITS[name].UNSPLIT]
LEVELS = (1, 2, 3)
every_kind = pytest.mark.parametrize("kind", ["merged", *FEW])


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merged dataset in all formats, of several shards."""
    root = tmp_path_factory.mktemp("five") / "data"
    write(plan("merged", ",".join(ALL), shard_tokens=50_000), root)
    return root


@pytest.fixture(scope="module")
def every_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tasks in one dataset."""
    root = tmp_path_factory.mktemp("every") / "data"
    shares = (0.6, 0.2, 0.2)
    write(Plan.make(TASKS, 600_000, formats=["jsonl", "bin"], split_ratios=shares, shard_tokens=100_000), root)
    return root


@every_kind
@pytest.mark.parametrize("formats", ["jsonl", ",".join(ALL)])
@pytest.mark.parametrize("shard_size", [16_000_000, 50_000])
def test_a_dataset_keeps_its_plan(cli: Cli, tmp_path: Path, kind: str, formats: str, shard_size: int) -> None:
    root = tmp_path / "deep" / "data"
    status, out, _ = cli(*command(kind, formats, root, "--shard-size", shard_size))
    assert status == 0
    manifest, planned = manifest_of(root), plan(kind, formats, shard_tokens=shard_size)
    named = {name for shard in planned.shards() for kinds in files(planned, shard).values() for name in kinds.values()}
    if (formats, shard_size) == ("jsonl", 16_000_000):
        assert named == {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert tree(root).keys() == named | DESCRIBED | (set() if kind == "merged" else {"tokenizer.json"})
    assert manifest["format"] == 2
    assert manifest["plan"] == json.loads(json.dumps(planned.describe()))
    assert f"{sum(shard['tokens'] for shard in manifest['shards']):,} tokens" in out
    for shard, entry in zip(planned.shards(), manifest["shards"], strict=True):
        assert (entry["split"], entry["number"], entry["of"]) == (shard.split, shard.number, shard.of)
        listed = {name for kinds in files(planned, shard).values() for name in kinds.values()}
        assert entry["files"].keys() == listed
        for name, file in entry["files"].items():
            assert (file["bytes"], file["sha256"]) == ((root / name).stat().st_size, sha256(root / name))
        if "bin" in formats:
            check_tokens(root, planned, shard.budgets, entry)
    check_lines(root, planned)
    assert verify(root).ok
    assert verify(root).rows == sum(shard["rows"] for shard in manifest["shards"])


def check_tokens(root: Path, planned: Plan, budgets: tuple[int, ...], entry: Entry) -> None:
    """Hold a token shard to its budgets to within a row, and its rows to lie end to end."""
    found = stream(root, entry)
    start, length, cell = found.rows.T
    assert len(found.ids) == entry["tokens"] == length.sum()
    assert (start == np.cumsum(length) - length).all()
    widths = [row_width(planned, cell.task, cell.level) for cell in planned.cells()]
    for number, budget in enumerate(budgets):
        assert abs(int(length[cell == number].sum()) - budget) <= widths[number]
    for level in LEVELS:
        cells = [number for number, one in enumerate(planned.cells()) if one.level == level]
        made, asked = int(length[np.isin(cell, cells)].sum()), sum(budgets[number] for number in cells)
        # The row that ends a cell is kept or left out, whichever brings its level nearer.
        assert 2 * abs(made - asked) <= max(widths[number] for number in cells)


def row_width(planned: Plan, task: str, level: int) -> int:
    """Longest row that a task may have at a level."""
    return int(synthgen.get(task).batch(0, difficulty=level).input_ids.shape[1]) + planned.joint


def check_lines(root: Path, planned: Plan) -> None:
    """Hold JSON lines to their form, and each name to be given once."""
    text = dict.fromkeys(["input_text", "target", "task", "split", "sample_id", "metadata"], str)
    names = []
    for entry in entries(root):
        found = lines(root, entry)
        assert len(found) == entry["rows"]
        for record in found:
            assert {key: type(value) for key, value in record.items()} == text | {"difficulty": int}
            assert record["split"] == entry["split"]
            facts = json.loads(record["metadata"])
            assert record["metadata"] == json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            names.append(record["sample_id"])
    assert len(set(names)) == len(names)


weights = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda three: sum(three) > 0.01)


@law(st.integers(1, 10**11), weights, weights, st.integers(1000, 10**9), st.sampled_from(("shuffled", "easy-to-hard")))
def test_budgets_of_shards_add_up_to_the_plan(
    total: int, levels: list[float], splits: list[float], size: int, order: str
) -> None:
    shares: Any = {"curriculum_weights": levels, "split_ratios": splits}
    planned = Plan.make(FEW, total, shard_tokens=max(size, total // 500), order=order, **shares)
    for split in SPLITS:
        budgets = [shard.budgets for shard in planned.shards() if shard.split == split]
        sums = [sum(parts) for parts in zip(*budgets, strict=True)] or [0] * len(planned.cells())
        assert sums == [round(planned.budget(split, cell)) for cell in planned.cells()]
    assert abs(sum(planned.budget(split, cell) for split in SPLITS for cell in planned.cells()) - total) <= 1e-9 * total


@pytest.mark.parametrize("shard_tokens", [16_000_000, 250_000])
def test_a_budget_is_met_to_a_thousandth(tmp_path: Path, shard_tokens: int) -> None:
    shares = {"curriculum_weights": (0.2, 0.3, 0.5), "split_ratios": (0.7, 0.2, 0.1)}
    manifest = write(plan("merged", "bin", 2_000_000, shard_tokens=shard_tokens, **shares), tmp_path)
    assert abs(sum(shard["tokens"] for shard in manifest["shards"]) / 2_000_000 - 1) <= 0.001
    found: Counter[tuple[str, int]] = Counter()
    for entry in manifest["shards"]:
        _, length, cell = stream(tmp_path, entry).rows.T
        levels = np.array([one["level"] for one in manifest["plan"]["cells"]])[cell]
        found.update({(entry["split"], level): int(length[levels == level].sum()) for level in LEVELS})
    for split, ratio in zip(SPLITS, shares["split_ratios"], strict=True):
        assert abs(sum(found[split, level] for level in LEVELS) / (2_000_000 * ratio) - 1) <= 0.002
    for level, weight in zip(LEVELS, shares["curriculum_weights"], strict=True):
        assert abs(sum(found[split, level] for split in SPLITS) / (2_000_000 * weight) - 1) <= 0.002


def test_every_row_lies_in_the_preset_of_its_label(every_task: Path) -> None:
    stranger: Counter[tuple[str, int]] = Counter()
    rows: Counter[tuple[str, int]] = Counter()
    for entry in entries(every_task):
        for record in lines(every_task, entry):
            task, level = record["task"], record["difficulty"]
            verdict = synthgen.get(task).validate(record, difficulty=level)
            assert verdict.ok, (record, verdict)
            rows[task, level] += 1
            stranger[task, level] += not synthgen.get(task).validate(record, difficulty=4 - level).ok
    assert rows.keys() == {(task, level) for task in TASKS for level in LEVELS}
    # The label tells something: of every task some rows lie outside the preset at the other end.
    assert all(stranger[task, 1] + stranger[task, 3] for task in TASKS)


def test_measures_of_rows_lie_in_the_bounds_of_the_preset(every_task: Path) -> None:
    """Read from metadata, without the validator: parameters whose measure has their own name."""
    held: Counter[str] = Counter()
    for entry in entries(every_task):
        for record in lines(every_task, entry):
            facts = json.loads(record["metadata"])
            preset = synthgen.tasks()[record["task"]].presets[record["difficulty"] - 1]
            for name, bounds in preset.items():
                measure = {"num_items": "length", "num_pairs": "pairs", "pattern_length": "period"}.get(name, name)
                found = facts["measured"].get(measure)
                if isinstance(bounds, list) and isinstance(found, int):
                    assert bounds[0] <= found <= bounds[-1], (record["task"], name)
                    held[record["task"]] += 1
    assert {"filtro", "copying", "kv", "pattern", "recall", "reversal"} <= held.keys()


def test_rows_are_those_of_the_library_by_their_number(every_task: Path) -> None:
    for entry in entries(every_task):
        whole = instances(every_task, entry)
        found = list(stream(every_task, entry))
        assert [(list(ids), list(mask)) for ids, mask, _ in found] == whole
        cells, counts = manifest_of(every_task)["plan"]["cells"], Counter[int]()
        for record, (_, _, number) in zip(lines(every_task, entry), found, strict=True):
            cell = cells[number]
            assert (record["task"], record["difficulty"]) == (cell["task"], cell["level"])
            index = entry["number"] * 2**32 + counts[number]
            name = f"{cell['task']}_{cell['level']}_{entry['split']}_{index}"
            assert record["sample_id"] == name
            counts[number] += 1
            if counts[number] <= 3:
                (own,) = synthgen.get(cell["task"]).examples(
                    1, 42, start=index, split=entry["split"], difficulty=cell["level"]
                )
                assert record == own | {"metadata": record["metadata"]}
                assert json.loads(record["metadata"]) == own["metadata"]


def test_test_rows_of_one_seed_are_no_train_rows_of_another(tmp_path: Path) -> None:
    rows: dict[str, list[set[Any]]] = {split: [] for split in SPLITS}
    for seed in (1, 2, 3):
        root = tmp_path / str(seed)
        write(Plan.make(SPLIT_TASKS, 400_000, formats=["bin"], seed=seed, split_ratios=(0.5, 0.2, 0.3)), root)
        for split in SPLITS:
            rows[split].append({ids for entry in entries(root, split) for ids, _, _ in stream(root, entry)})
    for one, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
        for a in rows[one]:
            for b in rows[other]:
                assert not a & b
    # And another seed gives other rows.
    for first, second in zip(rows["train"], rows["train"][1:], strict=False):
        assert len(first & second) < 0.05 * len(first)


def sequence(root: Path, split: str) -> list[Any]:
    """Cells of the rows of a split, shard after shard."""
    return [stream(root, entry).rows[:, 2] for entry in entries(root, split)]


@every_kind
@pytest.mark.parametrize("shard_tokens", [16_000_000, 40_000])
def test_easy_rows_come_first_if_asked(tmp_path: Path, kind: str, shard_tokens: int) -> None:
    write(plan(kind, "bin", order="easy-to-hard", shard_tokens=shard_tokens), tmp_path)
    levels = np.array([cell["level"] for cell in manifest_of(tmp_path)["plan"]["cells"]])
    for split in SPLITS:
        found = levels[np.concatenate(sequence(tmp_path, split))]
        assert (np.diff(found) >= 0).all()
        assert set(found.tolist()) == {1, 2, 3}


@pytest.mark.parametrize("shard_tokens", [16_000_000, 250_000])
def test_shuffled_rows_are_mixed_evenly_and_without_a_period(tmp_path: Path, shard_tokens: int) -> None:
    write(plan("merged", "bin", 1_000_000, shard_tokens=shard_tokens), tmp_path)
    cells = np.concatenate(sequence(tmp_path, "train"))
    n = len(cells)
    shares = np.bincount(cells) / n
    for quarter in np.array_split(cells, 4):
        assert_follows(np.bincount(quarter, minlength=len(shares)), shares)
    # Two rows at any distance are of one cell as often as independent draws are.
    same = float((shares**2).sum())
    for lag in range(1, 100):
        met = float((cells[lag:] == cells[:-lag]).mean())
        assert abs(met - same) < Z * sqrt(same * (1 - same) / (n - lag)), lag


def test_shares_of_levels_are_the_same_in_every_shard(tmp_path: Path) -> None:
    planned = plan("merged", "bin", 400_000, shard_tokens=40_000)
    write(planned, tmp_path)
    for shard in (shard for shard in planned.shards() if shard.split == "train"):
        parts = [sum(b for b, c in zip(shard.budgets, planned.cells(), strict=True) if c.level == at) for at in LEVELS]
        assert np.allclose(np.array(parts) / sum(parts), (0.4, 0.35, 0.25), atol=1e-3)


def test_all_formats_say_the_same_rows(five: Path) -> None:
    for entry in entries(five):
        records, cells = lines(five, entry), stream(five, entry)
        twin = stream(five, entry, "npy")
        for one, other in ((cells.ids, twin.ids), (cells.mask, twin.mask), (cells.rows, twin.rows)):
            assert (one == other).all()
        for fmt in ("parquet", "arrow"):
            columns = table(five, entry, fmt)
            assert columns.schema.names == [*records[0], "input_ids", "loss_mask"]
            assert {str(columns.schema.field(name).type) for name in ("input_text", "target", "metadata")} == {"string"}
            assert str(columns.schema.field("input_ids").type.value_type) == "uint16"
            for name in records[0]:
                assert columns[name].to_pylist() == [record[name] for record in records]
            ids, mask = columns["input_ids"].to_pylist(), columns["loss_mask"].to_pylist()
            assert [(tuple(i), tuple(m)) for i, m in zip(ids, mask, strict=True)] == [row[:2] for row in cells]
    pieces = json.loads((five / "vocab.json").read_bytes())["pieces"]
    for entry in entries(five, "test"):
        for record, (ids, mask, _) in zip(lines(five, entry), stream(five, entry), strict=True):
            text = "".join(pieces[i] for i in ids)
            predicted = "".join(pieces[i] for i, masked in zip(ids, mask, strict=True) if masked)
            assert record["input_text"] in text
            assert record["target"].split()[0] in predicted


@pytest.mark.parametrize("fmt", ALL)
def test_a_format_alone_has_the_bytes_that_it_has_among_others(five: Path, tmp_path: Path, fmt: str) -> None:
    write(plan("merged", fmt, shard_tokens=50_000), tmp_path)
    whole = tree(five)
    alone = {name: content for name, content in tree(tmp_path).items() if name not in DESCRIBED}
    for name, content in alone.items():
        assert content == whole[name if "/" in name else f"jsonl/{name.replace('.', '-00000-of-00001.', 1)}"]


def test_metadata_may_be_left_out(tmp_path: Path) -> None:
    write(plan("merged", "jsonl,parquet,arrow", 60_000), tmp_path / "full")
    write(plan("merged", "jsonl,parquet,arrow", 60_000, metadata="none"), tmp_path / "none")
    for full, none in zip(entries(tmp_path / "full"), entries(tmp_path / "none"), strict=True):
        records = lines(tmp_path / "full", full)
        assert all(record.pop("metadata") for record in records)
        assert lines(tmp_path / "none", none) == records
        for fmt in ("parquet", "arrow"):
            without = table(tmp_path / "full", full, fmt).drop_columns(["metadata"])
            assert table(tmp_path / "none", none, fmt) == without
    assert verify(tmp_path / "none").ok


COMPRESSED = [
    ("jsonl", "gzip"),
    ("jsonl", "zstd"),
    ("parquet", "auto"),
    ("parquet", "gzip"),
    ("parquet", "zstd"),
    ("arrow", "zstd"),
]


@pytest.mark.parametrize(("fmt", "codec"), COMPRESSED)
def test_compressed_files_read_back_equal(tmp_path: Path, fmt: str, codec: str) -> None:
    plain, small = tmp_path / "plain", tmp_path / "small"
    sizes = []
    for root, compress in ((plain, "none"), (small, codec)):
        manifest = write(plan("merged", fmt, 60_000, compress=compress), root)
        sizes.append(sum(file["bytes"] for shard in manifest["shards"] for file in shard["files"].values()))
    for one, other in zip(entries(plain), entries(small), strict=True):
        read: Any = lines if fmt == "jsonl" else lambda root, entry: table(root, entry, fmt)
        assert read(plain, one) == read(small, other)
    assert sizes[1] < 0.6 * sizes[0]
    assert verify(small).ok


LOADED = [("jsonl", "none"), ("jsonl", "gzip"), ("parquet", "auto"), ("arrow", "none"), ("jsonl,parquet,bin", "auto")]


@pytest.mark.parametrize(("formats", "compress"), LOADED)
@pytest.mark.parametrize("shard_tokens", [16_000_000, 20_000])
def test_a_directory_loads_as_a_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str, compress: str, shard_tokens: int
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "data"
    write(plan("merged", formats, 60_000, compress=compress, shard_tokens=shard_tokens), root)
    fmt = "parquet" if "parquet" in formats else formats
    loaded = datasets.load_dataset(str(root), cache_dir=str(tmp_path / "cache"))
    streamed = datasets.load_dataset(str(root), streaming=True)
    assert set(loaded) == set(streamed) == set(SPLITS)
    for split in SPLITS:
        if fmt == "jsonl":
            rows = [record for entry in entries(root, split) for record in lines(root, entry)]
        else:
            rows = [record for entry in entries(root, split) for record in table(root, entry, fmt).to_pylist()]
        assert list(loaded[split]) == rows
        assert list(streamed[split]) == rows


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("order", ["shuffled", "easy-to-hard"])
def test_a_level_without_weight_has_no_row(tmp_path: Path, level: int, order: str) -> None:
    weight = [0.0 if at == level else 1.0 for at in LEVELS]
    write(plan("merged", "jsonl", 30_000, curriculum_weights=weight, order=order), tmp_path)
    found = {record["difficulty"] for entry in entries(tmp_path) for record in lines(tmp_path, entry)}
    assert found == set(LEVELS) - {level}
    assert verify(tmp_path).ok


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_without_share_has_no_file(tmp_path: Path, split: str) -> None:
    ratios = [0.0 if at == split else 1.0 for at in SPLITS]
    manifest = write(plan("merged", "jsonl", 30_000, split_ratios=ratios), tmp_path)
    assert {shard["split"] for shard in manifest["shards"]} == set(SPLITS) - {split}
    assert not (tmp_path / f"{split}.jsonl").exists()
    assert verify(tmp_path).ok


def test_the_smallest_budgets_give_whole_rows(tmp_path: Path) -> None:
    for tokens in (2, 7, 100, 1000):
        root = tmp_path / str(tokens)
        manifest = write(plan("dyna", "jsonl,bin", tokens), root)
        assert verify(root).ok
        assert all(shard["rows"] for shard in manifest["shards"] if shard["split"] == "train")
    with pytest.raises(synthgen.ParamError, match="total_tokens = 1; allowed: more"):
        write(plan("dyna", "jsonl", 1), tmp_path / "none")
    assert not (tmp_path / "none").exists()
