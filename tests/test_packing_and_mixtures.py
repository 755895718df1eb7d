"""Laws of packed windows and of mixtures, for every registered task."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import assume
from hypothesis import strategies as st

from tests.strategies import SPLITS, TASKS, composite, law, row, same_rows, settings_of, streams

POLICIES = ("truncate", "pad")
DENSE = ("input_ids", "loss_mask", "segment_ids", "position_ids")
BY_INSTANCE = ("instance_starts", "instance_complete", "instance_splits", "instance_parts")
BY_QUERY = ("query_spans", "query_complete")


def windows(stream: dict[str, Any], n: int, seq_len: int, **more: Any) -> Any:
    """Draw packed windows of a stream; drop the case where its space is too small for the split."""
    asked = {"start": stream["start"]} | stream["params"] | more
    try:
        return stream["task"].packed(n, seq_len, stream["seed"], **asked)
    except synthgen.SplitExhausted:
        assume(False)


def window(packed: Any, r: int) -> dict[str, Any]:
    """Everything that lies in one window."""
    instances = slice(*packed.instance_offsets[r : r + 2])
    queries = slice(*packed.query_offsets[r : r + 2])
    found = {name: getattr(packed, name)[r].tolist() for name in DENSE}
    found |= {name: getattr(packed, name)[instances].tolist() for name in BY_INSTANCE}
    return found | {name: getattr(packed, name)[queries].tolist() for name in BY_QUERY}


def extents(packed: Any, r: int) -> list[tuple[int, int]]:
    """Where the instances of a window start and end, from its segment ids."""
    segments = packed.segment_ids[r]
    numbers = [number for number in np.unique(segments).tolist() if number > 0]
    assert numbers == list(range(1, len(numbers) + 1))
    found = [np.flatnonzero(segments == number) for number in numbers]
    assert all((np.diff(tokens) == 1).all() for tokens in found)
    return [(int(tokens[0]), int(tokens[-1]) + 1) for tokens in found]


def width(stream: dict[str, Any]) -> int:
    """A width that holds any row."""
    return int(stream["task"].batch(0, **stream["params"]).input_ids.shape[1])


scales = st.floats(1.0, 4.0)


@law(40, stream=streams(), scale=scales, policy=st.sampled_from(POLICIES), split=st.sampled_from([None, *SPLITS]))
def test_windows_are_random_access(stream: dict[str, Any], scale: float, policy: str, split: str | None) -> None:
    seq_len = int(scale * width(stream))
    whole = windows(stream, 5, seq_len, policy=policy, split=split)
    part = windows(stream, 2, seq_len, policy=policy, split=split, start=stream["start"] + 2, dtype="uint16")
    assert [window(part, r) for r in range(2)] == [window(whole, r) for r in (2, 3)]
    if split is not None:
        assert set(whole.instance_splits.tolist()) == {SPLITS.index(split)}


@law(40, stream=streams(), scale=scales, policy=st.sampled_from(POLICIES))
def test_windows_hold_whole_instances_and_say_where(stream: dict[str, Any], scale: float, policy: str) -> None:
    seq_len = int(scale * width(stream))
    packed = windows(stream, 4, seq_len, policy=policy)
    assert packed.instance_offsets[0] == packed.query_offsets[0] == 0
    assert packed.instance_offsets[-1] == len(packed.instance_starts)
    assert packed.query_offsets[-1] == len(packed.query_spans) == len(packed.query_complete)
    assert (np.diff(packed.instance_offsets) > 0).all()
    assert (np.diff(packed.query_offsets) > 0).all()
    for r in range(4):
        found, places = window(packed, r), extents(packed, r)
        complete = found["instance_complete"]
        assert [start for start, _ in places] == found["instance_starts"]
        assert places[0][0] == 0
        assert all(end == start for (_, end), (start, _) in pairwise(places))
        assert complete[0] == 1
        assert all(complete[:-1])
        for start, end in places:
            assert found["position_ids"][start:end] == list(range(end - start))
        end = places[-1][1]
        for name in DENSE:
            assert not any(found[name][end:])
        if policy == "pad":
            assert all(complete)
            short = packed.instance(r, len(places) - 1)
            assert short["input_ids"] == found["input_ids"][places[-1][0] : end]
        else:
            assert end == seq_len


@law(40, stream=streams(), scale=scales, policy=st.sampled_from(POLICIES))
def test_instances_are_valid_and_drawn_again_alone(stream: dict[str, Any], scale: float, policy: str) -> None:
    packed = windows(stream, 3, int(scale * width(stream)), policy=policy)
    vocab = stream["task"].vocab
    for r in range(3):
        found, answered = window(packed, r), np.zeros(packed.input_ids.shape[1], dtype=np.uint8)
        spans = list(zip(found["query_spans"], found["query_complete"], strict=True))
        for j, (start, end) in enumerate(extents(packed, r)):
            alone, ids = packed.instance(r, j), found["input_ids"][start:end]
            mask = found["loss_mask"][start:end]
            assert alone["input_ids"][: end - start] == ids
            assert alone["loss_mask"][: end - start] == mask
            complete = found["instance_complete"][j] == 1
            assert complete == (len(alone["input_ids"]) == end - start)
            assert complete == stream["task"].validate(ids, mask, **stream["params"]).ok
            assert alone["split"] == SPLITS[found["instance_splits"][j]]
            assert alone["text"] == vocab.decode(alone["input_ids"])
            for query in alone["queries"]:
                if query["question_start"] >= end - start:
                    continue  # the question itself lies beyond the window
                (asked, first, last), whole = spans.pop(0)
                assert asked == start + query["question_start"]
                assert first == min(end, start + query["answer_start"])
                assert last == min(end, start + query["answer_end"])
                assert whole == (start + query["answer_end"] <= end)
                if whole:
                    assert vocab.decode(found["input_ids"][first:last]).strip() == query["answer"]
                answered[first:last] = 1
        assert not spans
        assert packed.answer_mask[r].tolist() == answered.tolist()
        assert (packed.loss_mask[r] >= packed.answer_mask[r]).all()
        labels = np.where(packed.loss_mask[r] == 1, packed.input_ids[r], -100)
        assert packed.labels[r].tolist() == labels.tolist()


def everything(packed: Any) -> dict[str, bytes]:
    """All arrays of packed windows, as bytes."""
    return {name: getattr(packed, name).tobytes() for name in (*DENSE, *BY_INSTANCE, *BY_QUERY)}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", TASKS)
def test_threads_and_blocks_change_no_window(name: str, policy: str) -> None:
    task = synthgen.get(name)
    seq_len = 2 * task.batch(0).input_ids.shape[1]
    one, two = (task.packed(70, seq_len, 3, policy=policy, threads=threads) for threads in (1, 2))
    assert everything(one) == everything(two)
    for r in (0, 15, 16, 69):  # sixteen windows are drawn by one thread
        assert window(task.packed(1, seq_len, 3, start=r, policy=policy), 0) == window(one, r)
    wide = task.packed(3, 2**21, 3, policy=policy, threads=2, dtype="uint16")  # two windows are a block
    alone = [everything(task.packed(1, 2**21, 3, start=r, policy=policy, dtype="uint16")) for r in range(3)]
    assert everything(wide) == {key: b"".join(part[key] for part in alone) for key in alone[0]}


@pytest.mark.parametrize("name", TASKS)
def test_redrawn_windows_hold_only_what_fits(name: str) -> None:
    task = synthgen.get(name)
    seq_len = int(np.median(task.batch(99, 4).lengths))
    packed = task.packed(30, seq_len, 4, overflow="redraw")
    for r in range(30):
        start, end = extents(packed, r)[0]
        assert task.validate(packed.input_ids[r, start:end], packed.loss_mask[r, start:end]).ok
        assert packed.instance(r, 0)["input_ids"] == packed.input_ids[r, start:end].tolist()


# ---- mixtures ---------------------------------------------------------------------------------------------


@composite
def mixtures(draw: Any) -> tuple[Any, dict[str, dict[str, Any]]]:
    """All tasks in any order, with weights and parameters."""
    names = draw(st.permutations(TASKS))
    params = {name: draw(settings_of(name)) for name in names}
    weights = {name: draw(st.floats(0.25, 4)) for name in names}
    return synthgen.mix(weights, params=params), params


@law(40, mixed=mixtures(), seed=st.integers(0, 2**64 - 1), start=st.integers(0, 2**64 - 100))
def test_row_i_of_a_mixture_is_row_i_of_the_chosen_task(
    mixed: tuple[synthgen.Mixture, dict[str, dict[str, Any]]], seed: int, start: int
) -> None:
    mixture, params = mixed
    batch = mixture.batch(6, seed, start=start)
    assert same_rows(mixture.batch(3, seed, start=start + 2, dtype="uint16", threads=2), batch, slice(2, 5))
    for i in range(6):
        ids, mask = row(batch, i)
        name, lowered = mixture.lower(ids)
        task = synthgen.get(name)
        alone = task.batch(1, seed, start=start + i, **params[name])
        own, own_mask = row(alone, 0)
        assert name == mixture.names[int(batch.parts[i])]
        assert (lowered, mask) == (own, [0, *own_mask])
        assert task.validate(lowered, mask[1:], **params[name]).ok
        assert batch.splits[i] == alone.splits[0]
        text = mixture.vocab.decode(ids)
        assert text == f"<{name}>" + batch.text(i) == f"<{name}>" + alone.text(0)
        assert mixture.vocab.encode(text) == [token for token in ids if token > 2]
        assert batch.example(i) == alone.example(0)
        assert batch.answer_mask[i, 1 : len(ids)].tolist() == alone.answer_mask[0, : len(own)].tolist()
        labels = [token if predicted else -100 for token, predicted in zip(ids, mask, strict=True)]
        assert batch.labels[i, : len(ids)].tolist() == labels


@law(30, mixed=mixtures(), seed=st.integers(0, 2**64 - 1), policy=st.sampled_from(POLICIES))
def test_windows_of_a_mixture_hold_whole_instances_of_its_tasks(
    mixed: tuple[synthgen.Mixture, dict[str, dict[str, Any]]], seed: int, policy: Any
) -> None:
    mixture, params = mixed
    packed = mixture.packed(3, 2 * mixture.batch(0).input_ids.shape[1], seed, policy=policy)
    for r in range(3):
        found = window(packed, r)
        for j, (start, end) in enumerate(extents(packed, r)):
            if not found["instance_complete"][j]:
                continue
            name, lowered = mixture.lower(found["input_ids"][start:end])
            assert name == mixture.names[found["instance_parts"][j]]
            assert lowered == packed.instance(r, j)["input_ids"]
            assert found["loss_mask"][start + 1 : end] == packed.instance(r, j)["loss_mask"]
            assert synthgen.get(name).validate(lowered, **params[name]).ok


def test_the_joint_vocabulary_knows_no_order() -> None:
    one, other = (synthgen.mix(dict.fromkeys(names, 1.0)) for names in (TASKS, TASKS[::-1]))
    assert one.vocab.pieces == other.vocab.pieces
    assert one.ranges == other.ranges
    pieces = set(range(3))
    for name, piece, offset in one.ranges:
        own = synthgen.get(name).vocab.pieces
        assert one.vocab.pieces[piece] == f"<{name}>"
        assert one.vocab.pieces[offset + 3 : offset + len(own)] == own[3:]
        ids = {piece, *range(offset + 3, offset + len(own))}
        assert not pieces & ids
        pieces |= ids
    assert pieces == set(range(len(one.vocab)))


def test_an_exported_tokenizer_of_a_mixture_never_gives_other_ids() -> None:
    for params in ({}, {"dyna": {"symbolic_names": False}}):
        mixture = synthgen.mix(dict.fromkeys(TASKS, 1.0), params=params)
        batch = mixture.batch(40, 5)
        try:
            exported = mixture.vocab.tokenizer("tokenizers")
        except synthgen.SynthgenError:
            continue  # to refuse is right, to differ is not
        for i in range(40):
            ids = row(batch, i)[0]
            assert exported.encode(mixture.vocab.decode(ids)).ids == [token for token in ids if token != 2]


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (1, 3), (0.2, 0.8), (5e-324, 1e300), (1e9, 1e9)])
def test_shares_follow_the_weights(weights: tuple[float, float]) -> None:
    for names in (TASKS[:2], TASKS[1::-1]):
        n = 5000
        params = {"depo": {"n_max": 8}, "dyna": {"num_ops": 2}}
        mixture = synthgen.mix(dict(zip(names, weights, strict=True)), params=params)
        counts = np.bincount(mixture.batch(n, 6).parts, minlength=2)
        for count, weight in zip(counts, weights, strict=True):
            share = weight / sum(weights)
            assert abs(count - n * share) <= 5 * (n * share * (1 - share)) ** 0.5
            assert count > 0 or share < 1e-6


def test_the_choice_of_a_task_depends_on_the_seed_and_the_row_alone() -> None:
    mixture = synthgen.mix(dict.fromkeys(TASKS, 1.0), difficulty=1)
    long = mixture.batch(500, 7, threads=1).parts
    assert mixture.batch(500, 7, threads=2, seq_len=4096).parts.tolist() == long.tolist()
    assert [int(mixture.batch(1, 7, start=i).parts[0]) for i in range(50)] == long[:50].tolist()
    assert mixture.batch(500, 8).parts.tolist() != long.tolist()
    assert len(set(long.tolist())) == len(TASKS)


SCRIPT = """
import hashlib, synthgen
names = sorted(synthgen.tasks(), reverse=True)
sources = [synthgen.mix({name: 1.0 for name in names}), *(synthgen.get(name) for name in names)]
content = b"".join(s.batch(200, 9, threads=2).input_ids.tobytes() for s in sources)
content += repr([synthgen.get(name).example(3, 9) for name in names]).encode()
print(hashlib.sha256(content).hexdigest())
"""


def test_another_process_and_another_hash_seed_give_the_same_bytes() -> None:
    found = set()
    for hash_seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "SYNTHGEN_NUM_THREADS": "1"}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    names = sorted(TASKS, reverse=True)
    sources: list[Any] = [synthgen.mix(dict.fromkeys(names, 1.0)), *(synthgen.get(name) for name in names)]
    content = b"".join(source.batch(200, 9).input_ids.tobytes() for source in sources)
    content += repr([synthgen.get(name).example(3, 9) for name in names]).encode()
    assert found == {hashlib.sha256(content).hexdigest()}
