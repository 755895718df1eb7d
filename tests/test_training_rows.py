"""Rows that are no task's: of files, of tasks that share a vocabulary, with random answers."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import synthgen
from synthgen.errors import ParamError
from synthgen.train import LanguageModel, load, train
from synthgen.train.feed import Rows
from synthgen.train.texts import ALL, BYTES, Text, Texts, read_texts
from synthgen.tree import DatasetConfig

from tests.training_records import TINY

COPY = {"copying": 1.0, "kv": 1.0, "pattern": 1.0}
SHARED = DatasetConfig(weights=COPY, joint=False, seq_len=64)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sums(first: int, last: int) -> list[dict[str, Any]]:
    return [{"prompt": f"{a}+{a}=", "target": str(2 * a), "task": "sum"} for a in range(first, last)]


def test_tasks_of_one_vocabulary_are_mixed_as_they_are() -> None:
    mixture = synthgen.mix(COPY, joint=False)
    rows = mixture.batch(60, seed=3, split="train", seq_len=64)
    for i, part in enumerate(rows.parts.tolist()):
        own = synthgen.get(mixture.names[part]).batch(1, seed=3, split="train", start=i)
        length = int(own.lengths[0])
        assert rows.lengths[i] == length
        assert rows.input_ids[i, :length].tolist() == own.input_ids[0, :length].tolist()
    assert mixture.vocab.pieces == synthgen.copying.vocab.pieces
    assert mixture.ranges == []


def test_one_task_may_be_two_parts_of_a_shared_vocabulary() -> None:
    weights = {"analogy": 1.0, "analogy/again": 1.0}
    mixture = synthgen.mix(weights, params={"analogy/again": {"variant": "in_context"}}, joint=False)
    rows = mixture.batch(40, seed=0)
    assert set(rows.parts.tolist()) == {0, 1}
    for i, part in enumerate(rows.parts.tolist()):
        assert rows.text(i) == synthgen.analogy.batch(1, 0, start=i, variant=("knowledge", "in_context")[part]).text(0)


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(ParamError, match="one vocabulary"):
        synthgen.mix({"dyna": 1, "kv": 1}, joint=False)
    with pytest.raises(ParamError, match="joint is True"):
        synthgen.mix({"kv": 1, "kv/again": 1})
    with pytest.raises(ParamError, match="do not name their task"):
        synthgen.mix(COPY, joint=False).lower([1, 2])


def test_random_answers_change_answers_alone_and_follow_from_the_row_alone() -> None:
    given, random = Rows(SHARED, 5), Rows(replace(SHARED, answers="random"), 5)
    drawn = given.draw(0, 256)
    true, control = given.of(drawn), random.of(random.draw(0, 256))
    answers = drawn.answer_mask == 1
    assert (true["input_ids"] == control["input_ids"])[~answers].all()
    assert (true["weights"] == control["weights"]).all()
    # A symbol of 500 is the right one by chance alone.
    assert (true["input_ids"] == control["input_ids"])[answers].mean() < 0.01
    part = random.of(random.draw(100, 8))["input_ids"]
    assert (part == control["input_ids"][100:108]).all()
    counts = Counter(control["input_ids"][answers].tolist())
    assert set(counts) <= set(range(7, 507))
    assert max(counts.values()) < 8 * answers.sum() / 500


def test_a_file_is_read_as_prompts_and_targets(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}]}
    system = {"messages": [{"role": "system", "content": "Add."}, *chat["messages"]]}
    ids = {"prompt": [1, 10, 11], "target": [12, 2], "kind": "ids"}
    texts = read_texts(write(tmp_path / "a.jsonl", [*sums(1, 2), chat, system, ids]))
    assert [(text.prompt, text.target) for text in texts] == [
        ("1+1=", "2"), ("2+2", " 4"), ("System: Add.\nUser: 2+2\nAssistant:", " 4"), ((1, 10, 11), (12, 2)),
    ]  # fmt: skip
    assert texts[0].facts == {"task": "sum"}
    rows = Texts(texts, BYTES, shuffled=False).batch(4, 0, split=ALL)
    assert rows.input_ids.shape == (4, 64)
    assert rows.input_ids[0, :7].tolist() == [1, *(3 + byte for byte in b"1+1=2"), 2]
    assert rows.loss_mask[0, :7].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert rows.answer_mask[0, :7].tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert rows.input_ids[3, :5].tolist() == [1, 10, 11, 12, 2]
    assert rows.spans(3) == [(3, 4)]


def test_a_tasks_pieces_spell_a_file_as_the_task_does(tmp_path: Path) -> None:
    batch = synthgen.dyna.batch(5, seed=1, difficulty=1, num_queries=1)
    rows = [{"prompt": batch.prompt(i), "target": batch.answer(i)} for i in range(5)]
    made = Texts.read(write(tmp_path / "a.jsonl", rows), "dyna", shuffled=False).batch(5, 0, split=ALL)
    for i in range(5):
        length = int(made.lengths[i])
        # The task writes a space before its answer; all that differs is where it stands.
        assert made.texts[i].prompt == batch.prompt(i)
        assert length >= int(batch.lengths[i]) - 1


def test_every_epoch_has_every_row_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    texts = Texts.read(write(tmp_path / "a.jsonl", sums(0, 30)))
    first, second = ([text.prompt for text in texts.batch(30, 7, start=at, split=ALL).texts] for at in (0, 30))
    assert sorted(first) == sorted(second)
    assert first != second
    assert [text.prompt for text in texts.batch(4, 7, start=28, split=ALL).texts] == [*first[28:], *second[:2]]


def test_the_split_of_a_row_follows_from_its_prompt() -> None:
    splits = Counter(Text(f"prompt {i}", "x", {}).split for i in range(4000))
    assert splits["train"] > 3500
    assert 120 < splits["test"] < 290
    assert 120 < splits["validation"] < 290


WRONG = {
    '{"prompt": "a"}': "line 1",
    "[1]": "line 1",
    '{"prompt": 3, "target": "b"}': "line 1",
    '{"messages": [{"role": "user", "content": "a"}]}': "line 1",
    "": "a row at least",
}


@pytest.mark.parametrize("line", WRONG, ids=repr)
def test_a_wrong_file_is_refused_by_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(ParamError, match=WRONG[line]):
        read_texts(tmp_path / "a.jsonl")


def test_a_model_is_trained_on_a_file_and_scored_on_others(tmp_path: Path) -> None:
    train_file, test_file = write(tmp_path / "train.jsonl", sums(1, 40)), write(tmp_path / "test.jsonl", sums(40, 60))
    small = [word for word in TINY if not word.startswith(("task=", "dataset."))]
    words = [*small, "dataset=file", f"dataset.path={train_file}", f"eval.paths.later={test_file}"]
    judged = []

    def judge(model: LanguageModel) -> dict[str, float]:
        judged.append(model.config.vocab_size)
        return {"seen": float(len(judged))}

    result = train([*words, f"output_dir={tmp_path / 'run'}", "eval.at=[0,5]"], judge)
    assert result.figures["answers/set=later"] == 20
    assert judged == [259, 259, 259]
    assert result.figures["seen"] == 3
    steps = [
        row["step"]
        for row in map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
        if row["kind"] == "eval"
    ]
    assert steps == [0, 5, 20]
    with pytest.raises(ParamError, match=r"eval.paths.later.*20 are in both"):
        train([*words, f"dataset.path={test_file}", f"output_dir={tmp_path / 'other'}"])
    # What a run came to is where another begins.
    again = [*words, f"model.name_or_path={tmp_path / 'run'}", "train.max_steps=1", "optimizer.lr=0"]
    again = [word for word in again if not word.startswith("model.") or "path" in word]
    begun = train([*again, f"output_dir={tmp_path / 'next'}"])
    assert begun.figures["loss"] == pytest.approx(result.figures["loss"], rel=1e-5)
    assert load(tmp_path / "next").config == load(tmp_path / "run").config
