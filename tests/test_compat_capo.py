"""Capo as users of the Hugging Face generators know it: rows, fields and people."""

from random import Random
from typing import Any

import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import compat, people
from synthgen.errors import ParamError

from tests.compat_rows import check_answers
from tests.public_cases import law

PERSON = ["first_name", "middle_name", "last_name", "birthcity", "university", "field", "company1name", "company1city"]
BORN = ["birthmonth", "birthday", "birthyear"]
TOLD = ["text", "person_id", "exposure_idx", *PERSON, *BORN]
TOKENS = ["input_ids", "loss_mask", "labels", "answer_mask", "answer_spans"]


def worlds() -> Any:
    """Give configurations of Capo, some fields left at their defaults."""
    choices = {
        "exposures": st.integers(1, 100),
        "reverse_md": st.booleans(),
        "order": st.integers(0, 1),
        "tokenize": st.booleans(),
        "people_seed": st.integers(0, 3),
    }
    return st.fixed_dictionaries({"num_people": st.integers(1, 1000)}, optional=choices)


def values_of(row: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """The values of a person, in the order of the sentences."""
    c = compat.DEFAULTS["capo"] | config
    born = "{1} of {0}, {2}" if c["reverse_md"] else "{0} {1}, {2}"
    employer = ["company1name", "company1city"] if c["order"] else ["company1city", "company1name"]
    facts = [row[name] for name in ("birthcity", "university", "field", *employer)]
    return [born.format(*(row[name] for name in BORN)), *facts]


@law(worlds(), st.integers(0, 2**32), st.data(), examples=50)
def test_capo_rows(config: dict[str, Any], seed: int, data: Any) -> None:
    c = compat.DEFAULTS["capo"] | config
    row = compat.generate_capo_example(Random(seed), config)
    assert row == compat.generate_capo_example(Random(seed), config)
    assert list(row) == TOLD + TOKENS * c["tokenize"]
    assert 0 <= row["person_id"] < c["num_people"]
    assert 0 <= row["exposure_idx"] < c["exposures"]
    text = row["text"]
    name = " ".join(row[part] for part in PERSON[:3])
    assert text.startswith(f" {name}")
    assert text.count(name) == 1
    assert text.endswith(".")
    known = people.table(1, c.get("people_seed", 0), row["person_id"])
    assert all(known[fact] == [row[fact]] for fact in (*PERSON, *BORN))
    at = 0
    for told in values_of(row, config):
        at = text.index(told, at) + len(told)
    if c["tokenize"]:
        assert bytes(row["input_ids"]).decode() == text
        assert row["loss_mask"] == [1] * len(text)
        assert [bytes(ids).decode() for ids in check_answers(row)] == values_of(row, config)
    assert compat.validate_capo_example(row, config)
    assert compat.validate_capo_example(row) is (c.get("people_seed", 0) == 0)
    # Each field is checked, and the text is.
    field = data.draw(st.sampled_from(list(row)))
    other = {str: "X", int: -1, list: []}[type(row[field])]
    assert compat.validate_capo_example(row | {field: other}, config) is False
    short = {name: row[name] for name in TOLD if name != field}
    assert compat.validate_capo_example(short, config) is (field not in TOLD)
    if known["birthcity"] != known["company1city"]:
        swapped = row | {"birthcity": row["company1city"], "company1city": row["birthcity"]}
        assert compat.validate_capo_example(swapped, config) is False
    day = row | {"text": text.replace(str(row["birthyear"]), str((row["birthyear"] - 1900 + 1) % 200 + 1900))}
    assert compat.validate_capo_example(day, config) is False
    for wrong in (
        None,
        1,
        "text",
        [row],
        {},
        row | {"person_id": True},
        row | {"text": None},
        row | {"text": text + " "},
    ):
        assert compat.validate_capo_example(wrong, config) is False
    flipped = config | {"reverse_md": not c["reverse_md"]}
    assert compat.validate_capo_example(row, flipped) is False


def test_capo_people_persist() -> None:
    """Whoever makes a set, and however often a person comes up, the facts are the same and the words are not."""
    config = {"num_people": 20, "exposures": 5}
    rows = compat.make_capo_hf_dataset(100, config).to_list()
    others = compat.make_capo_hf_dataset(40, config, seed=7).to_list()
    facts: dict[int, list[Any]] = {}
    for row in [*rows, *others]:
        person = [row[name] for name in (*PERSON, *BORN)]
        assert facts.setdefault(row["person_id"], person) == person
    assert sorted((row["person_id"], row["exposure_idx"]) for row in rows) == [
        (p, e) for p in range(20) for e in range(5)
    ]
    assert len({row["text"] for row in rows}) == 100
    texts = {(row["person_id"], row["exposure_idx"]): row["text"] for row in rows}
    for seed in range(30):
        row = compat.generate_capo_example(Random(seed), config)
        assert texts[row["person_id"], row["exposure_idx"]] == row["text"]
    with pytest.raises(ParamError, match="num_people \\* exposures") as caught:
        compat.make_capo_hf_dataset(101, config)
    assert (caught.value.task, caught.value.field) == ("capo", "num_examples")


def test_capo_texts_are_those_of_the_task() -> None:
    rows = compat.make_capo_hf_dataset(20, {"num_people": 50, "order": 1}, seed=5).to_list()
    task: Any = synthgen.get("capo")
    batch = task.batch(20, 5, num_people=50, permute="none", city_first=False)
    assert [row["text"] for row in rows] == [batch.text(i) for i in range(20)]
