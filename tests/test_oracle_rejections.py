"""The oracles reject one hand-made corruption for every rule of the validators, and for the right reason."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.oracles import depo, dyna
from tests.oracles.rows import (
    DEPO,
    DEPO_EDGES,
    DEPO_MASK,
    DEPO_QUERIES,
    DEPO_ROW,
    DYNA,
    DYNA_MASK,
    DYNA_ROW,
    PIECES,
    check_depo,
    check_dyna,
    edited,
    encode,
)

# What is wrong, the pieces to replace, what to put there, part of the reason given.
Edit = tuple[str, list[str], list[str], str]

ROTATION = ["ROTATE_RIGHT", "(1)"]
REVERSAL = [" | REVERSE", "(2,", "3)"]
TWO_SWAPS = ["SWAP", "(0,", "1)", " | SWAP", "(0,", "1)"]
FIRST_QUERY = [" || QUERY element ", "C", " ->", " 2"]
SECOND_QUERY = [" | QUERY position ", "1", " ->", " B"]

DYNA_EDITS: list[Edit] = [
    ("no bos", ["<bos>"], [], "expected '<bos>'"),
    ("two bos", ["<bos>"], ["<bos>", "<bos>"], "expected 'STATE ['"),
    ("pad first", ["<bos>"], ["<pad>", "<bos>"], "expected '<bos>'"),
    ("no eos", ["<eos>"], [], "expected '<eos>'"),
    ("two eos", ["<eos>"], ["<eos>", "<eos>"], "follows <eos>"),
    ("eos inside", [" 2"], [" 2", "<eos>"], "follows <eos>"),
    ("pad inside", [" 2"], [" 2", "<pad>"], "expected '<eos>'"),
    ("pads, then more", ["<eos>"], ["<eos>", "<pad>", "<eos>"], "follows <eos>"),
    ("no state marker", ["STATE ["], [], "expected 'STATE ['"),
    ("no comma", ["E", ", ", "C"], ["E", "C"], "expected '] || OPS '"),
    ("trailing comma", ["] || OPS "], [", ", "] || OPS "], "expected 'name' or 'number'"),
    ("no element", DYNA_ROW[2:11], [], "expected 'name' or 'number'"),
    ("element spelled as an answer", ["E", ", "], [" E", ", "], "expected 'name' or 'number'"),
    ("element repeated", ["E", ", ", "C"], ["C", ", ", "C"], "each once"),
    ("element not among the first n", ["E", ", ", "C"], ["F", ", ", "C"], "each once"),
    ("element of the other family", ["E", ", ", "C"], ["4", ", ", "C"], "not a name"),
    ("first op with a bar", ["ROTATE_RIGHT"], [" | ROTATE_RIGHT"], "expected 'first op'"),
    ("first op is a SWAP with a bar", ROTATION, [" | SWAP", "(0,", "1)"], "expected 'first op'"),
    ("later op without a bar", [" | REVERSE"], ["REVERSE"], "found 'first op'"),
    ("no op", DYNA_ROW[12:22], [], "expected 'first op'"),
    ("rotation with two arguments", ["(1)"], ["(1,", "2)"], "expected 'amount'"),
    ("rotation without argument", ["(1)"], [], "expected 'amount'"),
    ("rotation by nothing", ["(1)"], ["(0)"], "illegal operation"),
    ("rotation by n", ["(1)"], ["(5)"], "illegal operation"),
    ("rotation by more than n", ["(1)"], ["(6)"], "illegal operation"),
    ("rotation with a plain number", ["(1)"], ["1"], "expected 'amount'"),
    ("reversal with one argument", ["(2,", "3)"], ["(2)"], "expected 'left argument'"),
    ("reversal without its second argument", ["(2,", "3)"], ["(2,"], "expected 'right argument'"),
    ("arguments in each other's pieces", ["(2,", "3)"], ["3)", "(2,"], "expected 'left argument'"),
    ("reversal of one", ["(2,", "3)"], ["(3,", "3)"], "illegal operation"),
    ("reversal from right to left", ["(2,", "3)"], ["(3,", "2)"], "illegal operation"),
    ("reversal past the end", ["(2,", "3)"], ["(2,", "5)"], "illegal operation"),
    ("swap with itself", REVERSAL, [" | SWAP", "(2,", "2)"], "illegal operation"),
    ("swap past the end", REVERSAL, [" | SWAP", "(5,", "3)"], "illegal operation"),
    ("swap past the end on the right", REVERSAL, [" | SWAP", "(3,", "5)"], "illegal operation"),
    ("operation that changes the answers", ["(2,", "3)"], ["(1,", "3)"], "the answer to element 2 is 3"),
    ("too many operations", ["ROTATE_RIGHT"], [*TWO_SWAPS, " | ROTATE_RIGHT"], "6 operations"),
    ("no query", FIRST_QUERY + SECOND_QUERY, [], "expected 'first query'"),
    ("one query too few", SECOND_QUERY, [], "1 queries"),
    ("one query too many", ["<eos>"], [" | QUERY position ", "0", " ->", " A", "<eos>"], "3 queries"),
    ("first query as a later one", FIRST_QUERY[:1], [" | QUERY element "], "expected 'first query'"),
    ("later query as a first one", SECOND_QUERY[:1], [" || QUERY position "], "expected '<eos>'"),
    ("the kind alone is changed", FIRST_QUERY[:1], [" || QUERY position "], "of family name"),
    ("position past the end", ["1", " ->", " B"], ["5", " ->", " B"], "a query about position 5"),
    ("no such element", ["C", " ->", " 2"], ["F", " ->", " 2"], "a query about element 5"),
    ("question as an answer", ["1", " ->", " B"], [" 1", " ->", " B"], "expected 'number' or 'name'"),
    ("no arrow", ["C", " ->", " 2"], ["C", " 2"], "expected ' ->'"),
    ("no answer", [" ->", " 2"], [" ->"], "answer' at 25, found 'later query'"),
    ("two answers", [" ->", " 2"], [" ->", " 2", " 2"], "expected '<eos>'"),
    ("wrong position", [" ->", " 2"], [" ->", " 3"], "the answer to element 2 is 2, not 3"),
    ("wrong element", [" ->", " B"], [" ->", " C"], "the answer to position 1 is 1, not 2"),
    ("answer of the other family", [" ->", " B"], [" ->", " 1"], "is a number answer"),
    ("position given by a name", [" ->", " 2"], [" ->", " C"], "is a name answer"),
    ("answer as a question", [" ->", " 2"], [" ->", "2"], "found 'number'"),
    ("name answer as a question", [" ->", " B"], [" ->", "B"], "found 'name'"),
    ("the same question twice", SECOND_QUERY, [" | QUERY element ", *FIRST_QUERY[1:]], "the same element"),
    ("two questions, one element", ["1", " ->", " B"], ["2", " ->", " C"], "the same element"),
]

LOOP_QUERY = ["| QUERY hops=1 ", "1 ", "->", "2 "]
LAST_QUERY = DEPO_QUERIES[10:]
CYCLE_OF_TWO = ["<bos>", "1 ", "2 ", "2 ", "1 ", *LOOP_QUERY, "| QUERY hops=1 ", "2 ", "->", "1 "]

DEPO_EDITS: list[Edit] = [
    ("no bos", ["<bos>"], [], "expected '<bos>'"),
    ("two bos", ["<bos>"], ["<bos>", "<bos>"], "no place"),
    ("bos inside", ["| QUERY hops=2 "], ["<bos>", "| QUERY hops=2 "], "no place"),
    ("pad inside", ["| QUERY hops=2 "], ["<pad>", "| QUERY hops=2 "], "no place"),
    ("eos last", LAST_QUERY, [*LAST_QUERY, "<eos>"], "no place"),
    ("words after the last answer", LAST_QUERY, [*LAST_QUERY, "10 ", "10 "], "no place"),
    ("separator where there are none", ["<bos>"], ["<bos>", "; "], "separators"),
    ("edge without a target", ["10 ", "2.", "1 "], ["10 "], "without a target"),
    ("one word too many", ["<bos>"], ["<bos>", "5 "], "without a target"),
    ("unfinished word", ["43 ", "| QUERY hops=2 "], ["| QUERY hops=2 "], "expected 'final'"),
    ("word too long", ["<bos>", "10 "], ["<bos>", "3.", "3.", "10 "], "a word of 3 tokens"),
    ("final token beyond the vocabulary", ["<bos>", "10 "], ["<bos>", "51 "], "name token 51"),
    ("non-final token beyond the vocabulary", ["2.", "1 "], ["51.", "1 "], "name token 51"),
    ("repeated source", ["7.", "43 ", "10 "], ["10 ", "10 "], "a source occurs twice"),
    ("repeated target", ["7.", "43 ", "10 "], ["7.", "43 ", "7.", "43 "], "a target occurs twice"),
    ("edge given twice", ["<bos>"], ["<bos>", "10 ", "2.", "1 "], "a source occurs twice"),
    ("path instead of a cycle", ["7.", "43 ", "10 "], ["7.", "43 ", "5 "], "a target is no source"),
    ("self-loop", ["| QUERY hops=2 "], ["5 ", "5 ", "| QUERY hops=2 "], "a cycle of 3"),
    ("two cycles", ["| QUERY hops=2 "], ["5 ", "6 ", "6 ", "5 ", "| QUERY hops=2 "], "a cycle of 3"),
    ("no edges", DEPO_EDGES, ["<bos>"], "0 edges"),
    ("cycle of two", DEPO_ROW, CYCLE_OF_TWO, "2 edges"),
    ("no queries", DEPO_QUERIES, [], "0 queries"),
    ("one query too few", LAST_QUERY, [], "2 queries"),
    ("query asked twice", LAST_QUERY, DEPO_QUERIES[5:10], "the same node"),
    ("node asked twice", LAST_QUERY, ["| QUERY hops=4 ", "7.", "43 ", "->", "10 "], "the same node"),
    ("node not in the graph", ["| QUERY hops=2 ", "2.", "1 "], ["| QUERY hops=2 ", "3 "], "not in the graph"),
    ("query without a node", ["| QUERY hops=2 ", "2.", "1 "], ["| QUERY hops=2 "], "expected 'final'"),
    ("more hops than k_max", ["| QUERY hops=2 "], ["| QUERY hops=11 "], "a query of 11 hops"),
    ("wrong hops", ["| QUERY hops=2 "], ["| QUERY hops=3 "], "3 hops from (2, 1) lead to (2, 1)"),
    ("no marker", ["1 ", "->", "10 "], ["1 ", "10 "], "expected '->'"),
    ("two markers", ["->", "10 "], ["->", "->", "10 "], "expected 'final'"),
    ("no answer", ["->", "10 "], ["->"], "expected 'final'"),
    ("wrong answer", ["->", "10 "], ["->", "2.", "1 "], "not (2, 1)"),
    ("answer of one word too many", ["->", "10 "], ["->", "10 ", "10 "], "no place"),
    ("answer not in the graph", ["->", "10 "], ["->", "11 "], "not (11,)"),
    ("answer unfinished", ["->", "7.", "43 "], ["->", "7."], "expected 'final'"),
    ("answer with a leading token", ["->", "10 "], ["->", "2.", "10 "], "not (2, 10)"),
    ("answer too long", ["->", "10 "], ["->", "2.", "2.", "10 "], "a word of 3 tokens"),
    ("edge after a query", ["| QUERY hops=1 "], ["10 ", "2.", "1 ", "| QUERY hops=1 "], "no place"),
]


@pytest.mark.parametrize("edit", DYNA_EDITS, ids=lambda edit: edit[0])
def test_dyna_rejects(edit: Edit) -> None:
    _, old, new, reason = edit
    found = check_dyna(edited(DYNA_ROW, old, new))
    assert found is not None
    assert reason in found


@pytest.mark.parametrize("edit", DEPO_EDITS, ids=lambda edit: edit[0])
def test_depo_rejects(edit: Edit) -> None:
    _, old, new, reason = edit
    found = check_depo(edited(DEPO_ROW, old, new))
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"state_size": (6, 9)}, "5 elements"),
        ({"state_size": (2, 4)}, "5 elements"),
        ({"num_ops": (5, 9)}, "4 operations"),
        ({"num_ops": (1, 3)}, "4 operations"),
        ({"num_queries": 1}, "2 queries"),
        ({"num_queries": 3}, "2 queries"),
        ({"query_kind": "position"}, "a query about element"),
        ({"query_kind": "element"}, "a query about position"),
        ({"symbolic_names": False}, "not a number"),
        ({"effective_depth": (0, 3)}, "effective depth 4"),
        ({"effective_depth": (5, 9)}, "effective depth 4"),
    ],
)
def test_dyna_rejects_what_its_params_exclude(changed: dict[str, Any], reason: str) -> None:
    found = check_dyna(DYNA_ROW, **changed)
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"n_max": 2}, "3 edges"),
        ({"qa": True, "n_max": 4, "k_set": [1, 2, 5]}, "3 edges"),
        ({"qa": True, "n_max": 3}, "5 hops"),
        ({"k_max": 4}, "5 hops"),
        ({"k_set": [1, 2, 4]}, "5 hops"),
        ({"fixed_k": 2, "allow_wrap": True}, "1 hops"),
        ({"fixed_k": 3}, "3 hops would go around 3 nodes"),
        ({"allow_wrap": False}, "8 hops would go around 3 nodes"),
        ({"k_max": 3, "allow_wrap": False}, "3 hops would go around 3 nodes"),
        ({"num_queries": 2}, "3 queries"),
        ({"mini_vocab": 42}, "name token 43"),
        ({"mini_vocab": 9}, "name token 10"),
        ({"min_word_len": 2}, "a word of 1 tokens"),
        ({"max_word_len": 1}, "a word of 2 tokens"),
        ({"separator": True}, "separators"),
    ],
)
def test_depo_rejects_what_its_params_exclude(changed: dict[str, Any], reason: str) -> None:
    found = check_depo(DEPO_ROW, **changed)
    assert found is not None
    assert reason in found.replace("a query of ", "")


@pytest.mark.parametrize(
    ("check", "row", "mask"), [(check_dyna, DYNA_ROW, DYNA_MASK), (check_depo, DEPO_ROW, DEPO_MASK)]
)
def test_every_wrong_mask_is_rejected(check: Callable[..., str | None], row: list[str], mask: list[int]) -> None:
    assert check(row, mask) is None
    for i in range(len(mask)):
        assert check(row, [*mask[:i], 1 - mask[i], *mask[i + 1 :]]) is not None
    assert check(row, []) is not None
    assert check(row, mask[:-1]) is not None
    assert check(row, [*mask, 0]) is not None
    assert check(row, [2 * bit for bit in mask]) is not None
    padded = [*row, "<pad>", "<pad>"]
    assert check(padded, [*mask, 0, 1]) is not None
    assert check(padded, mask) is not None


@pytest.mark.parametrize(
    ("oracle", "task", "row", "params"), [(dyna, "dyna", DYNA_ROW, DYNA), (depo, "depo", DEPO_ROW, DEPO)]
)
def test_no_ids_make_an_oracle_raise(oracle: Any, task: str, row: list[str], params: dict[str, Any]) -> None:
    pieces = PIECES[task]
    good = encode(task, row)
    assert oracle.check([], [], pieces, params) is not None
    assert oracle.check([0, 0], None, pieces, params) is not None
    assert oracle.check([1], None, pieces, params) is not None
    for strange in (-1, len(pieces), 2**31 - 1, -(2**31), 10**30):
        assert oracle.check([*good[:5], strange, *good[6:]], None, pieces, params) is not None
        assert oracle.check([*good, strange], None, pieces, params) is not None
    rng = random.Random(3)
    for _ in range(2000):
        ids = [rng.randrange(-2, len(pieces) + 2) if rng.random() < 0.1 else i for i in good]
        rng.shuffle(ids)
        assert oracle.check(ids[: rng.randrange(len(ids) + 1)], None, pieces, params) is not None
