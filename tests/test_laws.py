"""Laws of every registered task: whatever the parameters, the seed and the row number."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st

from tests.strategies import SPLITS, TASKS, drawn, law, row, same_rows, streams

KEYS = {"input_text", "target", "task", "difficulty", "split", "sample_id", "metadata"}
UNIT = 65536  # tokens that one thread takes at a time


@law(40, stream=streams(), split=st.sampled_from([None, *SPLITS]))
def test_random_access(stream: dict[str, Any], split: str | None) -> None:
    whole = drawn(stream, 7, split=split)
    task, seed, start, params = (stream[key] for key in ("task", "seed", "start", "params"))
    assert same_rows(drawn(stream, 4, split=split, start=start + 2), whole, slice(2, 6))
    assert same_rows(drawn(stream, 7, split=split, seq_len=whole.input_ids.shape[1] + 5), whole)
    source = task.source(seed, 7, start=start, split=split, **params)
    for i in range(7):
        one = drawn(stream, 1, split=split, start=start + i)
        ids, mask = row(whole, i)
        assert same_rows(one, whole, slice(i, i + 1))
        assert one.example(0) == whole.example(i) == task.example(start + i, seed, split=split, **params)
        assert source[i]["input_ids"].tolist() == ids
        assert source[i]["loss_mask"].tolist() == mask
        assert source[i]["labels"].tolist() == whole.labels[i, : len(ids)].tolist()
    assert whole.examples() == task.examples(7, seed, start=start, split=split, **params)


@law(30, stream=streams())
def test_ids_of_sixteen_bits_are_the_same_ids(stream: dict[str, Any]) -> None:
    wide, narrow = drawn(stream, 5), drawn(stream, 5, dtype="uint16")
    assert (str(wide.input_ids.dtype), str(narrow.input_ids.dtype)) == ("int32", "uint16")
    assert same_rows(wide, narrow)
    assert np.array_equal(wide.labels, narrow.labels)
    assert np.array_equal(wide.answer_mask, narrow.answer_mask)


@law(40, stream=streams(), split=st.sampled_from(SPLITS))
def test_rows_are_of_the_split_asked_for(stream: dict[str, Any], split: str) -> None:
    batch = drawn(stream, 6, split=split)
    assert batch.splits.tolist() == [SPLITS.index(split)] * 6
    for i in range(6):
        ids, mask = row(batch, i)
        assert stream["task"].validate(ids, mask, **stream["params"]).ok
        assert batch.example(i)["split"] == split
        assert f"_{split}_" in batch.example(i)["sample_id"]


@law(40, stream=streams())
def test_texts_ids_and_validators_agree(stream: dict[str, Any]) -> None:
    batch, task, params = drawn(stream, 4), stream["task"], stream["params"]
    exported = tokenizer(stream["name"])
    for i in range(4):
        ids, mask = row(batch, i)
        text = batch.text(i)
        assert task.vocab.decode(ids) == text
        assert task.vocab.decode(ids, specials=True) == "".join(task.vocab.pieces[token] for token in ids)
        assert task.vocab.encode(text) == [token for token in ids if token > 2]
        assert exported.encode(text).ids == [1, *task.vocab.encode(text)]
        assert exported.encode(text, add_special_tokens=False).ids == task.vocab.encode(text)
        assert exported.decode(ids) == text
        assert task.validate(ids, mask, **params).ok
        assert task.validate(batch.input_ids[i], batch.loss_mask[i], **params).ok
        assert task.validate(batch.example(i), **params).ok
        assert task.solve(batch.prompt(i)) == batch.answer(i)
        assert task.score(f"ANSWER: {batch.answer(i)}", batch.example(i)).correct


@lru_cache
def tokenizer(name: str) -> Any:
    return synthgen.get(name).tokenizer("tokenizers")


@law(40, stream=streams())
def test_queries_masks_and_labels_are_about_the_same_tokens(stream: dict[str, Any]) -> None:
    batch, vocab = drawn(stream, 4), stream["task"].vocab
    for i in range(4):
        ids, mask = row(batch, i)
        queries = batch.queries(i)
        answers = np.zeros(len(ids), dtype=np.uint8)
        for query in queries:
            assert 0 < query.question_start < query.answer_start < query.answer_end <= len(ids)
            assert vocab.decode(ids[query.answer_start : query.answer_end]).strip() == query.answer
            assert vocab.decode(ids[query.question_start : query.answer_start]).strip() == query.question
            answers[query.answer_start : query.answer_end] = 1
        first = queries[0]
        assert batch.answer(i) == batch.example(i)["target"] == first.answer
        assert batch.prompt(i) == batch.example(i)["input_text"] == vocab.decode(ids[: first.answer_start])
        assert batch.text(i)[len(batch.prompt(i)) :].lstrip().startswith(first.answer)
        assert not batch.prompt(i).endswith(" ")
        assert batch.answer_mask[i, : len(ids)].tolist() == answers.tolist()
        assert all(predicted or not answer for predicted, answer in zip(mask, answers, strict=True))
        labels = [token if predicted else -100 for token, predicted in zip(ids, mask, strict=True)]
        assert batch.labels[i, : len(ids)].tolist() == labels
        assert batch.attention_mask[i].sum() == batch.attention_mask[i, : len(ids)].sum() == len(ids)
        assert (batch.labels[i, len(ids) :] == -100).all()
        for padded in (batch.input_ids, batch.loss_mask, batch.answer_mask):
            assert not padded[i, len(ids) :].any()


@law(40, stream=streams(), cut=st.floats(0.05, 1.0))
def test_truncated_rows_are_the_beginnings_of_whole_ones(stream: dict[str, Any], cut: float) -> None:
    whole = drawn(stream, 5)
    width = max(1, int(cut * whole.input_ids.shape[1]))
    short = drawn(stream, 5, seq_len=width, overflow="truncate")
    assert short.input_ids.tolist() == whole.input_ids[:, :width].tolist()
    assert short.loss_mask.tolist() == whole.loss_mask[:, :width].tolist()
    assert short.lengths.tolist() == np.minimum(whole.lengths, width).tolist()
    assert short.splits.tolist() == whole.splits.tolist()


@law(40, stream=streams())
def test_redrawn_rows_fit_and_are_whole_and_random_access(stream: dict[str, Any]) -> None:
    whole = drawn(stream, 9)
    width = int(np.median(whole.lengths))  # about half of all rows fit, so that 4096 attempts are enough
    again = drawn(stream, 9, seq_len=width, overflow="redraw")
    for i in range(9):
        ids, mask = row(again, i)
        one = drawn(stream, 1, start=stream["start"] + i, seq_len=width, overflow="redraw")
        assert row(one, 0) == (ids, mask)
        assert stream["task"].validate(ids, mask, **stream["params"]).ok
        assert again.text(i) == stream["task"].vocab.decode(ids)
        if whole.lengths[i] <= width:
            assert row(whole, i) == (ids, mask)


@law(30, stream=streams())
def test_examples_are_named_by_the_rules(stream: dict[str, Any]) -> None:
    name, params, start = stream["name"], stream["params"], stream["start"]
    for level, preset in enumerate(synthgen.tasks()[name].presets, 1):
        rows = {"difficulty": level}, preset, params
        for asked in rows:
            example = stream["task"].example(start, stream["seed"], **asked)
            tag = example["sample_id"].removeprefix(f"{name}_").removesuffix(f"_{start}")
            assert set(example) == KEYS
            assert example["sample_id"] == f"{name}_{tag}_{start}"
            assert example["task"] == name
            assert example["split"] in SPLITS
            assert isinstance(example["metadata"]["measured"], dict)
            assert example["difficulty"] == asked.get("difficulty")
            if "difficulty" in asked:
                assert tag == str(level)
            else:
                assert len(tag) == 9
                assert tag[0] == "p"
                assert int(tag[1:], 16) >= 0
        same = ({"difficulty": level}, preset)
        one, other = (stream["task"].batch(5, stream["seed"], start=start, **asked) for asked in same)
        assert same_rows(one, other)  # a preset is a set of parameters and nothing else


@pytest.mark.parametrize("name", TASKS)
def test_threads_and_sizes_of_batches_change_nothing(name: str) -> None:
    task = synthgen.get(name)
    for params in ({}, *synthgen.tasks()[name].presets, *synthgen.tasks()[name].extremes):
        n = 5 * UNIT // task.batch(0, **params).input_ids.shape[1] + 3
        one = task.batch(n, 11, threads=1, **params)
        assert same_rows(task.batch(n, 11, threads=2, **params), one)
        third = n // 3
        parts = [task.batch(third, 11, start=third * i, threads=1 + i % 2, **params) for i in range(3)]
        for i, part in enumerate(parts):
            assert same_rows(part, one, slice(third * i, third * (i + 1)))


@pytest.mark.parametrize("name", TASKS)
def test_blocks_of_work_leave_no_trace(name: str) -> None:
    task = synthgen.get(name)
    narrow = task.batch(9, 12, start=5)
    for threads in (1, 2):  # two rows of this width are a block
        assert same_rows(task.batch(9, 12, start=5, seq_len=2**21, dtype="uint16", threads=threads), narrow)


@pytest.mark.parametrize("name", TASKS)
def test_the_largest_parameters_are_valid_and_fit_their_width(name: str) -> None:
    task, params = synthgen.get(name), synthgen.tasks()[name].extremes[1]
    batch = task.batch(6, 13, **params)
    for i in range(6):
        ids, mask = row(batch, i)
        assert task.validate(ids, mask, **params).ok
        assert task.vocab.encode(task.vocab.decode(ids)) == [token for token in ids if token > 2]
        assert tokenizer(name).encode(batch.text(i)).ids[1:] == [token for token in ids if token > 2]
        assert task.solve(batch.prompt(i)) == batch.answer(i)


@pytest.mark.parametrize("name", TASKS)
def test_two_seeds_share_no_rows(name: str) -> None:
    task = synthgen.get(name)
    rows = [{ids.tobytes() for ids in task.batch(2000, seed).input_ids} for seed in (0, 1, 2**32, 2**63)]
    rows.append({ids.tobytes() for ids in task.batch(2000, 0, start=2000).input_ids})
    rows.append({ids.tobytes() for ids in task.batch(2000, 0, split="test").input_ids})
    assert [len(seen) for seen in rows] == [2000] * 6
    assert len(set().union(*rows)) == 12_000


@pytest.mark.parametrize("name", TASKS)
def test_shares_of_the_splits(name: str) -> None:
    n = 4000
    counts = np.bincount(synthgen.get(name).batch(n, 14).splits, minlength=3)
    for count, share in zip(counts, (0.9, 0.05, 0.05), strict=True):
        assert abs(count - n * share) < 5 * (n * share * (1 - share)) ** 0.5


GROWS = {"dyna": ("num_ops", "state_size"), "depo": ("n",)}


@pytest.mark.parametrize("name", TASKS)
def test_what_a_row_measures_rises_with_the_level(name: str) -> None:
    task = synthgen.get(name)
    facts = [[row["metadata"] for row in task.examples(400, 15, difficulty=level)] for level in (1, 2, 3)]
    lengths = [float(task.batch(400, 15, difficulty=level).lengths.mean()) for level in (1, 2, 3)]
    assert lengths[0] < lengths[1] < lengths[2]
    for key in GROWS.get(name, ()):
        low, middle, high = (np.mean([fact[key] for fact in of_level]) for of_level in facts)
        assert low < middle < high, key
