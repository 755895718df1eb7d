"""With verifiers: the exported package asks what we ask of a real server, and every trace has our reward."""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.evaluate.judging import judge
from synthgen.evaluate.prompts import messages
from synthgen.evaluate.questions import Questions
from synthgen.export.verifiers_package import MODULE, NAME, export

from tests.evaluation_server import Say, question_of, reply, serving
from tests.export_cases import OUTCOMES, TASKS, expected, few, replies

pytestmark = pytest.mark.harness
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An exported package that can be imported, and nothing else of this machine's user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_KEY", "none")
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.syspath_prepend(export(tmp_path / "package"))
    return tmp_path / "package"


def options(questions: Questions) -> dict[str, Any]:
    """The questions as fields of the taskset."""
    return {
        "tasks": list(questions.tasks),
        "difficulties": list(questions.difficulties),
        "samples_per_combo": questions.samples,
        "shots": questions.shots,
    }


def run(base_url: str, taskset: dict[str, Any]) -> list[Any]:
    """Run an evaluation in this process; the traces."""
    config = importlib.import_module("verifiers.v1.configs.cli.eval").EvalConfig.model_validate(
        {
            "env": {"taskset": {"id": NAME, **taskset}},
            "model": "some",
            "client": {"type": "eval", "base_url": base_url, "api_key_var": "NO_KEY"},
            "push": False,
            "rich": None,
            "output_dir": "outputs",
        }
    )
    episodes = asyncio.run(importlib.import_module("verifiers.v1.cli.eval.runner").run_eval(config))
    return [trace for episode in episodes for trace in episode.traces]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("shots", [0, 2])
def test_it_asks_and_scores_as_we_do(shots: int) -> None:
    questions = few(shots=shots)
    drawn = list(questions)
    pairs = list(replies(drawn))
    right = expected(pairs)
    script = {question.input_text: reply for question, reply in pairs}
    with serving(lambda body, _: reply(script[question_of(body).rpartition("\n\n")[2]])) as server:
        traces = run(server.url, options(questions))
    asked = [body["messages"] for body, _ in server.requests]
    assert len(asked) == len(traces) == len(drawn)
    assert all(messages(question, "described", {}) in asked for question in drawn)
    found = {}
    for trace in traces:
        assert trace.ok
        sample = trace.task.data.id
        found[sample] = "correct" if trace.reward == 1.0 else next(name for name, on in trace.metrics.items() if on)
        assert trace.reward == float(right[sample] == "correct")
        assert trace.metrics == {name: float(right[sample] == name) for name in OUTCOMES[1:]}
    assert found == right


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("finish", "cut"), [("stop", False), ("length", True)])
def test_a_reply_that_was_cut_is_told_to_the_scorer(finish: str, cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("synthgen.export.verifiers")
    told = []

    def noted(*row: Any, **how: Any) -> Any:
        told.append(how)
        return judge(*row, **how)

    monkeypatch.setattr(module, "judge", noted)
    with serving(lambda *_: reply("ANSWER: 1", finish=finish)) as server:
        (trace,) = run(server.url, {"tasks": ["kv"], "difficulties": [1], "samples_per_combo": 1})
    assert trace.ok
    assert {how["cut"] for how in told} == {cut}


@pytest.mark.usefixtures("package")
def test_splits_are_disjoint() -> None:
    load = importlib.import_module(MODULE).load_environment
    rows = {}
    for split in ("train", "test"):
        environment = load(tasks=["logic"], difficulties=[1], samples_per_combo=300, split=split)
        rows[split] = {task.data.input_text for task in environment.taskset}
        drawn = list(Questions(["logic"], [1], 300, split=split))
        assert [task.data.id for task in environment.taskset] == [question.sample_id for question in drawn]
        assert [task.data.target for task in environment.taskset] == [question.target for question in drawn]
    assert not rows["train"] & rows["test"]


@pytest.mark.usefixtures("package")
def test_a_server_that_refuses_is_an_error_and_no_wrong_answer() -> None:
    with serving(lambda *_: Say(reset=True)) as server:
        (trace,) = run(server.url, {"tasks": ["kv"], "difficulties": [1], "samples_per_combo": 1})
    assert not trace.ok
    assert not trace.rewards.get("correct")


@pytest.mark.usefixtures("package")
def test_wrong_options_give_our_error() -> None:
    load = importlib.import_module(MODULE).load_environment
    with pytest.raises(synthgen.UnknownTaskError, match="dina"):
        list(load(tasks=["dina"]).taskset)
    with pytest.raises(synthgen.ParamError, match="difficulties = 4"):
        list(load(difficulties=[4]).taskset)
    with pytest.raises(ValueError, match="splitt"):
        load(splitt="test")


def test_its_command_runs_the_package(package: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(package)])}
    code = "from verifiers.v1.cli.eval.main import main; main()"
    words = [NAME, "--model", "some", "--client.api-key-var", "NO_KEY", "--no-push", "--no-rich"]
    words += ["--env.taskset.tasks", '["dyna"]', "--env.taskset.difficulties", "[2]", "-n", "2", "--output-dir", "out"]
    with serving(lambda *_: reply("ANSWER: ...")) as server:
        command = [sys.executable, "-c", code, *words, "--client.base-url", server.url]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = Path("out").rglob("traces.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 2
    assert TASKS[0] == "dyna"
    assert sorted(json.dumps(line).count("dyna_2_test_") > 0 for line in lines) == [True, True]
