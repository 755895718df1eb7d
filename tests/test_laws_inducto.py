"""Inducto draws what it says: rules, examples and letters follow their laws, and every answer is the only one."""

from collections import Counter
from functools import lru_cache
from itertools import pairwise, product
from random import Random
from string import ascii_uppercase as LETTERS
from typing import Any

import numpy as np
import pytest
import synthgen

from benches.plain import inducto as plain
from tests.kits.inducto import DEFAULTS, PRESETS
from tests.laws import assert_all_equally_likely, assert_follows, assert_same_law, assert_uniform, flatten
from tests.oracles import inducto as oracle
from tests.oracles.params import resolve

PIECES = synthgen.inducto.vocab.pieces
# One character for each piece, so that a row is a string: examples begin with "|", the query with "?".
ROLE = {"] ->": ">", " [": "", "]": "", " | Query: [": "?", "<bos>": "", "<eos>": "\n", "<pad>": ""}
SHORT = [ROLE.get(piece, "|" if "Ex" in piece else piece.strip()) for piece in PIECES]


def rows_of(rows: int, seed: int, **asked: Any) -> list[oracle.Row]:
    """Draw rows and take them apart."""
    ids, _ = flatten(synthgen.inducto.batch(rows, seed=seed, **asked))
    found = []
    for line in "".join(map(SHORT.__getitem__, ids.tolist())).splitlines():
        shown, asked_about = line[1:].split("?")
        pairs = [tuple(pair.split(">")) for pair in shown.split("|")]
        query, answer = asked_about.split(">")
        found.append(oracle.Row([(s, made) for s, made in pairs], query, answer))
    return found


@lru_cache(maxsize=8)
def drawn(rows: int, seed: int, **asked: Any) -> list[oracle.Row]:
    return rows_of(rows, seed, **{name: list(v) if name == "complexity" else v for name, v in asked.items()})


def names(rows: int, seed: int, **asked: Any) -> Counter[str]:
    """Count the names of the rules drawn."""
    return Counter(row["metadata"]["rule_name"] for row in synthgen.inducto.examples(rows, seed, **asked))


# ---- the answer -------------------------------------------------------------------------------------------


def ambiguous(rows: list[oracle.Row], family: dict[str, oracle.Rule]) -> list[oracle.Row]:
    """Return the rows to which some rule of the family that fits all examples gives another answer."""
    return [row for row in rows if {fit.answer for fit in oracle.fits(family, row.examples, row.query)} != {row.answer}]


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_no_row_is_ambiguous(difficulty: int) -> None:
    for seed in range(5):
        assert not ambiguous(rows_of(20_000, seed, difficulty=difficulty), oracle.FIXED)


@pytest.mark.parametrize("examples", [1, (1, 3)])
def test_no_row_is_ambiguous_among_composites(examples: Any) -> None:
    rows = rows_of(2000, 9, family="with_composites", num_examples=examples)
    assert not ambiguous(rows, oracle.with_composites())


def test_examples_without_regard_to_the_others_would_be_ambiguous() -> None:
    """The test above can fail: independent sequences leave the answer open now and then."""
    rng = Random(1)
    rows = []
    for _ in range(300):
        rule = rng.choice(list(oracle.FIXED.values()))
        one, query = ("".join(rng.choices("ABCDEFGHIJ", k=rng.randint(4, 12))) for _ in range(2))
        rows.append(oracle.Row([(one, rule(one, 10))], query, rule(query, 10)))
    assert len(ambiguous(rows, oracle.FIXED)) > 15


def test_every_sequence_is_new_and_shows_a_change() -> None:
    for asked in ({}, {"num_examples": 1, "sequence_length": 4, "vocab_size": 5}, {"family": "with_composites"}):
        for row in rows_of(5000, 2, **asked):
            inputs = [s for s, _ in row.examples]
            assert len({*inputs, row.query}) == len(inputs) + 1
            assert all(s != made for s, made in [*row.examples, (row.query, row.answer)])


def test_repeats_are_removed_wherever_a_rule_removes_them() -> None:
    for row in synthgen.inducto.examples(6000, 3, family="with_composites", complexity=[2, 3]):
        facts = row["metadata"]
        first, _, then = facts["rule_name"].partition("_THEN_")
        if "DUPS" in facts["rule_name"]:
            for s in ["".join(e["input"]) for e in facts["examples"]] + ["".join(facts["test_input"])]:
                given = s if "DUPS" in first else oracle.SINGLE[first](s, 10)
                assert then == "REMOVE_CONSECUTIVE_DUPS" or "DUPS" in first
                assert len(oracle.remove_consecutive_dups(given, 10)) < len(given), facts


# ---- the rule ---------------------------------------------------------------------------------------------


def test_by_default_all_rules_are_equally_likely() -> None:
    found = names(15_000, 4)
    assert set(found) == set(oracle.FIXED)
    assert_follows([found[name] for name in oracle.FIXED], np.ones(30), "rules")


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_classes_are_equally_likely_and_so_are_the_rules_of_each(difficulty: int) -> None:
    found = names(12_000, 5, difficulty=difficulty)
    classes = PRESETS[difficulty]["complexity"]
    size = Counter(oracle.complexity(name) for name in oracle.FIXED)
    law = [(oracle.complexity(name) in classes) / size[oracle.complexity(name)] for name in oracle.FIXED]
    assert_follows([found[name] for name in oracle.FIXED], law, "rules")


def test_a_repeated_class_weighs_more() -> None:
    found = names(12_000, 6, complexity=[1, 3, 3])
    law = [{1: 1 / 12, 2: 0, 3: 2 / 6}[oracle.complexity(name)] for name in oracle.FIXED]
    assert_follows([found[name] for name in oracle.FIXED], law, "rules")


def test_composites_are_those_of_the_oracle_and_equally_likely() -> None:
    found = names(16_000, 7, family="with_composites", num_examples=1)
    family = oracle.with_composites()
    assert set(found) == set(family)
    assert len(family) == 405
    assert_follows([found[name] for name in family], np.ones(len(family)), "rules")


def test_no_function_of_the_family_has_two_names() -> None:
    rng = Random(8)
    family = oracle.with_composites()
    probes = [
        ("".join(rng.choices(LETTERS[:alphabet], k=n)), alphabet) for n in range(4, 25) for alphabet in (5, 9, 26)
    ]
    profiles = {tuple(rule(s, alphabet) for s, alphabet in probes) for rule in family.values()}
    assert len(profiles) == len(family)


# ---- the sequences ----------------------------------------------------------------------------------------

# With eight examples no sequence is ever drawn again for the sake of the answer, to speak of; rules of class 1 leave
# hardly any sequence unchanged.
PLAIN: dict[str, Any] = {"num_examples": 8, "complexity": (1,)}


def test_numbers_of_examples_are_uniform() -> None:
    assert_uniform([len(row.examples) for row in drawn(20_000, 10)], 2, 8, "by default")
    for level, (low, high) in {1: (4, 6), 2: (2, 4), 3: (1, 3)}.items():
        assert_uniform([len(row.examples) for row in drawn(10_000, 11, difficulty=level)], low, high, f"level {level}")


def test_lengths_are_uniform_and_independent() -> None:
    rows = drawn(12_000, 12, **PLAIN)
    lengths = np.array([[*(len(s) for s, _ in row.examples), len(row.query)] for row in rows])
    for place in range(9):
        assert_uniform(lengths[:, place], 4, 12, f"sequence {place}")
    assert_all_equally_likely(lengths[:, :2], 81, "the first two")
    assert_all_equally_likely(lengths[:, 7:], 81, "the last example and the query")


@pytest.mark.parametrize("vocab_size", [7, 10, 26])
def test_letters_are_uniform_and_independent(vocab_size: int) -> None:
    rows = drawn(4000, 13, vocab_size=vocab_size, sequence_length=24, **PLAIN)
    letters = np.array([[ord(c) - ord("A") for c in s] for row in rows for s in (row.examples[3][0], row.query)])
    for place in range(24):
        assert_uniform(letters[:, place], 0, vocab_size - 1, f"letter {place}")
    for place in (0, 1, 2, 5, 11, 12, 22):
        both = letters[:, place] * vocab_size + letters[:, place + 1]
        assert_follows(np.bincount(both, minlength=vocab_size**2), np.ones(vocab_size**2), f"{place} and the next")


def test_a_missing_repeat_is_put_at_a_uniform_place() -> None:
    """Four letters of ten have no repeat with probability 0.9^3; then one of the last three is made like that before.

    What is changed differed from the letter after it, and becomes like it with probability 1/9.
    """
    rows = [
        row["metadata"]["examples"]
        for row in synthgen.inducto.examples(12_000, 14, complexity=[2], sequence_length=4, num_examples=8)
        if row["metadata"]["rule_name"] == "REMOVE_CONSECUTIVE_DUPS"
    ]
    found = Counter(tuple(a == b for a, b in pairwise(e["input"])) for examples in rows for e in examples)
    law: dict[tuple[int, ...], float] = {
        gaps: 0.1 ** sum(gaps) * 0.9 ** (3 - sum(gaps)) for gaps in product([False, True], repeat=3)
    }
    missing = law.pop((False, False, False)) / 3
    changed: list[tuple[tuple[int, ...], float]] = [
        ((1, 0, 0), 8 / 9),
        ((1, 1, 0), 1 / 9),
        ((0, 1, 0), 8 / 9),
        ((0, 1, 1), 1 / 9),
        ((0, 0, 1), 1),
    ]
    for gaps, share in changed:
        law[gaps] += missing * share
    assert set(found) <= set(law)
    assert_follows([found[gaps] for gaps in law], list(law.values()), "where repeats are")


@pytest.mark.parametrize(
    ("rows", "params"),
    [
        (8000, {}),
        (8000, {"num_examples": (1, 3), "complexity": [2, 3]}),
        (8000, {"num_examples": 1, "sequence_length": (4, 6), "vocab_size": 5}),
        (1500, {"num_examples": 1, "family": "with_composites"}),
    ],
)
def test_rows_are_as_long_and_as_alike_as_the_plain_generators(rows: int, params: dict[str, Any]) -> None:
    prepared = plain.prepare(resolve("inducto", **params))
    rng = Random(15)
    theirs = [plain.generate(rng, prepared)[0] for _ in range(rows)]
    batch = synthgen.inducto.batch(20_000, seed=15, **params)
    assert_same_law(np.asarray(batch.lengths).astype(np.int64), np.array([len(ids) for ids in theirs]), "tokens")
    ours = [row[:length].tolist() for row, length in zip(batch.input_ids, batch.lengths, strict=True)]
    for what in (answer_length, same_length, first_letter):
        assert_same_law(np.array([what(ids) for ids in ours]), np.array([what(ids) for ids in theirs]), what.__name__)


def answer_length(ids: list[int]) -> int:
    """Count the letters of the answer."""
    return len(ids) - 3 - max(i for i, token in enumerate(ids) if PIECES[token] == " [")


def same_length(ids: list[int]) -> int:
    """Tell whether the query is as long as the first example."""
    length = [i for i, token in enumerate(ids) if PIECES[token] == "] ->"]
    query = next(i for i, token in enumerate(ids) if PIECES[token] == " | Query: [")
    return int(length[0] - 2 == length[-1] - query - 1)


def first_letter(ids: list[int]) -> int:
    """Return the first letter of the query."""
    return next(ids[i + 1] for i, token in enumerate(ids) if PIECES[token] == " | Query: [")


def test_rows_lie_within_their_presets() -> None:
    for level in (1, 2, 3):
        params: dict[str, Any] = {**DEFAULTS, **PRESETS[level]}
        for row in drawn(10_000, 11, difficulty=level):
            assert params["num_examples"][0] <= len(row.examples) <= params["num_examples"][1]
            assert all(4 <= len(s) <= 12 and max(s) <= "J" for s in [row.query, *(s for s, _ in row.examples)])


def test_the_measured_complexity_is_that_of_the_simplest_rule_that_fits() -> None:
    for row in synthgen.inducto.examples(1500, 16, difficulty=3):
        facts = row["metadata"]
        shown = [("".join(e["input"]), "".join(e["output"])) for e in facts["examples"]]
        query = "".join(facts["test_input"])
        classes = [oracle.complexity(fit.name) for fit in oracle.fits(oracle.FIXED, shown, query)]
        assert facts["measured"]["rule_complexity"] == min(classes) <= facts["rule_complexity"]
        first = {fit.name for fit in oracle.fits(oracle.FIXED, shown[:1], query)}
        assert facts["measured"]["alternatives"] == len(first) - 1
