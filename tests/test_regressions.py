"""What once went wrong, in few words each."""

import json
from typing import Any

import pytest
import synthgen
from synthgen import ParamError, SolveError, SplitExhausted, compat, grammar


def levelled(rules: list[list[list[list[int]]]], sizes: list[int]) -> str:
    """A grammar file."""
    nodes = [[{"children": symbol} for symbol in level] for level in rules]
    return json.dumps({"depth": len(rules), "sizes": sizes, "all": nodes})


UNREACHABLE = [
    levelled(
        [[[[0] * 4]], [[[0] * 4]], [[[0] * 3]], [[[1], [1, 1]], [[0] * 8]], [[[0] * 8], [[0]]]], [1, 1, 1, 2, 2, 2]
    ),
    levelled([[[[0] * 8]], [[[0] * 6]], [[[0, 0]]], [[[1]], [[0] * 8]], [[[0] * 8], [[0], [1]]]], [1, 1, 1, 2, 2, 2]),
    levelled([[[[0] * 8]], [[[0] * 8]], [[[0]], [[1] * 8]], [[[0], [1]], [[0] * 8]]], [1, 1, 2, 2, 2]),
]


@pytest.mark.parametrize("text", UNREACHABLE)
def test_a_long_symbol_that_nothing_reaches_does_not_disturb_the_parser(text: str) -> None:
    batch = synthgen.lano.batch(20, grammar_json=text)
    assert batch.lengths.max() > 64
    found = grammar.loads(text)
    for i, string in enumerate(grammar.strings(batch.input_ids)):
        assert synthgen.lano.validate(batch.input_ids[i], batch.loss_mask[i], grammar_json=text).ok
        assert found.next_token(string).shape == (len(string) + 1, found.terminals + 1)


def test_any_graph_without_cycles_is_solved_where_no_parameters_are_given() -> None:
    assert synthgen.brevo.solve("1 3 2 3 | QUERY 3 ->") in ("1 2 3", "2 1 3")
    assert synthgen.brevo.solve("1 2 2 3 3 4 4 5 | QUERY 2 ->") == "1 2"
    asked = {"input_text": "1 3 2 3 | QUERY 3 ->", "target": "1 2 3"}
    assert synthgen.brevo.score("ANSWER: 2 1 3", asked).correct
    assert not synthgen.brevo.score("ANSWER: 2 3 1", asked).correct


@pytest.mark.parametrize("dress", ["{}", "the colour is {}", "{}.", "**{}**"])
def test_a_colour_is_a_colour_in_any_dress(dress: str) -> None:
    example = synthgen.trigger2d.example(0)
    for spelled in (example["target"], example["target"].upper(), example["target"].capitalize()):
        assert synthgen.trigger2d.score("ANSWER: " + dress.format(spelled), example).correct
    assert synthgen.trigger2d.score(f"ANSWER: F(x,T) = {example['target']}", example).correct
    assert not synthgen.trigger2d.validate(example | {"target": "  " + example["target"]}).ok


def test_contradictory_lines_are_no_answer() -> None:
    example = synthgen.facts.example(0)
    assert synthgen.facts.score(f"{example['target']}\nBut no", example).outcome == "unparsed"


def test_reading_stops_at_more_demonstrations_than_any_parameters_allow() -> None:
    text = ", ".join(f"{a}+{b}={a + b}" for a in range(1000, 1100) for b in range(a, 5000, 50))
    with pytest.raises(SolveError, match="demonstrations") as caught:
        synthgen.arithmetic.solve(text)
    assert caught.value.position < 2000


EMPTY: list[tuple[Any, dict[str, Any], str]] = [
    (synthgen.sequence, {"start_value": 9999, "step": (1, 9), "num_examples": 1}, "start_value=["),
    (synthgen.arithmetic, {"operands": 9999, "num_examples": 0}, "operands=["),
    (synthgen.trigger2d, {"x1_max": 9999, "x2_max": 9999, "margin": 9999}, "margin="),
    (synthgen.mano, {"length_max": 1, "operators": "d", "modulus": 2}, "modulus="),
]


@pytest.mark.parametrize(("task", "params", "way_out"), EMPTY)
def test_at_the_end_of_a_range_the_way_out_leads_back(task: Any, params: dict[str, Any], way_out: str) -> None:
    failed = []
    for split in ("train", "validation", "test"):
        try:
            task.batch(1, split=split, **params)
        except SplitExhausted as error:
            failed.append(str(error))
    assert failed
    assert all(way_out in message for message in failed), failed


def test_too_few_points_are_refused_at_once() -> None:
    config = {"objects": {"n_train": 3000, "x_ranges": [[-0.06, 0.06], [-0.06, 0.06]]}}
    with pytest.raises(ParamError, match="enough points"):
        compat.generate_trigger2d_rows(config, "train")
    with pytest.raises(ParamError, match="seven categories"):
        compat.generate_trigger2d_rows({"all": {}}, "train")


@pytest.mark.parametrize("shape", [5, [5], [[5]], [["2"]]])
def test_a_shape_of_another_kind_is_refused(shape: Any) -> None:
    with pytest.raises(ParamError, match="rule_lengths"):
        grammar.sample_grammar(0, shape)
