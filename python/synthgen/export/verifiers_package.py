"""Writes the package of a verifiers environment. Imports nothing of verifiers."""

from __future__ import annotations

from pathlib import Path

from .common import write_folder

KIND = "verifiers"
NAME, MODULE = "synthgen-tasks", "synthgen_tasks"
PYPROJECT = f"""[project]
name = "{NAME}"
version = "0.1.0"
description = "Synthetic reasoning tasks with exact answers, from synthgen."
requires-python = ">=3.11"
dependencies = ["synthgen-lm", "verifiers>=0.4"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["{MODULE}"]
"""
CONTENT = '''"""Tasks of synthgen as an environment: `vf-eval synthgen-tasks --env.taskset.tasks '["dyna"]' ...`."""

from synthgen.export.verifiers import SynthgenEnv, SynthgenHarness, SynthgenTaskset, environment

__all__ = ["SynthgenEnv", "SynthgenHarness", "SynthgenTaskset", "load_environment"]


def load_environment(**options):
    """The environment: tasks, difficulties, samples_per_combo, seed, split, shots, prompt, params."""
    return environment(__name__, **options)
'''


def export(directory: str | Path, overwrite: bool = False) -> Path:
    """Write the package. Raises ParamError for a directory that is not empty."""
    files = {"pyproject.toml": [PYPROJECT.encode()], f"{MODULE}/__init__.py": [CONTENT.encode()]}
    return write_folder(directory, KIND, files, {}, overwrite)
