"""Oracle for Facts: sentences that say who lives where, and a question about one of them."""

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tests.oracles.fewshot import RowError, check_mask, is_train, text_of

SALT = 0x6661637400000022
NAME_LIST = """
    John Mary Peter Anna Tom Lucy Paul Emma Mark Sara David Julia Simon Laura Adam Clara James Alice Oliver Nora
    Henry Grace Leo Ruth Martin Helen Oscar Irene Victor Diana Hugo Eva Felix Rosa Walter Sophie Arthur Maya
    George Lena Philip Vera Edgar Nina Robert Olga Daniel Marta Samuel Tina Jacob Wanda Frank Elsa Ivan Carmen
    Louis Petra Kevin Ingrid Ralph Judith Boris Fiona
"""
CITY_LIST = """
    Paris London Rome Tokyo Oslo Cairo Berlin Madrid Vienna Prague Lisbon Dublin Athens Warsaw Budapest Helsinki
    Stockholm Brussels Geneva Zurich Milan Naples Venice Seville Porto Lyon Hamburg Munich Krakow Riga Vilnius
    Tallinn Sofia Istanbul Moscow Kiev Delhi Mumbai Bangkok Hanoi Seoul Osaka Kyoto Sydney Perth Auckland
    Toronto Montreal Boston Chicago Denver Seattle Dallas Lima Bogota Quito Havana Nairobi Lagos Tunis Accra
    Dakar Manila Jakarta
"""
NAMES = NAME_LIST.split()
CITIES = CITY_LIST.split()
FACT = r"([A-Z][a-z]+) lives in ([A-Z][a-z]+)\. "
QUESTION = r"Where does ([A-Z][a-z]+) live\? "


def read(text: str) -> tuple[list[tuple[str, str]], str, str]:
    """Take a row apart: who lives where, who is asked about, and the answer."""
    found = re.fullmatch(rf"((?:{FACT})+){QUESTION}([A-Za-z]*)", text, re.ASCII)
    if not found:
        raise RowError("not facts, a question and an answer")
    return re.findall(FACT, found[1], re.ASCII), found[4], found[5]


def judge(told: list[tuple[str, str]], asked: str, answer: str, params: Mapping[str, Any]) -> None:
    """Raise RowError unless the facts are within the params and answer the question so."""
    names, cities = [name for name, _ in told], [city for _, city in told]
    if not set(names) <= set(NAMES[: params["num_names"]]) or len(set(names)) != len(names):
        raise RowError("a name is not on the list, or comes twice")
    if not set(cities) <= set(CITIES[: params["num_cities"]]) or len(set(cities)) != len(cities):
        raise RowError("a city is not on the list, or comes twice")
    if not params["num_facts"][0] <= len(told) <= params["num_facts"][1]:
        raise RowError(f"{len(told)} facts")
    if (asked, answer) not in told:
        raise RowError(f"nobody said that {asked} lives in {answer}")
    for name, city in told:
        if name != asked and not is_train(SALT, 256 * NAMES.index(name) + CITIES.index(city)):
            raise RowError(f"{name} in {city} is not asked about and not of the train split")


def check(
    ids: Sequence[int], mask: Sequence[int] | None, pieces: Sequence[str], params: Mapping[str, Any]
) -> str | None:
    """Return None if the row, and its mask if given, is valid, else why not."""
    try:
        text = text_of(ids, pieces)
        told, asked, answer = read(text)
        judge(told, asked, answer, params)
        if mask is not None:
            check_mask(ids, mask, text, answer)
    except RowError as problem:
        return str(problem)
    return None


def solve(text: str) -> str:
    """Look up where the one asked about lives."""
    question = re.search(rf"{QUESTION}$", text, re.ASCII)
    home = dict(re.findall(FACT, text, re.ASCII))
    if not question or question[1] not in home:
        raise ValueError(f"not a Facts prompt: {text!r}")
    return str(home[question[1]])


def canonical(ids: Sequence[int], pieces: Sequence[str]) -> Hashable:
    """Return who is asked about and where they live."""
    _, asked, answer = read(text_of(ids, pieces))
    return asked, answer
