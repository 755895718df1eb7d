"""The directory of a run: whose it is, what may stand in it, and scoring its responses anew."""

import json
from pathlib import Path
from typing import Any

import pytest
from synthgen.errors import EvaluationError, ParamError
from synthgen.evaluate import evaluate, rescore
from synthgen.evaluate.run import resumed
from synthgen.evaluate.store import RESULTS, STATE, SUMMARY, Store
from synthgen.evaluate.summary import figures

from tests.evaluation_runs import FAST, asked, go, knowing
from tests.evaluation_server import Say, serving

STRANGE: dict[str, Any] = {
    "of the original": {
        "run_id": "eval_1",
        "config": {"base_url": "http://x/v1", "model": "m", "tasks": ["dyna"], "difficulties": [1], "seed": 42},
        "started_at": "2025-12-31T14:30:00",
    },
    "a list": [1],
    "no settings": {"run_id": "x", "started_at": "now", "config": 5},
    "levels of another kind": {
        "run_id": "x",
        "started_at": "now",
        "config": {"tasks": ["dyna"], "difficulties": ["a"]},
    },
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_state_of_another_program_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    (tmp_path / STATE).write_text(json.dumps(STRANGE[case]))
    for call in (resumed, rescore):
        with pytest.raises(EvaluationError) as caught:
            call(tmp_path)
        assert "\n" not in str(caught.value)


def test_settings_of_another_kind_are_refused(tmp_path: Path) -> None:
    with serving(knowing) as running:
        go(running.url, tmp_path / "run", tasks=("logic",), samples=1)
    state = json.loads((tmp_path / "run" / STATE).read_text())
    for name, value in (
        ("temperature", "x"),
        ("params", [1]),
        ("versions", [1]),
        ("nonsense", 1),
        ("samples_per_combo", None),
    ):
        changed = state | {"config": state["config"] | {name: value}}
        (tmp_path / "run" / STATE).write_text(json.dumps(changed))
        with pytest.raises((EvaluationError, ParamError)):
            resumed(tmp_path / "run")


def test_a_directory_belongs_to_one_run_and_one_process(tmp_path: Path) -> None:
    with serving(knowing) as running:
        go(running.url, tmp_path / "run", tasks=("logic",), samples=1)
        with pytest.raises(EvaluationError, match=r"repeats = 1, not 2.*another directory"):
            go(running.url, tmp_path / "run", tasks=("logic",), samples=1, repeats=2)
    evaluation = asked("http://127.0.0.1:1/v1", tasks=("logic",), samples=1)
    store = Store(tmp_path / "other", evaluation.config(), 1)
    with pytest.raises(EvaluationError, match="another process"):
        Store(tmp_path / "other", evaluation.config(), 1)
    store.close()


def test_questions_of_another_version_are_not_gone_on_with(tmp_path: Path) -> None:
    with serving(knowing) as running:
        go(running.url, tmp_path / "run", tasks=("logic",), samples=1)
    state = json.loads((tmp_path / "run" / STATE).read_text())
    state["config"]["versions"]["logic"] = 99
    (tmp_path / "run" / STATE).write_text(json.dumps(state))
    with pytest.raises(EvaluationError, match="logic version 99, and this is version"):
        rescore(tmp_path / "run")


def without(name: str, value: Any = None) -> bytes:
    """A row with one thing wrong."""
    row: dict[str, Any] = dict.fromkeys(
        ("sample_id", "task", "input_text", "target", "raw_response", "extracted_answer"), ""
    )
    row |= dict.fromkeys(("repeat", "difficulty", "prompt_tokens", "completion_tokens", "attempts"), 1)
    row |= {"outcome": "wrong", "is_correct": False, "latency_ms": 1.0, "metadata": {}, "reasoning": None}
    return json.dumps(row | {"error": None, "finish_reason": None, name: value}).encode() + b"\n"


SPOILT = [
    b"{}\n", b"no json\n", b'{"sample_id": "x"}\n', b"[1]\n", without("latency_ms"), without("task", ["logic"]),
    without("prompt_tokens", 10**400), without("raw_response"), without("outcome", "fine"), without("reasoning", 1),
    without("latency_ms", float("inf")), without("metadata"),
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_row_that_is_none_is_named_by_its_line(spoil: bytes, tmp_path: Path) -> None:
    with serving(knowing) as running:
        go(running.url, tmp_path / "run", tasks=("logic",), samples=2)
        path = tmp_path / "run" / RESULTS
        path.write_bytes(path.read_bytes() + spoil)
        with pytest.raises(EvaluationError, match=r"results.jsonl: line 5"):
            go(running.url, tmp_path / "run", tasks=("logic",), samples=2)


def test_no_key_is_written_down(tmp_path: Path) -> None:
    with serving(lambda *_: Say(403, b"key sk-secret is not allowed")) as running:
        evaluate(asked(running.url, samples=1), tmp_path / "run", pace=FAST, api_key="sk-secret")
        assert running.requests[0][1]["authorization"] == "Bearer sk-secret"
    for path in (tmp_path / "run").iterdir():
        assert b"sk-secret" not in path.read_bytes()


def test_scoring_anew_changes_what_is_said_and_nothing_else(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    with serving(knowing) as running:
        go(running.url, directory)
    whole, summary = (directory / RESULTS).read_text(), json.loads((directory / SUMMARY).read_text())
    assert not rescore(directory).changed
    assert (directory / RESULTS).read_text() == whole
    spoiled = [json.loads(line) | {"outcome": "wrong", "is_correct": False} for line in whole.splitlines()]
    (directory / RESULTS).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in spoiled))
    tried = rescore(directory, dry_run=True)
    assert json.loads((directory / RESULTS).read_text().splitlines()[0])["outcome"] == "wrong"
    found = rescore(directory)
    assert found.changed == tried.changed
    assert sum(found.changed.values()) == found.rows == 40
    assert (directory / RESULTS).read_text() == whole
    assert figures(found.summary) == figures(summary)
