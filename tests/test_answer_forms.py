"""Scores of responses: no wrong form is ever correct, right forms are, and what was cut is never taken for whole."""

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
import synthgen
from hypothesis import strategies as st
from synthgen._task import generator
from synthgen.errors import ParamError

from tests import answer_forms
from tests.answer_forms import RIGHT, WRONG, Row
from tests.answer_makers import STRINGS
from tests.public_cases import TASKS, law

every_task = pytest.mark.parametrize("task", TASKS)


@cache
def tried() -> list[Row]:
    return list(answer_forms.rows())


def test_there_are_many_forms() -> None:
    assert len(RIGHT) >= 25
    assert len(WRONG) >= 25
    for forms in (RIGHT, WRONG):
        assert len({form.name for form in forms}) == len(forms)
        assert all(form.why for form in forms if len(form.tasks) < len(TASKS))
    counts = Counter(row.task for row in tried())
    assert min(counts[task] for task in TASKS) >= 300


@every_task
def test_no_wrong_form_is_correct_and_right_forms_are(task: str) -> None:
    rows = [row for row in tried() if row.task == task]
    missed = [(row.form.name, row.response) for row in rows if row.bad and row.right]
    assert [(row.form.name, row.response) for row in rows if row.bad and not row.right] == []
    assert len(missed) <= 0.01 * sum(row.right for row in rows), missed


def test_the_page_is_up_to_date() -> None:
    assert answer_forms.page(tried()) == answer_forms.PAGE.read_text()


@cache
def examples(task: str) -> list[dict[str, Any]]:
    return [example for level in (1, 2, 3) for example in TASKS[task].examples(4, 3, difficulty=level)]


@every_task
def test_a_cut_answer_counts_only_where_something_ended_it(task: str) -> None:
    score = TASKS[task].score
    for example in examples(task):
        target = example["target"]
        for response in (f"ANSWER: {target}", target, "I think", "", f"<think>{target}"):
            assert score(response, example, cut=True).outcome == "truncated"
        for response in (f"ANSWER: {target}\n", f"ANSWER: \\boxed{{{target}}}", f"**ANSWER: {target}**"):
            assert score(response, example, cut=True).outcome == "correct"
        for end in range(0, len(target), 1 + len(target) // 12):
            assert score(f"So:\nANSWER: {target[:end]}", example, cut=True).outcome == "truncated"


@every_task
def test_the_task_s_own_text_is_a_continuation_that_answers(task: str) -> None:
    module = TASKS[task]
    batch = module.batch(12, 3, difficulty=1)
    for i in range(len(batch)):
        example, text = batch.example(i), batch.text(i)
        if not text.startswith(example["input_text"]):
            continue
        rest = text[len(example["input_text"]) :]
        assert module.score(rest, example, continuation=True).outcome == "correct", rest


@every_task
def test_a_continuation_is_read_up_to_the_first_stop(task: str) -> None:
    score, stops = TASKS[task].score, generator(task, {}, None).stops
    assert "\n" in stops
    for example in examples(task):
        target = example["target"]
        for stop in stops:
            whole = f"{target}{stop} and more"
            for cut in (False, True):
                assert score(whole, example, continuation=True, cut=cut).outcome == "correct", whole
        assert score(target, example, continuation=True).outcome == "correct"
        assert score(target, example, continuation=True, cut=True).outcome == "truncated"
        assert score("\n" + target, example, continuation=True).outcome != "correct"
        assert not score("nothing\nANSWER: " + target, example, continuation=True).correct
        assert score(f"ANSWER: {target}\nand more", example, continuation=True, cut=True).correct


@law(st.integers(0, 10**6), st.sampled_from(["", "ANSWER: ", "ANSWER:\n"]), st.data(), examples=300)
def test_what_is_correct_holds_the_answer(pick: int, marker: str, data: st.DataObject) -> None:
    task = list(TASKS)[pick % len(TASKS)]
    example = examples(task)[pick % len(examples(task))]
    target = example["target"]
    parts = ["**", "`", "[", "]", "(", ")", ", ", " or ", "not ", ".", "?", " because ", "the answer is ", "\n", target]
    noise = st.lists(st.one_of(st.sampled_from(parts), st.text(max_size=4)), max_size=8).map("".join)
    response = data.draw(noise) + marker + data.draw(noise)
    for cut in (False, True):
        for continuation in (False, True):
            score = TASKS[task].score(response, example, cut=cut, continuation=continuation)
            assert score.correct == (score.outcome == "correct")
            if not score.correct:
                continue
            plain = (text if task in STRINGS else re.sub(r"[\W_]+", "", text).lower() for text in (response, target))
            given, wanted = plain
            alike = task in ("logic", "lano", "brevo")
            assert alike or wanted in given
            assert task in STRINGS or "not " + target not in response.rsplit("ANSWER:", 1)[-1].split("\n")[0]


@pytest.mark.parametrize("name", ["cut", "continuation"])
def test_the_options_are_switches(name: str) -> None:
    with pytest.raises(ParamError, match=name):
        synthgen.dyna.score("A", {"target": "A"}, **{name: 1})  # type: ignore[arg-type]


def test_long_hostile_responses_are_scored() -> None:
    for task, module in TASKS.items():
        example = examples(task)[0]
        for unit in ("[", "1 ", "A ", "ANSWER: 1", "<think>", "⟨123⟩"):
            response = "ANSWER: " + unit * (2**18 // len(unit))
            assert not module.score(response, example).correct
