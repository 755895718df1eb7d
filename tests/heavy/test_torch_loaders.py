"""torch DataLoaders: every row once over workers, processes and epochs, in one order, resumed exactly."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen.data import Batches, Stored, shuffled

from tests.stored_fixture import write_stored

pytestmark = pytest.mark.heavy

METHODS = ["fork", "spawn"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of rows."""
    made = tmp_path_factory.mktemp("rows")
    write_stored(made, rows=5, shards=2)
    return made


def sequences(root: Path) -> dict[str, Any]:
    """Sequences of rows of every kind."""
    stored = Stored(root)
    return {
        "source": synthgen.dyna.source(2, 37, difficulty=1),
        "stored": stored,
        "windows": stored.windows(1024),
        "shuffled": shuffled(stored, 4, epochs=2),
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Compare a batch of tensors with one of arrays."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def loader(dataset: Any, workers: int, method: str | None) -> Any:
    from torch.utils.data import DataLoader

    return DataLoader(
        dataset, batch_size=None, num_workers=workers, multiprocessing_context=method if workers else None
    )


@pytest.mark.parametrize("kind", ["source", "stored", "windows", "shuffled"])
@pytest.mark.parametrize(("workers", "method"), [(0, None), (1, "fork"), (2, "fork"), (2, "spawn")])
def test_batches_are_the_same_for_any_number_of_workers(
    root: Path, kind: str, workers: int, method: str | None
) -> None:
    import torch
    from synthgen.data.torch import IterableDataset

    rows = sequences(root)[kind]
    for rank in range(2):
        wanted = list(Batches(rows, 3, rank=rank, world_size=2))
        dataset = IterableDataset(rows, 3, rank=rank, world_size=2)
        found = list(loader(dataset, workers, method))
        assert len(found) == len(wanted) == len(dataset)
        assert all(same(one, other) for one, other in zip(found, wanted, strict=True))
        assert {found[0][name].dtype for name in ("input_ids", "labels", "attention_mask")} == {torch.int64}
        assert found[0]["loss_mask"].dtype == torch.uint8
        # A spawned worker takes seconds to start: one place to resume from, and not the same one for both processes.
        for start in (1, len(wanted) - 1, len(wanted)) if method != "spawn" else (min(1 + rank, len(wanted)),):
            resumed = IterableDataset(rows, 3, rank=rank, world_size=2)
            resumed.load_state_dict({"next": start})
            rest = list(loader(resumed, workers, method))
            assert len(rest) == len(wanted) - start
            assert all(same(one, other) for one, other in zip(rest, wanted[start:], strict=True))


def test_the_state_of_a_pass_without_workers_resumes_it_with_workers(root: Path) -> None:
    from synthgen.data.torch import IterableDataset

    rows = sequences(root)["shuffled"]
    dataset = IterableDataset(rows, 4)
    passing = iter(loader(dataset, 0, None))
    first = [next(passing) for _ in range(5)]
    again = IterableDataset(rows, 4)
    again.load_state_dict(json.loads(json.dumps(dataset.state_dict())))
    found = first + list(loader(again, 2, "fork"))
    assert all(same(one, other) for one, other in zip(found, Batches(rows, 4), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_rows_by_number_go_through_a_sampler(root: Path, method: str) -> None:
    from synthgen.data.torch import Dataset, collate
    from torch.utils.data import DataLoader, DistributedSampler

    stored = Stored(root)
    found: list[str] = []
    for rank in range(2):
        sampler = DistributedSampler(Dataset(stored), num_replicas=2, rank=rank, shuffle=True, seed=1)
        made = DataLoader(
            Dataset(stored),
            batch_size=4,
            sampler=sampler,
            num_workers=2,
            multiprocessing_context=method,
            collate_fn=collate,
        )
        for batch in made:
            for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
                found.append(str(ids[mask == 1].tolist()))
    assert sorted(found) == sorted(str(row["input_ids"].tolist()) for row in stored)


def test_batches_of_a_source_are_the_batches_of_the_task() -> None:
    from synthgen.data.torch import IterableDataset

    batch = synthgen.depo.batch(20, 1, difficulty=1)
    made = next(iter(IterableDataset(synthgen.depo.source(1, 20, difficulty=1), 20, seq_len=batch.input_ids.shape[1])))
    for name in ("input_ids", "loss_mask", "labels", "attention_mask"):
        assert np.array_equal(made[name], getattr(batch, name)), name


PROCESS = """
import json, sys
import synthgen
import torch.distributed as dist
from synthgen.data.torch import IterableDataset
from torch.utils.data import DataLoader

rank, store, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
dataset = IterableDataset(synthgen.dyna.source(0, 23, difficulty=1), 4)
rows = [b["input_ids"].tolist() for b in DataLoader(dataset, batch_size=None, num_workers=2)]
open(out, "w").write(json.dumps(rows))
dist.destroy_process_group()
"""


def test_processes_of_a_distributed_run_find_their_share(tmp_path: Path) -> None:
    (tmp_path / "process.py").write_text(PROCESS)
    outs = [tmp_path / f"{rank}.json" for rank in range(2)]
    asked = [
        [sys.executable, str(tmp_path / "process.py"), str(rank), str(tmp_path / "store"), str(out)]
        for rank, out in enumerate(outs)
    ]
    running = [subprocess.Popen(command) for command in asked]
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    source = synthgen.dyna.source(0, 23, difficulty=1)
    for rank, out in enumerate(outs):
        wanted = [batch["input_ids"].tolist() for batch in Batches(source, 4, rank=rank, world_size=2)]
        assert json.loads(out.read_text()) == wanted


def test_the_example_runs() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "torch_loader.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, check=True, timeout=300)
    assert "25 steps" in done.stdout
    assert "the last 5 steps are the same after resuming: True" in done.stdout
