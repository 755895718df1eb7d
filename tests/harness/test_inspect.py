"""With inspect_ai: the exported file and the package's tasks ask what we ask, and every sample has our score."""

import importlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.evaluate.judging import judge
from synthgen.evaluate.prompts import messages
from synthgen.evaluate.questions import Questions
from synthgen.export.inspect_file import export

from tests.export_cases import OUTCOMES, expected, replies

pytestmark = pytest.mark.harness
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def evaluated(task: Any, reply: Callable[[str], tuple[str, str]], **options: Any) -> Any:
    """Run a task with a model that replies to what the user said last; the log."""
    model = importlib.import_module("inspect_ai.model")

    def output(heard: list[Any], *_: Any) -> Any:
        said, stop = reply(heard[-1].text.rpartition("\n\n")[2])
        made = model.ModelOutput.from_content("mock", said, stop_reason=stop)
        # Without a usage the mock would count tokens itself, with a table that it downloads.
        made.usage = model.ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return made

    mock = model.get_model("mockllm/model", custom_outputs=output, memoize=False)
    (log,) = importlib.import_module("inspect_ai").eval(task, model=mock, display="none", log_dir="logs", **options)
    assert log.status == "success", log.error
    return log


@pytest.mark.parametrize("shots", [0, 2])
def test_the_exported_file_asks_and_scores_as_we_do(shots: int) -> None:
    questions = Questions(["dyna"], [2], 12, shots=shots, params={"query_kind": "position"})
    drawn = list(questions)
    pairs = list(replies(drawn))
    right = expected(pairs)
    script = {question.input_text: reply for question, reply in pairs}
    file = export("tasks.py")
    args = {"task": "dyna", "difficulty": 2, "samples_per_combo": 12, "shots": shots, "query_kind": "position"}
    log = evaluated(f"{file}@synthgen", lambda asked: (script[asked], "stop"), task_args=args)
    found_samples = {sample.id: sample for sample in log.samples}
    assert found_samples.keys() == right.keys()
    for question in drawn:
        sample = found_samples[question.sample_id]
        turns = [{"role": turn.role, "content": turn.content} for turn in sample.input]
        assert turns == messages(question, "described", questions.params)
        assert sample.target == question.target
        found = sample.scores["synthgen"]
        assert found.metadata["outcome"] == found.explanation == right[sample.id]
        assert (found.value == "C") == (right[sample.id] == "correct")
        ours = judge("dyna", script[question.input_text], question.input_text, question.target)
        assert found.answer == ours.extracted
    metrics = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
    shares = [list(right.values()).count(name) / len(drawn) for name in OUTCOMES]
    assert [metrics["accuracy"], *(metrics[name] for name in OUTCOMES[1:])] == pytest.approx(shares)
    assert log.eval.task_version == synthgen.tasks()["dyna"].version


def test_thoughts_in_a_field_of_their_own_are_not_scored() -> None:
    model = importlib.import_module("inspect_ai.model")
    parts = [model.ContentReasoning(reasoning="ANSWER: 99"), model.ContentText(text="Nothing.\nAt all.")]

    def output(*_: Any) -> Any:
        message = model.ChatMessageAssistant(content=parts)
        usage = model.ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return model.ModelOutput(model="mock", choices=[model.ChatCompletionChoice(message=message)], usage=usage)

    mock = model.get_model("mockllm/model", custom_outputs=output, memoize=False)
    build = importlib.import_module("synthgen.export.inspect").build
    (log,) = importlib.import_module("inspect_ai").eval(build("kv", 1, 2), model=mock, display="none", log_dir="logs")
    assert [sample.scores["synthgen"].explanation for sample in log.samples] == ["unparsed"] * 2


@pytest.mark.parametrize(("stop", "cut"), [("stop", False), ("max_tokens", True), ("model_length", True)])
def test_a_reply_that_was_cut_is_told_to_the_scorer(stop: str, cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("synthgen.export.inspect")
    told = []

    def noted(*row: Any, **how: Any) -> Any:
        told.append(how)
        return judge(*row, **how)

    monkeypatch.setattr(module, "judge", noted)
    evaluated(module.build("kv", 1, 2), lambda _: ("ANSWER: 1", stop))
    assert told == [{"thoughts": None, "cut": cut}] * 2


def metadata(folder: Path) -> None:
    """What an installation of the package would tell of it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = folder / "synthgen_lm-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    points = project["entry-points"]["inspect_ai"]
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[inspect_ai]\n{lines}")


SCRIPT = """
import inspect_ai
from inspect_ai.model import ModelOutput, ModelUsage, get_model

def output(*_):
    made = ModelOutput.from_content("mock", "ANSWER: x")
    made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return made

model = get_model("mockllm/model", custom_outputs=output)
inspect_ai.eval(
    "synthgen/kv",
    task_args={"difficulty": 3, "samples_per_combo": 3},
    model=model,
    display="none",
    log_dir="logs",
    log_format="json",
)
"""


@pytest.mark.parametrize("installed", [True, False])
def test_the_package_s_tasks_are_found_by_name(installed: bool, tmp_path: Path) -> None:
    folder = tmp_path / "site-packages" if installed else tmp_path / "clone"
    metadata(folder)
    source = ROOT / "python"
    if installed:
        (folder / "synthgen").symlink_to(source / "synthgen")
        source = folder
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(folder)])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = Path("logs").glob("*.json")
    log = json.loads(file.read_text())
    assert log["eval"]["task"] == "synthgen/kv"
    drawn = list(Questions(["kv"], [3], 3))
    assert [sample["id"] for sample in log["samples"]] == [question.sample_id for question in drawn]
    assert [sample["scores"]["synthgen"]["explanation"] for sample in log["samples"]] == [
        judge("kv", "ANSWER: x", question.input_text, question.target).outcome for question in drawn
    ]


def test_wrong_arguments_give_our_error() -> None:
    build = importlib.import_module("synthgen.export.inspect").build
    for arguments, message in (
        ({"task": "dina"}, "dina"),
        ({"task": "dyna", "difficulty": 4}, "difficulties = 4"),
        ({"task": "dyna", "split": "all"}, "split"),
        ({"task": "dyna", "hops": 2}, "hops"),
        ({"task": "lano", "prompt": "plain"}, "described"),
    ):
        with pytest.raises(synthgen.SynthgenError, match=message):
            build(**arguments)
