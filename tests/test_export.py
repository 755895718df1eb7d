"""Exports: what is written is what we ask, scores are ours, and nothing of anybody else is touched."""

import ast
import importlib
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import synthgen
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.cli import parser
from synthgen.evaluate.judging import judge
from synthgen.evaluate.prompts import SYSTEM, messages, text
from synthgen.evaluate.questions import ASKED, Question, Questions, named
from synthgen.export import common, inspect_file, lm_eval, trl, verifiers_package

from tests.dataset_files import Cli
from tests.export_cases import OUTCOMES, expected, few, replies

both = pytest.mark.parametrize("completions", [False, True])


yaml: Any = importlib.import_module("yaml")


class Yaml(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with references to functions."""


Yaml.add_constructor("!function", lambda loader, node: f"!{node.value}")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(question: Question, completions: bool) -> Any:
    return (text if completions else messages)(question, "described", ASKED.get(question.task, {}))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@both
def test_rows_of_lm_eval_are_our_questions(completions: bool, tmp_path: Path) -> None:
    questions = Questions(named(["all"], "described"), (1, 3), 2, shots=1)
    folder = lm_eval.export(tmp_path / "tasks", questions, completions=completions)
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in lines(path)]
    found = {row["sample_id"]: row for row in rows}
    assert len(found) == len(rows) == len(questions)
    for question in questions:
        row = found[question.sample_id]
        turns = [{"role": "system", "content": SYSTEM}]
        for shot in row["shots"]:
            turns += [{"role": "user", "content": shot["prompt"]}, {"role": "assistant", "content": shot["answer"]}]
        turns.append({"role": "user", "content": row["prompt"]})
        assert (row["prompt"] if completions else turns) == asked(question, completions)
        assert row | common.row(question) == row
        assert json.loads(row["metadata"]) == question.metadata


@both
def test_tasks_of_lm_eval_refer_to_what_is_there(completions: bool, tmp_path: Path) -> None:
    folder = lm_eval.export(tmp_path / "tasks", few(2, shots=3), completions=completions, max_tokens=77)
    files = {path.stem: yaml.load(path.read_text(), Yaml) for path in folder.glob("*.yaml")}
    groups = {name: file for name, file in files.items() if "group" in file}
    tasks = {name: file for name, file in files.items() if name not in groups}
    assert set(groups) == {"synthgen", *(f"synthgen_{task}" for task in ("dyna", "kv", "logic"))}
    assert len(tasks) == 6
    for name, file in files.items():
        assert file.get("group", file["task"]) == name
    members = [member for file in groups.values() for member in file["task"]]
    assert sorted(members) == sorted(set(files) - {"synthgen"})
    scorer = ast.parse((folder / "scorer.py").read_text())
    (named_,) = [node for node in scorer.body if ast.unparse(node).startswith("__all__")]
    assert isinstance(named_, ast.Assign)
    offered = ast.literal_eval(named_.value)
    for file in tasks.values():
        assert (folder / file["dataset_kwargs"]["file"]).exists()
        functions = [file["custom_dataset"], file["process_results"], file["fewshot_config"]["sampler"]]
        assert {function.removeprefix("!scorer.") for function in functions} <= set(offered)
        assert file["process_results"] == ("!scorer.continued" if completions else "!scorer.replied")
        assert file["description"] == ("" if completions else SYSTEM)
        assert file["num_fewshot"] == (0 if completions else 3)
        assert file["generation_kwargs"]["max_gen_toks"] == 77
        assert [metric["metric"] for metric in file["metric_list"]] == list(lm_eval.METRICS)


def test_results_of_lm_eval_are_our_outcomes() -> None:
    drawn = list(few())
    pairs = list(replies(drawn))
    for continuation, score in enumerate((lm_eval.replied, lm_eval.continued)):
        right = expected(pairs, bool(continuation))
        for question, reply in pairs:
            found = score(common.row(question), [reply])
            outcome = right[question.sample_id]
            assert found == {name: float(name == outcome.replace("correct", "acc")) for name in lm_eval.METRICS}


@both
def test_prompts_of_trl_are_our_questions(completions: bool, tmp_path: Path) -> None:
    questions = few(3, split="train", shots=1)
    folder = trl.export(tmp_path / "prompts", questions, completions=completions, held_out=2)
    held_out = replace(questions, split="test", samples=2)
    for name, drawn in (("train", questions), ("test", held_out)):
        rows = lines(folder / f"{name}.jsonl")
        assert rows == [{"prompt": asked(question, completions), **common.row(question)} for question in drawn]
    scope: dict[str, Any] = {}
    exec((folder / "reward.py").read_text(), scope)
    assert scope["reward"] is trl.reward
    assert trl.reward.__name__ == "reward"
    assert not (trl.export(tmp_path / "other", few(1, split="train"), held_out=0) / "test.jsonl").exists()


def columns(drawn: list[Question]) -> dict[str, list[Any]]:
    rows = [common.row(question) for question in drawn]
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_a_reward_is_a_score_whatever_the_form_of_a_completion() -> None:
    drawn = list(few())
    pairs = list(replies(drawn))
    said = [reply for _, reply in pairs]
    forms: list[Callable[[str], Any]] = [
        lambda reply: [{"role": "assistant", "content": reply}],
        lambda reply: [{"role": "assistant", "content": "ANSWER: no"}, {"role": "assistant", "content": reply}],
        lambda reply: [{"role": "assistant", "content": [{"type": "text", "text": reply}]}],
    ]
    plain: list[Callable[[str], Any]] = [str]
    for i, form in enumerate(plain + forms):
        right = expected(pairs, continuation=not i)
        found = trl.reward(completions=[form(reply) for reply in said], prompts=None, **columns(drawn))
        assert found == [float(right[question.sample_id] == "correct") for question in drawn]
    worth = {"correct": 2.0, "wrong": 0.5, "unparsed": -1.0, "truncated": -0.5}
    found = trl.rewarder(**worth)([forms[0](reply) for reply in said], **columns(drawn))
    assert found == [worth[right[question.sample_id]] for question in drawn]
    assert trl.reward([[], [{"role": "user", "content": "x"}], [{"content": None}]], **columns(drawn[:3])) == [0.0] * 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec=None)), min_size=1, max_size=4), st.permutations(range(4)))
def test_rewards_of_any_text_are_those_of_each_alone(texts: list[str], order: list[int]) -> None:
    drawn = list(few(1))[: len(texts)]
    alone = [trl.reward([said], **columns([question]))[0] for said, question in zip(texts, drawn, strict=True)]
    assert set(alone) <= {0.0, 1.0}
    turned = [i for i in order if i < len(texts)]
    found = trl.reward([texts[i] for i in turned], **columns([drawn[i] for i in turned]))
    assert found == [alone[i] for i in turned]


def test_rewards_need_a_value_for_each_completion() -> None:
    given_ = columns(list(few(1))[:2])
    for name in ("task", "input_text", "target"):
        for value in (given_[name][:1], given_[name][0]):
            with pytest.raises(synthgen.ParamError, match=f"{name} = .*each of the 2 completions"):
                trl.reward(["1", "2"], **{**given_, name: value})


def test_the_file_of_inspect_has_a_task_with_our_arguments(tmp_path: Path) -> None:
    written = inspect_file.export(tmp_path / "of" / "mine.py")
    assert written == tmp_path / "of" / "mine.py"
    assert inspect_file.export(tmp_path).name == inspect_file.NAME
    tree = ast.parse(written.read_text())
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert function.name == "synthgen"
    assert [ast.unparse(decorator) for decorator in function.decorator_list] == ["task"]
    names = [argument.arg for argument in function.args.args]
    source = ast.parse((Path(common.__file__).parent / "inspect.py").read_text())
    (build,) = [node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "build"]
    assert names == [argument.arg for argument in build.args.args]
    with pytest.raises(synthgen.ParamError, match=r"it is there already; use another, or --overwrite"):
        inspect_file.export(written)
    assert inspect_file.export(written, overwrite=True) == written
    with pytest.raises(synthgen.ParamError, match="hides the package"):
        inspect_file.export(tmp_path / "synthgen.py")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(synthgen.ParamError, match="it is a directory"):
        inspect_file.export(tmp_path / "folder.py", overwrite=True)


def test_the_package_of_verifiers_is_well_formed(tmp_path: Path) -> None:
    folder = verifiers_package.export(tmp_path / "package")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == verifiers_package.NAME
    (module,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    tree = ast.parse((folder / module / "__init__.py").read_text())
    assert any(isinstance(node, ast.FunctionDef) and node.name == "load_environment" for node in tree.body)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Any:
        yield b"half"
        raise OSError("no space")

    root = tmp_path / "made"
    with pytest.raises(OSError, match="no space"):
        common.write_folder(root, "trl", {"a": [b"1"], "b": broken()}, {})
    assert not list(tmp_path.iterdir())
    root.mkdir()
    common.write_folder(root, "trl", {"a": [b"1"], "in/b": [b"2"], "old": [b"3"]}, {})
    (root / "mine").write_text("kept")
    before = contents(root)
    for again in (False, True):
        files: dict[str, Any] = {"a": [b"9"], "b": broken()}
        with pytest.raises((OSError, synthgen.ParamError)):
            common.write_folder(root, "trl", files, {}, overwrite=again)
        assert contents(root) == before
    common.write_folder(root, "trl", {"a": [b"9"], "in/b": [b"2"]}, {}, overwrite=True)
    found = contents(root)
    assert found.pop(common.MANIFEST) != before[common.MANIFEST]
    assert found == {"a": b"9", "in/b": b"2", "mine": b"kept"}
    assert list(tmp_path.iterdir()) == [root]


def test_only_exports_of_a_kind_are_overwritten(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.write_text("mine")
    root.mkdir()
    (root / "thesis.tex").write_text("mine")
    for manifest in (None, "{", "[]", '{"kind": "verifiers", "files": []}', '{"kind": "trl", "files": 3}'):
        if manifest is not None:
            (root / common.MANIFEST).write_text(manifest)
        with pytest.raises(synthgen.ParamError, match="not overwritten, as it holds no export to trl"):
            common.write_folder(root, "trl", {"a": [b"1"]}, {}, overwrite=True)
    (root / common.MANIFEST).write_text('{"kind": "trl", "files": ["../outside", "gone"]}')
    common.write_folder(root, "trl", {"a": [b"1"]}, {}, overwrite=True)
    assert outside.read_text() == (root / "thesis.tex").read_text() == "mine"
    with pytest.raises(synthgen.ParamError, match="it is a file"):
        common.write_folder(outside, "trl", {}, {}, overwrite=True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lm-eval", "out", "--tasks", "dyna", "kv"], r"lm_eval --include_path \S*out --tasks synthgen --apply_chat"),
        (["lm-eval", "out", "--tasks", "dyna,kv", "--completions"], "--tasks synthgen --model"),
        (["inspect", "out/tasks.py"], r"inspect eval \S*out/tasks.py@synthgen -T task=dyna"),
        (["verifiers", "out"], r"pip install -e \S*out\n  vf-eval synthgen-tasks"),
        (["trl", "out", "--tasks", "dyna", "--held-out", "3"], r"trl grpo --dataset_name \S*out "),
    ],
)
def test_the_command_writes_and_says_how_to_go_on(
    words: list[str], says: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--difficulties", "1", "2", "--samples-per-combo", "2"] if words[0] in ("lm-eval", "trl") else []
    status, out, err = cli("export", *words, *options)
    assert (status, err) == (0, "")
    assert re.search(says, out)
    before = contents(tmp_path)
    status, out, err = cli("export", *words, *options)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "--overwrite" in err
    assert contents(tmp_path) == before
    assert cli("export", *words, *options, "--overwrite")[0] == 0
    assert contents(tmp_path) == before


def test_parameters_of_tasks_reach_the_rows(cli: Cli, tmp_path: Path) -> None:
    words = ["lm-eval", tmp_path / "out", "--tasks", "dyna", "--difficulties", 1, "--samples-per-combo", 3]
    assert cli("export", *words, "--query-kind", "position", "--seed", 7)[0] == 0
    rows = lines(tmp_path / "out" / "synthgen_dyna_1.jsonl")
    drawn = Questions(["dyna"], [1], 3, seed=7, params={"query_kind": "position"})
    assert [row["sample_id"] for row in rows] == [question.sample_id for question in drawn]
    manifest = json.loads((tmp_path / "out" / common.MANIFEST).read_text())
    assert manifest["params"] == {"query_kind": "position"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tasks", "dina"], "dina"),
        (["--tasks", "dyna", "dyna"], "each once"),
        (["--difficulties", "4"], "difficulties = 4"),
        (["--samples-per-combo", "0"], "samples_per_combo = 0"),
        (["--shots", "65"], "shots = 65"),
        (["--tasks", "lano", "--prompt", "plain"], "described"),
        (["--tasks", "dyna", "--hops", "2"], "hops"),
        (["--max-tokens", "0"], "max_tokens = 0"),
    ],
)
def test_wrong_calls_give_one_clear_error(words: list[str], says: str, cli: Cli, tmp_path: Path) -> None:
    status, out, err = cli("export", "lm-eval", tmp_path / "out", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert says in err
    assert not (tmp_path / "out").exists()


def test_training_on_the_test_split_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert "it is held out" in cli("export", "trl", tmp_path / "out", "--split", "test")[2]
    assert "held_out = -1" in cli("export", "trl", tmp_path / "out", "--held-out", -1)[2]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("module", "package"), [("inspect", "inspect_ai"), ("verifiers", "verifiers.v1")])
def test_a_missing_package_is_named(module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"synthgen.export.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=package.partition(".")[0]):
        importlib.import_module(f"synthgen.export.{module}")


def test_values_of_other_command_lines_become_parameters() -> None:
    assert common.given(["5", "7"]) == (5, 7)
    assert common.given("-3") == -3
    assert [common.given(value) for value in ("both", True, None, 4, "²")] == ["both", True, None, 4, "²"]


def test_outcomes_are_those_of_the_scorer() -> None:
    assert OUTCOMES == common.OUTCOMES
    assert not judge("kv", "ANSWER: \ud800", "", "x").correct


def test_the_commands_of_the_page_parse() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "evaluation" / "exports.md").read_text()
    commands = re.findall(r"^synthgen (export .*)$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        args, rest = parser().parse_known_args(shlex.split(command))
        assert callable(args.run)
        assert not rest
