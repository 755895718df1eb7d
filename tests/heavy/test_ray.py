"""Shards as tasks of a Ray cluster: the same bytes as here, also when a node dies in the middle."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from synthgen import data

pytestmark = pytest.mark.heavy

PLAN = data.Plan.make(
    ["dyna", "logic"], 2_000_000, formats=["jsonl", "parquet", "bin"], shard_tokens=100_000, order="easy-to-hard"
)


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("local") / "data"
    data.generate(PLAN, root)
    return tree(root)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Give a head without cores and two nodes of one core, each a raylet of its own."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        found.add_node(num_cpus=1)
    found.wait_for_nodes()
    yield found
    found.shutdown()


def test_a_cluster_writes_the_same_bytes_though_a_node_dies(cluster: Any, here: dict[str, str], tmp_path: Path) -> None:
    (victim,) = (node for node in list(cluster.worker_nodes)[:1])
    killed: list[int] = []

    def progress(tokens: int) -> None:
        # The first shard is done: others are being written now, one of them on the node that goes.
        if not killed:
            killed.append(tokens)
            cluster.remove_node(victim, allow_graceful=False)

    root = tmp_path / "data"
    manifest = data.generate(PLAN, root, engine="ray", ray_address=cluster.address, progress=progress)
    assert killed
    assert killed[0] < PLAN.total_tokens / 2
    assert manifest is not None
    assert tree(root) == here
    assert data.verify(root).ok


def test_without_an_address_a_cluster_is_started_here(here: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "data"
    data.generate(PLAN, root, engine="ray", workers=2)
    assert tree(root) == here
