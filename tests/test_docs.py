"""The prose is true: the README's Python runs, its commands exist, its links lead somewhere, its tests are there."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
import synthgen
from synthgen.cli import parser

from docs import check_links

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Code blocks of the README."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_of_the_readme_runs() -> None:
    code = "\n".join(blocks("python"))
    assert code.count("assert") >= 3
    scope: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert isinstance(scope["batch"], synthgen.Batch)
    assert isinstance(scope["windows"], synthgen.Packed)


def commands() -> list[str]:
    """Command lines of synthgen in the README, and on the page of evaluation."""
    page = (ROOT / "docs" / "evaluation.md").read_text()
    lines = "\n".join([*blocks("sh"), *re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]).splitlines()
    return [line for line in dict.fromkeys(lines) if line.startswith("synthgen ")]


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_readme_parse(command: str) -> None:
    args, rest = parser().parse_known_args(shlex.split(command)[1:])
    assert isinstance(args, argparse.Namespace)
    assert not rest or args.takes_params


def test_make_verbs_of_the_prose_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    verbs = set(re.findall(r"make ([a-z][a-z-]*)`?", README + (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"demo", "test", "bench", "gen"} <= verbs
    missing = {verb for verb in verbs if not re.search(rf"^{verb}:", makefile, re.MULTILINE)}
    assert not missing


def test_every_test_that_the_promises_name_exists() -> None:
    table = README[README.index("## Promises") : README.index("## Speed")]
    files = {
        path.name: path
        for path in [*ROOT.glob("tests/*.py"), *ROOT.glob("tests/h*/*.py"), *ROOT.glob("rust/synthgen/**/*.rs")]
    }
    named = re.findall(r"`?([a-z_0-9]+\.(?:rs|py))(?::\s*([a-z_, ]+))?", table)
    assert len(named) > 10
    for name, functions in named:
        assert name in files, name
        for function in filter(None, re.split(r",\s*", functions.strip())):
            assert re.search(rf"fn {function}\(|def {function}\(", files[name].read_text()), (name, function)


def test_links_lead_somewhere() -> None:
    assert {str(page): check_links.broken(page) for page in check_links.pages() if check_links.broken(page)} == {}


def test_every_task_has_its_rooms() -> None:
    for name in synthgen.tasks():
        for room in ("docs/tasks/{}.md", "tests/oracles/{}.py", "tests/kits/{}.py", "benches/plain/{}.py"):
            assert (ROOT / room.format(name)).is_file(), room.format(name)
