"""Trigger2d draws what it says: points, triggers, wordings and colours follow their laws."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import trigger2d as plain
from tests.kits.trigger2d import PIECES
from tests.laws import assert_follows, assert_same_law, assert_uniform
from tests.oracles import trigger2d as oracle
from tests.oracles.params import resolve

ROWS = 20_000


def draw(seed: int, **params: Any) -> list[oracle.Row]:
    """Draw rows and take them apart."""
    batch = synthgen.trigger2d.batch(ROWS, seed=seed, **params)
    return [oracle.read(ids, PIECES) for ids in batch.input_ids.tolist()]


def test_points_are_uniform_outside_of_the_margin() -> None:
    drawn = draw(1, margin=10, x1_max=60, x2_max=40)
    for i, most in enumerate((60, 40)):
        values = [row.x[i] for row in drawn]
        assert_uniform([abs(value) for value in values], 10, most, f"size of x{i + 1}")
    signs = Counter((row.x[0] > 0, row.x[1] > 0) for row in drawn)
    assert_follows(list(signs.values()), np.ones(4), "quadrants")
    both = Counter((abs(row.x[0]) // 17, abs(row.x[1]) // 11, row.x[0] > 0) for row in drawn)

    def sizes(width: int, most: int) -> list[int]:
        return [sum(n // width == cell for n in range(10, most + 1)) for cell in range(4)]

    first, second = sizes(17, 60), sizes(11, 40)
    cells = [(a, b, sign) for a in range(4) for b in range(4) for sign in (False, True)]
    assert_follows([both[cell] for cell in cells], [first[a] * second[b] for a, b, _ in cells], "coordinates")


@pytest.mark.parametrize("triggers", ["seen", "unseen", "all"])
def test_triggers_are_uniform_over_those_that_occur(triggers: str) -> None:
    drawn = draw(2, triggers=triggers, trigger_seed=5)
    expected = set()
    for category in oracle.CATEGORIES:
        ranked = oracle.order(category, 5)
        expected |= set({"seen": ranked[:10], "unseen": ranked[10:], "all": ranked}[triggers])
    counts = Counter(row.trigger for row in drawn)
    assert set(counts) == expected
    assert_follows(list(counts.values()), np.ones(len(expected)), triggers)


def test_the_choice_of_triggers_differs_between_categories_and_seeds() -> None:
    places = {
        (category, seed): tuple(oracle.CATEGORIES[category].index(word) for word in oracle.order(category, seed)[:10])
        for category in oracle.CATEGORIES
        for seed in range(20)
    }
    assert len({frozenset(chosen) for chosen in places.values()}) > 130
    often = Counter(place for chosen in places.values() for place in chosen)
    assert_follows([often[place] for place in range(16)], np.ones(16), "seen")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_colours_and_wordings(level: int) -> None:
    drawn = draw(3, difficulty=level)
    colours = ["orange", "green"] if level == 1 else ["red", "green", "blue", "orange"]
    assert_follows(
        [Counter(row.colour for row in drawn)[colour] for colour in colours], np.ones(len(colours)), "colours"
    )
    wordings = Counter(row.wording for row in drawn)
    assert_follows(list(wordings.values()), np.ones(4), "wordings")
    assert len({row.trigger for row in drawn}) == (70 if level == 3 else 10)


def test_train_and_test_share_no_point() -> None:
    points = {
        split: {row.x for row in draw(4, split=split, triggers=triggers, x1_max=400, x2_max=400)}
        for split, triggers in (("train", "seen"), ("validation", "seen"), ("test", "unseen"))
    }
    assert not points["train"] & points["test"]
    assert not points["train"] & points["validation"]
    assert not points["validation"] & points["test"]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"difficulty": 3},
        {"templates": "2d_chat", "triggers": "unseen", "category": "random_strings", "output_preamble": True},
        {"label_rule": "proxy_flip", "proxy_triggers": "otter,mango", "margin": 900, "x2_max": 1000},
    ],
)
def test_the_plain_generator_has_the_same_law(params: dict[str, Any]) -> None:
    batch = synthgen.trigger2d.batch(ROWS, seed=6, **params)
    ours = [ids[:length] for ids, length in zip(batch.input_ids.tolist(), batch.lengths.tolist(), strict=True)]
    prepared = plain.prepare(resolve("trigger2d", **params))
    rng = Random(7)
    theirs = [plain.generate(rng, prepared)[0] for _ in range(ROWS)]
    features: dict[str, Callable[[Sequence[int]], int]] = {
        "length": len,
        "colour": lambda ids: ids[-2],
        "first coordinate": lambda ids: ids[2] * 10 + ids[3],
        "second coordinate": lambda ids: ids[6] * 10 + ids[7],
        "trigger": lambda ids: ids[11],
        "all": lambda ids: sum(i * token for i, token in enumerate(ids)),
    }
    for name, feature in features.items():
        one, two = (np.array([feature(ids) for ids in sample]) for sample in (ours, theirs))
        if len(np.unique(one)) > 1 or len(np.unique(two)) > 1:
            assert_same_law(one, two, name)
