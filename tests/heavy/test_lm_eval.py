"""With lm-evaluation-harness: it asks what we ask, and every sample has our score."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.evaluate.judging import judge
from synthgen.evaluate.prompts import messages, text
from synthgen.evaluate.questions import Question, Questions
from synthgen.export.lm_eval import METRICS, export

from tests.export_cases import OUTCOMES, expected, few, replies

pytestmark = pytest.mark.heavy


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")


def scripted(script: dict[str, str], asked: list[Any]) -> Any:
    """A model of the harness that says what it should, and remembers what it was asked."""
    base = importlib.import_module("lm_eval.api.model").LM

    class Scripted(base):  # type: ignore[misc, valid-type]
        tokenizer_name = "scripted"

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            asked.append(chat_history)
            return repr(chat_history)

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            asked.extend(request.arguments[0] for request in requests)
            return [script[request.doc["sample_id"]] for request in requests]

        def loglikelihood(self, requests: Any) -> Any:
            raise AssertionError("likelihoods are not asked for")

        loglikelihood_rolling = loglikelihood

    return Scripted()


def evaluate(folder: Path, tasks: list[str], model: Any, **options: Any) -> Any:
    manager = importlib.import_module("lm_eval.tasks").TaskManager(include_path=str(folder), include_defaults=False)
    run = importlib.import_module("lm_eval").simple_evaluate
    return run(model, tasks=tasks, task_manager=manager, bootstrap_iters=0, log_samples=True, **options)


def outcomes(found: Any) -> dict[str, str]:
    """Sample ids and the outcomes of the harness."""
    samples = [sample for rows in found["samples"].values() for sample in rows]
    for sample in samples:
        assert sorted(sample[name] for name in METRICS) == [0.0, 0.0, 0.0, 1.0]
        assert sample["target"] == sample["doc"]["answer"]
    return {sample["doc"]["sample_id"]: OUTCOMES[[sample[name] for name in METRICS].index(1.0)] for sample in samples}


@pytest.mark.parametrize("completions", [False, True])
def test_it_asks_and_scores_as_we_do(completions: bool, tmp_path: Path) -> None:
    questions = few(shots=2)
    drawn = list(questions)
    pairs = list(replies(drawn))
    right = expected(pairs, completions)
    asked: list[Any] = []
    export(tmp_path / "tasks", questions, style="plain", completions=completions)
    model = scripted({question.sample_id: reply for question, reply in pairs}, asked)
    found = evaluate(tmp_path / "tasks", ["synthgen"], model, apply_chat_template=not completions)
    assert outcomes(found) == right

    def ours(question: Question) -> Any:
        return text(question, "plain", {}) if completions else messages(question, "plain", {})

    heard = [one for one in asked if isinstance(one, str) == completions]
    for question in drawn:
        assert ours(question) in heard
    # The groups are shares over all rows.
    for group, wanted in (("synthgen", ""), ("synthgen_kv", "kv_"), ("synthgen_kv_2", "kv_2_")):
        mine = [outcome for sample, outcome in right.items() if sample.startswith(wanted)]
        for metric, outcome in zip(METRICS, OUTCOMES, strict=True):
            assert found["results"][group][f"{metric},none"] == pytest.approx(mine.count(outcome) / len(mine))


def test_more_shots_than_were_exported_are_refused(tmp_path: Path) -> None:
    export(tmp_path / "tasks", Questions(["kv"], [1], 3, shots=1))
    with pytest.raises(synthgen.ParamError, match=r"num_fewshot = 2; .*more --shots"):
        evaluate(tmp_path / "tasks", ["synthgen_kv_1"], scripted({}, []), num_fewshot=2)


def test_a_model_of_transformers(tmp_path: Path, tiny_llama: Any) -> None:
    questions = replace(few(6), tasks=["logic"], difficulties=[1])
    export(tmp_path / "tasks", questions, style="plain", completions=True)
    folder, answers = tiny_llama("logic", (" 0", " 1"), tmp_path / "model")
    found = evaluate(
        tmp_path / "tasks",
        ["synthgen_logic_1"],
        "hf",
        model_args={"pretrained": str(folder), "device": "cpu"},
        batch_size=3,
        gen_kwargs={"max_gen_toks": 2, "do_sample": True, "temperature": 1.0, "suppress_tokens": answers},
    )
    samples = found["samples"]["synthgen_logic_1"]
    assert {sample["doc"]["sample_id"] for sample in samples} == {question.sample_id for question in questions}
    for sample in samples:
        (said,) = sample["filtered_resps"]
        doc = sample["doc"]
        ours = judge("logic", said, doc["input_text"], doc["target"], continuation=True)
        assert sample["acc"] == float(ours.correct)
        assert sample["arguments"][0][0] == doc["input_text"]
