"""The card, metadata.json and the figure of a dataset."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.data.card import card, command, histogram, metadata, skills
from synthgen.data.card import data_files as loaded_files
from synthgen.registry import tasks

from .hub_server import serving
from .small_dataset import EDGES, SHARDS, cell_counts, count_row, empty_summary, small_dataset


def made(root: Path, names: Sequence[str], formats: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    summary = small_dataset(root, names, formats)
    return json.loads((root / "manifest.json").read_text()), summary


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return made(tmp_path_factory.mktemp("example"), ("dyna", "kv"), ("jsonl", "parquet", "bin"))


def front(text: str) -> dict[str, Any]:
    data: Any = huggingface_hub.DatasetCard(text).data
    return dict(data.to_dict())


def test_every_task_has_skills_that_are_tags() -> None:
    for name in tasks():
        assert len(skills(name)) >= 2, name
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", tag) for tag in skills(name))
    assert skills("dyna") == ("mutable_state", "non_commutative_composition", "mental_computation")
    assert skills("no_such_task") == ()


def test_the_block_holds_what_the_hub_asks_for(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    block = front(card(*example))
    assert block["language"] == ["en"]
    assert block["license"] == "cc0-1.0"
    assert block["task_categories"] == ["text-generation"]
    assert block["size_categories"] == ["n<1K"]
    assert block["tags"][:3] == ["synthetic", "language-model-evaluation", "architecture-comparison"]
    assert set(block["tags"][3:]) == {*skills("dyna"), *skills("kv")}
    [config] = block["configs"]
    assert config["config_name"] == "default"
    assert config["data_files"] == [
        {"split": split, "path": f"parquet/{split}-*.parquet"} for split in ("train", "validation", "test")
    ]


@pytest.mark.parametrize("names", [("dyna",), tuple(tasks())], ids=["one", "all"])
def test_the_hubs_own_check_passes(
    names: Sequence[str], example: tuple[dict[str, Any], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, _ = example
    cells: list[dict[str, Any]] = [
        {"task": name, "level": level, "version": tasks()[name].version, "params": tasks()[name].presets[level - 1]}
        for name in names
        for level in (1, 2, 3)
    ]
    counted = empty_summary() | {
        "cells": [cell_counts(cell["task"], cell["level"], "train", [{"input_ids": [0] * 9}] * 3) for cell in cells]
    }
    text = card(manifest | {"plan": manifest["plan"] | {"tasks": list(names), "cells": cells}}, counted)
    with serving() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        huggingface_hub.DatasetCard(text).validate()
        assert hub.log == [("POST", "/api/validate-yaml")]
    for name in names:
        assert f"### {name}\n\n{tasks()[name].summary}" in text


@pytest.mark.parametrize("formats", [("parquet", "arrow", "jsonl"), ("arrow", "jsonl", "npy"), ("jsonl",)])
def test_datasets_loads_the_directory_by_its_card(tmp_path: Path, formats: Sequence[str]) -> None:
    from datasets import load_dataset

    small_dataset(tmp_path / "made", ("dyna",), formats)
    splits = load_dataset(str(tmp_path / "made"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in splits.items()} == dict.fromkeys(SHARDS, 12)
    assert ("input_ids" in splits["train"].features) == (formats[0] != "jsonl")
    assert set(splits["test"]["split"]) == {"test"}


def test_token_streams_alone_have_no_config(tmp_path: Path) -> None:
    for fmt in ("bin", "npy"):
        manifest, summary = made(tmp_path / fmt, ("kv",), (fmt,))
        text = card(manifest, summary)
        assert loaded_files(manifest) == []
        assert "configs" not in front(text)
        assert "load_dataset" not in text


def test_the_snippet_for_token_streams_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fmt in ("bin", "npy"):
        manifest, summary = made(tmp_path / fmt, ("kv",), (fmt,))
        snippet = re.search(r"```python\n(import numpy.*?)```", card(manifest, summary), re.DOTALL)
        assert snippet
        monkeypatch.chdir(tmp_path / fmt)
        found: dict[str, Any] = {}
        exec(snippet[1], found)
        assert len(found["tokens"]) == len(found["mask"]) == manifest["shards"][0]["tokens"]
        assert found["rows"][-1, :2].sum() == len(found["tokens"])
        assert found["mask"][0] == 0
        assert found["mask"].max() == 1


def test_a_single_file_and_a_packed_one_are_named_as_they_lie(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    manifest, _ = example
    names = {"train": "train.jsonl.gz", "validation": "jsonl/validation-00000-of-00002.jsonl", "test": "test.jsonl"}
    shards = [{"split": split, "rows": 3, "files": {name: {"kind": "jsonl"}}} for split, name in names.items()]
    empty = {"split": "test", "rows": 0, "files": {"x.jsonl": {"kind": "jsonl"}}}
    assert loaded_files(manifest | {"shards": [*reversed(shards), empty]}) == [
        ("train", "train.jsonl.gz"),
        ("validation", "jsonl/validation-*.jsonl"),
        ("test", "test.jsonl"),
    ]


def test_packed_columns_are_described_as_such(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    manifest, summary = example
    packed = manifest | {"plan": manifest["plan"] | {"seq_len": 128, "packing": "truncate", "formats": ["parquet"]}}
    text = card(packed, summary)
    assert "windows of 128 tokens" in text
    assert "segment_ids" in text
    assert 'row["difficulty"]' not in text
    assert "--seq-len 128 --packing truncate" in text


SIZES = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 10**6: "1M<n<10M", 10**9 - 1: "100M<n<1B", 10**12: "n>1T"}


@pytest.mark.parametrize("rows", SIZES)
def test_size_category(example: tuple[dict[str, Any], dict[str, Any]], rows: int) -> None:
    manifest, summary = example
    counted = summary | {"rows": {"train": rows, "validation": 0, "test": 0}}
    assert front(card(manifest, counted))["size_categories"] == [SIZES[rows]]


def test_sums_on_the_card_are_those_of_the_summary(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    manifest, summary = example
    text = card(manifest, summary)
    rows, tokens = sum(summary["rows"].values()), sum(summary["tokens"].values())
    assert f"| all | {rows:,} | {tokens:,} | 100.0 % |" in text
    for name in ("dyna", "kv"):
        mine = [cell for cell in summary["cells"] if cell["task"] == name]
        assert f"| {name} | {sum(c['rows'] for c in mine):,} | {sum(c['tokens'] for c in mine):,} |" in text
        level = [cell for cell in mine if cell["level"] == 3]
        assert f"| {name} | 3 | {sum(c['rows'] for c in level)} | {sum(c['tokens'] for c in level):,} |" in text


def test_an_estimate_is_told_from_a_bound(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    manifest, summary = example
    known = [cell | {"space": 1000, "space_at_least": 400} for cell in summary["cells"]]
    assert "about 3K" in card(manifest, summary | {"cells": known})
    vast = [cell | {"space": 4.5e16} for cell in summary["cells"]]
    assert "about 1.35e17" in card(manifest, summary | {"cells": vast})
    unknown = [*known[:-1], known[-1] | {"space": None}]
    assert "at least 1.2K" in card(manifest, summary | {"cells": unknown})


def test_the_example_is_a_row_of_the_dataset(tmp_path: Path) -> None:
    manifest, summary = made(tmp_path, ("logic",), ("jsonl",))
    rows = map(json.loads, (tmp_path / "jsonl/train-00000-of-00002.jsonl").read_text().splitlines())
    first = next(rows)
    assert f"input_text: {json.dumps(first['input_text'], ensure_ascii=False)}" in card(manifest, summary)


def test_the_address_is_named_only_if_known(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert "huggingface.co" not in card(*example)
    text = card(*example, repo="me/small")
    assert "url    = {https://huggingface.co/datasets/me/small}" in text
    assert 'load_dataset("me/small", split="train")' in text


def test_the_command_says_all_of_the_plan(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    plan = example[0]["plan"]
    words = shlex.split(command(plan, "a"))
    assert words[:5] == ["synthgen", "generate", "merged", "--tasks", "dyna,kv"]
    at = words.index("--curriculum-weights")
    assert [float(word) for word in words[at + 1 : at + 4]] == list(plan["curriculum_weights"])
    assert words[words.index("--total-tokens") + 1] == str(plan["total_tokens"])
    assert words[words.index("--seed") + 1] == str(plan["seed"])
    assert words[-2:] == ["--output-dir", "a"]
    assert command(plan | {"tasks": ["kv"], "joint": False}).startswith("synthgen generate single kv ")


def test_metadata_holds_the_keys_of_old_and_the_certificate(example: tuple[dict[str, Any], dict[str, Any]]) -> None:
    manifest, summary = example
    found = metadata(manifest, summary)
    assert set(found["config"]) == {"total_tokens", "difficulty_weights", "split_ratios", "seed"}
    assert found["splits"] == summary["rows"]
    assert found["total_samples"] == sum(found["splits"].values())
    assert found["tasks"] == ["dyna", "kv"]
    assert found["versions"]["tasks"] == {"dyna": 1, "kv": 1}
    assert found["certificate"]["leaked"] == 0
    assert found["certificate"]["tokens"] == sum(cell["tokens"] for cell in found["certificate"]["cells"])
    assert json.loads(json.dumps(found)) == found


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_dataset(tmp_path / name, ("dyna", "logic"), ("jsonl",))
    for name in ("README.md", "metadata.json", "statistics.png", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def picture(content: bytes) -> Any:
    from PIL import Image

    image = Image.open(io.BytesIO(content))
    image.load()
    return image


counts = st.lists(st.integers(0, 10**9), min_size=len(EDGES) - 1, max_size=len(EDGES) - 1)


@settings(max_examples=20, deadline=None)
@given(counts, counts, st.lists(st.integers(0, 10**12), max_size=6))
def test_any_counts_give_a_picture(one: list[int], two: list[int], tokens: list[int]) -> None:
    cells = [{"task": f"t{i}", "level": 1 + i % 3, "tokens": count} for i, count in enumerate(tokens)]
    lengths = {"edges": EDGES, "counts": {"1": one, "2": two, "3": [0] * len(one)}}
    assert picture(histogram({"cells": cells, "lengths": lengths})).format == "PNG"


def test_the_picture_is_the_same_each_time_and_grows_with_the_tasks() -> None:
    summary = empty_summary()
    for level, length in ((1, 20), (2, 70), (3, 300)):
        count_row(summary, {"split": "train", "difficulty": level, "input_ids": [0] * length})
    sizes = []
    for names in (["kv"], list(tasks())):
        summary["cells"] = [cell_counts(name, 1, "train", [{"input_ids": [0] * 9}]) for name in names]
        plain = histogram(summary)
        assert histogram(summary) == plain
        sizes.append(picture(plain).size)
    (width, low), (other, high) = sizes
    assert low < width == other < high
    assert width < 1000


@pytest.mark.parametrize("edges", [[0], [16, 19], [0, 4], [5, 2**31], [100, 101, 104], [0, 4, 2**31], list(range(999))])
def test_any_edges_give_a_picture(edges: list[int]) -> None:
    lengths = {"edges": edges, "counts": {level: [1] * (len(edges) - 1) for level in "123"}}
    assert picture(histogram({"cells": [], "lengths": lengths})).format == "PNG"


def test_the_picture_has_the_colours_of_the_levels_that_occur() -> None:
    summary = empty_summary() | {"cells": [{"task": "kv", "level": level, "tokens": level} for level in (1, 3)]}
    image = picture(histogram(summary)).convert("RGB")
    bar = [image.getpixel((x, image.height - 60 - 14)) for x in range(image.width)]
    first, last = bar.count((0x44, 0x77, 0xAA)), bar.count((0xBB, 0x55, 0x66))
    assert first > 100
    assert abs(last - 3 * first) <= 3
    assert (0xDD, 0xAA, 0x33) not in bar
