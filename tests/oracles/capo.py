"""Oracle for Capo: short biographies, and questions about the same people.

A row is read as text: its sentences are cut at the full stops, and each is taken apart by the words before and after
its value. Who the person is, is worked out from the name by `world`, which shares only the lists with the library.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.oracles.world import (
    CITIES,
    COMPANIES,
    FIRST,
    LAST,
    MAJORS,
    MIDDLE,
    MONTHS,
    OFFICES,
    QUESTIONS,
    TEMPLATES,
    TOPICS,
    UNIVERSITIES,
    Person,
    World,
    world,
)

MAX_PEOPLE = 2_000_000
POSSESSIVES = {"Their": "", "His": "he", "Her": "she"}
SUBJECTS = {"He": "he", "She": "she"}
VALUES = {
    "birth_city": set(CITIES),
    "university": set(UNIVERSITIES),
    "major": set(MAJORS),
    "company_city": set(OFFICES),
    "company": set(COMPANIES),
}
NAMES = (set(FIRST), set(MIDDLE), set(LAST))
FIXED_ORDER = {True: list(TOPICS), False: [*TOPICS[:4], "company", "company_city"]}
UNNAMED = {"none": 0, "1": 1, "2": 2, "6": 7}


class RowError(Exception):
    """The row breaks a rule; the message says which."""


@dataclass
class Sentence:
    """A sentence: what it begins with, what it tells about what, and the pronouns in it, as what they say of gender."""

    subject: str  # "the person", "name" or "pronoun"
    name: str
    pronouns: list[tuple[str, bool]]  # "", "he" or "she", and whether the form is a possessive
    topic: str
    templates: list[int]
    value: str | None
    start: int  # of the value, in characters


def is_date(text: str) -> bool:
    """Tell whether this is a date, in either order."""
    month_first = re.fullmatch(r"([A-Z][a-z]+) (\d+), (\d{4})", text)
    day_first = re.fullmatch(r"(\d+) of ([A-Z][a-z]+), (\d{4})", text)
    if month_first:
        month, day, year = month_first.groups()
    elif day_first:
        day, month, year = day_first.groups()
    else:
        return False
    return month in MONTHS and str(int(day)) == day and 1 <= int(day) <= 28 and 1900 <= int(year) <= 2099


def is_name(text: str) -> bool:
    """Tell whether this is a full name."""
    words = text.split(" ")
    return len(words) == 3 and all(word in names for word, names in zip(words, NAMES, strict=True))


def is_value(topic: str, text: str) -> bool:
    """Tell whether this is something that a sentence on this topic may tell."""
    if topic == "birth_date":
        return is_date(text)
    return is_name(text) if topic == "full_name" else text in VALUES[topic]


Words = tuple[str, ...]


@cache
def openings() -> dict[tuple[bool, Words], list[tuple[str, int, Words]]]:
    """Index the templates by whether they want a possessive and by the words before the value; with those after it."""
    found: dict[tuple[bool, Words], list[tuple[str, int, Words]]] = {}
    for topic, templates in TEMPLATES.items():
        for number, template in enumerate(templates):
            before, after = template.replace("{their}", "their").removesuffix(".").split("{value}")
            body = before.removeprefix("{name}")
            key = (body.startswith("'s"), tuple(body.removeprefix("'s").split()))
            found.setdefault(key, []).append((topic, number, tuple(after.split())))
    return found


def read_subject(text: str) -> tuple[str, str, int, bool]:
    """Say what a sentence begins with: kind, name, length, and whether it is a possessive."""
    words = text.split(" ")[1:4]
    possessive = words[-1].endswith("'s") if words else False
    bare = " ".join(words).removesuffix("'s")
    if words[:1] and words[0] in {**POSSESSIVES, **SUBJECTS}:
        return "pronoun", "", 1 + len(words[0]), words[0] in POSSESSIVES
    if words[:2] in (["The", "person"], ["The", "person's"]):
        possessive = words[1].endswith("'s")
        return "the person", "", len(" The person") + 2 * possessive, possessive
    if is_name(bare):
        return "name", bare, 1 + len(bare) + 2 * possessive, possessive
    raise RowError(f"nobody: {text!r}")


def read_sentence(text: str, start: int, closed: bool) -> Sentence:
    """Read a sentence without its full stop; one that is not closed stops before its value."""
    kind, name, length, possessive = read_subject(text)
    pronouns: list[tuple[str, bool]] = []
    if kind == "pronoun":
        word = text[1:length]
        pronouns.append((POSSESSIVES[word], True) if possessive else (SUBJECTS[word], False))
    words = text[length:].split(" ")[1:]
    plain = tuple("their" if word in ("his", "her") else word for word in words)
    for at in range(1, len(words)) if closed else [len(words)]:
        candidates = openings().get((possessive, plain[:at]), [])
        for topic, _, after in candidates:
            end = len(words) - len(after)
            value = " ".join(words[at:end])
            if closed and (plain[end:] != after or not is_value(topic, value)):
                continue
            templates = [n for other, n, ending in candidates if other == topic and (not closed or ending == after)]
            around = words[:at] + (words[end:] if closed else [])
            pronouns += [(POSSESSIVES[word.title()], True) for word in around if word in ("their", "his", "her")]
            value_start = start + length + len("".join(f" {word}" for word in words[:at])) + 1
            return Sentence(kind, name, pronouns, topic, templates, value if closed else None, value_start)
    raise RowError(f"no sentence of a biography: {text!r}")


def read_biography(text: str, closed: bool) -> list[Sentence]:
    """Read the sentences of a text; the last one stops before its value unless the text is closed."""
    sentences: list[Sentence] = []
    at = 0
    parts = text.split(".")
    if closed:
        if parts.pop():
            raise RowError("the last sentence has no full stop")
        if not parts:
            raise RowError("no sentence")
    if len(parts) > 8:
        raise RowError("too many sentences")
    for i, part in enumerate(parts):
        sentences.append(read_sentence(part, at, closed or i + 1 < len(parts)))
        at += len(part) + 1
    topics = [sentence.topic for sentence in sentences]
    if len(set(topics)) != len(topics) or "full_name" in topics[:6] or len(topics) > 7:
        raise RowError(f"tells {topics}")
    if len(topics) == 7 and topics[6] != "full_name":
        raise RowError("a seventh sentence that is not about the name")
    return sentences


def subjects(reverse: str, fullname: bool) -> list[str]:
    """Say what the sentences begin with."""
    hidden = UNNAMED[reverse]
    later = "name" if fullname else "pronoun"
    return ["the person"] * hidden + (["name"] + [later] * (5 - hidden) if hidden < 6 else [])


def judge(sentences: Sequence[Sentence], params: Mapping[str, Any], people: World) -> tuple[Person, list[Sentence]]:
    """Raise RowError unless the biography is true and written as the params say; return the person, and the answers."""
    wanted = subjects(params["reverse"], params["fullname"])
    if [sentence.subject for sentence in sentences] != wanted:
        raise RowError("begins sentences with something else")
    hidden = UNNAMED[params["reverse"]]
    if hidden == 7:
        names = {str(sentences[6].value)}
    else:
        names = {sentence.name for sentence in sentences if sentence.subject == "name"}
    if len(names) != 1:
        raise RowError("several names")
    number = people.named(names.pop().split(" "))
    if number is None or number >= params["num_people"]:
        raise RowError("nobody has this name")
    person = people.person(number)
    for sentence in sentences:
        if sentence.value != person.value(sentence.topic, params["reverse_md"]):
            raise RowError(f"{sentence.topic} is not {sentence.value}")
        for said, possessive in sentence.pronouns:
            gender = "she" if person.she else "he"
            if said != (gender if not possessive or params["pronouns"] == "gendered" else ""):
                raise RowError("a pronoun of another form")
    judge_wording(sentences, params, people, number)
    return person, list(sentences[min(hidden, 6) :])


def judge_wording(sentences: Sequence[Sentence], params: Mapping[str, Any], people: World, person: int) -> None:
    """Raise RowError unless the sentences and their order are those of a fixed text, where texts are fixed."""
    order = [sentence.topic for sentence in sentences[:6]]
    if params["permute"] == "none" and order != FIXED_ORDER[params["city_first"]]:
        raise RowError(f"the order {order}")
    if params["wordings"] is None:
        return
    topics = list(TEMPLATES)
    for text in range(params["wordings"]):
        templates, places = people.wording(person, text)
        if params["permute"] == "text" and order != [TOPICS[place] for place in places]:
            continue
        if all(templates[topics.index(sentence.topic)] in sentence.templates for sentence in sentences):
            return
    raise RowError("none of the person's texts")


def read_question(text: str) -> tuple[str, str, str]:
    """Take a question apart: topic, name, and what follows ``Answer:``."""
    for topic, wording in QUESTIONS:
        before, after = wording.split("{name}")
        found = re.fullmatch(re.escape(" " + before) + "(.+?)" + re.escape(after + " Answer:") + "(.*)", text)
        if found and is_name(found[1]):
            return topic, found[1], found[2]
    raise RowError("no question")


def text_of(ids: Sequence[int], pieces: Sequence[str]) -> tuple[str, int]:
    """Join the pieces between <bos> and <eos>; also give the number of tokens without padding."""
    if any(not 0 <= token < len(pieces) for token in ids):
        raise RowError("an id outside of the vocabulary")
    end = len(ids)
    while end and ids[end - 1] == 0:
        end -= 1
    if end < 2 or ids[0] != 1 or ids[end - 1] != 2 or any(token <= 2 for token in ids[1 : end - 1]):
        raise RowError("<bos> and <eos> are not where they belong")
    return "".join(pieces[token] for token in ids[1 : end - 1]), end


def token_span(ids: Sequence[int], pieces: Sequence[str], start: int, length: int) -> range:
    """Find the tokens of these characters of the text, the space before them included."""
    at, found = 0, []
    for i, token in enumerate(ids[1:], 1):
        if at < start + length and at + len(pieces[token]) > start:
            found.append(i)
        at += len(pieces[token])
    return range(found[0], found[-1] + 1)


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    people = world(params["people_seed"])
    try:
        text, end = text_of(ids, pieces)
        if params["form"] == "qa":
            topic, name, answer = read_question(text)
            number = people.named(name.split(" "))
            if number is None or number >= params["num_people"]:
                raise RowError("nobody has this name")
            if answer != " " + people.person(number).value(topic, params["reverse_md"]):
                raise RowError("a wrong answer")
            spans = [(len(text) - len(answer) + 1, len(answer) - 1)]
        else:
            sentences = read_biography(text, closed=True)
            answers = judge(sentences, params, people)[1]
            spans = [(sentence.start, len(str(sentence.value))) for sentence in answers]
    except RowError as problem:
        return str(problem)
    if mask is not None:
        learned = set(range(1, end))
        if params["loss"] == "value":
            learned = {i for start, length in spans for i in token_span(ids[:end], pieces, start, length)}
        if list(mask) != [int(position in learned) for position in range(len(ids))]:
            return "the mask is not 1 exactly where it should be"
    return None


def solve(text: str) -> str:
    """Say what comes next in a biography that stops before a value, or after a question, about the people of seed 0."""
    people = world(0)
    try:
        if "?" in text:
            topic, name, rest = read_question(text)
            number = people.named(name.split(" "))
            if rest or number is None or number >= MAX_PEOPLE:
                raise RowError("not asked of anybody")
            return people.person(number).value(topic, day_first=False)
        *told, last = read_biography(text, closed=False)
    except RowError as problem:
        raise ValueError(f"not a Capo prompt: {problem}") from problem
    if last.topic == "full_name":
        return " ".join(people.person(who(people, told)).name)
    names = [sentence.name for sentence in [*told, last] if sentence.name]
    number = people.named(names[0].split(" ")) if names else None
    if number is None or number >= MAX_PEOPLE:
        raise ValueError("not a Capo prompt: nobody has this name")
    return people.person(number).value(last.topic, day_first=False)


def who(people: World, told: Sequence[Sentence]) -> int:
    """Find the person of whom these six facts are told."""
    said = {sentence.topic: str(sentence.value) for sentence in told}
    day_first = said["birth_date"][0].isdigit()
    words = said["birth_date"].replace(",", "").replace("of ", "").split(" ")
    day, month, year = words if day_first else (words[1], words[0], words[2])
    key = (
        MONTHS.index(month),
        int(day) - 1,
        int(year) - 1900,
        CITIES.index(said["birth_city"]),
        UNIVERSITIES.index(said["university"]),
        MAJORS.index(said["major"]),
        COMPANIES.index(said["company"]),
    )
    if key not in people.by_facts():
        raise ValueError("not a Capo prompt: true of nobody")
    return people.by_facts()[key]


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return what decides the split of a valid row: the person asked about; nothing for a biography."""
    text, _ = text_of(ids, pieces)
    return read_question(text)[1] if "?" in text else "a biography"
