"""What training tests share: a run small enough to repeat, and its losses."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TINY = (
    "task=recall", "dataset.num_symbols=8", "dataset.num_pairs=3", "dataset.num_queries=2", "model.width=16",
    "model.num_layers=1", "model.num_heads=2", "train.batch_size=16", "train.max_steps=20", "eval.num_examples=20",
    "eval.every=0", "logging=quiet", "logging.every=1", "train.checkpoint_every=0",
)  # fmt: skip
"""20 steps of 16 short rows with a model of one narrow layer."""


def losses(directory: Path, kind: str = "train") -> dict[str, float]:
    """Loss by step; "nan" is nan."""
    rows = map(json.loads, (directory / "metrics.jsonl").read_text().splitlines())
    return {str(row["step"]): float(row[f"{kind}/loss"]) for row in rows if row["kind"] == kind}


def start(devices: int, directory: Path, *words: str) -> subprocess.Popen[str]:
    """Start a run on so many CPU devices."""
    command = [sys.executable, "-m", "tests.training_run", str(devices), *TINY, f"output_dir={directory}", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, float]:
    """Wait for a run and give its losses."""
    printed, said = process.communicate()
    assert process.returncode == 0, said
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found
