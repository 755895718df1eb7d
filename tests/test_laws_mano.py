"""Mano draws what it says: lengths, shapes, symbols, synonyms and values follow their laws, computed exactly."""

from collections import Counter
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen
from numpy.typing import NDArray

from benches.plain import mano as plain
from tests.kits.mano import MEANINGS, PIECES, SHORTCUTS, zero_shares
from tests.laws import Ints, assert_all_equally_likely, assert_follows, assert_same_law, assert_uniform
from tests.oracles import mano
from tests.oracles.params import resolve

OP = 1000  # meanings from here on are operations


@lru_cache(maxsize=4)
def draw(rows: int, seed: int, **params: Any) -> tuple[Ints, Ints, Ints]:
    """Give the symbols of every row (operations from OP on, values as they are, -1 beyond), lengths and answers."""
    batch = synthgen.mano.batch(rows, seed=seed, **params)
    ids = np.asarray(batch.input_ids).astype(np.int64)
    size = batch.lengths.astype(np.int64)
    answers = ids[np.arange(rows), size - 1] - 267
    meant = MEANINGS[ids[:, 2:]]
    symbols = np.where(meant >= OP, meant, meant - 1)
    symbols[np.arange(symbols.shape[1]) >= (size - 4)[:, None]] = -1
    return symbols, (size - 5) // 2, answers


def left_sizes(symbols: Ints, length: int) -> Ints:
    """Count the operations left of the topmost one, in rows of one length."""
    left = symbols[:, 1 : 2 * length + 1]
    # An expression ends where there is one value more than there are operations.
    surplus = np.cumsum(np.where(left >= OP, -1, 1), axis=1)
    end = (surplus == 1).argmax(axis=1)
    found: Ints = end // 2
    return found


def value_laws(most: int, modulus: int, operators: str) -> list[NDArray[np.float64]]:
    """Give the law of the value at every length, by adding up all splits, operations and pairs of values."""
    laws = [np.full(modulus, 1 / modulus)]
    a, b = np.meshgrid(np.arange(modulus), np.arange(modulus), indexing="ij")
    tables = {"a": (a + b) % modulus, "s": (a - b) % modulus, "m": a * b % modulus}
    for length in range(1, most + 1):
        law = np.zeros(modulus)
        for left in range(length):
            pair = np.outer(laws[left], laws[length - 1 - left])
            for letter in operators:
                if letter == "d":
                    for right in range(1, modulus):
                        quotient = np.arange(modulus) * pow(right, -1, modulus) % modulus
                        np.add.at(law, quotient, pair[:, right])
                else:
                    np.add.at(law, tables[letter].ravel(), pair.ravel())
        laws.append(law / length / len(operators))
    return laws  # below one where expressions divide by zero


# ---- frame ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [10, 13, 16])
def test_lengths_are_uniform_and_rows_have_six_tokens_more_on_average(most: int) -> None:
    _, length, _ = draw(40_000, 1, length_max=most)
    assert_uniform(length, 1, most)
    batch = synthgen.mano.batch(40_000, seed=1, length_max=most)
    assert np.array_equal(batch.lengths, 2 * length + 5)
    deviation = np.sqrt((most**2 - 1) / 3)
    assert abs(float(batch.lengths.mean()) - (most + 6)) < 4.76 * deviation / 200


def test_lengths_stay_uniform_where_expressions_are_thrown_away() -> None:
    _, length, _ = draw(40_000, 1, length_max=12, operators="d", modulus=11)
    assert_uniform(length, 1, 12)


def test_the_qa_form_has_the_largest_length() -> None:
    assert (draw(2000, 2, length_max=13, qa=True)[1] == 13).all()


def test_synonyms_are_independent_fair_coins() -> None:
    ids = np.asarray(synthgen.mano.batch(40_000, seed=3, length_max=2, qa=True).input_ids)
    operation = [np.where(ids[:, at] < 11, (ids[:, at] - 3) // 4, -1) for at in (2, 3, 4)]
    second = np.where(operation[1] >= 0, operation[1], operation[2])
    marker = ids[:, 7]
    coins = np.stack([(ids[:, 1] - 11) % 2, operation[0], second, (marker - 139) % 2], axis=1)
    assert_all_equally_likely(coins, 16)
    long = np.asarray(synthgen.mano.batch(2000, seed=3, length_max=64, qa=True).input_ids)[:, 2:-2]
    share = (long[(long > 2) & (long < 11)] >= 7).mean()
    assert abs(share - 0.5) < 4.76 / 2 / np.sqrt(2000 * 64)
    assert not synthgen.mano.batch(500, knowledge_augment=False).text(7).startswith("OPS")


def test_how_a_row_is_written_does_not_move_its_expression() -> None:
    plain_rows = synthgen.mano.batch(50, seed=4).examples()
    for params in ({"knowledge_augment": False}, {"loss": "answer"}):
        others = synthgen.mano.batch(50, seed=4, **params).examples()
        assert [row["metadata"] for row in others] == [row["metadata"] for row in plain_rows]


# ---- expressions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operators", "count"), [("asm", 3), ("asmd", 4), ("sm", 2), ("asd", 3)])
def test_operations_are_uniform_and_independent(operators: str, count: int) -> None:
    symbols, _, _ = draw(40_000, 5, length_max=2, qa=True, operators=operators, modulus=97)
    first = symbols[:, 0]
    second = np.where(symbols[:, 1] >= OP, symbols[:, 1], symbols[:, 2])
    if "d" not in operators:
        assert_all_equally_likely(np.stack([first, second], axis=1), count**2)
        return
    # Where the first divides, one expression in 97 has to be thrown away; the second may be left or right of it.
    kinds = sorted(set(first.tolist()))
    assert len(kinds) == count
    share = {kind: 96 / 97 if kind == OP + 3 else 1 for kind in kinds}
    law = [share[a] * share[b] for a in kinds for b in kinds]
    place = np.searchsorted(kinds, first) * count + np.searchsorted(kinds, second)
    assert_follows(np.bincount(place, minlength=count**2), law)


@pytest.mark.parametrize("length", [2, 5, 10, 40])
def test_the_operations_left_of_the_topmost_one_are_uniform_in_number(length: int) -> None:
    symbols, _, _ = draw(20_000, 6, length_max=length, qa=True)
    assert_uniform(left_sizes(symbols, length), 0, length - 1)


def test_shapes_are_those_of_random_insertion() -> None:
    symbols, _, _ = draw(40_000, 7, length_max=4, qa=True)
    shapes = (symbols[:, :9] >= OP) @ (1 << np.arange(9))
    law: Counter[int] = Counter()

    def grow(sizes: tuple[int, ...], at: int, bits: int, share: float) -> None:
        if not sizes:
            law[bits] += share  # type: ignore[assignment]
            return
        size, *rest = sizes
        for left in range(size):
            grow((left, size - 1 - left, *rest), at + 1, bits | 1 << at, share / size)
        if not size:
            grow(tuple(rest), at + 1, bits, share)

    grow((4,), 0, 0, 1.0)
    assert len(law) == 14  # Catalan's number
    counts = Counter(shapes.tolist())
    assert counts.keys() == law.keys()
    assert_follows([counts[key] for key in law], list(law.values()))


def test_operands_are_uniform_and_independent() -> None:
    symbols, _, _ = draw(40_000, 8, length_max=1, qa=True)
    assert_all_equally_likely(symbols[:, 1:3], 23**2)
    symbols, _, _ = draw(20_000, 9, length_max=20, qa=True)
    operands = symbols[(symbols >= 0) & (symbols < OP)].reshape(20_000, 21)
    for at in (0, 7, 8, 20):
        assert_uniform(operands[:, at], 0, 22)
    assert_all_equally_likely(operands[:, 7:9], 23**2)


# ---- values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "modulus", "operators"),
    [(1, 23, "asm"), (10, 23, "asm"), (16, 23, "asm"), (4, 6, "sm"), (7, 12, "asm"), (3, 2, "m"), (5, 127, "am")],
)
def test_values_follow_the_exact_law(length: int, modulus: int, operators: str) -> None:
    _, _, value = draw(60_000, 10, length_max=length, qa=True, modulus=modulus, operators=operators)
    law = value_laws(length, modulus, operators)[length]
    assert abs(law.sum() - 1) < 1e-12
    assert_follows(np.bincount(value, minlength=modulus), law)


@pytest.mark.parametrize(
    ("length", "modulus", "operators"), [(3, 5, "d"), (6, 7, "asmd"), (10, 23, "asmd"), (2, 2, "sd")]
)
def test_values_follow_the_exact_law_given_that_nothing_divides_by_zero(
    length: int, modulus: int, operators: str
) -> None:
    _, _, value = draw(60_000, 11, length_max=length, qa=True, modulus=modulus, operators=operators)
    assert_follows(np.bincount(value, minlength=modulus), value_laws(length, modulus, operators)[length])


@pytest.mark.parametrize("most", [10, 13, 16])
def test_zero_is_as_common_as_its_closed_form_says(most: int) -> None:
    closed, laws = zero_shares(most), value_laws(most, 23, "asm")
    for law, zero in zip(laws, closed, strict=True):
        assert abs(law[0] - zero) < 1e-12
        assert np.abs(law[1:] - (1 - zero) / 22).max() < 1e-12  # all other values are equally likely
    _, length, value = draw(60_000, 12, length_max=most)
    expected = np.array(closed)[length]
    error = np.sqrt((expected * (1 - expected)).sum())
    assert abs((value == 0).sum() - expected.sum()) < 4.76 * error


def test_the_published_share_of_zero_is_met() -> None:
    """Measured on the reference over 20,000 draws: 0.070 at ten operations, 0.074 at sixteen."""
    for length, share in ((10, 0.070), (16, 0.074)):
        assert abs(zero_shares(length)[length] - share) < 4.76 * np.sqrt(share / 20_000)


@pytest.mark.parametrize(
    "params", [{}, {"length_max": 16, "operators": "asmd"}, {"modulus": 97, "operators": "d"}], ids=str
)
def test_rows_are_like_the_plain_generators(params: dict[str, Any]) -> None:
    prepared = plain.prepare(resolve("mano", **params))
    rng = Random(13)
    others = [plain.generate(rng, prepared)[0] for _ in range(20_000)]
    symbols, length, value = draw(40_000, 13, **params)
    assert_same_law(length, np.array([(len(ids) - 5) // 2 for ids in others]), "length")
    assert_same_law(value, np.array([ids[-1] - 267 for ids in others]), "value")
    depth = (np.cumsum(symbols < OP, axis=1) == 0).sum(axis=1)
    firsts = [next(i for i, token in enumerate(ids[2:]) if token >= 267) for ids in others]
    assert_same_law(depth, np.array(firsts), "operations before the first operand")


# ---- moduli that the text does not say --------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"modulus": 97, "operators": "asmd"},
        {"modulus": 6, "operators": "asm"},
        {"modulus": 127, "length_max": 30, "loss": "answer"},
        {"modulus": 2, "operators": "m", "knowledge_augment": False},
    ],
    ids=str,
)
def test_other_moduli(params: dict[str, Any]) -> None:
    batch = synthgen.mano.batch(1000, seed=14, **params)
    resolved = resolve("mano", **params)
    for i in range(1000):
        ids, mask = batch.input_ids[i].tolist(), batch.loss_mask[i].tolist()
        assert mano.check(ids, mask, PIECES, resolved) is None
        assert synthgen.mano.validate(ids, mask, **params)
        solved = synthgen.mano.solve(batch.prompt(i), **params)
        assert solved == batch.answer(i) == mano.solve(batch.prompt(i), params["modulus"])


def test_a_prompt_alone_is_taken_to_be_modulo_23() -> None:
    assert synthgen.mano.solve("LENGTH 1 | + 20 5 | VALUE 1 ->") == "2"
    assert synthgen.mano.solve("LENGTH 1 | + 20 5 | VALUE 1 ->", modulus=24) == "1"
    with pytest.raises(synthgen.SolveError):
        synthgen.mano.solve("LENGTH 1 | + 20 25 | VALUE 1 ->")


# ---- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "field", "part"),
    [
        ({"operators": "asmd", "modulus": 24}, "modulus", "a prime"),
        ({"operators": "d", "modulus": 2, "length_max": 3}, "length_max", "at most 2 "),
        ({"operators": "d", "length_max": 64}, "length_max", "at most 31 "),
        ({"operators": "ams"}, "operators", "asm"),
    ],
)
def test_refusals(params: dict[str, Any], field: str, part: str) -> None:
    with pytest.raises(synthgen.ParamError) as caught:
        synthgen.mano.batch(1, **params)
    assert caught.value.field == field
    assert part in str(caught.value)


# ---- shortcuts and the reference's row --------------------------------------------------------------------


def test_in_the_qa_form_no_shortcut_beats_chance() -> None:
    rng = Random(15)
    rows = synthgen.mano.batch(6000, seed=15, qa=True).examples()
    for name, shortcut in SHORTCUTS.items():
        right = sum(shortcut(row["input_text"], rng) == row["target"] for row in rows)
        assert right / len(rows) < zero_shares(10)[10] + 0.02, name


ROW = [9999, 30, 1, 3, 5003, 5005, 2, 5004, 5009, 34, 5010]


def test_rows_of_the_reference_are_read() -> None:
    assert synthgen.mano.validate(ROW, [0] + [1] * 10, compat_ids=True)
    augmented = [9998, 31, 5, 3, 5003, 5005, 6, 5004, 5009, 35, 5010]
    assert synthgen.mano.validate(augmented, compat_ids=True)
    assert not synthgen.mano.validate(augmented, compat_ids=True, knowledge_augment=False)
    for at, wrong in ((1, 40), (2, 4), (4, 5023), (6, 9998), (9, 35 + 10), (10, 5011), (10, 9999)):
        assert not synthgen.mano.validate([*ROW[:at], wrong, *ROW[at + 1 :]], compat_ids=True), (at, wrong)
    divided = [9999, 10, 4, 5006, 5003, 14, 5002]
    assert synthgen.mano.validate(divided, compat_ids=True, operators="asmd")
    assert not synthgen.mano.validate(divided, compat_ids=True)
    assert not synthgen.mano.validate([9999, 10, 4, 5006, 5000, 14, 5002], compat_ids=True, operators="asmd")
