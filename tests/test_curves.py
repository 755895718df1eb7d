"""Curves of a run: which are drawn, of which points, and that equal tables give equal bytes."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthgen.errors import SynthgenError
from synthgen.train.curves import plot, read
from synthgen.train.records import TABLE, Recorder


def run(directory: Path, steps: int = 6) -> Path:
    """Records with everything that a figure can be made of."""
    with Recorder(directory) as recorder:
        for step in range(steps):
            train = {"loss": 4 * 0.4**step, "tokens_per_second": 1e6 + step, "data_wait": 0.01, "lr": 0.1}
            recorder.record(step, "train", train)
            if step % 2 == 0:
                right = step / steps
                groups = {f"exact_match/hops={hops}": right / (i + 1) for i, hops in enumerate([10, 2, "17-32"])}
                tasks = {f"answer_accuracy/task={name}": right for name in ("dyna", "a/b c")}
                recorder.record(step, "eval", {"loss": 5 - step, "exact_match": right} | groups | tasks)
    return directory


def test_every_figure_is_drawn(tmp_path: Path) -> None:
    paths = plot(run(tmp_path))
    names = ["loss", "accuracy", "answer_accuracy_by_task", "exact_match_by_hops", "throughput"]
    assert paths == [tmp_path / f"{name}.png" for name in names]
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.size[0] >= 800
            assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20
            assert not {"Software", "Date", "Creation Time"} & set(image.info)
    assert not list(tmp_path.glob("*.tmp"))


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    one, other = (plot(run(tmp_path / name)) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_the_global_state_of_matplotlib_is_left_alone(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    had = "matplotlib.pyplot" in sys.modules
    plot(run(tmp_path))
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == had


def test_what_is_not_there_is_not_drawn(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        assert plot(tmp_path) == []
        recorder.record(0, "train", {"data_wait": math.nan, "lr": 1.0})
        assert plot(tmp_path) == []
        recorder.record(1, "train", {"loss": math.inf})
        recorder.record(2, "train", {"loss": 0.0})
        assert plot(tmp_path) == [tmp_path / "loss.png"]


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    table = run(tmp_path) / TABLE
    whole = read(table)
    content = table.read_bytes()
    table.write_bytes(content[:-3])
    steps, values = read(table)["train/loss"]
    assert steps.tolist() == [0, 1, 2, 3, 4]
    assert values.tolist() == whole["train/loss"][1][:-1].tolist()


def test_points_are_those_recorded(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for step, loss in ((1, 2.0), (5, math.nan), (7, -math.inf), (9, 1.0)):
            recorder.record(step, "train", {"loss": loss})
    curves = read(tmp_path / TABLE)
    assert list(curves) == ["train/loss"]
    assert curves["train/loss"][0].tolist() == [1, 5, 7, 9]
    np.testing.assert_array_equal(curves["train/loss"][1], [2, math.nan, math.nan, 1])


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthgenError, match="name the directory of a run"):
        plot(tmp_path)
