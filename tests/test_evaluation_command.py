"""The command line of evaluations: what it prints, its exit statuses, and what it refuses."""

import os
from pathlib import Path

import pytest
import synthgen
from synthgen.errors import ParamError

from tests.dataset_files import Cli
from tests.evaluation_runs import command, go, knowing
from tests.evaluation_server import Body, Say, number, question_of, serving


def test_the_console_is_that_of_the_original(cli: Cli, tmp_path: Path) -> None:
    with serving(knowing) as running:
        status, out, err = cli(
            "evaluate", "--base-url", running.url, "--model", "llama-3.1-8b", "--tasks", "dyna", "logic",
            "--difficulties", 1, 2, "--samples-per-combo", 5, "--prompt", "plain", "--output-dir", tmp_path / "run",
        )  # fmt: skip
        bodies = [body for body, _ in running.requests]
    assert status == 0
    assert out.startswith("Evaluating llama-3.1-8b on 2 tasks x 2 difficulties x 5 samples = 20 total\n")
    assert "20 of 20 questions" in err
    for words in (
        "RESULTS SUMMARY",
        "Model: llama-3.1-8b",
        "DYNA",
        "LOGIC",
        "L1:",
        "Easy",
        "Medium",
        "Results saved to",
    ):
        assert words in out
    assert all(body["temperature"] == 0.0 and body["max_tokens"] == 2048 for body in bodies)


def test_keys_come_from_the_environment(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHLM_API_KEY", "old")
    for name, sent in (("SYNTHLM_API_KEY", "old"), ("SYNTHGEN_API_KEY", "new")):
        monkeypatch.setenv(name, sent)
        with serving(knowing) as running:
            directory = tmp_path / name
            assert cli(*command(running, directory, "--tasks", "logic", "--samples-per-combo", "1")[3:])[0] == 0
            assert running.requests[0][1]["authorization"] == f"Bearer {sent}"


def test_exit_statuses(cli: Cli, tmp_path: Path) -> None:
    def half(body: Body, before: int) -> Say:
        return Say(400) if number(question_of(body)) % 2 else knowing(body, before)

    few = ("--tasks", "logic", "--samples-per-combo", "10")
    with serving(half) as running:
        status, out, _ = cli(*command(running, tmp_path / "a", *few)[3:])
        assert status == 3
        assert "30 samples ended in an error" in out
        assert f"synthgen evaluate --resume {tmp_path / 'a'}" in out
        assert cli(*command(running, tmp_path / "b", *few, "--max-errors", "1")[3:])[0] == 0
        running.answer = lambda *_: Say(400)
        status, out, _ = cli(*command(running, tmp_path / "c", *few, "--stop-after-errors", "3")[3:])
        assert status == 4
        assert "given up" in out
        running.answer = knowing
        assert cli("evaluate", "--resume", tmp_path / "c", "--quiet")[0] == 0


def test_a_dry_run_asks_and_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    with serving(knowing) as running:
        status, out, _ = cli(*command(running, tmp_path / "run", "--dry-run", "--shots", "1")[3:])
        assert status == 0
        assert not running.asked
    assert not (tmp_path / "run").exists()
    assert "480 questions" in out
    assert "dyna level 2: 40" in out
    assert "ANSWER: " in out
    assert synthgen.dyna.example(0, 42, split="test", difficulty=1)["input_text"] in out


WRONG: dict[str, tuple[list[str], str]] = {
    "no address": (["--model", "m"], "--base-url"),
    "no model": (["--base-url", "http://x/v1"], "--model"),
    "no url": (["--base-url", "x", "--model", "m"], "http://localhost:8000/v1"),
    "an unknown task": (
        ["--base-url", "http://x/v1", "--model", "m", "--tasks", "dyna", "lgoic"],
        'did you mean "logic"',
    ),
    "a task twice": (["--base-url", "http://x/v1", "--model", "m", "--tasks", "dyna", "dyna"], "each once"),
    "a level": (["--base-url", "http://x/v1", "--model", "m", "--difficulties", "4"], "difficulties = 4"),
    "a split": (["--base-url", "http://x/v1", "--model", "m", "--split", "dev"], "split"),
    "lano plain": (["--base-url", "http://x/v1", "--model", "m", "--tasks", "lano", "--prompt", "plain"], "described"),
    "a style": (["--base-url", "http://x/v1", "--model", "m", "--prompt", "long"], "plain or described"),
    "no samples": (["--base-url", "http://x/v1", "--model", "m", "--samples-per-combo", "0"], "samples_per_combo = 0"),
    "a temperature": (["--base-url", "http://x/v1", "--model", "m", "--temperature", "-1"], "temperature = -1.0"),
    "a timeout": (["--base-url", "http://x/v1", "--model", "m", "--timeout", "0"], "timeout = 0.0"),
    "no retries": (["--base-url", "http://x/v1", "--model", "m", "--max-retries", "-1"], "max_retries = -1"),
    "a share": (["--base-url", "http://x/v1", "--model", "m", "--max-errors", "2"], "max_errors = 2.0"),
    "a body": (["--base-url", "http://x/v1", "--model", "m", "--extra-body", "[1]"], "a JSON object"),
    "a stream": (
        ["--base-url", "http://x/v1", "--model", "m", "--extra-body", '{"stream": true}'],
        "any but messages, model, n, prompt, stream",
    ),
    "a parameter": (["--base-url", "http://x/v1", "--model", "m", "--tasks", "dyna", "--num-opps", "3"], "num_ops"),
    "both": (["--base-url", "http://x/v1", "--checkpoint", "x", "--model", "m"], "not both"),
    "a chat with a checkpoint": (["--checkpoint", "x", "--chat"], "completions"),
    "no run": (["--resume", "nowhere"], "nowhere is no directory of an evaluation"),
    "resume and decide": (["--resume", "nowhere", "--seed", "3"], "leave it out with --resume"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused_in_one_line(
    case: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, said = WRONG[case]
    status, out, err = cli("evaluate", *words)
    assert status == 1
    assert not out
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_taken_is_not_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with serving(knowing) as running:
        status, _, err = cli(*command(running, tmp_path)[3:])
    assert status == 1
    assert "--resume DIR" in err
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_wrong_settings_are_refused_in_python_too(tmp_path: Path) -> None:
    for settings, said in (
        ({"mode": "voice"}, "chat or completions"),
        ({"repeats": 0}, "repeats = 0"),
        ({"tasks": ()}, "tasks"),
    ):
        with pytest.raises(ParamError, match=said):
            go("http://127.0.0.1:1/v1", tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()
