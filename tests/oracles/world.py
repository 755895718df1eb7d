"""The people of Capo once more, in plain Python: lists from their files, persons from the definition of the generator.

A person's name is a keyed permutation of the person's number, the facts are draws of a generator keyed by it. Both are
written here from their description: Threefish-256 rounds, xoshiro256++, batched bounded draws, a Feistel network.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

FILES = Path(__file__).parents[2] / "rust" / "synthgen" / "src" / "sampling" / "biography"
TOPICS = ("birth_date", "birth_city", "university", "major", "company_city", "company")
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"]
MONTHS += ["November", "December"]
NAME_SIZES = (400, 400, 1000)
FACT_SIZES = (12, 28, 200, 200, 300, 100, 263, 2)
MASK = 2**64 - 1
ROTATIONS = ((14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32))


def lines(name: str) -> list[str]:
    """Read a list."""
    return (FILES / f"{name}.txt").read_text().splitlines()


FIRST, MIDDLE, LAST = (lines(f"lists/{part}_names") for part in ("first", "middle", "last"))
CITIES, UNIVERSITIES, MAJORS = (lines(f"lists/{name}") for name in ("cities", "universities", "majors"))
COMPANIES, OFFICES = zip(*(line.split("; ") for line in lines("lists/companies")), strict=True)
TEMPLATES = {topic: lines(f"templates/{topic}") for topic in (*TOPICS, "full_name")}
QUESTIONS = [line.split(": ", 1) for line in lines("templates/questions")]


# ---- the generator ----------------------------------------------------------------------------------------


def rotate(x: Any, by: int) -> Any:
    """Rotate 64 bits to the left; for numbers and for arrays of them."""
    if isinstance(x, int):
        return ((x << by) | (x >> (64 - by))) & MASK
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


def state(key: tuple[int, int], row: Any, sub: int) -> list[Any]:
    """Mix key, row and sub-row into a state: twelve rounds of Threefish-256, no key schedule."""
    if isinstance(row, int):
        s: list[Any] = [key[0], key[1], row, sub << 32]
    else:
        s = [np.full(row.shape, word, dtype=np.uint64) for word in (*key, 0, sub << 32)]
        s[2] = row.astype(np.uint64)
    for i in range(12):
        one, two = ROTATIONS[i % 8]
        s[0] = s[0] + s[1] & MASK if isinstance(row, int) else s[0] + s[1]
        s[1] = rotate(s[1], one) ^ s[0]
        s[2] = s[2] + s[3] & MASK if isinstance(row, int) else s[2] + s[3]
        s[3] = rotate(s[3], two) ^ s[2]
        s[1], s[3] = s[3], s[1]
    return s


class Generator:
    """xoshiro256++."""

    def __init__(self, key: tuple[int, int], row: int, sub: int) -> None:
        self.s = state(key, row, sub)

    def word(self) -> int:
        """Draw 64 bits."""
        s = self.s
        drawn: int = (rotate((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 45)
        return drawn

    def below_each(self, bounds: Sequence[int]) -> list[int]:
        """Draw uniform numbers below the bounds from one word: its digits in that mixed base, rejecting a few words."""
        product = int(np.prod([float(bound) for bound in bounds]))
        assert product < 2**53  # so that the product of floats is exact
        while True:
            low, drawn = self.word(), []
            for bound in bounds:
                high, low = divmod(low * bound, 2**64)
                drawn.append(high)
            if low >= 2**64 % product:
                return drawn


class Permutation:
    """A Feistel network on two digits whose bases have a product just above n; what leaves 0..n walks on."""

    def __init__(self, generator: Generator, n: int) -> None:
        self.n = n
        self.a = next(a for a in range(int(n**0.5), n + 1) if a * a >= n)
        self.b = -(-n // self.a)
        self.keys = [generator.word() for _ in range(8)]

    @staticmethod
    def hashed(key: int, x: int, base: int) -> int:
        """Hash a digit to one below the base."""
        mixed = (x ^ key) * 0xD6E8FEB86659FD93 & MASK
        mixed = (mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15 & MASK
        return mixed * base >> 64

    def apply(self, x: int) -> int:
        """Say where x goes."""
        while True:
            left, right = divmod(x, self.b)
            for i, key in enumerate(self.keys):
                if i % 2 == 0:
                    left = (left + self.hashed(key, right, self.a)) % self.a
                else:
                    right = (right + self.hashed(key, left, self.b)) % self.b
            x = left * self.b + right
            if x < self.n:
                return x

    def invert(self, y: int) -> int:
        """Say what goes to y."""
        while True:
            left, right = divmod(y, self.b)
            for i in reversed(range(8)):
                if i % 2 == 0:
                    left = (left - self.hashed(self.keys[i], right, self.a)) % self.a
                else:
                    right = (right - self.hashed(self.keys[i], left, self.b)) % self.b
            y = left * self.b + right
            if y < self.n:
                return y


# ---- people -----------------------------------------------------------------------------------------------


class Person(NamedTuple):
    """Who someone is, in words."""

    name: tuple[str, str, str]
    she: bool
    month: str
    day: int
    year: int
    birth_city: str
    university: str
    major: str
    company_city: str
    company: str

    def date(self, day_first: bool) -> str:
        """Write the date of birth."""
        month_first = f"{self.month} {self.day}, {self.year}"
        return f"{self.day} of {self.month}, {self.year}" if day_first else month_first

    def value(self, topic: str, day_first: bool) -> str:
        """Write what a sentence on this topic tells."""
        if topic == "full_name":
            return " ".join(self.name)
        return self.date(day_first) if topic == "birth_date" else str(getattr(self, topic))


class World:
    """All people of one seed."""

    def __init__(self, seed: int) -> None:
        digest = xxhash.xxh3_128_intdigest(b"people\0\0" + seed.to_bytes(8, "little") + b"\0")
        self.key = (digest & MASK, digest >> 64)
        self.names = Permutation(Generator(self.key, 0, 0), 400 * 400 * 1000)
        self.known: dict[int, Person] = {}

    def numbers(self, person: int) -> list[int]:
        """Draw the facts of a person, as numbers."""
        return Generator(self.key, person, 1).below_each(FACT_SIZES)

    def person(self, person: int) -> Person:
        """Say who a person is."""
        if person not in self.known:
            name, last = divmod(self.names.apply(person), 1000)
            first, middle = divmod(name, 400)
            month, day, year, city, university, major, company, she = self.numbers(person)
            self.known[person] = Person(
                (FIRST[first], MIDDLE[middle], LAST[last]),
                she == 1,
                MONTHS[month],
                day + 1,
                year + 1900,
                CITIES[city],
                UNIVERSITIES[university],
                MAJORS[major],
                OFFICES[company],
                COMPANIES[company],
            )
        return self.known[person]

    def named(self, name: Sequence[str]) -> int | None:
        """Say whose name this is; None for no name."""
        try:
            first, middle, last = FIRST.index(name[0]), MIDDLE.index(name[1]), LAST.index(name[2])
        except ValueError:
            return None
        return self.names.invert((first * 400 + middle) * 1000 + last)

    def wording(self, person: int, text: int) -> tuple[list[int], list[int]]:
        """Give the fixed text of a person: a template for each topic and the name, and the order of the topics."""
        sizes = [len(templates) for templates in TEMPLATES.values()]
        *templates, order = Generator(self.key, person, 2 + text).below_each([*sizes, 720])
        left, places = list(range(6)), []
        for i in range(6):
            count = (120, 24, 6, 2, 1, 1)[i]
            place, order = divmod(order, count)
            places.append(left.pop(place))
        return templates, places

    @cache  # noqa: B019 - worlds live as long as the tests
    def by_facts(self) -> dict[tuple[int, ...], int]:
        """Index a few hundred thousand people by their facts, the pronoun left out."""
        found: dict[tuple[int, ...], int] = {}
        for person, facts in enumerate(self.many(200_000).tolist()):
            found.setdefault(tuple(facts[:7]), person)
        return found

    def many(self, n: int) -> NDArray[np.int64]:
        """Draw the facts of persons 0..n at once, as numbers."""
        s = state(self.key, np.arange(n), 1)
        low = rotate(s[0] + s[3], 23) + s[0]
        facts = np.empty((n, 8), dtype=np.int64)
        half, mask = np.uint64(32), np.uint64(2**32 - 1)
        for i, bound in enumerate(FACT_SIZES):
            size = np.uint64(bound)
            facts[:, i] = ((low >> half) * size + ((low & mask) * size >> half)) >> half
            low = low * size
        for person in np.nonzero(low < np.uint64(int(np.prod(FACT_SIZES))))[0].tolist():
            facts[person] = self.numbers(person)  # it may have needed another word
        return facts


@cache
def world(seed: int) -> World:
    """Give the world of a seed."""
    return World(seed)
