"""Laws of the public calls that hold for every task, all parameters, all seeds and all row numbers."""

import itertools
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen._task import generator
from synthgen.vocab import EOS

from tests.kits import KITS
from tests.public_cases import (
    MAX_U64,
    ROW_ARRAYS,
    SPLITS,
    TASKS,
    WINDOW_ARRAYS,
    Case,
    assert_equal_arrays,
    assert_window,
    law,
    mixtures,
    plain_tokenizer,
    seeds,
    splits,
    starts,
    task_law,
    tokens,
    without_specials,
)

EVERY_TASK = pytest.mark.parametrize("task", list(TASKS))

# --- Rows ---


@task_law(seeds, starts)
def test_a_row_is_the_same_however_it_is_asked_for(case: Case, seed: int, start: int) -> None:
    whole = case.module.batch(12, seed, start=start, **case.asked)
    part = case.module.batch(5, seed, start=start + 4, **case.asked)
    for name in ROW_ARRAYS:
        assert np.array_equal(getattr(part, name), getattr(whole, name)[4:9]), name
    examples = case.module.examples(5, seed, start=start + 4, **case.asked)
    for i in range(5):
        assert case.module.example(start + 4 + i, seed, **case.asked) == part.example(i) == whole.example(4 + i)
        assert examples[i] == part.examples()[i]
        assert part.text(i) == whole.text(4 + i)
        assert part.queries(i) == whole.queries(4 + i)
    source = case.module.source(seed, 20, start=min(start, 2**63), **case.asked)
    if start <= 2**63:
        item = source[4]
        assert np.array_equal(item["input_ids"], tokens(part, 0))
        assert np.array_equal(item["labels"], part.labels[0, : part.lengths[0]])


@task_law(seeds, st.integers(2, 7), examples=3)
def test_threads_and_the_size_of_a_call_change_nothing(case: Case, seed: int, threads: int) -> None:
    rows = 150_000 // case.width + 5  # more than is done on the calling thread alone, and no whole number of units
    alone = case.module.batch(rows, seed, threads=1, **case.asked)
    assert_equal_arrays(case.module.batch(rows, seed, threads=threads, **case.asked), alone, ROW_ARRAYS)
    cut = rows // 3
    parts = [case.module.batch(cut, seed, **case.asked), case.module.batch(rows - cut, seed, start=cut, **case.asked)]
    for name in ROW_ARRAYS:
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(alone, name)), name


@task_law(seeds, starts)
def test_arrays_are_what_they_are_said_to_be(case: Case, seed: int, start: int) -> None:
    batch = case.module.batch(9, seed, start=start, **case.asked)
    narrow = case.module.batch(9, seed, start=start, dtype="uint16", **case.asked)
    dtypes = [getattr(batch, name).dtype for name in ROW_ARRAYS]
    assert dtypes == [np.int32, np.uint8, np.int32, np.uint8, np.uint8]
    assert narrow.input_ids.dtype == np.uint16
    assert np.array_equal(narrow.input_ids, batch.input_ids)
    assert np.array_equal(narrow.labels, batch.labels)
    assert_equal_arrays(narrow, batch, ROW_ARRAYS[1:])
    for name in ROW_ARRAYS:
        array = getattr(batch, name)
        assert not array.flags.writeable, name
        assert array.ctypes.data % 64 == 0, name
    assert batch.input_ids.shape == batch.loss_mask.shape == (9, case.width)
    assert batch.lengths.min() >= 1
    assert batch.lengths.max() <= case.width
    inside = np.arange(case.width) < batch.lengths[:, None]
    assert np.array_equal(batch.attention_mask, inside)
    assert np.array_equal(batch.input_ids != 0, inside)
    assert set(np.unique(batch.loss_mask)) == {0, 1}
    assert not (batch.loss_mask & ~inside).any()
    assert np.array_equal(batch.labels, np.where(batch.loss_mask == 1, batch.input_ids, -100))
    assert (batch.input_ids[:, 0] == 1).all()
    assert (batch.parts == 0).all()


@task_law(seeds, starts)
def test_rows_are_valid_and_of_the_wanted_split(case: Case, seed: int, start: int) -> None:
    batch = case.module.batch(12, seed, start=start, **case.asked)
    for i in range(12):
        verdict = case.module.validate(batch.input_ids[i], batch.loss_mask[i], **case.params)
        assert verdict, verdict.reason
        assert case.module.validate(tokens(batch, i).tolist(), **case.params)
        assert case.module.validate(batch.example(i), **case.params)
        assert batch.example(i)["split"] == SPLITS[batch.splits[i]]
        wrong = batch.loss_mask[i].copy()
        wrong[(start + i) % len(wrong)] ^= 1
        assert not case.module.validate(batch.input_ids[i], wrong, **case.params)
    if case.split is not None:
        assert (batch.splits == SPLITS.index(case.split)).all()


@task_law(seeds)
def test_text_and_ids_say_the_same(case: Case, seed: int) -> None:
    vocab, tokenizer = case.module.vocab, plain_tokenizer(case.task)
    batch = case.module.batch(8, seed, **case.asked)
    for i in range(8):
        ids, text = tokens(batch, i), batch.text(i)
        assert vocab.decode(ids) == text
        _, bos, eos = vocab.pieces[:3]  # the copy family spells them otherwise
        assert vocab.decode(ids, specials=True) in (f"{bos}{text}", f"{bos}{text}{eos}")
        assert vocab.encode(text) == without_specials(ids)
        encoded = tokenizer.encode(text, add_special_tokens=False).ids
        assert encoded == without_specials(ids)
        assert tokenizer.encode(text).ids == [1, *encoded]
        assert tokenizer.decode(ids.tolist()) == text


@task_law(seeds)
def test_queries_lie_where_they_are_said_to_lie(case: Case, seed: int) -> None:
    batch = case.module.batch(8, seed, **case.asked)
    native = generator(case.task, case.params, None)
    for i in range(8):
        ids, queries = tokens(batch, i), batch.queries(i)
        decode = case.module.vocab.decode
        answers = np.zeros(batch.input_ids.shape[1], dtype=np.uint8)
        end = 0
        for query in queries:
            assert end <= query.question_start < query.answer_start < query.answer_end <= len(ids)
            end = query.answer_end
            question = decode(ids[query.question_start : query.answer_start]).strip()
            assert question.startswith(query.question.strip())
            assert decode(ids[query.answer_start : end]).strip() == query.answer.strip()
            answers[query.answer_start : end] = 1
        assert np.array_equal(batch.answer_mask[i], answers & batch.loss_mask[i])
        if not native.loss_exceeds_answers:
            unanswered = (batch.loss_mask[i] == 1) & (answers == 0)
            assert set(batch.input_ids[i][unanswered].tolist()) <= {EOS, *native.markers}
            assert (batch.loss_mask[i] >= answers).all()
        # The prompt is the text up to the first answer, or up to a marker that opens it.
        prompt, answer = batch.prompt(i), batch.answer(i)
        before = decode(ids[: queries[0].answer_start])
        assert before.startswith(prompt)
        assert before == prompt or batch.loss_mask[i, queries[0].answer_start - 1]
        assert answer == queries[0].answer
        assert batch.text(i).removeprefix(before).lstrip().startswith(answer.lstrip())
        assert (batch.example(i)["input_text"], batch.example(i)["target"]) == (prompt, answer)
        solved = case.module.solve(prompt, **case.params)
        assert solved == answer or KITS[case.task].ANY_ORDER
        assert case.module.validate({"input_text": prompt, "target": solved}, **case.params)
        assert case.module.score(f"ANSWER: {answer}", batch.example(i)).outcome == "correct"
        assert batch.metadata(i)["measured"]


@task_law(seeds, tasks=[name for name, info in synthgen.tasks().items() if info.compat_ids])
def test_reference_ids_are_the_same_rows(case: Case, seed: int) -> None:
    own = case.module.batch(8, seed, **case.asked)
    other = case.module.batch(8, seed, compat_ids=True, **case.asked)
    assert_equal_arrays(own, other, ROW_ARRAYS[1:])
    assert np.array_equal(own.answer_mask, other.answer_mask)
    pairs = np.unique(np.stack([own.input_ids.ravel(), other.input_ids.ravel()]), axis=1)
    # One to one, but that the reference may have one id for a marker inside a row and for its end.
    assert len(np.unique(pairs[0])) == pairs.shape[1] <= len(np.unique(pairs[1])) + 1
    for i in range(8):
        assert other.text(i) == own.text(i)
        verdict = case.module.validate(other.input_ids[i], other.loss_mask[i], compat_ids=True, **case.params)
        assert verdict, verdict.reason
        assert not case.module.validate(own.input_ids[i], compat_ids=True, **case.params)


@task_law(seeds, st.integers(1, 200))
def test_too_long_rows_are_cut_or_drawn_again(case: Case, seed: int, width: int) -> None:
    full = case.module.batch(10, seed, **case.asked)
    cut = case.module.batch(10, seed, seq_len=width, overflow="truncate", **case.asked)
    common = min(width, full.input_ids.shape[1])
    assert np.array_equal(cut.lengths, np.minimum(full.lengths, width))
    assert np.array_equal(cut.input_ids[:, :common], full.input_ids[:, :common])
    assert np.array_equal(cut.loss_mask[:, :common], full.loss_mask[:, :common])
    median = int(np.median(full.lengths))
    again = case.module.batch(10, seed, seq_len=median, overflow="redraw", **case.asked)
    assert again.lengths.max() <= median
    for i in range(10):
        assert case.module.vocab.decode(tokens(again, i)) == again.text(i)
        assert case.module.validate(again.input_ids[i], again.loss_mask[i], **case.params)
        if full.lengths[i] <= median:
            assert again.text(i) == full.text(i)


@EVERY_TASK
def test_two_seeds_share_no_more_rows_than_two_parts_of_one(task: str) -> None:
    """Both counts are of chance meetings, so their difference has the variance of their sum."""
    drawn = [(0, 0), (0, 2000), (1, 0)]
    one, part, other = (
        {row.tobytes() for row in TASKS[task].batch(2000, seed, start=start).input_ids} for seed, start in drawn
    )
    by_chance, found = len(one & part), len(one & other)
    assert abs(found - by_chance) <= 6 * np.sqrt(found + by_chance)
    # Rows repeat within two batches half as often as between two pairs of them.
    met, repeated = found + by_chance, 4000 - len(one) - len(other)
    assert abs(2 * repeated - met) <= 6 * np.sqrt(4 * repeated + met)


@EVERY_TASK
def test_splits_draw_from_streams_of_their_own(task: str) -> None:
    drawn = [TASKS[task].batch(200, 3, split=split).input_ids for split in (None, *splits(task))]
    for one, other in itertools.combinations(drawn, 2):
        assert np.mean((one == other).all(axis=1)) < 0.5


# --- Levels ---


@EVERY_TASK
@pytest.mark.parametrize("level", [1, 2, 3])
def test_every_row_of_a_level_lies_inside_its_preset(task: str, level: int) -> None:
    module, wanted = TASKS[task], KITS[task].PRESETS[level]
    batch = module.batch(300, 4, difficulty=level)
    for i, example in enumerate(batch.examples()):
        assert example["difficulty"] == level
        assert module.validate(batch.input_ids[i], difficulty=level)
        for name in wanted.keys() & example["metadata"].keys() & set(KITS[task].RANGES):
            low, high = wanted[name] if isinstance(wanted[name], tuple) else (wanted[name], wanted[name])
            assert low <= example["metadata"][name] <= high


@EVERY_TASK
def test_a_higher_level_asks_for_more(task: str) -> None:
    batches = [TASKS[task].batch(1500, 5, difficulty=level).examples() for level in (1, 2, 3)]
    for axis in synthgen.tasks()[task].axes:
        means = []
        for rows in batches:
            facts = [row["metadata"]["measured"].get(axis, row["metadata"].get(axis)) for row in rows]
            means.append(float(np.mean([np.mean(found) for found in facts])))
        assert means == sorted(set(means)), axis


@task_law(st.integers(0, MAX_U64 - 1), st.sampled_from([None, 1, 2, 3]))
def test_sample_ids_name_task_level_split_and_row(case: Case, index: int, level: int | None) -> None:
    params = case.params if level is None else {}
    found = case.module.example(index, 6, split=case.split, difficulty=level, **params)["sample_id"]
    tag = "p[0-9a-f]{8}" if level is None else str(level)
    split = "" if case.split is None else f"{case.split}_"
    assert re.fullmatch(f"{case.task}_{tag}_{split}{index}", found), found


@EVERY_TASK
def test_parameters_given_one_by_one_are_no_level_in_the_sample_id(task: str) -> None:
    """Not even where they are the level's own, given one by one."""
    module, presets = TASKS[task], KITS[task].PRESETS
    tags = [module.example(0, **presets[level])["sample_id"] for level in (1, 2, 3)]
    named = [module.example(0, difficulty=level)["sample_id"] for level in (1, 2, 3)]
    assert named == [f"{task}_{level}_0" for level in (1, 2, 3)]
    assert all(re.fullmatch(f"{task}_p[0-9a-f]{{8}}_0", tag) for tag in tags)
    assert len(set(tags)) == 3


# --- Windows ---


@task_law(seeds, starts, st.floats(0, 3))
def test_windows_hold_whole_instances_and_then_a_cut_one(case: Case, seed: int, start: int, more: float) -> None:
    width = case.width + int(more * case.width)
    packed = case.module.packed(4, width, seed, start=start, **case.asked)
    kept = case.module.packed(4, width, seed, start=start, policy="pad", **case.asked)
    for windows in (packed, kept):
        for offsets, items in (("instance_offsets", "instance_complete"), ("query_offsets", "query_complete")):
            at = getattr(windows, offsets)
            assert at[0] == 0
            assert (np.diff(at) >= 1).all()
            assert at[-1] == len(getattr(windows, items))
        for r in range(4):
            assert_window(windows, r, case.module.vocab.decode)
    assert (packed.segment_ids > 0).all()
    assert kept.instance_complete.all()
    for r in range(4):
        first, end = packed.instance_offsets[r : r + 2]
        assert packed.instance_complete[first : end - 1].all()
        # Padding keeps what truncation keeps whole.
        starts_, whole = packed.instance_starts[first:end], packed.instance_complete[first:end]
        low, high = kept.instance_offsets[r : r + 2]
        assert np.array_equal(kept.instance_starts[low:high], starts_[whole == 1])
        for start_, next_ in zip(starts_[whole == 1], [*starts_[1:], width], strict=False):
            ids, mask = packed.input_ids[r, start_:next_], packed.loss_mask[r, start_:next_]
            assert np.array_equal(kept.input_ids[r, start_:next_], ids)
            assert case.module.validate(ids, mask, **case.params)


@task_law(seeds, starts)
def test_a_window_is_the_same_however_it_is_asked_for(case: Case, seed: int, start: int) -> None:
    width = case.width
    alone = case.module.packed(41, width, seed, start=start, threads=1, **case.asked)
    assert_equal_arrays(case.module.packed(41, width, seed, start=start, threads=3, **case.asked), alone, WINDOW_ARRAYS)
    part = case.module.packed(5, width, seed, start=start + 14, dtype="uint16", **case.asked)
    for name in ("input_ids", "loss_mask", "segment_ids", "position_ids"):
        assert np.array_equal(getattr(part, name), getattr(alone, name)[14:19]), name
    first, end = alone.instance_offsets[[14, 19]]
    assert np.array_equal(part.instance_starts, alone.instance_starts[first:end])
    first, end = alone.query_offsets[[14, 19]]
    assert np.array_equal(part.query_spans, alone.query_spans[first:end])


# --- Mixtures ---


@law(mixtures(), seeds, starts, examples=25)
def test_a_row_of_a_mixture_is_that_row_of_its_task(
    mixed: tuple[synthgen.Mixture, dict[str, Case]], seed: int, start: int
) -> None:
    mixture, parts = mixed
    batch = mixture.batch(10, seed, start=start)
    own = {name: case.module.batch(10, seed, start=start, **case.params) for name, case in parts.items()}
    for i in range(10):
        joint = tokens(batch, i)
        name, ids = mixture.lower(joint)
        assert name == mixture.names[batch.parts[i]]
        assert ids == tokens(own[name], i).tolist()
        assert batch.splits[i] == own[name].splits[i]
        assert np.array_equal(batch.loss_mask[i, 2 : len(joint)], own[name].loss_mask[i, 1 : len(ids)])
        assert np.array_equal(batch.answer_mask[i, 2 : len(joint)], own[name].answer_mask[i, 1 : len(ids)])
        assert batch.text(i) == f"<{name}>{own[name].text(i)}" == mixture.vocab.decode(joint)
        assert batch.prompt(i) == f"<{name}>{own[name].prompt(i)}"
        assert mixture.vocab.encode(batch.text(i)) == without_specials(joint)
        for query, plain in zip(batch.queries(i), own[name].queries(i), strict=True):
            assert query[:2] == plain[:2]
            assert query[2:] == tuple(position + 1 for position in plain[2:])
            answer = mixture.vocab.decode(joint[query.answer_start : query.answer_end])
            assert query.answer in (answer, answer.strip())
    part = mixture.batch(3, seed, start=start + 5, threads=1)
    assert np.array_equal(part.input_ids, batch.input_ids[5:8])
    width = 1 + max(int(np.median(rows.lengths)) for rows in own.values())  # the joint row has one token more
    fitting = mixture.batch(10, seed, start=start, overflow="redraw", seq_len=width)
    for i in range(10):
        assert mixture.vocab.decode(tokens(fitting, i)) == fitting.text(i)


@law(mixtures(), seeds, starts, examples=25)
def test_packed_mixtures_hold_valid_rows(
    mixed: tuple[synthgen.Mixture, dict[str, Case]], seed: int, start: int
) -> None:
    mixture, parts = mixed
    width = 2 * mixture.batch(0).input_ids.shape[1]
    packed = mixture.packed(3, width, seed, start=start, policy="pad")
    assert_equal_arrays(mixture.packed(3, width, seed, start=start, policy="pad", threads=3), packed, WINDOW_ARRAYS)
    for r in range(3):
        for j in range(int(np.diff(packed.instance_offsets)[r])):
            inside = packed.segment_ids[r] == j + 1
            name, ids = mixture.lower(packed.input_ids[r][inside])
            assert name == mixture.names[packed.instance_parts[packed.instance_offsets[r] + j]]
            assert parts[name].module.validate(ids, **parts[name].params)
            assert packed.instance(r, j)["input_ids"] == ids


def test_tasks_come_in_their_shares() -> None:
    n = 20_000
    rows = synthgen.mix({"dyna": 3, "depo": 1}, params={"depo": {"n_max": 5}}, difficulty=None).batch(n, 1)
    share = float(np.mean(rows.parts == 0))
    assert abs(share - 0.75) < 5 * np.sqrt(0.75 * 0.25 / n)
    for weights, only in (({"dyna": 0, "depo": 0.1}, 1), ({"depo": 7.5, "dyna": 0.0}, 0)):
        assert (synthgen.mix(weights, params={"depo": {"n_max": 5}}).batch(n, 2).parts == only).all()


# --- Processes ---

PROGRAM = """
import hashlib, json, synthgen
digest = hashlib.sha256()
for name in synthgen.tasks():
    batch = synthgen.get(name).batch(300, 7, difficulty=2)
    digest.update(batch.input_ids.tobytes() + json.dumps(batch.examples()[:20]).encode())
digest.update(synthgen.mix({name: 1 for name in synthgen.tasks()}).batch(300, 8).input_ids.tobytes())
print(digest.hexdigest())
"""


def test_processes_agree_whatever_their_hash_seed() -> None:
    def run(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    digests = {run("1"), run("2"), run("random")}
    assert len(digests) == 1
    assert re.fullmatch(r"[0-9a-f]{64}\n", digests.pop())
