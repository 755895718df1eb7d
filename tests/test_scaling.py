"""Mini-scaling laws: a grid through the command line, what stops it, what is told apart, and what was expected."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import synthgen
from PIL import Image
from synthgen.errors import DatasetError, ParamError
from synthgen.experiments import grid, scaling
from synthgen.experiments.scaling import Cell, cells, compose, floor, models
from synthgen.experiments.scaling_figures import figures
from synthgen.experiments.scaling_report import (
    AGREES,
    BESIDE,
    DISAGREES,
    EXPECTED,
    FAMILIES,
    NOBODY,
    OPEN,
    Row,
    Summary,
    differences,
    gaps,
    summarise,
    write_report,
)

from tests.dataset_files import Cli

SMALL = (
    "tasks=[logic]", "models=[transformer,linear]", "levels=[2]", "seeds=[0]", "model.width=16", "model.num_layers=1",
    "model.num_heads=2", "train.max_steps=4", "train.batch_size=8", "eval.num_examples=24", "optimizer.lr=5e-3",
)  # fmt: skip
TABLES = ("results.csv", "results.parquet", "summary.csv", "differences.csv", "differences.md")


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scaling")
    from synthgen.cli import main

    assert main(["scaling", "--preset", "smoke", *SMALL, f"output_dir={root}"]) == 0
    return root


def test_a_grid_is_a_row_for_each_run(done: Path) -> None:
    rows = read(done / "results.csv")
    assert [(row["task"], row["model"], row["level"], row["seed"]) for row in rows] == [
        ("logic", model, "2", "0") for model in ("transformer", "linear")
    ]
    for row in rows:
        assert (row["size"], row["axis"], row["steps"]) == ("0.2m", "difficulty", "4")
        assert 0 <= float(row["exact_match"]) <= 1
        assert int(row["answers"]) == 24
        assert 0.4 < float(row["chance"]) < 0.8
        assert math.isfinite(float(row["loss"]))
    first = synthgen.logic.batch(32, 0, difficulty=2, split="train")
    assert int(rows[0]["tokens"]) == int(first.lengths.sum())
    assert not any("second" in name or "time" in name for name in rows[0])
    assert set((done / "timing.json").read_text().split('"')[1::2]) == {path.name for path in (done / "runs").iterdir()}


def test_the_tables_say_the_same(done: Path) -> None:
    stored = pyarrow.parquet.read_table(done / "results.parquet").to_pylist()
    assert [{name: str(value) for name, value in row.items()} for row in stored] == read(done / "results.csv")
    assert len(read(done / "summary.csv")) == 2
    assert [row["verdict"] for row in read(done / "differences.csv")] == [NOBODY]
    assert "| logic | 2 | 0.2m |" in (done / "differences.md").read_text()


def test_figures_are_pictures(done: Path) -> None:
    assert {path.name for path in done.glob("*.png")} == {"heatmap.png", "difficulty-logic.png"}
    for path in done.glob("*.png"):
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20


def test_a_grid_that_is_stopped_comes_to_the_same_files(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    real, count = grid._run, []

    def stopped(job: grid.Job, compiled: str) -> Any:
        count.append(job)
        if len(count) == 2:
            raise KeyboardInterrupt
        return real(job, compiled)

    words = ("scaling", "--preset", "smoke", *SMALL, f"output_dir={tmp_path}")
    with monkeypatch.context() as patch:
        patch.setattr(grid, "_run", stopped)
        assert cli(*words)[0] == 130
    assert not (tmp_path / "results.csv").exists()
    status, out, err = cli(*words)
    assert status == 0
    assert "not learned by anyone" in out
    assert err.count("done before") == 1
    for name in (*TABLES, "heatmap.png"):
        assert (tmp_path / name).read_bytes() == (done / name).read_bytes(), name


def test_other_settings_in_a_directory_are_refused(done: Path) -> None:
    with pytest.raises(DatasetError, match="other settings"):
        scaling.scaling([*SMALL, "train.max_steps=5", f"output_dir={done}"], "smoke")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tasks=[dyna,nope]"], "tasks = 'nope'; allowed: .*dyna"),
        (["models=[gla,nope]"], "models = 'nope'; allowed: .*mamba2"),
        (["sizes=[2m]"], "sizes = '2m'; allowed: .*0.2m"),
        (["levels=[1,4]"], "levels = 4; allowed: .*1, 2, 3"),
        (["seeds=[]"], "seeds = .*one at least"),
        (["seeds=[1,1]"], "seeds = .*each once"),
        (["seeds=[-1]"], "seeds = .*integers >= 0"),
        (["workers=0"], "workers = 0"),
        (["axis=num_ops"], "axis = 'num_ops'; .*values"),
        (["axis=difficulty", "values=[1]"], "axis = 'difficulty'; .*levels"),
        (["axis=num_ops", "values=[5,5]"], "values = .*each once"),
        (["model=gla"], r"model = 'gla'; allowed: models=\[...\]"),
        (["seed=3"], r"seed = '3'; allowed: seeds=\[...\]"),
        (["per_model.nope.num_layers=2"], "per_model = 'nope'"),
        (["per_model.gla.depth=2"], "per_model.gla.depth = 2"),
        (["sizes=[1m,10m]", "model.width=64"], "sizes = .*model.width = 64"),
        (["optimizer.lr=-1"], "optimizer.lr = -1"),
        (["task_s=[dyna]"], "task_s: no such key"),
    ],
)
def test_wrong_words_are_refused_in_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ParamError, match=said) as found:
        cells(words)
    assert "\n" not in str(found.value)


def test_what_a_task_refuses_is_refused_before_anything_runs(tmp_path: Path, cli: Cli) -> None:
    words = ("scaling", "tasks=[dyna,logic]", "axis=num_ops", "values=[5]", f"output_dir={tmp_path}/new")
    status, _, err = cli(*words)
    assert status == 1
    assert "num_ops" in err
    assert not (tmp_path / "new").exists()


def test_settings_go_to_all_runs_and_to_single_models() -> None:
    words = (
        "tasks=[kv]", "models=[gla,mamba2]", "sizes=[1m,10m]", "levels=[2]", "optimizer.lr=3e-3", "model.canon=A",
        "per_model.gla.num_heads=2",
    )  # fmt: skip
    found = cells(words)
    assert len(found) == 8
    for one in found:
        config = one.config
        assert (config.dataset.name, config.dataset.difficulty, config.train.seed) == ("kv", 2, one.seed)
        assert (config.optimizer.lr, config.model["canon"], config.model["size"]) == (3e-3, "A", one.size)
        assert (config.eval.split, config.eval.every) == ("test", 0)
        assert config.model["mixers"] == [one.model]
        assert config.model["num_heads"] == (2 if one.model == "gla" else None)
        # Without MLPs, twice the layers.
        assert config.model["num_layers"] == ({"1m": 10, "10m": 16}[one.size] if one.model == "mamba2" else None)
    assert len({one.name for one in found}) == 8


def test_any_axis_may_be_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def trained(jobs: list[grid.Job], root: Path, **_: Any) -> dict[str, dict[str, float]]:
        asked.update({job.name: job.config.dataset.config for job in jobs})
        names = ("answers", "answer_accuracy", "exact_match", "completion", "loss")
        values = {f"{name}/depth={value}": 1.0 for name in names for value in (2, [3, 4])}
        return {job.name: {"parameters": 10.0, **values} for job in jobs}

    monkeypatch.setattr(scaling, "run_jobs", trained)
    words = [*SMALL, "models=[linear]", "axis=depth", "values=[2,[3,4]]", f"output_dir={tmp_path}"]
    scaling.scaling(words, "smoke")
    assert [(row["axis"], row["level"]) for row in read(tmp_path / "results.csv")] == [("depth", "2"), ("depth", "3-4")]
    assert asked == {
        "logic-linear-0.2m-depth-2-seed0": {"depth": 2},
        "logic-linear-0.2m-depth-3-4-seed0": {"depth": [3, 4]},
    }


def test_runs_of_one_program_are_far_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def trained(jobs: list[grid.Job], root: Path, **_: Any) -> dict[str, dict[str, float]]:
        order.extend(job.name for job in jobs)
        raise KeyboardInterrupt

    monkeypatch.setattr(scaling, "run_jobs", trained)
    with pytest.raises(KeyboardInterrupt):
        scaling.scaling([*SMALL, "seeds=[3,1]", "levels=[2,1]", f"output_dir={tmp_path}"], "smoke")
    assert [name.removeprefix("logic-") for name in order] == [
        f"{model}-0.2m-level{level}-seed{seed}"
        for seed in (3, 1)
        for level in (2, 1)
        for model in ("transformer", "linear")
    ]


@pytest.mark.parametrize("preset", ["smoke", "readme", "paper"])
def test_presets_are_grids(preset: str) -> None:
    config, found = compose((), preset), cells((), preset)
    parts: tuple[Sequence[object], ...] = (config.tasks, config.models, config.sizes, config.levels, config.seeds)
    assert len(found) == math.prod(len(part) for part in parts)
    assert len({one.name for one in found}) == len(found)
    assert set(config.models) <= set(models())


def test_the_floor_is_about_the_share_of_the_most_frequent_answer() -> None:
    (cell,) = cells(["tasks=[logic]", "models=[linear]", "levels=[3]", "seeds=[5]"])
    rows = synthgen.logic.batch(4096, 5, difficulty=3, split="test")
    ones = np.mean([rows.example(row)["target"] == "1" for row in range(4096)])
    assert floor(cell.config, cell.value) == pytest.approx(max(ones, 1 - ones), abs=0.05)


def made(task: str, matches: dict[str, list[float]], answers: int = 500) -> list[Summary]:
    rows = [
        Row(task, model, "0.2m", 1000, "difficulty", "1", seed, 10, 100, answers, value, value, value, 1.0, 0.1)
        for model, values in matches.items()
        for seed, value in enumerate(values)
    ]
    return summarise(rows)


def test_what_is_noise_is_marked() -> None:
    found = {
        one.model: one.against_best
        for one in made("dyna", {"gla": [0.90, 0.91], "gdn": [0.91, 0.89], "linear": [0.2, 0.22], "mamba2": [0.1, 0.9]})
    }
    assert found == {"gla": "best", "gdn": "noise", "linear": "below", "mamba2": "noise"}


def test_one_seed_tells_nothing_apart() -> None:
    one, other = made("dyna", {"gla": [1.0], "linear": [0.0]})
    assert not gaps([(one, other)])[0].told
    assert one.mean_low == 0
    assert one.mean_high == 1


def test_seeds_that_agree_by_luck_are_not_sure() -> None:
    one, other = made("dyna", {"gla": [0.5, 0.5], "linear": [0.4, 0.4]}, answers=20)
    assert not gaps([(one, other)])[0].told


def test_equal_models_are_seldom_told_apart() -> None:
    """Of 400 pairs without a difference, at most the 5 % that the rule allows, and three deviations of that."""
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(400):
        shares = np.clip(0.5 + 0.1 * rng.standard_normal((2, 2)), 0, 1)
        one, other = made("dyna", {"gla": shares[0].tolist(), "linear": shares[1].tolist()})
        told += gaps([(one, other)])[0].told
    assert told <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


@pytest.mark.parametrize(
    ("task", "matches", "verdict"),
    [
        ("dyna", {"transformer": [0.9, 0.91], "gdn": [0.6, 0.61], "linear": [0.2, 0.21]}, AGREES),
        ("dyna", {"transformer": [0.2, 0.21], "gdn": [0.9, 0.91], "linear": [0.2, 0.2]}, DISAGREES),
        ("dyna", {"transformer": [0.9, 0.91], "gdn": [0.9, 0.9], "linear": [0.2, 0.2]}, OPEN),
        ("inducto", {"transformer": [0.9, 0.91], "mamba2": [0.6, 0.61], "linear": [0.2, 0.21]}, AGREES),
        ("filtro", {"transformer": [0.11, 0.12], "mamba2": [0.1, 0.1], "linear": [0.1, 0.1]}, NOBODY),
        ("logic", {"transformer": [0.9, 0.9], "mamba2": [0.9, 0.9], "linear": [0.9, 0.9]}, OPEN),
        ("logic", {"transformer": [0.9, 0.9], "mamba2": [0.9, 0.9], "linear": [0.4, 0.4]}, DISAGREES),
        ("dyna", {"gla": [0.9, 0.9]}, OPEN),
    ],
)
def test_verdicts(task: str, matches: dict[str, list[float]], verdict: str) -> None:
    (found,) = differences(made(task, matches))
    assert found.verdict == verdict


def test_the_table_of_differences_is_filled(tmp_path: Path) -> None:
    matches = {"transformer": [0.8, 0.81], "transformer_canon": [0.9, 0.91], "gla": [0.7, 0.7], "linear": [0.2, 0.21]}
    rows = [
        Row(task, model, "0.2m", 1000, "difficulty", level, seed, 10, 100, 500, value, value, value, 1.0, 0.1)
        for task in [*EXPECTED, "kv"]
        for level in "12"
        for model, values in matches.items()
        for seed, value in enumerate(values)
    ]
    write_report(tmp_path, rows)
    table = read(tmp_path / "differences.csv")
    assert [(row["task"], row["level"]) for row in table] == [(task, level) for task in EXPECTED for level in "12"]
    for row in table:
        assert (row["transformers_model"], float(row["transformers_exact_match"])) == ("transformer_canon", 0.905)
        assert (row["mamba_gdn_model"], row["gla_model"], row["linear_attention_model"]) == ("", "gla", "linear")
        assert row["transformers_expected"]
    text = (tmp_path / "differences.md").read_text()
    for name in (*FAMILIES, *BESIDE):
        assert f" {name} |" in text
    assert text.count("\n| dyna |") == 2
    assert "linear 0.205" in text


def test_figures_of_several_sizes() -> None:
    small = made("dyna", {"gla": [0.5, 0.6], "linear": [0.2, 0.3]})
    large = [replace(one, size="1m", parameters=10_000) for one in small]
    found = figures([*small, *large])
    assert list(found) == ["heatmap-0.2m.png", "heatmap-1m.png", "difficulty-dyna.png", "parameters-dyna.png"]
    assert all(content.startswith(b"\x89PNG") for content in found.values())


def test_show_config_prints_the_grid_and_runs_nothing(tmp_path: Path, cli: Cli) -> None:
    words = (*SMALL, f"output_dir={tmp_path}/new")
    status, out, _ = cli("scaling", "--preset", "smoke", *words, "--show-config", "--workers", 3)
    assert status == 0
    assert "workers: 3" in out
    assert "# 2 runs: logic-transformer-0.2m-level2-seed0 ... logic-linear-0.2m-level2-seed0" in out
    assert not (tmp_path / "new").exists()


def test_cells_name_their_values() -> None:
    config = cells(["tasks=[dyna]", "models=[gla]", "levels=[1]", "seeds=[0]"])[0].config
    config = replace(config, eval=replace(config.eval, axis="num_ops"))
    assert Cell("dyna", "gla", "1m", [5, 10], 2, config).name == "dyna-gla-1m-num_ops-5-10-seed2"
