"""Writes the file of inspect_ai's task. Imports nothing of inspect_ai."""

from __future__ import annotations

from pathlib import Path

from ..data.files import write_atomic
from ..errors import param_error

NAME = "synthgen_tasks.py"
CONTENT = '''"""Any task of synthgen at any level.

inspect eval {name}@synthgen -T task=dyna -T difficulty=2 --model ...
"""

from inspect_ai import Task, task

from synthgen.export.inspect import build


@task
def synthgen(
    task="dyna",
    difficulty=1,
    samples_per_combo=100,
    seed=42,
    split="test",
    shots=0,
    prompt="described",
    **params,
) -> Task:
    return build(task, difficulty, samples_per_combo, seed, split, shots, prompt, **params)
'''


def export(target: str | Path, overwrite: bool = False) -> Path:
    """Write the file, or a file in a directory; give its path. Raises ParamError for what is there already."""
    path = Path(target)
    path = path if path.suffix == ".py" else path / NAME
    if path.stem == "synthgen":
        raise param_error(None, "file", str(target), "a file of this name hides the package; allowed: another name")
    if path.is_dir():
        raise param_error(None, "file", str(path), "it is a directory; allowed: a file")
    if path.exists() and not overwrite:
        raise param_error(None, "file", str(path), "it is there already; use another, or --overwrite (overwrite=True)")
    write_atomic(path, CONTENT.format(name=path.name).encode())
    return path
