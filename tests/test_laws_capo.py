"""Capo: the people, the wordings, the order of exposures, the spans, the splits of its questions, and its capacity."""

import json
import random
from collections import Counter
from math import log, log2
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen import people

from benches.plain import capo as plain
from tests.kits.capo import DEFAULTS, PIECES, knowing
from tests.laws import assert_follows, assert_same_law, assert_uniform
from tests.oracles import capo, world
from tests.oracles.params import resolve

COLUMNS = {
    "birthcity": world.CITIES,
    "university": world.UNIVERSITIES,
    "field": world.MAJORS,
    "company1name": world.COMPANIES,
    "birthmonth": world.MONTHS,
    "pronoun": ["He", "She"],
    "first_name": world.FIRST,
    "middle_name": world.MIDDLE,
    "last_name": world.LAST,
}


# ---- people -----------------------------------------------------------------------------------------------


def test_names_are_distinct_and_facts_uniform_and_independent() -> None:
    n = 300_000
    table = people.table(n)
    names = set(zip(table["first_name"], table["middle_name"], table["last_name"], strict=True))
    assert len(names) == n
    numbers = {}
    for column, values in COLUMNS.items():
        place = {value: i for i, value in enumerate(values)}
        numbers[column] = np.array([place[value] for value in table[column]])
        assert_uniform(numbers[column], 0, len(values) - 1, column)
    assert_uniform(table["birthday"], 1, 28, "birthday")
    assert_uniform(table["birthyear"], 1900, 2099, "birthyear")
    office = dict(zip(world.COMPANIES, world.OFFICES, strict=True))
    assert all(office[c] == o for c, o in zip(table["company1name"], table["company1city"], strict=True))
    for one, other in (("pronoun", "birthmonth"), ("first_name", "pronoun"), ("last_name", "birthmonth")):
        pairs = numbers[one] * len(COLUMNS[other]) + numbers[other]
        assert_uniform(pairs, 0, len(COLUMNS[one]) * len(COLUMNS[other]) - 1, f"{one} and {other}")
    neighbours = numbers["field"][1:] * 100 + numbers["field"][:-1]
    assert_uniform(neighbours, 0, 9999, "fields of neighbours")


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_people_are_those_of_the_definition(seed: int) -> None:
    table = people.table(500, seed, start=1000)
    known = world.world(seed)
    for i in range(500):
        person = known.person(1000 + i)
        assert person.name == (table["first_name"][i], table["middle_name"][i], table["last_name"][i])
        assert (person.month, person.day, person.year) == tuple(
            table[name][i] for name in ("birthmonth", "birthday", "birthyear")
        )
        found = [table[name][i] for name in ("birthcity", "university", "field", "company1city", "company1name")]
        assert found == [person.value(topic, day_first=False) for topic in world.TOPICS[1:]]
        assert table["pronoun"][i] == ("She" if person.she else "He")
        assert table["person_id"][i] == 1000 + i


def test_people_stay_the_same() -> None:
    rows = [
        synthgen.capo.batch(400, seed, num_people=50, **more).metadata(i)
        for seed in (1, 2)
        for more in ({}, {"reverse": "6"}, {"form": "qa"}, {"wordings": 1})
        for i in range(100)
    ]
    table = people.table(50)
    columns = ("first_name", "last_name", "birthyear", "birthcity", "university", "company1city", "pronoun")
    for row in rows:
        assert [row[name] for name in columns] == [table[name][row["person_id"]] for name in columns]
    larger = synthgen.capo.batch(50, 1, num_people=2_000_000).metadata(0)
    assert larger["first_name"] == people.table(1, start=larger["person_id"])["first_name"][0]


# ---- exposures --------------------------------------------------------------------------------------------


def shown(n: int, seed: int, **asked: Any) -> list[int]:
    """Draw rows and give the person of each."""
    rows = synthgen.capo.examples(n, seed, **asked)
    return [row["metadata"]["person_id"] for row in rows]


def test_everybody_is_shown_once_an_epoch_in_another_order_each_time() -> None:
    n = 700
    for split in (None, "train"):
        orders = np.array(shown(4 * n, 5, num_people=n, split=split)).reshape(4, n)
        assert (np.sort(orders, axis=1) == np.arange(n)).all()
        for i in range(4):
            for j in range(i):
                # Matches of two random orders: Poisson with mean 1.
                assert (orders[i] == orders[j]).sum() < 12
    rows = synthgen.capo.examples(3 * n, 5, num_people=n)
    assert [row["metadata"]["exposure_idx"] for row in rows] == [i // n for i in range(3 * n)]
    assert len({row["input_text"] for row in rows}) > 1.9 * n


def test_orders_of_exposure_are_equally_likely() -> None:
    orders = Counter(tuple(shown(4, seed, num_people=4)) for seed in range(4800))
    assert len(orders) == 24
    assert_follows(list(orders.values()), np.ones(24), "orders")


def test_uniform_exposures_are_uniform() -> None:
    drawn = shown(5_000, 3, num_people=50, exposure="uniform")
    assert_uniform(drawn, 0, 49, "people")
    assert synthgen.capo.example(0, num_people=50, exposure="uniform")["metadata"]["exposure_idx"] is None


def test_windows_show_everybody_equally_often_in_each_place() -> None:
    packed = synthgen.capo.packed(60, 300, 4, num_people=30)
    for place in (0, 1):
        seen = [packed.instance(r, place)["metadata"]["person_id"] for r in range(60)]
        assert sorted(seen[:30]) == sorted(seen[30:]) == list(range(30))
        assert seen[:30] != seen[30:]


# ---- wordings ---------------------------------------------------------------------------------------------


def test_templates_and_orders_are_uniform() -> None:
    rows = [row["metadata"] for row in synthgen.capo.examples(16_000, 8)]
    for topic, templates in enumerate(list(world.TEMPLATES.values())[:6]):
        assert len(templates) >= 45
        assert_uniform([row["templates"][topic] for row in rows], 0, len(templates) - 1, f"templates {topic}")
    assert_follows(list(Counter(tuple(row["order"]) for row in rows).values()), np.ones(720), "orders")
    pairs = [row["templates"][0] % 8 * 7 + row["templates"][1] % 7 for row in rows]
    assert_uniform(pairs, 0, 8 * 7 - 1, "two templates")
    asked = [row["metadata"] for row in synthgen.capo.examples(6_000, 8, form="qa")]
    assert_uniform([world.TOPICS.index(row["asked"]) for row in asked], 0, 5, "topics")


@pytest.mark.parametrize("texts", [1, 2, 5])
def test_fixed_texts_are_met_equally_often(texts: int) -> None:
    n = 60
    met: dict[int, list[str]] = {}
    orders: dict[str, set[str]] = {}
    for row in synthgen.capo.examples(2 * texts * n, 1, num_people=n, wordings=texts, permute="text"):
        facts = row["metadata"]
        met.setdefault(facts["person_id"], []).append(str(facts["templates"]))
        orders.setdefault(str(facts["templates"]), set()).add(str(facts["order"]))
    for wordings in met.values():
        assert wordings[:texts] == wordings[texts:]
        assert len(set(wordings)) == texts
    assert all(len(found) == 1 for found in orders.values())
    fresh = [row["metadata"] for row in synthgen.capo.examples(3 * n, 1, num_people=n, wordings=1)]
    assert len({str(row["templates"]) for row in fresh}) == n
    assert len({(row["person_id"], str(row["order"])) for row in fresh}) > 2.9 * n
    for city_first in (True, False):
        fixed = synthgen.capo.examples(20, 1, permute="none", city_first=city_first)
        assert {tuple(row["metadata"]["order"]) for row in fixed} == {tuple(capo.FIXED_ORDER[city_first])}


def test_how_it_is_written_does_not_change_what_is_drawn() -> None:
    views: list[dict[str, Any]] = [
        {"fullname": True},
        {"reverse": "6"},
        {"pronouns": "gendered"},
        {"reverse_md": True, "loss": "value"},
    ]
    own = [row["metadata"] for row in synthgen.capo.examples(30, 2)]
    for view in views:
        others = [row["metadata"] for row in synthgen.capo.examples(30, 2, **view)]
        for one, other in zip(own, others, strict=True):
            assert (one["person_id"], one["order"]) == (other["person_id"], other["order"])
            assert one["templates"] == other["templates"][:6]


# ---- rows -------------------------------------------------------------------------------------------------

WRITTEN: list[dict[str, Any]] = [
    {},
    {"fullname": True, "pronouns": "gendered"},
    {"reverse": "1", "loss": "value"},
    {"reverse": "2", "reverse_md": True},
    {"reverse": "6", "pronouns": "gendered", "loss": "value"},
    {"form": "qa", "reverse_md": True},
    {"wordings": 2, "permute": "none", "people_seed": 3},
]


@pytest.mark.parametrize("asked", WRITTEN, ids=str)
def test_spans_slice_back(asked: dict[str, Any]) -> None:
    batch = synthgen.capo.batch(60, 9, **asked)
    params = resolve("capo", **asked)
    for i in range(60):
        ids, text, facts = batch.input_ids[i].tolist(), batch.text(i), batch.metadata(i)
        person = world.world(params["people_seed"]).person(facts["person_id"])
        spans = facts["spans"]
        for topic, found in spans.items():
            for span in found:
                low, high = span["chars"]
                first, end = span["tokens"]
                said = text[low:high]
                assert "".join(PIECES[token] for token in ids[first:end]).strip() == said
                if topic == "pronoun":
                    assert said in ("He", "She", "Their", "His", "Her", "their", "his", "her")
                elif topic == "name":
                    assert said == " ".join(person.name)
                else:
                    assert said == person.value(topic, params["reverse_md"])
        told = 1 if params["form"] == "qa" else 6
        assert sum(len(spans[topic]) for topic in world.TOPICS) == told
        names = {"fullname": 6}.get("fullname" if params["fullname"] else "", 1)
        assert len(spans["name"]) == facts["measured"]["name_mentions"] == names
        answers = sorted(tuple(span["tokens"]) for topic in world.TOPICS for span in spans[topic])
        if params["reverse"] == "6":
            answers = [tuple(spans["name"][0]["tokens"])]
        elif params["reverse"] != "none":
            answers = answers[int(params["reverse"]) :]
        assert [(query.answer_start, query.answer_end) for query in batch.queries(i)] == answers


def test_prompts_of_other_worlds_are_answered_under_their_parameters() -> None:
    for asked in ({"people_seed": 4}, {"people_seed": 4, "form": "qa", "reverse_md": True}, {"reverse_md": True}):
        batch = synthgen.capo.batch(40, 1, **asked)
        for i in range(40):
            example = batch.example(i)
            assert synthgen.capo.validate(example, **asked)
            wrong = example | {"target": "January 1, 1900"}
            assert not synthgen.capo.validate(wrong, **asked)
    example = synthgen.capo.example(0, form="qa")
    assert synthgen.capo.score("ANSWER: nobody knows", example).outcome == "unparsed"
    date = next(row for row in synthgen.capo.examples(50, form="qa") if "20" in row["target"])
    day_first = "{1} of {0}, {2}".format(*date["target"].replace(",", "").split())
    assert synthgen.capo.score(f"ANSWER: {day_first}", date).outcome == "correct"


def test_biographies_are_about_as_long_as_those_of_the_papers() -> None:
    # 368 characters in 300 texts of the reference's templates, six sentences.
    batch = synthgen.capo.batch(2000, 3)
    characters = float(np.mean([len(batch.text(i)) for i in range(2000)]))
    assert 0.85 * 368 < characters < 1.15 * 368
    assert all(batch.text(i).count(".") == 6 for i in range(200))


def test_rows_follow_the_law_of_the_plain_generator() -> None:
    params = resolve("capo", num_people=5000)
    rng = random.Random(1)
    prepared = plain.prepare(params)
    own = np.asarray(synthgen.capo.batch(6000, 1, num_people=5000).lengths)
    other = np.array([len(plain.generate(rng, prepared)[0]) for _ in range(6000)])
    assert_same_law(own, other, "tokens")
    assert ["<pad>", "<bos>", "<eos>", *prepared["ids"]] == list(PIECES)


def test_mutants_are_written_as_rows_are() -> None:
    """The kit's own writer gives back every row that it does not change."""
    batch = synthgen.capo.batch(200, 6, pronouns="gendered")
    same = 0
    for i in range(200):
        ids, mask = batch.input_ids[i, : batch.lengths[i]].tolist(), batch.loss_mask[i, : batch.lengths[i]].tolist()
        changed, marks = list(ids), list(mask)
        if knowing(random.Random(i), changed, marks) == "none":
            same += changed == ids and marks == mask
    assert same > 5


# ---- splits -----------------------------------------------------------------------------------------------


def test_questions_are_split_by_person() -> None:
    seen = {
        split: {
            row["metadata"]["person_id"]
            for seed in (1, 2)
            for row in synthgen.capo.examples(3000, seed, split=split, form="qa", num_people=1000)
        }
        for split in ("train", "validation", "test")
    }
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    assert len(set().union(*seen.values())) > 950
    free = [row["split"] for row in synthgen.capo.examples(12_000, 7, form="qa", num_people=2_000_000)]
    assert_follows([free.count(split) for split in ("train", "validation", "test")], [90, 5, 5], "splits")


def test_biographies_say_that_they_are_not_split() -> None:
    with pytest.raises(synthgen.SplitExhausted, match=r'not split.*form="qa"'):
        synthgen.capo.batch(1, split="test")
    with pytest.raises(synthgen.ParamError, match="reverse"):
        synthgen.capo.batch(1, fullname=True, reverse="1")
    assert DEFAULTS["form"] == "bio"


# ---- capacity ---------------------------------------------------------------------------------------------


def test_capacity_is_that_of_the_paper() -> None:
    wanted = {50_000: 2.96e6, 100_000: 5.82e6, 200_000: 1.14e7, 500_000: 2.80e7, 1_000_000: 5.49e7, 2_000_000: 1.08e8}
    for n, bits in wanted.items():
        assert abs(people.capacity(n) / bits - 1) < 0.006
        assert abs(people.bit_capacity(log(n), 0.0, n, 10**6) * 10**6 / people.capacity(n) - 1) < 1e-12
    assert abs(log2(people.FULL_NAMES) - 27.25) < 0.01
    assert abs(log2(people.FACTS) - 47.59) < 0.01
    assert abs(people.bit_capacity(log(people.FULL_NAMES), log(people.FACTS), 1000, 1)) < 1e-6
    measured = synthgen.capo.example(0, difficulty=2)["metadata"]["measured"]
    assert measured["total_bits"] == round(people.capacity(100_000))
    assert abs(measured["bits_per_person"] * 100_000 - measured["total_bits"]) < 1
    for wrong in (-1.0, float("nan"), "1", True):
        with pytest.raises(synthgen.ParamError):
            people.bit_capacity(wrong, 0.0, 1000, 1)  # type: ignore[arg-type]
    for bad in ({"n": -1}, {"n": 2_000_001}, {"n": 1, "start": 2_000_000}, {"n": 1, "people_seed": 2**32}):
        with pytest.raises(synthgen.ParamError):
            people.table(**bad)


def test_metadata_are_plain_data() -> None:
    facts = synthgen.capo.example(3)["metadata"]
    assert json.loads(json.dumps(facts)) == facts
