"""The examples and the page on feeding run, and the examples are short and print what they promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stored_fixture import write_stored

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PRINTED = {
    "datasets_loader.py": ["rows after resuming: 700", "int64, with a dtype int32"],
    "grain_loader.py": ['{"next_index": 5}', "same after resuming: True"],
    "joint_shuffle.py": ["'text': 600, 'puzzles': 150", "47 batches", "17 more"],
    "custom_task_mix.py": ["copying: 0.", "recall: 0.", "depo, 2 hops: 0."],
    "memmap_loader.py": ["row 0: dyna, level 1", "of 1024 tokens, truncate", "(4, 1024)"],
}
ELSEWHERE = {"torch_loader.py", "train_tiny.py"}
"""Run by heavy/test_torch_loaders.py, and below."""


def run(name: str, *args: str) -> str:
    """What an example prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *args],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    return done.stdout


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_examples_run(name: str, tmp_path: Path) -> None:
    args = []
    if name == "memmap_loader.py":
        write_stored(tmp_path)
        args = [str(tmp_path)]
    if name == "custom_task_mix.py":
        args = ["10", f"output_dir={tmp_path / 'run'}"]
    printed = run(name, *args)
    for part in PRINTED[name]:
        assert part in printed


@pytest.mark.slow
def test_the_tiny_model_learns_to_copy(tmp_path: Path) -> None:
    printed = run("train_tiny.py", str(tmp_path / "run"))
    found = re.search(r"exact match on held-out rows: ([\d.]+)", printed)
    assert found
    assert float(found[1]) >= 0.99
    assert printed.count("(right)") >= 3
    assert (tmp_path / "run" / "accuracy.png").exists()


def test_examples_are_short_and_all_are_run() -> None:
    paths = list(EXAMPLES.glob("*.py"))
    assert {path.name for path in paths} >= PRINTED.keys() | ELSEWHERE
    for name in PRINTED.keys() | ELSEWHERE:
        assert len((EXAMPLES / name).read_text().splitlines()) < 40, name


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "feeding.md").read_text(), re.DOTALL)
    code = "\n".join(block for block in blocks if "torch" not in block)
    assert len(blocks) > 4
    assert code.count("assert") >= 4
    (tmp_path / "data").mkdir()
    write_stored(tmp_path / "data" / "mine")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "feeding.md", "exec"), {})
