"""Training is the same on one device, on eight by either road, in two processes, and across a change of devices."""

import socket
from pathlib import Path

import pytest

from tests.training_records import finish, start


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Losses on one device."""
    return finish(start(1, tmp_path_factory.mktemp("alone") / "run"))


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_eight_devices_learn_what_one_does(
    alone: dict[str, float], tmp_path: Path, parallel: str, accumulate: int
) -> None:
    words = (f"train.parallel={parallel}", f"train.accumulate={accumulate}")
    assert finish(start(8, tmp_path / "run", *words)) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_two_processes_learn_what_one_does(alone: dict[str, float], tmp_path: Path, parallel: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (f"train.coordinator=127.0.0.1:{port}", "train.num_processes=2", f"train.parallel={parallel}")
    both = [start(2, tmp_path / "run", *words, f"train.process_id={number}") for number in range(2)]
    for one in both:
        assert finish(one) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_run_goes_on_with_other_devices(alone: dict[str, float], tmp_path: Path, parallel: str) -> None:
    way = f"train.parallel={parallel}"
    assert len(finish(start(4, tmp_path / "run", way, "train.stop_after=10"))) == 10
    assert finish(start(8, tmp_path / "run", way)) == pytest.approx(alone, abs=1e-5)
