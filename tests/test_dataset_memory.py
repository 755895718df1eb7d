"""Peak memory of a run does not grow with the dataset."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LIMIT = 600
"""MiB, whatever the size of the dataset."""
FORMATS = {"bin": ["bin"], "parquet": ["parquet"], "jsonl": ["jsonl", "--metadata", "none"]}


MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between: a child's peak begins with the size of the process that starts it."""


def peak(root: Path, tokens: str, *words: str) -> float:
    """Peak resident memory of the command line in MiB."""
    command = ["generate", "merged", "--total-tokens", tokens, "--output-dir", str(root), "--quiet", "--workers", "2"]
    run = [sys.executable, "-c", MEASURED, sys.executable, "-m", "synthgen.cli", *command, "--format", *words]
    used = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    shutil.rmtree(root)
    return used / (1 << (20 if sys.platform == "darwin" else 10))


@pytest.mark.parametrize("name", FORMATS)
def test_memory_stays_flat(tmp_path: Path, name: str) -> None:
    small, large = (peak(tmp_path / "data", tokens, *FORMATS[name]) for tokens in ("40M", "100M"))
    assert large <= LIMIT
    # Allocators differ from run to run; a dataset held in memory would need 2.5 times as much.
    assert large <= 1.3 * small + 40, (small, large)
