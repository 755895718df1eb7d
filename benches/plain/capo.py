"""Plain-Python Capo: a table of people, sentences from templates, words looked up, as ids and loss mask."""

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILES = Path(__file__).parents[2] / "rust" / "synthgen" / "src" / "sampling" / "biography"
TOPICS = ["birth_date", "birth_city", "university", "major", "company_city", "company"]
MONTHS = [
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
]
FIXED = ". , 's ? : Answer of The person He She Their His Her their his her"
WORD = re.compile(r" [^ .,?:']+|'s|[.,?:]")
BOS, EOS = 1, 2


def lines(name: str) -> list[str]:
    """Read a list."""
    return (FILES / f"{name}.txt").read_text().splitlines()


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read the lists, number their words, and draw the people, once."""
    for name, value in {"form": "bio", "wordings": None, "fullname": False, "reverse": "none", "loss": "all"}.items():
        if params[name] != value:
            raise ValueError(f"the plain generator has no {name}")
    names = [lines(f"lists/{part}_names") for part in ("first", "middle", "last")]
    cities, universities, majors = (lines(f"lists/{name}") for name in ("cities", "universities", "majors"))
    companies = [line.split("; ") for line in lines("lists/companies")]
    templates = [lines(f"templates/{topic}") for topic in (*TOPICS, "full_name")]

    ids = {word if word in (".", ",", "'s", "?", ":") else f" {word}": 3 + i for i, word in enumerate(FIXED.split())}
    for word in [*MONTHS, *range(1, 29), *range(1900, 2100)]:
        ids.setdefault(f" {word}", 3 + len(ids))
    offices = [text for company in companies for text in company]
    questions = [line.split(": ", 1)[1] for line in lines("templates/questions")]
    sentences = [line for topic in templates for line in topic]
    for text in [*names[0], *names[1], *names[2], *cities, *universities, *majors, *offices, *sentences, *questions]:
        for word in WORD.findall(" " + re.sub(r"{(name|value)}", "", text.replace("{their}", "their"))):
            ids.setdefault(word, 3 + len(ids))

    rng = random.Random(params["people_seed"])
    people = []
    for number in rng.sample(range(len(names[0]) * len(names[1]) * len(names[2])), params["num_people"]):
        first, rest = divmod(number, len(names[1]) * len(names[2]))
        middle, last = divmod(rest, len(names[2]))
        month, day, year = rng.choice(MONTHS), rng.randint(1, 28), rng.randint(1900, 2099)
        date = f"{day} of {month}, {year}" if params["reverse_md"] else f"{month} {day}, {year}"
        company, office = rng.choice(companies)
        values = [date, rng.choice(cities), rng.choice(universities), rng.choice(majors), office, company]
        people.append((f"{names[0][first]} {names[1][middle]} {names[2][last]}", rng.random() < 0.5, values))
    order = list(range(6))
    if params["permute"] == "none" and not params["city_first"]:
        order = [0, 1, 2, 3, 5, 4]
    return {**params, "ids": ids, "people": people, "templates": templates, "order": order, "left": []}


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    people = params["people"]
    if params["exposure"] == "uniform":
        name, she, values = rng.choice(people)
    else:
        left = params["left"]
        if not left:
            left.extend(range(len(people)))
            rng.shuffle(left)
        name, she, values = people[left.pop()]

    subject, possessive, their = ("She", "Her", "her") if she else ("He", "His", "his")
    if params["pronouns"] == "neutral":
        possessive, their = "Their", "their"
    order = params["order"]
    if params["permute"] != "none":
        order = rng.sample(order, 6)

    text = ""
    for i, topic in enumerate(order):
        template = rng.choice(params["templates"][topic])
        if i == 0:
            who = name
        elif template.startswith("{name}'s"):
            template = template.replace("{name}'s", "{name}")
            who = possessive
        else:
            who = subject
        text += " " + template.format(name=who, value=values[topic], their=their)

    ids = params["ids"]
    row = [BOS, *(ids[word] for word in WORD.findall(text)), EOS]
    return row, [0] + [1] * (len(row) - 1)
