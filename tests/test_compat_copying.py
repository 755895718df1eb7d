"""The generators of the copy-task experiment: exact formats, frames, and what is refused."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from synthgen import compat
from synthgen.errors import ParamError

from tests.laws import assert_uniform
from tests.public_cases import law

PAD, START, END, SEP, COPY, KEY, VAL = range(7)
METHODS = (
    "generate_simple_copy_task",
    "generate_key_value_retrieval",
    "generate_pattern_completion",
    "generate_associative_recall",
    "generate_list_reversal",
    "generate_selective_copying",
)
DOWNSTREAM = ("arithmetic", "pattern_completion", "analogy", "fact_retrieval")


def generators(config: dict[str, Any], seed: int) -> compat.CopyTaskGenerator:
    return compat.CopyTaskGenerator(config, seed=seed)


@law(
    st.integers(0, 2**64 - 1),
    st.integers(6, 40),
    st.integers(1, 4),
    st.integers(2, 3),
    st.integers(2, 3),
    st.integers(13, 500),
    examples=60,
)
def test_rows_have_the_format_of_their_task(
    seed: int, half: int, shortest: int, pairs: int, pattern: int, symbols: int
) -> None:
    config = {
        "max_seq_len": max(half, 2 * pairs + 3, (3 * pattern + 3) // 2),
        "min_seq_len": shortest,
        "num_key_value_pairs": pairs,
        "pattern_length": pattern,
        "vocab_size": symbols + 7,
    }
    generator = generators(config, seed)
    for _ in range(3):
        for method in METHODS:
            prompt, target = getattr(generator, method)()
            assert {type(id_) for id_ in (*prompt, *target)} == {int}
            assert prompt[0] == START
            assert target.pop() == END
            assert len(prompt) + len(target) + 1 <= 2 * config["max_seq_len"]
            regular = [id_ for id_ in (*prompt, *target) if id_ > VAL]
            assert max(regular) < symbols + 7
            match method:
                case "generate_simple_copy_task":
                    assert prompt == [START, *target, COPY]
                    assert shortest <= len(target) <= config["max_seq_len"] - 2
                case "generate_list_reversal":
                    assert prompt == [START, *target[::-1], SEP]
                case "generate_key_value_retrieval":
                    *shown, query = (prompt[at : at + 4] for at in range(1, len(prompt), 4))
                    assert all(pair[::2] == [KEY, VAL] for pair in shown)
                    keys = [pair[1] for pair in shown]
                    assert 2 <= len(set(keys)) == len(keys) <= pairs
                    assert query == [KEY, query[1], VAL]
                    assert target == [dict(pair[1::2] for pair in shown)[query[1]]]
                case "generate_associative_recall":
                    assert (prompt[-3], prompt[-1]) == (KEY, VAL)
                    facts = [prompt[at : at + 3] for at in range(1, len(prompt) - 3, 3)]
                    assert all(fact[1] == VAL for fact in facts)
                    known = {fact[0]: fact[2] for fact in facts}
                    assert 2 <= len(known) == len(facts) <= pairs
                    assert target == [known[prompt[-2]]]
                case "generate_pattern_completion":
                    word = prompt[1 : 1 + pattern]
                    assert [*prompt[1:], *target] == 3 * word
                    assert 1 <= len(target) < pattern
                case "generate_selective_copying":
                    string = prompt[1 : prompt.index(KEY)]
                    marks = prompt[prompt.index(KEY) + 1 : -1]
                    assert prompt[-1] == COPY
                    assert marks
                    at = iter(string)
                    assert all(any(item == other for other in at) for item in target)  # in order


@law(st.integers(0, 2**64 - 1), st.integers(8, 40), st.integers(0, 40))
def test_frames(seed: int, half: int, rows: int) -> None:
    config = {"max_seq_len": half, "min_seq_len": 3, "num_key_value_pairs": 2}
    batch = generators(config, seed).generate_batch(rows)
    assert set(batch) == {"input_ids", "target_ids", "attention_mask", "loss_mask"}
    for array in batch.values():
        assert array.shape == (rows, 2 * half - 1)
        assert array.dtype == np.int32
    assert np.array_equal(batch["input_ids"][:, 1:], batch["target_ids"][:, :-1])
    for i in range(rows):
        ids, targets = batch["input_ids"][i].tolist(), batch["target_ids"][i].tolist()
        length = targets.index(END) + 1
        assert ids[0] == START
        assert batch["attention_mask"][i].tolist() == [1] * length + [0] * (2 * half - 1 - length)
        assert set(targets[length:]) <= {PAD}
        mask = batch["loss_mask"][i]
        first = int(mask.argmax())
        assert mask.tolist() == [0] * first + [1] * (length - first) + [0] * (2 * half - 1 - length)
        prompt, target = ids[: first + 1], targets[first : length - 1]
        if prompt[-1] == COPY:
            assert prompt == [START, *target, COPY]
        elif prompt[-1] == VAL:
            pairs = {tuple(prompt[at : at + 4]) for at in range(1, len(prompt) - 3, 4)}
            assert (KEY, prompt[-2], VAL, *target) in pairs
        else:
            assert [*prompt[1:], *target] == 3 * prompt[1:5]


def test_the_mixture_is_even() -> None:
    batch = compat.CopyTaskGenerator(seed=1).generate_batch(3000)
    last = np.take_along_axis(batch["input_ids"], batch["loss_mask"].argmax(1)[:, None], 1)[:, 0]
    assert_uniform(np.where(last == COPY, 0, np.where(last == VAL, 1, 2)), 0, 2)


def test_rows_of_the_default_configuration_fit_its_frame() -> None:
    """The longest string, the copy and three specials are 63 of 64 ids; every length occurs."""
    generator = compat.CopyTaskGenerator(seed=2)
    assert generator.frame == 64
    assert len(generator.vocab) == 507
    batch = generator.generate_batch(3000)
    lengths = batch["attention_mask"].sum(1)[(batch["input_ids"] == COPY).any(1)]
    assert {(int(length) - 2) // 2 for length in lengths} == set(range(8, 31))


def test_rows_go_on_and_repeat_with_the_seed() -> None:
    one, other = compat.CopyTaskGenerator(seed=5), compat.CopyTaskGenerator({"seed": 5})
    for method in METHODS:
        drawn = [getattr(one, method)() for _ in range(10)]
        assert drawn == [getattr(other, method)() for _ in range(10)]
        assert len({str(row) for row in drawn}) == 10
    # A batch is the rows that two smaller ones are.
    whole, first, second = one.generate_batch(9), other.generate_batch(4), other.generate_batch(5)
    for name in whole:
        assert np.array_equal(whole[name], np.concatenate([first[name], second[name]]))
    assert (
        compat.CopyTaskGenerator().generate_simple_copy_task() != compat.CopyTaskGenerator().generate_simple_copy_task()
    )
    for make in (Random, np.random.default_rng):
        rows = [compat.CopyTaskGenerator({}, make(3)).generate_simple_copy_task() for _ in range(2)]
        assert rows[0] == rows[1] != compat.CopyTaskGenerator({}, make(4)).generate_simple_copy_task()


def test_n_regular_is_vocab_size_without_specials() -> None:
    one, other = compat.CopyTaskGenerator(n_regular=40, seed=1), compat.CopyTaskGenerator(vocab_size=47, seed=1)
    assert one.generate_simple_copy_task() == other.generate_simple_copy_task()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"copy_prob": 0.8}, "copy_prob"),
        ({"vocab_size": 1000}, "vocab_size"),
        ({"vocab_size": 8}, "vocab_size"),
        ({"vocab_size": "507"}, "vocab_size"),
        ({"n_regular": 501}, "n_regular"),
        ({"n_regular": 500, "vocab_size": 507}, "n_regular"),
        ({"n_regular": 1}, "n_regular"),
        ({"num_key_value_pairs": 5, "n_regular": 4}, "num_key_value_pairs"),
        ({"max_seq_len": 4}, "max_seq_len"),
        ({"min_seq_len": 31}, "min_seq_len"),
        ({"min_seq_len": 0}, "min_seq_len"),
        ({"num_key_value_pairs": 1}, "num_key_value_pairs"),
        ({"num_key_value_pairs": 15}, "num_key_value_pairs"),
        ({"pattern_length": 1}, "pattern_length"),
        ({"pattern_length": 21}, "pattern_length"),
        ({"seed": -1}, "seed"),
        ({"loss_on": "all"}, "loss_on"),
    ],
)
def test_fields_and_values_that_cannot_be_are_refused(config: dict[str, Any], field: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: compat.CopyTaskGenerator(config),
        lambda: compat.CopyTaskGenerator(**config),
    ]
    for make in calls:
        with pytest.raises(ParamError) as caught:
            make()
        assert (caught.value.task, caught.value.field) == ("copying", field)
        assert caught.value.value
        assert caught.value.allowed


def test_arguments_that_cannot_be_are_refused() -> None:
    generator = compat.CopyTaskGenerator(seed=1)
    for rows in (-1, "2", None, 1.0):
        with pytest.raises(ParamError) as caught:
            generator.generate_batch(rows)  # type: ignore[arg-type]
        assert caught.value.field == "batch_size"
    with pytest.raises(ParamError, match="only one of seed and rng"):
        compat.CopyTaskGenerator({"seed": 1}, Random(1))
    with pytest.raises(ParamError) as caught:
        compat.CopyTaskGenerator({}, 3)  # type: ignore[arg-type]
    assert caught.value.field == "rng"
    with pytest.raises(ParamError) as caught:
        compat.CopyTaskGenerator(n_regular=6).generate_selective_copying()  # too few for four classes
    assert caught.value.task == "selective"
    with pytest.raises(ParamError):
        compat.CopyTaskGenerator([])  # type: ignore[arg-type]


# --- What comes after ---


def said(ids: list[int]) -> str:
    """Characters of regular ids."""
    return "".join(chr(id_ + 25) for id_ in ids)


@law(st.integers(0, 2**64 - 1), st.integers(0, 5), st.sampled_from(DOWNSTREAM))
def test_downstream_prompts(seed: int, examples: int, name: str) -> None:
    config = {"num_examples": examples, "max_context_length": 256}
    suite = compat.create_evaluation_suite(config, seed=seed)
    assert tuple(suite) == DOWNSTREAM
    batch = suite[name](5)
    for array in batch.values():
        assert array.shape == (5, 255)
        assert array.dtype == np.int32
    assert np.array_equal(batch["input_ids"][:, 1:], batch["target_ids"][:, :-1])
    for ids, targets, mask, loss in zip(
        *(batch[key].tolist() for key in ("input_ids", "target_ids", "attention_mask", "loss_mask")), strict=True
    ):
        end = targets.index(END)
        assert mask == [1] * (end + 1) + [0] * (254 - end)
        first = loss.index(1)
        assert loss == [0] * first + [1] * (end + 1 - first) + [0] * (254 - end)
        assert ids[0] == START
        prompt, answer = said(ids[1 : first + 1]), said(targets[first:end])
        shown = prompt.split(", ")
        match name:
            case "arithmetic":
                sums = [*shown[:-1], shown[-1] + answer]
                assert all(eval(text.replace("=", "==")) for text in sums)
                assert shown[-1] + answer not in shown
            case "pattern_completion":
                for text in [*shown[:-1], shown[-1] + answer]:
                    terms, next_ = text.split("->")
                    a, b, c = eval(terms)
                    assert [c + b - a] == eval(next_)
                    assert b - a == c - b
            case "analogy":
                assert all(text.count(":") == 1 for text in shown)
                assert answer.isalpha()
                assert shown[-1] not in [text.partition(":")[0] + ":" for text in shown[:-1]]
            case _:
                *facts, question = prompt.split(". ")
                asked = question.removeprefix("Where does ").removesuffix(" live? ")
                assert f"{asked} lives in {answer}" in facts
        if name != "fact_retrieval":
            assert len(shown) == examples + 1
        else:
            assert len(facts) == examples + 1


def test_downstream_rows_go_on_and_repeat_with_the_seed() -> None:
    one, other = compat.DownstreamTaskGenerator(seed=3), compat.DownstreamTaskGenerator(rng=None, config={"seed": 3})
    for name, draw in one.suite().items():
        whole = draw(6)["input_ids"]
        again = other.suite()[name]
        assert np.array_equal(whole, np.concatenate([again(2)["input_ids"], again(4)["input_ids"]]))
        assert len(np.unique(whole, axis=0)) == 6
    assert compat.InContextLearningEvaluator(seed=3).generate_arithmetic_task(1)["input_ids"].shape == (1, 127)
    assert compat.RetrievalQAEvaluator(seed=3).generate_fact_retrieval_task(1)["input_ids"].shape == (1, 127)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"vocab_size": 1000}, "vocab_size"),
        ({"num_examples": -1}, "num_examples"),
        ({"num_examples": 32}, "num_examples"),
        ({"max_context_length": 0}, "max_context_length"),
        ({"max_context_length": "64"}, "max_context_length"),
        ({"eval_samples": 100}, "eval_samples"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_downstream_fields_and_values_that_cannot_be_are_refused(config: dict[str, Any], field: str) -> None:
    for make in (compat.InContextLearningEvaluator, compat.RetrievalQAEvaluator, compat.create_evaluation_suite):
        with pytest.raises(ParamError) as caught:
            make(config)
        assert caught.value.field == field
        assert caught.value.value
        assert caught.value.allowed


def test_a_frame_too_narrow_for_any_row_is_refused() -> None:
    with pytest.raises(ParamError):
        compat.RetrievalQAEvaluator(max_context_length=8, seed=1).generate_fact_retrieval_task(1)
