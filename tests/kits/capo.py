"""The kit of Capo."""

import re
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.kits import Shortcut
from tests.laws import Ints
from tests.mutants import blind
from tests.oracles import capo, world
from tests.oracles.world import FIRST, LAST, MIDDLE, MONTHS, OFFICES, QUESTIONS, TEMPLATES, TOPICS
from tests.public_cases import Case, composite

ORACLE = capo
UNSPLIT = True
PLAIN_REFUSAL = "nobody has this name"  # it draws people of its own

DEFAULTS: dict[str, Any] = {
    "num_people": 50_000,
    "people_seed": 0,
    "form": "bio",
    "exposure": "epochs",
    "wordings": None,
    "permute": "fresh",
    "city_first": True,
    "fullname": False,
    "reverse": "none",
    "reverse_md": False,
    "pronouns": "neutral",
    "loss": "all",
}
PRESETS: dict[int, dict[str, Any]] = {1: {}, 2: {"num_people": 100_000}, 3: {"num_people": 200_000}}
RANGES: tuple[str, ...] = ()

# ---- pieces -----------------------------------------------------------------------------------------------

PUNCTUATION = (".", ",", "'s", "?", ":")
FIXED = ("Answer", "of", "The", "person", "He", "She", "Their", "His", "Her", "their", "his", "her")
SLOT = re.compile(r"{(?:name|value)}")


def words(text: str) -> list[str]:
    """Cut a text into pieces: words with the space before them, marks and possessive endings."""
    found: list[str] = []
    for word in text.replace("{their}", "their").split():
        stem, ending, marks = re.fullmatch(r"(.*?)('s)?([.,?:]*)", word).groups()  # type: ignore[union-attr]
        found += [*([f" {stem}"] if stem else []), *([ending] if ending else []), *marks]
    return found


def table() -> tuple[str, ...]:
    """Specials, marks, words with a name, dates; then every word of the lists and templates where it first occurs."""
    known = ["<pad>", "<bos>", "<eos>", *PUNCTUATION, *(f" {word}" for word in FIXED)]
    known += [f" {word}" for word in [*MONTHS, *range(1, 29), *range(1900, 2100)]]
    texts = [*FIRST, *MIDDLE, *LAST, *world.CITIES, *world.UNIVERSITIES, *world.MAJORS]
    for company, office in zip(world.COMPANIES, OFFICES, strict=True):
        texts += [company, office]
    texts += [SLOT.sub("", template) for templates in TEMPLATES.values() for template in templates]
    texts += [SLOT.sub("", question) for topic in TOPICS for about, question in QUESTIONS if about == topic]
    return tuple(dict.fromkeys([*known, *(word for text in texts for word in words(text))]))


PIECES = table()
IDS = {piece: i for i, piece in enumerate(PIECES)}
ROLES = [
    ("mark", set(PUNCTUATION)),
    ("special", {"<pad>", "<bos>", "<eos>"}),
    ("subject", {" He", " She"}),
    ("possessive", {" Their", " His", " Her"}),
    ("inner possessive", {" their", " his", " her"}),
    ("month", {f" {month}" for month in MONTHS}),
    ("day", {f" {day}" for day in range(1, 29)}),
    ("year", {f" {year}" for year in range(1900, 2100)}),
    ("state", {f" {place.split(', ')[1]}" for place in [*world.CITIES, *OFFICES]}),
    ("first name", {f" {name}" for name in FIRST}),
    ("middle name", {f" {name}" for name in MIDDLE}),
    ("last name", {f" {name}" for name in LAST}),
]


def family(piece: str) -> str:
    """Name the first role of a piece."""
    return next((role for role, pieces in ROLES if piece in pieces), "word")


def said(piece: str) -> str:
    """Give the word, whatever its capitals."""
    return piece.strip().lower() if piece.startswith(" ") else ""


# ---- rows to compare --------------------------------------------------------------------------------------

SAMPLES: list[tuple[int, dict[str, Any]]] = [
    (6000, {}),
    (1000, {"difficulty": 1}),
    (1000, {"difficulty": 2}),
    (1000, {"difficulty": 3}),
    (4000, {"form": "qa"}),
    (1000, {"form": "qa", "loss": "value", "num_people": 300}),
    (1000, {"pronouns": "gendered", "exposure": "uniform"}),
    (1000, {"fullname": True, "loss": "value"}),
    (1000, {"reverse": "1", "loss": "value", "pronouns": "gendered"}),
    (1000, {"reverse": "2", "permute": "none", "reverse_md": True}),
    (500, {"reverse": "6", "num_people": 2000, "loss": "value"}),
    (1000, {"wordings": 1, "permute": "none", "city_first": False}),
    (1000, {"wordings": 2, "permute": "text"}),
    (500, {"wordings": 5, "num_people": 1000}),
    (100, {"wordings": 1, "num_people": 1, "permute": "text"}),
]
MUTATED: list[tuple[int, int, dict[str, Any]]] = [
    (100, 40, {}),
    (50, 40, {"num_people": 2_000_000, "people_seed": 5}),
    (50, 40, {"form": "qa", "reverse_md": True}),
    (30, 40, {"form": "qa", "loss": "value", "num_people": 5}),
    (30, 40, {"pronouns": "gendered", "people_seed": 2**32 - 1, "loss": "value"}),
    (20, 40, {"fullname": True, "reverse_md": True}),
    (30, 40, {"reverse": "1", "permute": "none"}),
    (30, 40, {"reverse": "6", "pronouns": "gendered"}),
    (20, 40, {"wordings": 3, "permute": "text"}),
    (20, 40, {"wordings": 2, "reverse": "2", "loss": "value"}),
]
STRANGERS: list[dict[str, Any]] = [
    {"num_people": 40},
    {"num_people": 60},
    {"num_people": 40, "people_seed": 1},
    {"num_people": 40, "pronouns": "gendered"},
    {"num_people": 40, "fullname": True},
    {"num_people": 40, "reverse": "1"},
    {"num_people": 40, "reverse": "6"},
    {"num_people": 40, "reverse_md": True},
    {"num_people": 40, "permute": "none"},
    {"num_people": 40, "permute": "none", "city_first": False},
    {"num_people": 40, "wordings": 2},
    {"num_people": 40, "wordings": 20},
    {"num_people": 40, "wordings": 2, "permute": "text"},
    {"num_people": 40, "loss": "value"},
    {"num_people": 40, "form": "qa"},
    {"num_people": 60, "form": "qa"},
]

# ---- splits: biographies have none; of the questions, `tests/test_laws_capo.py` asks -----------------------

CROWDED: dict[str, Any] = {"num_people": 2000, "form": "qa"}


IS_NAME = [np.isin(PIECES, [f" {name}" for name in names]) for names in (FIRST, MIDDLE, LAST)]


def keys(ids: Ints) -> Ints:
    """Turn every question into its name: the first three words that can be a first, a middle and a last name."""
    named = IS_NAME[0][ids[:, :-2]] & IS_NAME[1][ids[:, 1:-1]] & IS_NAME[2][ids[:, 2:]]
    at = named.argmax(axis=1)[:, None] + np.arange(3)
    return np.take_along_axis(ids, at, axis=1)


# ---- parameters -------------------------------------------------------------------------------------------


@composite
def cases(draw: Any) -> Case:
    """Draw parameters; of the people of seed 0 and with the month first, as a prompt alone cannot say otherwise."""
    params: dict[str, Any] = {
        "num_people": draw(st.sampled_from([1, 2, 7, 100, 50_000, 123_456])),
        "form": draw(st.sampled_from(["bio", "bio", "qa"])),
        "exposure": draw(st.sampled_from(["epochs", "uniform"])),
        "wordings": draw(st.none() | st.integers(1, 5)),
        "permute": draw(st.sampled_from(["none", "text", "fresh"])),
        "city_first": draw(st.booleans()),
        "pronouns": draw(st.sampled_from(["neutral", "gendered"])),
        "loss": draw(st.sampled_from(["all", "value"])),
    }
    params["reverse"] = draw(st.sampled_from(["none", "1", "2", "6"]))
    if params["reverse"] == "none":
        params["fullname"] = draw(st.booleans())
    return Case("capo", params, draw(st.sampled_from([None, "train"])) if params["num_people"] > 2 else None)


# ---- shortcuts --------------------------------------------------------------------------------------------

OFFICE, OFFICES_THERE = Counter(OFFICES).most_common(1)[0]


def chance(level: int) -> float:
    """Name the city with the most companies: it is where one works, or was born, if the first sentence tells either."""
    assert level
    return (OFFICES_THERE / len(OFFICES) + (OFFICE in world.CITIES) / len(world.CITIES)) / 6


def asked(prompt: str) -> str:
    """Say what the first sentence is about to tell."""
    return capo.read_biography(prompt, closed=False)[0].topic


MOST_COMMON: dict[str, Sequence[str]] = {
    "birth_date": ["January 1, 2000"],
    "birth_city": world.CITIES,
    "university": world.UNIVERSITIES,
    "major": world.MAJORS,
    "company_city": [OFFICE],
    "company": world.COMPANIES,
}


def by_name(prompt: str, _: Random) -> str:
    """Let the numbers of the name decide, as if they were not scattered."""
    parts = [word.removesuffix("'s") for word in prompt.split(" ")[1:4]]
    first, middle, last = (names.index(part) for names, part in zip((FIRST, MIDDLE, LAST), parts, strict=True))
    values = MOST_COMMON[asked(prompt)]
    return values[(first * 400_000 + middle * 1000 + last) * len(values) // 160_000_000]


SHORTCUTS: dict[str, Shortcut] = {
    "the most common value of what is asked": lambda prompt, _: MOST_COMMON[asked(prompt)][0],
    "any value of what is asked": lambda prompt, rng: rng.choice(MOST_COMMON[asked(prompt)]),
    "the alphabet": by_name,
    "the last word": lambda prompt, _: prompt.split(" ")[-1],
}
UNDEFEATED: dict[str, str] = {}

# ---- mutants that know the task ---------------------------------------------------------------------------


class Told(NamedTuple):
    """A sentence to be written."""

    subject: str
    topic: str
    template: int
    value: str


def knowing(rng: Random, ids: list[int], mask: list[int]) -> str:
    """Change who is told about, what, how and in which order, in a row that is then written anew."""
    text = "".join(PIECES[token] for token in ids if token > 2)
    everything = sum(mask) == sum(token != 0 for token in ids) - 1
    if "?" in text:
        return change_question(rng, ids, mask, text, everything)
    sentences = capo.read_biography(text, closed=True)
    told = [Told(s.subject, s.topic, s.templates[0], str(s.value)) for s in sentences]
    name = next((s.name for s in sentences if s.name), "") or told[-1].value
    said_of = [word for s in sentences for word, possessive in s.pronouns if word and not possessive]
    she = "she" in said_of
    gendered = any(word and possessive for s in sentences for word, possessive in s.pronouns)
    at, other = rng.randrange(len(told)), rng.randrange(len(told))
    what = rng.choice(
        [
            "order",
            "template",
            "template",
            "value",
            "name",
            "gender",
            "forms",
            "subject",
            "date",
            "drop",
            "twice",
            "none",
        ]
    )
    one = told[at]
    if what == "order":  # whoever comes first begins as the first did
        told[at], told[other] = (
            Told(one.subject, *told[other][1:]),
            Told(told[other].subject, *one[1:]),
        )
    elif what == "template":
        told[at] = one._replace(template=rng.randrange(len(TEMPLATES[one.topic])))
    elif what == "value":
        told[at] = one._replace(value=world.world(0).person(rng.randrange(99)).value(one.topic, rng.random() < 0.2))
    elif what == "name":
        name = " ".join(world.world(0).person(rng.randrange(60)).name)
    elif what == "gender":
        she = not she
    elif what == "forms":
        gendered = not gendered
    elif what == "subject":
        told[at] = one._replace(subject=rng.choice(["name", "pronoun", "the person"]))
    elif what == "date":
        told = [s._replace(value=turned(s.value)) if s.topic == "birth_date" else s for s in told]
    elif what == "drop":
        del told[at]
    elif what == "twice":
        told.insert(other, one)
    write(ids, mask, told, (name, she, gendered), everything)
    return what


def turned(date: str) -> str:
    """Write a date the other way."""
    found = re.fullmatch(r"(\d+) of (\w+), (\d+)", date)
    if found:
        return f"{found[2]} {found[1]}, {found[3]}"
    month, day, year = date.replace(",", "").split(" ")
    return f"{day} of {month}, {year}"


def write(ids: list[int], mask: list[int], told: Sequence[Told], who: tuple[str, bool, bool], everything: bool) -> None:
    """Write sentences as a row; the answers are the values once the name is known."""
    name, she, gendered = who
    their = ("her" if she else "his") if gendered else "their"
    pieces, marks, known = ["<bos>"], [0], False
    for sentence in told:
        template = TEMPLATES[sentence.topic][sentence.template].replace("{their}", their)
        subject = {"name": name, "the person": "The person"}.get(sentence.subject, "She" if she else "He")
        before, after = template.split("{value}")
        if sentence.subject == "pronoun" and before.startswith("{name}'s"):
            before = their.title() + before.removeprefix("{name}'s")
        before = before.replace("{name}", subject)
        known |= sentence.subject == "name" or sentence.topic == "full_name"
        for part, answer in ((before, False), (sentence.value, known), (after, False)):
            found = words(part)
            pieces += found
            marks += [int(answer or everything)] * len(found)
    ids[:] = [IDS[piece] for piece in [*pieces, "<eos>"]]
    mask[:] = [*marks, int(everything)]


def change_question(rng: Random, ids: list[int], mask: list[int], text: str, everything: bool) -> str:
    """Ask otherwise, about something else or somebody else, or answer otherwise."""
    topic, name, answer = capo.read_question(text)
    what = rng.choice(["wording", "topic", "name", "answer", "answer", "date", "none", "blind"])
    if what == "blind":
        return blind(rng, "capo", ids, mask)
    if what == "topic":
        topic = rng.choice(TOPICS)
    if what == "name":
        name = " ".join(world.world(0).person(rng.randrange(9)).name)
    if what == "answer":
        answer = world.world(0).person(rng.randrange(99)).value(rng.choice([topic, topic, "major"]), day_first=False)
    if what == "date" and topic == "birth_date":
        answer = turned(answer.strip())
    wording = rng.choice([wording for about, wording in QUESTIONS if about == topic])
    question = words(wording.replace("{name}", name) + " Answer:")
    said_now = words(answer)
    ids[:] = [1, *(IDS[piece] for piece in [*question, *said_now]), 2]
    mask[:] = [0, *[int(everything)] * len(question), *[1] * len(said_now), int(everything)]
    return what
