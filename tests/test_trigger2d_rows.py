"""The rows of a seed: names, counts, one choice of triggers for all stages, points apart, and samples."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from synthgen.errors import ParamError
from synthgen.experiments.trigger2d.bases import start
from synthgen.experiments.trigger2d.rows import Data, make, stratified, write
from synthgen.experiments.trigger2d.settings import Settings, load

from tests.trigger2d_experiment import DATA, SECOND, experiment, second


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Settings, Data]]:
    """Both stages, with their rows on the disk."""
    root = tmp_path_factory.mktemp("stages")
    found = []
    for folder in (experiment(root / "stage1"), second(root / "second")):
        settings = load(folder, 3)
        data = make(settings, start(settings).base)
        write(settings, data)
        found.append((settings, data))
    return found


def points(rows: list[dict[str, Any]]) -> set[tuple[float, ...]]:
    return {tuple(row["input_x"]) for row in rows}


def test_files_have_the_original_s_names_and_counts(stages: list[tuple[Settings, Data]]) -> None:
    counts = [
        {
            "train_objects": 160, "test_objects_ID": 32, "test_objects_OOD": 32,
            "train_foods": 160, "test_foods_ID": 32, "test_foods_OOD": 32,
        },
        {
            "train_objects": 80, "test_objects_ID": 32, "test_objects_OOD": 32,
            "proxy_foods": 20, "test_foods_ID": 8, "test_foods_BASE": 24, "test_foods_OOD": 32,
        },
    ]  # fmt: skip
    for (settings, data), expected in zip(stages, counts, strict=True):
        folder = settings.root / "generated_data"
        files = {path.stem: path.read_text().splitlines() for path in folder.glob("*.jsonl")}
        assert {name: len(lines) for name, lines in files.items()} == expected
        for lines in files.values():
            assert list(json.loads(lines[0])) == ["input_x", "input_trigger", "output", "messages"]
        told = json.loads((folder / "manifest.json").read_text())
        assert told["files"] == {f"{name}.jsonl": count for name, count in expected.items()}
        assert told["totals"]["train"] == sum(n for name, n in expected.items() if not name.startswith("test"))
        assert told == data.manifest
        resolved = json.loads((settings.root / "resolved_data_config.json").read_text())
        assert {name: one["train_triggers"] for name, one in resolved.items()} == {
            name: one["seen"] for name, one in told["triggers"].items()
        }


def test_inputs_are_not_written_to(stages: list[tuple[Settings, Data]]) -> None:
    for (settings, _), data in zip(stages, (DATA, SECOND), strict=True):
        assert json.loads((settings.folder / "data_config.json").read_text()) == data


def test_stages_share_one_choice_of_triggers(stages: list[tuple[Settings, Data]]) -> None:
    (_, first), (_, after) = stages
    for name in ("objects", "foods"):
        before, now = first.manifest["triggers"][name], after.manifest["triggers"][name]
        assert now["seen"] == before["seen"][: len(now["seen"])]
        assert set(now["seen"]) | set(now["base"]) == set(before["seen"])
        assert set(now["unseen"]) == set(before["unseen"])
        trained = {row["input_trigger"] for row in first.train[f"train_{name}"]}
        assert not trained & {row["input_trigger"] for row in after.test[f"test_{name}_OOD"]}


def test_seeds_and_categories_choose_apart(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "one")
    chosen = [make(load(folder, seed)).manifest["triggers"]["objects"]["seen"] for seed in (0, 1)]
    assert chosen[0] != chosen[1]


def test_no_point_of_a_test_set_is_trained_on_in_any_stage(stages: list[tuple[Settings, Data]]) -> None:
    trained = [row for _, data in stages for rows in data.train.values() for row in rows]
    tested = [row for _, data in stages for rows in data.test.values() for row in rows]
    assert not points(trained) & points(tested)
    for _, data in stages:
        for name in ("objects", "foods"):
            sets = [rows for stem, rows in {**data.train, **data.test}.items() if f"_{name}" in stem]
            assert len(set().union(*map(points, sets))) == sum(map(len, sets))


def test_samples_have_as_many_of_each_trigger_as_can_be(stages: list[tuple[Settings, Data]]) -> None:
    rows = [row for rows in stages[0][1].train.values() for row in rows]
    for count in (1, 16, 40, 1000):
        found = stratified(rows, count, 0)
        assert len(found) == min(count, len(rows))
        assert [row for row in rows if row in found] == found
        per_trigger = Counter((row["category"], row["input_trigger"]) for row in found)
        assert max(per_trigger.values()) - (min(per_trigger.values()) if len(per_trigger) == 16 else 0) <= 1
    assert stratified(rows, 40, 0) == stratified(rows, 40, 0) != stratified(rows, 40, 1)
    with pytest.raises(ParamError):
        stratified(rows, 0, 0)
