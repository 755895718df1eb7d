"""The page on the originals' names is true: every name it lists is there, and every name there is listed."""

import re
from pathlib import Path
from random import Random

import pytest
import synthgen
from synthgen import compat

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "compat.md").read_text()
NAMES = PAGE[PAGE.index("## Table of names") : PAGE.index("## Fields")]
FIELDS = PAGE[PAGE.index("## Fields") : PAGE.index("## Rows of")]
ROWS = PAGE[PAGE.index("## Rows of") : PAGE.index("## Where the originals")]


def first_cells(section: str) -> list[str]:
    """Names in the first column of the tables of a section."""
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return re.findall(r"`([\w.]+)`", " ".join(cells))


@pytest.mark.parametrize("name", first_cells(NAMES))
def test_names_of_the_page_are_there(name: str) -> None:
    found: object = compat
    for part in name.split("."):
        found = getattr(found, part)
    assert found


def test_all_names_are_on_the_page() -> None:
    listed = {name.partition(".")[0] for name in first_cells(NAMES)}
    assert listed == set(compat.__all__)
    assert len(first_cells(NAMES)) > 60
    for method in vars(compat.CopyTaskGenerator):
        if method.startswith("generate_"):
            assert f"CopyTaskGenerator.{method}" in first_cells(NAMES)


def test_tasks_of_the_page_exist() -> None:
    named = {*re.findall(r"`([a-z]\w+)\.batch", NAMES), *re.findall(r"`synthgen\.([a-z]\w+)`", NAMES)}
    assert named - {"compat"} <= set(synthgen.tasks())
    assert len(named) > 16


def test_parameters_of_the_page_exist() -> None:
    for task, arguments in re.findall(r"`([a-z]\w+)\.batch\(([^`]*)\)`", NAMES):
        params = {param.name for param in synthgen.tasks()[task].params}
        assert set(re.findall(r"(\w+)=", arguments)) <= params | {"start", "compat_ids", "difficulty"}, task
    for line in FIELDS.splitlines():
        if line.startswith("| `"):
            theirs, ours = (re.findall(r"`(\w+)", cell) for cell in line.split("|")[1:3])
            everybody = {param.name for task in synthgen.tasks().values() for param in task.params}
            assert set(ours) <= everybody, line
            for their, our in zip(theirs, ours, strict=False):
                assert compat.SEED_NAMES.get(their, our) == our
    listed = set(first_cells(FIELDS))
    assert set(compat.SEED_NAMES) <= listed


def test_row_fields_of_the_page_are_those_of_the_rows() -> None:
    for line in ROWS.splitlines():
        task = line.split("|")[1].strip() if line.startswith("| ") else ""
        if task in compat.DEFAULTS:
            row = getattr(compat, f"generate_{task}_example")(Random(1), {})
            fields = [name for name in re.findall(r"`(\w+)`", line) if name != "tokenize"]
            assert [name for name in row if name in fields] == fields
            assert len(row) - len(fields) == (11 if task == "capo" else 0)


def test_the_python_of_the_page_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile(code, "compat.md", "exec"), scope)
    assert "row" in scope
