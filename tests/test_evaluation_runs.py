"""Runs: what is asked does not depend on how, nothing is lost or doubled, and a run that was stopped goes on."""

import asyncio
import json
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.evaluate import Evaluation, Pace, Questions, Result, evaluate
from synthgen.evaluate.prompts import between
from synthgen.evaluate.store import RESULTS, SUMMARY, key_of, lines, read_state, rows
from synthgen.evaluate.summary import figures

from tests.evaluation_runs import COMMAND, FAST, TASKS, command, go, knowing, solved
from tests.evaluation_server import FAULTS, Body, Say, fault, number, question_of, reply, serving


def test_a_run_leaves_rows_state_and_summary(tmp_path: Path) -> None:
    with serving(knowing) as running:
        result = go(running.url, tmp_path / "run")
    assert result.finished
    found = list(rows(tmp_path / "run"))
    assert len(found) == 40
    for row in found:
        right = solved(row["input_text"])
        assert row["target"] == right
        assert row["is_correct"] == (row["outcome"] == "correct") == (row["extracted_answer"] == right)
        assert row["outcome"] in ("correct", "unparsed", "truncated")
        assert row["metadata"]["measured"]
        assert (row["prompt_tokens"], row["completion_tokens"], row["attempts"]) == (10, 5, 1)
        assert row["error"] is None
        assert row["timestamp"].endswith("Z")
    state = read_state(tmp_path / "run")
    assert state["completed_count"] == state["total_samples"] == 40
    assert set(state["completed_sample_ids"]) == {row["sample_id"] for row in found}
    kept = json.loads((tmp_path / "run" / SUMMARY).read_text())
    assert kept == json.loads(json.dumps(result.summary))
    assert kept["overall"]["correct"] == sum(row["is_correct"] for row in found)


def test_what_is_asked_depends_on_nothing_else(tmp_path: Path) -> None:
    def prompts(name: str, **settings: Any) -> dict[str, str]:
        with serving(knowing) as running:
            go(running.url, tmp_path / name, **settings)
        return {row["sample_id"]: row["input_text"] for row in rows(tmp_path / name)}

    whole = prompts("whole", samples=8, difficulties=(1, 2, 3))
    changed: dict[str, dict[str, Any]] = {
        "one level": {"difficulties": (2,)},
        "levels turned": {"difficulties": (3, 1)},
        "one task": {"tasks": ("filtro",)},
        "fewer": {"samples": 2},
        "with shots": {"tasks": ("logic",), "shots": 2},
        "described": {"tasks": ("dyna",), "samples": 1, "prompt": "described"},
    }
    for name, settings in changed.items():
        part = prompts(name, **settings)
        assert part
        assert part.items() <= whole.items()
    other = prompts("another seed", seed=7)
    assert not set(other.values()) & set(whole.values())
    assert prompts("a split", split="validation").keys() == {
        f"{task}_{level}_validation_{i}" for task in TASKS for level in (1, 2) for i in range(5)
    }


def test_an_id_names_the_row_of_the_library() -> None:
    for question in Questions(samples=3, split=None):
        task, level, i = question.sample_id.split("_")
        row = synthgen.get(task).example(int(i), 42, difficulty=int(level))
        assert (question.input_text, question.target) == (row["input_text"], row["target"])


def test_shots_come_from_train_and_never_show_the_question() -> None:
    few, many = (Questions(("filtro", "facts"), (1,), 20, shots=shots) for shots in (2, 5))
    for one, other in zip(few, many, strict=True):
        assert other.shots[:2] == one.shots
        assert len(set(other.shots)) == 5
        assert one.input_text not in {shot.input_text for shot in other.shots}
        for shot in other.shots:
            assert synthgen.get(one.task).validate(shot._asdict(), difficulty=1)


def test_repeats_ask_everything_again(tmp_path: Path) -> None:
    with serving(knowing) as running:
        result = go(running.url, tmp_path / "run", repeats=3)
    found = Counter(key_of(row) for row in rows(tmp_path / "run"))
    assert len(found) == 120
    assert set(found.values()) == {1}
    assert {repeat for _, repeat in found} == {0, 1, 2}
    assert result.summary["overall"]["total_samples"] == 120


@pytest.mark.parametrize("mode", ["chat", "completions"])
@pytest.mark.parametrize("prompt", ["plain", "described"])
def test_every_task_is_asked_and_its_right_answers_are_right(mode: str, prompt: str, tmp_path: Path) -> None:
    """The right answer to each question, in a chat or as the text that the row goes on with, shots before it."""
    tasks = tuple(task for task in synthgen.tasks() if prompt == "described" or task != "lano")
    questions = Questions(tasks, (1, 3), 3, shots=1)
    evaluation = Evaluation("right", "http://replaced/v1", questions=questions, mode=mode, prompt=prompt)
    answers = {}
    for question in questions:
        put = evaluation.prompt_of(question)
        said = put if isinstance(put, str) else put[-1]["content"]
        goes_on = f"{between(question.task)}{question.target}\n\nand so on"
        answers[json.dumps(put)] = f"ANSWER: {question.target}" if mode == "chat" else goes_on
        assert said.endswith(question.input_text)
        assert isinstance(put, str) or put[-2]["content"] == f"ANSWER: {question.shots[0].target}"
    # As text to be continued, Lano asks the same of everybody, and any string of the grammar is right.
    assert len(answers) >= len(questions) - 4
    key = "messages" if mode == "chat" else "prompt"
    with serving(lambda body, _: reply(answers[json.dumps(body[key])], chat=mode == "chat")) as running:
        result = evaluate(
            Evaluation("right", running.url, questions=questions, mode=mode, prompt=prompt), tmp_path / "run", pace=FAST
        )
    missed = [(row["target"], row["raw_response"]) for row in rows(tmp_path / "run") if not row["is_correct"]]
    assert not missed
    assert result.summary["overall"]["correct"] == len(questions)


# What goes wrong, and what comes of it.


def failing(body: Body, before: int) -> Say:
    """Answer as `knowing`, after as many faults as the question has luck; one in fifty never answers."""
    text = question_of(body)
    luck = number(text, "luck") % 50
    if luck == 0:
        return Say(500)
    kind = FAULTS[number(text, before) % len(FAULTS)]
    slow = kind in ("hang", "drip") and number(text, before, "slow") % 8
    faults = luck % 3 + 1 if luck < 20 else 0
    return fault("reset" if slow else kind) if before < faults else knowing(body, before)


def outcomes(directory: Path) -> dict[str, str]:
    """What became of each sample."""
    return {row["sample_id"]: row["outcome"] for row in rows(directory)}


@pytest.mark.slow
def test_no_fault_and_no_kill_loses_or_doubles_a_sample(tmp_path: Path) -> None:
    questions = ["--difficulties", "1", "--samples-per-combo", "500"]
    pace = ["--max-concurrent", "64", "--timeout", "2", "--stop-after-errors", "0", "--max-errors", "1", "--quiet"]
    with serving(failing) as running:
        reached = running.reached(1500)
        process = subprocess.Popen(command(running, tmp_path / "run", *questions, *pace), stdout=subprocess.DEVNULL)
        assert reached.wait(300)
        process.kill()
        process.wait()
        assert 0 < len(outcomes(tmp_path / "run")) < 2000
        subprocess.run([*COMMAND, "--resume", tmp_path / "run", *pace], check=True, stdout=subprocess.DEVNULL)
        assert running.asked.total() > 2500
        assert running.most <= 64
    found = outcomes(tmp_path / "run")
    with serving(knowing) as running:
        calm = go(running.url, tmp_path / "calm", difficulties=(1,), samples=500)
    never = {row["sample_id"] for row in rows(tmp_path / "run") if number(row["input_text"], "luck") % 50 == 0}
    assert len(never) > 10
    assert found == {
        sample: "error" if sample in never else said for sample, said in outcomes(tmp_path / "calm").items()
    }
    # An answer has one row; an error has another for each time that it was asked for.
    written = Counter(key_of(row) for _, row in lines(tmp_path / "run" / RESULTS) if row["outcome"] != "error")
    assert set(written.values()) == {1}
    summary = json.loads((tmp_path / "run" / SUMMARY).read_text())["overall"]
    assert summary["total_samples"] == calm.summary["overall"]["total_samples"] == 2000
    assert summary["errors"] == len(never)


def same_figures(first: Path, second: Path) -> bool:
    """Are two summaries equal but for times and names?"""
    one, other = (figures(json.loads((directory / SUMMARY).read_text())) for directory in (first, second))
    one["base_url"] = other["base_url"] = one["config"]["base_url"] = other["config"]["base_url"] = None
    return one == other


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has stopped."""
    directory = tmp_path_factory.mktemp("undisturbed") / "run"
    with serving(knowing) as running:
        done = subprocess.run(command(running, directory), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_run_that_is_stopped_goes_on_to_the_same_summary(
    how: signal.Signals, status: int, undisturbed: Path, tmp_path: Path
) -> None:
    directory, hold = tmp_path / "run", list[int]()

    def answer(body: Body, before: int) -> Say:
        # From some question on the server is silent: what is under way then is stopped in the middle.
        return fault("hang") if hold and running.asked.total() > hold[0] else knowing(body, before)

    with serving(answer) as running:
        for stop in (150, 350):
            hold[:] = [stop]
            reached = running.reached(stop + 8)
            words = (
                command(running, directory)
                if stop == 150
                else [*COMMAND, "--resume", str(directory), "--quiet", "--max-concurrent", "8"]
            )
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert reached.wait(60)
            process.send_signal(how)
            out, _ = process.communicate(timeout=60)
            assert process.returncode == status
            if how != signal.SIGKILL:
                assert f"synthgen evaluate --resume {directory}" in out
                assert (directory / SUMMARY).exists()
            # Every answer that was sent is there, but for those on their way when the process ended.
            assert len(set(outcomes(directory))) >= stop - 8
        hold.clear()
        before = running.asked.total()
        done = subprocess.run([*COMMAND, "--resume", str(directory), "--quiet"], capture_output=True, check=False)
        assert done.returncode == 0
        assert running.asked.total() - before <= 480 - 350 + 16
    assert same_figures(undisturbed, directory)
    written = [key_of(row) for _, row in lines(directory / RESULTS)]
    assert len(written) == len(set(written)) == 480


@pytest.mark.parametrize("cut", [1, 40, 10**9])
def test_a_row_that_was_cut_is_asked_again(cut: int, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    with serving(knowing) as running:
        go(running.url, directory)
        whole = (directory / RESULTS).read_bytes()
        last = whole.splitlines(keepends=True)[-1]
        (directory / RESULTS).write_bytes(whole[: -len(last)] + last[: min(cut, len(last) - 1)])
        before = running.asked.total()
        assert go(running.url, directory).finished
        assert running.asked.total() == before + 1
    assert len(outcomes(directory)) == len((directory / RESULTS).read_bytes().splitlines()) == 40


def test_errors_are_asked_again_and_answers_are_not(tmp_path: Path) -> None:
    def broken(body: Body, before: int) -> Say:
        return Say(400) if number(question_of(body)) % 3 == 0 else knowing(body, before)

    directory = tmp_path / "run"
    with serving(broken) as running:
        first = go(running.url, directory)
        answered = {sample: outcome for sample, outcome in outcomes(directory).items() if outcome != "error"}
        assert 0 < len(answered) < 40
        assert first.summary["overall"]["errors"] == 40 - len(answered)
        assert first.summary["overall"]["total_samples"] == 40
        before = running.asked.total()
        running.answer = knowing
        second = go(running.url, directory)
        assert running.asked.total() - before == 40 - len(answered)
        assert figures(go(running.url, directory).summary) == figures(second.summary)
        assert running.asked.total() - before == 40 - len(answered)
    assert answered.items() <= outcomes(directory).items()
    assert second.summary["overall"]["errors"] == 0


def test_a_run_is_given_up_when_nothing_works(tmp_path: Path) -> None:
    with serving(lambda *_: Say(401, b"no key")) as running:
        pace = Pace(requests_per_minute=0, max_concurrent=2, stop_after_errors=4)
        result = go(running.url, tmp_path / "run", pace)
        assert not result.finished
        assert 4 <= running.asked.total() <= 6
    # What was under way when it was given up is asked again.
    assert 4 <= result.summary["overall"]["errors"] <= running.asked.total()


def test_a_run_goes_on_at_another_address(tmp_path: Path) -> None:
    with serving(lambda *_: Say(400)) as running:
        go(running.url, tmp_path / "run", samples=1)
    with serving(knowing) as running:
        words = ["--resume", str(tmp_path / "run"), "--base-url", running.url, "--quiet"]
        subprocess.run([*COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
        assert running.asked.total() == 8
    assert read_state(tmp_path / "run")["config"]["base_url"] == running.url


def test_giving_up_waits_for_nobody(tmp_path: Path) -> None:
    def answer(body: Body, _: int) -> Say:
        return fault("hang") if number(question_of(body)) % 4 == 0 else Say(401)

    with serving(answer) as running:
        pace = Pace(requests_per_minute=0, max_concurrent=8, stop_after_errors=4, timeout=600)
        assert not go(running.url, tmp_path / "run", pace).finished


def test_the_last_error_gives_nothing_up(tmp_path: Path) -> None:
    with serving(lambda *_: Say(401)) as running:
        pace = Pace(requests_per_minute=0, max_concurrent=1, stop_after_errors=8)
        result = go(running.url, tmp_path / "run", pace, samples=1)
    assert result.finished
    assert result.summary["overall"]["errors"] == 8


async def in_a_notebook(url: str, directory: Path) -> Result:
    """Call where a loop runs already."""
    return go(url, directory, Pace(requests_per_minute=0, max_concurrent=1), samples=1)


def test_a_loop_that_runs_already_is_no_hindrance(tmp_path: Path) -> None:
    with serving(knowing) as running:
        assert asyncio.run(in_a_notebook(running.url, tmp_path / "run")).finished


def test_nothing_is_written_after_an_interrupt_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        monkeypatch.setattr(threading.Thread, "join", join)
        assert reached.wait(60)
        raise KeyboardInterrupt

    with serving(lambda body, _: knowing(body, 0) if running.asked.total() <= 3 else fault("hang")) as running:
        reached = running.reached(4)
        monkeypatch.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(in_a_notebook(running.url, tmp_path / "run"))
        monkeypatch.setattr(threading.Thread, "join", join)
        kept = (tmp_path / "run" / RESULTS).read_bytes()
        # The run is over: it can be gone on with, and the rows that came are there.
        running.answer = knowing
        assert go(running.url, tmp_path / "run", samples=1).finished
    assert (tmp_path / "run" / RESULTS).read_bytes().startswith(kept)
    assert kept.count(b"\n") == 3
