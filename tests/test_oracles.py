"""The oracles accept the plain generators' rows and rows worked out by hand, and solve their prompts."""

import importlib
import random
from typing import Any

import pytest

from benches.plain import depo as plain_depo
from tests.kits import KITS
from tests.kits.dyna import element_name
from tests.oracles import depo, dyna
from tests.oracles.params import resolve
from tests.oracles.rows import (
    DEPO_EDGES,
    DEPO_MASK,
    DEPO_QUERIES,
    DEPO_ROW,
    DYNA_MASK,
    DYNA_ROW,
    PIECES,
    check_depo,
    check_dyna,
    edited,
    encode,
)
from tests.public_cases import TASKS


def test_element_names() -> None:
    assert [element_name(i) for i in (0, 25, 26, 51, 52, 63)] == ["A", "Z", "A0", "A25", "B0", "B11"]
    assert [dyna.name_index(element_name(i)) for i in range(64)] == list(range(64))


def test_dyna_golden_row() -> None:
    assert check_dyna(DYNA_ROW) is None
    assert check_dyna(DYNA_ROW, DYNA_MASK) is None
    assert check_dyna([*DYNA_ROW, "<pad>", "<pad>"], [*DYNA_MASK, 0, 0]) is None
    text = "".join(DYNA_ROW[1:-1])
    assert text == (
        "STATE [E, C, D, B, A] || OPS ROTATE_RIGHT(1) | REVERSE(2,3) | REVERSE(0,3) | ROTATE_RIGHT(2)"
        " || QUERY element C -> 2 | QUERY position 1 -> B"
    )
    assert dyna.solve(text.removesuffix(" 2 | QUERY position 1 -> B")) == "2"
    assert dyna.solve(text.removesuffix(" B")) == "B"


def test_dyna_golden_row_with_numbers_for_names() -> None:
    number = {name: str(i) for i, name in enumerate("ABCDE")} | {" B": " 1"}
    row = [number.get(piece, piece) for piece in DYNA_ROW]
    assert check_dyna(row, DYNA_MASK, symbolic_names=False) is None
    assert dyna.solve("STATE [4, 2, 3, 1, 0] || OPS ROTATE_RIGHT(1) || QUERY element 4 ->") == "1"
    assert dyna.solve("STATE [4, 2, 3, 1, 0] || OPS ROTATE_RIGHT(1) || QUERY position 4 ->") == "1"


def test_dyna_operations() -> None:
    assert dyna.apply(list("ABCDE"), ("ROTATE_LEFT", (2,))) == list("CDEAB")
    assert dyna.apply(list("ABCDE"), ("ROTATE_RIGHT", (2,))) == list("DEABC")
    assert dyna.apply(list("ABCDE"), ("REVERSE", (1, 3))) == list("ADCBE")
    assert dyna.apply(list("ABCDE"), ("SWAP", (4, 0))) == list("EBCDA")


def test_dyna_effective_depth_counts_the_operations_that_move_the_first_asked_element() -> None:
    # C goes 1 -> 2 -> 3 -> 0 -> 2: every operation moves it.
    assert check_dyna(DYNA_ROW, effective_depth=(4, 4)) is None
    assert check_dyna(DYNA_ROW, effective_depth=(2, 5)) is None
    assert check_dyna(DYNA_ROW, effective_depth=(1, 3)) == "effective depth 4"
    # B goes 3 -> 4 -> 4 -> 4 -> 1: only the rotations move it.
    row = edited(DYNA_ROW, ["C", " ->", " 2"], ["B", " ->", " 1"])
    row = edited(row, ["1", " ->", " B"], ["2", " ->", " C"])
    assert check_dyna(row, effective_depth=(2, 2)) is None
    assert check_dyna(row, effective_depth=(3, 9)) == "effective depth 2"


def test_dyna_accepts_harmless_changes() -> None:
    assert check_dyna(edited(DYNA_ROW, [" | REVERSE", "(2,", "3)"], [" | SWAP", "(3,", "2)"])) is None
    assert check_dyna(edited(DYNA_ROW, ["ROTATE_RIGHT", "(1)"], ["ROTATE_LEFT", "(4)"])) is None
    old, new = [" | QUERY position ", "1", " ->", " B"], [" | QUERY element ", "B", " ->", " 1"]
    assert check_dyna(edited(DYNA_ROW, old, new), query_kind="element") is None


def test_dyna_canonical_forgets_queries_and_the_order_inside_a_swap() -> None:
    def facts(*operation: str, query: tuple[str, str] = ("A", " 0")) -> object:
        row = ["<bos>", "STATE [", "B", ", ", "A", ", ", "C", "] || OPS ", *operation]
        row += [" || QUERY element ", query[0], " ->", query[1], "<eos>"]
        return dyna.canonical(encode("dyna", row), PIECES["dyna"])

    assert facts("SWAP", "(0,", "1)") == facts("SWAP", "(1,", "0)")
    assert facts("SWAP", "(0,", "1)") == facts("SWAP", "(0,", "1)", query=("C", " 2"))
    assert facts("SWAP", "(0,", "1)") != facts("REVERSE", "(0,", "1)")
    assert facts("ROTATE_LEFT", "(1)") != facts("ROTATE_RIGHT", "(2)")


def test_depo_golden_row() -> None:
    assert check_depo(DEPO_ROW) is None
    assert check_depo(DEPO_ROW, DEPO_MASK) is None
    assert check_depo([*DEPO_ROW, "<pad>"], [*DEPO_MASK, 0]) is None
    text = "".join(DEPO_ROW[1:])
    assert text == (
        "10 2.1 7.43 10 2.1 7.43 | QUERY hops=2 2.1 ->10 | QUERY hops=1 7.43 ->10 | QUERY hops=5 10 ->7.43 "
    )
    assert depo.solve(text[: text.index("->") + 2]) == "10"
    assert depo.solve(text.removesuffix("7.43 ")) == "7.43"


def test_depo_second_golden_row() -> None:
    edges = ["<bos>", "7.", "43 ", "10 ", "10 ", "2.", "1 ", "2.", "1 ", "7.", "43 "]
    row = [*edges, "| QUERY hops=2 ", "2.", "1 ", "->", "10 ", "| QUERY hops=1 ", "7.", "43 ", "->", "10 "]
    assert check_depo(row, num_queries=2) is None
    assert depo.solve("".join(row[1:15])) == "10"


def test_depo_separator() -> None:
    row = ["<bos>", "; ", "1 ", "2 ", "; ", "3 ", "1 ", "; ", "2 ", "3 ", "| QUERY hops=1 ", "1 ", "->", "2 "]
    changed: dict[str, Any] = {"num_queries": 1, "separator": True}
    assert check_depo(row, **changed) is None
    assert depo.solve("; 1 2 ; 3 1 ; 2 3 | QUERY hops=2 1 ->") == "3"
    edits = [
        (["; "], []),
        (["; "], ["; ", "; "]),
        (["1 ", "2 ", "; "], ["1 ", "; ", "2 "]),
        (["| QUERY hops=1 "], ["; ", "| QUERY hops=1 "]),
    ]
    for old, new in edits:
        assert check_depo(edited(row, old, new), **changed) == "separators are not where they should be"


def test_depo_hop_laws() -> None:
    def hops(**given: Any) -> set[int]:
        return depo.allowed_hops(resolve("depo", **given))

    assert hops() == set(range(1, 9))
    assert hops(qa=True) == {1, 2, 4, 8}
    assert hops(qa=True, k_max=12) == {1, 2, 4, 8, 12}
    assert hops(qa=True, k_max=32) == {1, 2, 4, 8, 16, 24, 32}
    assert hops(k_set=[3, 3, 5]) == {3, 5}
    assert hops(fixed_k=100) == {100}


def test_depo_accepts_harmless_changes() -> None:
    edges = [DEPO_EDGES[0], *DEPO_EDGES[4:7], *DEPO_EDGES[1:4], *DEPO_EDGES[7:]]
    assert check_depo(edges + DEPO_QUERIES) is None
    assert check_depo(edges + DEPO_QUERIES[5:] + DEPO_QUERIES[:5]) is None
    assert check_depo(edited(DEPO_ROW, ["| QUERY hops=5 "], ["| QUERY hops=8 "])) is None
    assert check_depo(DEPO_ROW, k_set=[1, 2, 5], qa=True, n_max=3) is None
    one_query = [*DEPO_EDGES, "| QUERY hops=1 ", "2.", "1 ", "->", "7.", "43 "]
    assert check_depo(one_query, num_queries=1, fixed_k=1) is None


def test_depo_canonical_forgets_queries_and_the_order_of_edges() -> None:
    def facts(*row: str) -> object:
        return depo.canonical(encode("depo", ["<bos>", *row]), PIECES["depo"])

    query = ["| QUERY hops=1 ", "1 ", "->", "2 "]
    assert facts("1 ", "2 ", "2 ", "3 ", "3 ", "1 ") == facts("3 ", "1 ", "1 ", "2 ", "2 ", "3 ", *query)
    assert facts("1 ", "2 ", "2 ", "3 ", "3 ", "1 ") != facts("2 ", "1 ", "3 ", "2 ", "1 ", "3 ")


@pytest.mark.parametrize("task", list(TASKS))
def test_the_oracle_and_the_library_accept_the_plain_generators_rows(task: str) -> None:
    kit, rng = KITS[task], random.Random(5)
    plain = importlib.import_module(f"benches.plain.{task}")
    asked = [*({"difficulty": level} for level in (1, 2, 3)), *(keywords for *_, keywords in kit.SAMPLES)]
    drawn = 0
    for keywords in asked:
        given = {name: value for name, value in keywords.items() if name != "split"}
        params = resolve(task, **given)
        try:
            prepared = plain.prepare(params)
        except ValueError:  # a parameter that the plain generator leaves out, and says so
            continue
        tokens = 0
        while tokens < 4000:
            ids, mask = plain.generate(rng, prepared)
            reason = kit.ORACLE.check(ids, mask, kit.PIECES, params)
            assert reason in (None, kit.PLAIN_REFUSAL)
            assert TASKS[task].validate(ids, mask, **given).ok == (reason is None)
            tokens += len(ids)
        drawn += 1
    assert 3 * drawn > len(asked)


def test_preparing_ahead_changes_nothing() -> None:
    params = resolve("depo", n_max=30)
    ahead = plain_depo.generate(random.Random(1), plain_depo.prepare(params))
    assert ahead == plain_depo.generate(random.Random(1), params)


@pytest.mark.parametrize("task", list(TASKS))
def test_solving_something_else_is_an_error(task: str) -> None:
    only = TASKS[task].example(0)["input_text"]  # of Lano all prompts are empty
    for text in {"", "hello", "->", KITS[task].PIECES[3]} - {only}:
        with pytest.raises(ValueError, match="not a"):
            KITS[task].ORACLE.solve(text)
