"""Grids of runs: each done once, whatever stops them, one after another or together."""

import json
from pathlib import Path
from typing import Any

import pytest
from synthgen.errors import DatasetError
from synthgen.experiments import grid
from synthgen.experiments.grid import Job, run_jobs
from synthgen.train.config import compose

from tests.training_records import TINY


def jobs(*words: str, seeds: int = 2) -> list[Job]:
    return [Job(f"seed-{seed}", compose([*TINY, f"seed={seed}", *words])) for seed in range(seeds)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("grid")
    return root, {name: dict(figures) for name, figures in run_jobs(jobs(), root).items()}


def test_runs_that_are_done_are_not_run_again(
    done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, figures = done
    monkeypatch.setattr(grid, "_run", None)
    told = []
    assert run_jobs(jobs(), root, told=lambda *what: told.append(what[0])) == figures
    assert told == [1, 2]


def test_other_settings_are_refused(done: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(DatasetError, match="other settings"):
        run_jobs(jobs("optimizer.lr=1e-4"), done[0])


def test_a_grid_that_is_stopped_comes_to_the_same(
    done: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = grid._run, []

    def stopped(job: Job, compiled: str) -> Any:
        count.append(job)
        if len(count) == 2:
            raise KeyboardInterrupt
        return real(job, compiled)

    with monkeypatch.context() as patch:
        patch.setattr(grid, "_run", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_jobs(jobs(), tmp_path)
    assert (tmp_path / "seed-0" / "result.json").exists()
    assert run_jobs(jobs(), tmp_path) == done[1]
    first, second = (json.loads((root / "seed-1" / "result.json").read_text()) for root in (done[0], tmp_path))
    assert first == second


def test_processes_come_to_what_one_comes_to(done: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    found = run_jobs(jobs(), tmp_path, workers=2)
    assert list(found) == list(done[1])
    for name, figures in found.items():
        assert figures == pytest.approx(done[1][name], rel=1e-4, nan_ok=True)
