"""The few-shot tasks draw what they say: questions, demonstrations and their order follow their laws."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import analogy as plain_analogy
from benches.plain import arithmetic as plain_arithmetic
from benches.plain import facts as plain_facts
from benches.plain import sequence as plain_sequence
from tests.kits import fewshot
from tests.laws import assert_follows, assert_same_law, assert_uniform
from tests.oracles import analogy, arithmetic, facts, sequence
from tests.oracles.fewshot import is_train
from tests.oracles.params import resolve

ROWS = 30_000


def rows(task: str, n: int, seed: int, **params: Any) -> list[str]:
    """Draw rows, as text."""
    batch = synthgen.get(task).batch(n, seed=seed, **params)
    return [fewshot.text_of(ids) for ids in batch.input_ids.tolist()]


def law(counts: Counter[Any], shares: dict[Any, float], what: str) -> None:
    """Hold counts to a law given by name."""
    assert set(counts) <= set(shares), what
    assert_follows([counts[key] for key in shares], list(shares.values()), what)


def first_demonstrations(queries: dict[Any, float], weight: Callable[[Any], dict[Any, float]]) -> dict[Any, float]:
    """Average the law of the first demonstration over the questions."""
    shares: dict[Any, float] = {}
    for query, share in queries.items():
        allowed = weight(query)
        total = sum(allowed.values())
        for demo, part in allowed.items():
            shares[demo] = shares.get(demo, 0) + share * part / total
    return shares


def test_arithmetic() -> None:
    drawn = [arithmetic.read(text) for text in rows("arithmetic", ROWS, 1)]
    pairs = list(product(range(1, 10), range(1, 10)))
    law(Counter(sums[-1][:2] for sums in drawn), dict.fromkeys(pairs, 1.0), "questions")
    train = [pair for pair in pairs if is_train(arithmetic.SALT, min(pair) << 32 | max(pair))]

    def allowed(query: tuple[int, int]) -> dict[tuple[int, int], float]:
        return {pair: 1.0 for pair in train if set(pair) != set(query)}

    shares = first_demonstrations(dict.fromkeys(pairs, 1 / 81), allowed)
    law(Counter(sums[0][:2] for sums in drawn), shares, "first demonstrations")
    results = Counter(sums[-1][2] for sums in drawn)
    law(results, {total: 9 - abs(total - 10) for total in range(2, 19)}, "sums")


def test_sequence() -> None:
    drawn = [sequence.read(text) for text in rows("sequence", ROWS, 2)]
    keys = list(product(range(1, 21), range(1, 10)))
    found = [[(terms[0], terms[1] - terms[0]) for terms in row] for row in drawn]
    law(Counter(row[-1] for row in found), dict.fromkeys(keys, 1.0), "questions")
    train = [key for key in keys if is_train(sequence.SALT, key[0] << 32 | key[1])]
    expected = first_demonstrations(
        dict.fromkeys(keys, 1 / 180), lambda query: {key: 1.0 for key in train if key != query}
    )
    for at in range(3):  # demonstrations without replacement all have the law of the first
        law(Counter(row[at] for row in found), expected, f"demonstration {at}")


def test_analogy_knowledge() -> None:
    drawn = [analogy.read(text) for text in rows("analogy", ROWS, 3)]
    places = [[analogy.ANIMALS.index(animal) for animal, _ in row] for row in drawn]
    assert_uniform([row[-1] for row in places], 0, 55, "questions")
    train = [place for place in range(56) if is_train(analogy.SALT, place)]
    expected = first_demonstrations(
        dict.fromkeys(range(56), 1 / 56), lambda query: {place: 1.0 for place in train if place != query}
    )
    for at in range(3):
        law(Counter(row[at] for row in places), expected, f"demonstration {at}")


def test_analogy_in_context() -> None:
    drawn = [analogy.read(text) for text in rows("analogy", ROWS, 4, variant="in_context")]
    asked = [(analogy.WORDS.index(row[-1][0]), analogy.WORDS.index(row[-1][1])) for row in drawn]
    assert_uniform([word for word, _ in asked], 0, 63, "words asked about")
    assert_uniform([(partner - word) % 64 for word, partner in asked], 1, 63, "their partners")
    assert_uniform([row.index(row[-1]) for row in drawn], 0, 2, "places of the pair asked about")


def test_facts() -> None:
    drawn = [facts.read(text) for text in rows("facts", ROWS, 5)]
    names = [facts.NAMES.index(asked) for _, asked, _ in drawn]
    cities = [facts.CITIES.index(answer) for _, _, answer in drawn]
    assert_uniform(names, 0, 63, "names asked about")
    assert_uniform(cities, 0, 63, "answers")
    assert_uniform([told.index((asked, answer)) for told, asked, answer in drawn], 0, 3, "places")


def test_facts_come_from_train_pairs_of_names_and_cities_still_free() -> None:
    drawn = [facts.read(text) for text in rows("facts", ROWS, 6, num_facts=2, num_names=6, num_cities=6)]
    keys = list(product(range(6), repeat=2))
    train = [key for key in keys if is_train(facts.SALT, 256 * key[0] + key[1])]
    expected = first_demonstrations(
        dict.fromkeys(keys, 1 / 36),
        lambda query: {key: 1.0 for key in train if key[0] != query[0] and key[1] != query[1]},
    )
    others = Counter(
        next((facts.NAMES.index(name), facts.CITIES.index(city)) for name, city in told if name != asked)
        for told, asked, _ in drawn
    )
    law(others, expected, "the other fact")


def test_numbers_of_facts_are_uniform() -> None:
    counts = [text.count(" lives in ") for text in rows("facts", ROWS, 7, num_facts=(3, 9))]
    assert_uniform(counts, 3, 9, "facts")


SETTINGS: list[tuple[str, Any, dict[str, Any]]] = [
    ("arithmetic", plain_arithmetic, {"operands": (3, 40), "num_examples": 4}),
    ("sequence", plain_sequence, {"start_value": (1, 300), "step": (1, 12)}),
    ("analogy", plain_analogy, {"num_animals": 20}),
    ("analogy", plain_analogy, {"variant": "in_context", "num_words": 20, "num_examples": 4}),
    ("facts", plain_facts, {"num_facts": (2, 5), "num_names": 12, "num_cities": 10}),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting[0]}-{setting[2]}")
def test_the_plain_generator_has_the_same_law(setting: tuple[str, Any, dict[str, Any]]) -> None:
    task, plain, params = setting
    batch = synthgen.get(task).batch(12_000, seed=8, **params)
    ours = [ids[:length] for ids, length in zip(batch.input_ids.tolist(), batch.lengths.tolist(), strict=True)]
    prepared = plain.prepare(resolve(task, **params))
    rng = Random(9)
    theirs = [plain.generate(rng, prepared)[0] for _ in range(12_000)]
    features: dict[str, Callable[[Sequence[int]], int]] = {
        "length": len,
        "answer": lambda ids: ids[-2] * 512 + ids[-3],
        "first character": lambda ids: ids[1] * 512 + ids[2],
        "all characters": sum,
        "their order": lambda ids: sum(i * token for i, token in enumerate(ids)),
    }
    for name, feature in features.items():
        one, two = (np.array([feature(ids) for ids in sample]) for sample in (ours, theirs))
        assert_same_law(one, two, name)
