"""The people of Capo: who they are, what there is to know about them, and how much of it a model holds.

The measure is that of Z. Allen-Zhu and Y. Li, *Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws*
(arXiv 2404.05405).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _native
from .checks import integer
from .errors import param_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PEOPLE = 2_000_000
"""As many people as Capo can tell about."""

FULL_NAMES = 400 * 400 * 1000
"""N0 of Part 3.3: the full names there are; log2 N0 = 27.25 bits."""

FACTS = 2 * (12 * 28 * 200) * 200 * 300 * 100 * 263
"""S0 of Part 3.3: pronoun, date of birth, city, university, major and employer (its city follows); 47.59 bits."""

_MONTHS = [
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
]
_FIRST_YEAR = 1900


@cache
def _lists() -> list[NDArray[Any]]:
    return [np.array(values, dtype=object) for values in _native.people_lists()]


def table(n: int, people_seed: int = 0, start: int = 0) -> dict[str, Any]:
    """Persons start .. start + n of a world, a column for each of the names that `metadata` uses.

    Numbers come as int32 arrays, texts as lists. A person is the same in every row of every seed, and however large
    `num_people` is.

    >>> people = table(2)
    >>> sorted(people)[:3]
    ['birthcity', 'birthday', 'birthmonth']
    """
    first = integer("capo", "start", start, 0, MAX_PEOPLE)
    count = integer("capo", "n", n, 0, MAX_PEOPLE - first)
    columns = _native.people_table(integer("capo", "people_seed", people_seed, 0, 2**32 - 1), first, count)
    first_name, middle, last, month, day, year, city, university, major, company, she = columns
    first_names, middle_names, last_names, cities, universities, majors, company_cities, companies = _lists()
    texts = {
        "first_name": first_names[first_name],
        "middle_name": middle_names[middle],
        "last_name": last_names[last],
        "birthmonth": np.array(_MONTHS, dtype=object)[month],
        "birthcity": cities[city],
        "university": universities[university],
        "field": majors[major],
        "company1name": companies[company],
        "company1city": company_cities[company],
        "pronoun": np.array(["He", "She"], dtype=object)[she],
    }
    numbers = {
        "person_id": np.arange(first, first + count, dtype=np.int32),
        "birthday": day + np.int32(1),
        "birthyear": year + np.int32(_FIRST_YEAR),
    }
    return numbers | {name: column.tolist() for name, column in texts.items()}


def capacity(num_people: int) -> float:
    """Bits there are to know about so many people: N (log2(N0 / N) + log2 S0).

    It is the largest value of `bit_capacity` times P, reached at p1 = ln N (any of N names may come next) and p2 = 0
    (every fact is known).

    >>> round(capacity(50_000))
    2961774
    """
    return _native.people_capacity(integer("capo", "num_people", num_people, 1, MAX_PEOPLE))


def bit_capacity(p1: float, p2: float, num_people: int, parameters: int) -> float:
    """Bits per parameter that a model has stored, R(F) of Part 3.3.

    R = (N log2(N0 / e^p1) + N log2(S0 / e^p2)) / P, where

    Args:
        p1: mean over people of the summed negative log-likelihood, in nats, of the tokens of the full name at the
            beginning of a biography.
        p2: mean over people of the summed negative log-likelihood, in nats, of the tokens of date of birth, city of
            birth, university, major, employer and pronoun, each given the name. The employer's city is not counted.
        num_people: N.
        parameters: P, the model's parameters.

    A model that knows nothing has p1 >= ln N0 and p2 >= ln S0: its R is zero or negative, and it is not clipped.

    """
    for name, value in (("p1", p1), ("p2", p2)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)) or not value >= 0:
            raise param_error("capo", name, value, "allowed: a number of nats, 0 or more")
    people = integer("capo", "num_people", num_people, 1, MAX_PEOPLE)
    size = integer("capo", "parameters", parameters, 1, 2**62)
    names = math.log2(FULL_NAMES) - float(p1) / math.log(2)
    facts = math.log2(FACTS) - float(p2) / math.log(2)
    return people * (names + facts) / size
