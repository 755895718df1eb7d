"""What all exports share: the score of a response, rows as plain values, and a folder that is written whole."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..data.files import json_bytes, sync, temporary
from ..errors import param_error
from ..evaluate.prompts import messages, text
from ..evaluate.questions import Question, Questions
from ..registry import tasks

MANIFEST = "export.json"
"""Says what a folder holds; it is by this file that a folder is known to be an export."""
OUTCOMES = ("correct", "wrong", "unparsed", "truncated")


def checked(questions: Questions, style: str) -> Questions:
    """The questions, if they can be asked in this style. Raises ParamError, UnknownTaskError or SplitExhausted."""
    questions.check(style)
    return questions


def prompt(question: Question, style: str, params: Mapping[str, Any], completions: bool) -> Any:
    """The messages of a chat, or with `completions` the text to be continued."""
    return text(question, style, params) if completions else messages(question, style, params)


def row(question: Question) -> dict[str, Any]:
    """A question without its prompt."""
    return {
        "sample_id": question.sample_id,
        "task": question.task,
        "difficulty": question.difficulty,
        "input_text": question.input_text,
        "target": question.target,
    }


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Rows as lines of JSON."""
    return ((json.dumps(one, ensure_ascii=False) + "\n").encode() for one in rows)


def told(questions: Questions, style: str, **more: Any) -> dict[str, Any]:
    """What a manifest says of the questions: enough to draw them again."""
    asked = dataclasses.asdict(questions)
    versions = {task: tasks()[task].version for task in questions.tasks}
    return {**asked, "params": dict(questions.params), "prompt": style, "task_versions": versions, **more}


def write_folder(
    directory: str | Path,
    kind: str,
    files: Mapping[str, Iterable[bytes]],
    settings: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write an export: all of its files, or on any error none of them.

    Raises ParamError for a folder that is not empty; with `overwrite`, for one that holds no export of this kind.
    """
    root = Path(directory)
    old = _old_files(root, kind, overwrite)
    root.parent.mkdir(parents=True, exist_ok=True)
    made = temporary(root.parent, root.name)
    made.mkdir()
    try:
        for name, parts in files.items():
            _fill(made / name, parts)
        manifest = {"kind": kind, "synthgen": __version__, "files": sorted(files), **settings}
        _fill(made / MANIFEST, [json_bytes(manifest)])
        if root.exists():
            # What somebody else keeps here stays.
            for name in [*files, MANIFEST]:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(made / name, root / name)
            for name in old - set(files):
                (root / name).unlink(missing_ok=True)
        else:
            made.rename(root)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return root


def _fill(path: Path, parts: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(parts)
    sync(path)


def _old_files(root: Path, kind: str, overwrite: bool) -> set[str]:
    """Files of an export that is replaced."""
    if not root.exists():
        return set()
    if not root.is_dir():
        raise param_error(None, "directory", str(root), "it is a file; allowed: a directory")
    if not any(root.iterdir()):
        return set()
    if not overwrite:
        raise param_error(None, "directory", str(root), "it is not empty; use another, or --overwrite (overwrite=True)")
    try:
        found = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        if found["kind"] != kind:
            raise ValueError(f"an export to {found['kind']}")
        names = {str(name) for name in found["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = f"it is not overwritten, as it holds no export to {kind} ({error}); use another"
        raise param_error(None, "directory", str(root), hint) from None
    # A manifest that somebody wrote does not reach outside the folder.
    return {name for name in names if (root / name).resolve().is_relative_to(root.resolve())}


def given(value: Any) -> Any:
    """A parameter as a harness's command line gives it: `5,7` may come as text or as a list of texts."""
    if isinstance(value, list):
        return tuple(given(item) for item in value)
    if isinstance(value, str) and value.removeprefix("-").isdigit() and value.isascii():
        return int(value)
    return value
