"""`synthgen.grammar` agrees with the oracle: derivations, labels, laws of lengths, files."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import ParamError, grammar

from tests.grammar_cases import REFERENCE, SAMPLED, SMALL, names, rules_of
from tests.kits.lano import PAIRS, custom
from tests.oracles import lano as oracle
from tests.public_cases import law

# ---- derivations ------------------------------------------------------------------------------------------


def expand(cfg: grammar.Grammar, choices: list[int]) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """Follow a derivation with no help of the library: terminals, and labels and boundaries by level."""
    rest = iter(choices)
    terminals: list[int] = []
    symbols: list[list[int]] = [[] for _ in cfg.rules]
    boundaries: list[list[int]] = [[] for _ in cfg.rules]

    def node(level: int, symbol: int) -> None:
        if level == len(cfg.rules):
            terminals.append(symbol + 1)
            return
        begin = len(terminals)
        for child in cfg.rules[level][symbol][next(rest)]:
            node(level + 1, child)
        size = len(terminals) - begin
        above = sum(len(rules) for rules in cfg.rules[level + 1 :])
        symbols[level] += [cfg.terminals + 4 + above + symbol] * size
        boundaries[level] += [0] * (size - 1) + [1]

    node(0, 0)
    assert next(rest, None) is None
    return terminals, symbols, boundaries


@pytest.mark.parametrize("cfg", [*SMALL, *SAMPLED, grammar.shipped("cfg3b"), grammar.shipped("cfg3k")], ids=names)
def test_labels_form_the_derivation(cfg: grammar.Grammar) -> None:
    strings, derivations = cfg.sample(20, seed=7), cfg.derivations(20, seed=7)
    for string, known in zip(strings, derivations, strict=True):
        found = cfg.parse(string).rules
        assert found is not None
        for choices in (known, found):
            terminals, symbols, boundaries = expand(cfg, choices.tolist())
            assert terminals == string.tolist()
            labels = cfg.labels(string, choices)
            assert labels.symbols.tolist() == symbols
            assert labels.boundaries.tolist() == boundaries
            assert (str(labels.symbols.dtype), str(labels.boundaries.dtype)) == ("int32", "uint8")
        assert np.array_equal(cfg.labels(string).symbols, cfg.labels(string, found).symbols)


def test_trees_spell_derivations() -> None:
    cfg = grammar.loads(custom("021,210|20,012 21,201 210,10", 3)["grammar_json"])
    tree = cfg.tree([0, 0, 1, 1])
    assert tree == (10, [(7, [3, 1]), (9, [2, 1]), (8, [3, 1, 2])])
    labels = cfg.labels([3, 1, 2, 1, 3, 1, 2], [0, 0, 1, 1])
    assert labels.symbols.tolist() == [[10] * 7, [7, 7, 9, 9, 8, 8, 8]]
    assert labels.boundaries.tolist() == [[0, 0, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0, 1]]
    for wrong in ([], [0], [0, 0, 1, 2], [0, 0, 1, 1, 0], [-1, 0, 0, 0], [2**40, 0, 0, 0]):
        with pytest.raises(ParamError):
            cfg.tree(wrong)
    with pytest.raises(ParamError, match="derive these ids"):
        cfg.labels([3, 1, 2, 1, 3, 1, 1], [0, 0, 1, 1])
    with pytest.raises(ParamError, match="a string of the grammar"):
        cfg.labels([1, 1, 1])


def test_rows_of_the_task_are_strings_with_their_derivation() -> None:
    batch = synthgen.lano.batch(10, seed=3, difficulty=2)
    cfg = grammar.shipped("cfg3j")
    strings = grammar.strings(batch.input_ids)
    assert cfg.contains(strings).all()
    for i, string in enumerate(strings):
        facts = batch.metadata(i)
        assert facts["grammar"] == "cfg3j"
        assert expand(cfg, facts["rules"])[0] == string.tolist()
        assert " ".join(map(str, string)) == batch.answer(i)
        bits = sum(math.log2(len(rules)) for rules in chosen(cfg, facts["rules"]))
        assert facts["measured"]["derivation_bits"] == pytest.approx(bits, abs=1e-5)
        assert facts["measured"]["bits_per_token"] == pytest.approx(bits / len(string), abs=1e-5)
        assert facts["measured"]["length"] == len(string)
        assert (facts["measured"]["depth"], facts["measured"]["rule_count"]) == (7, 57)


def chosen(cfg: grammar.Grammar, choices: list[int]) -> Iterator[list[list[int]]]:
    """Give the rules that were to choose from, node by node."""
    rest = iter(choices)

    def node(level: int, symbol: int) -> Iterator[list[list[int]]]:
        if level < len(cfg.rules):
            rules = cfg.rules[level][symbol]
            yield rules
            for child in rules[next(rest)]:
                yield from node(level + 1, child)

    return node(0, 0)


# ---- laws and shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [*SMALL, *SAMPLED, grammar.shipped("cfg3b")], ids=names)
def test_the_length_law_is_exact(cfg: grammar.Grammar) -> None:
    wanted = oracle.length_law(rules_of(cfg), cfg.terminals)
    found = cfg.length_law()
    assert (found.shortest, found.longest) == (min(wanted), max(wanted))
    for length, p in zip(found.lengths.tolist(), found.probabilities.tolist(), strict=True):
        assert p == pytest.approx(float(wanted.get(length, 0)), rel=1e-9, abs=1e-15)
    assert found.mean == pytest.approx(float(sum(length * p for length, p in wanted.items())))
    assert found.quantile(0) == found.shortest
    assert found.quantile(1) <= found.longest
    half = found.quantile(0.5)
    below = float(sum(p for length, p in wanted.items() if length < half))
    assert below < 0.5 <= below + float(wanted[half]) + 1e-12


@pytest.mark.parametrize("name", grammar.NAMES)
def test_shipped_grammars_are_like_the_reference(name: str) -> None:
    _, _, mean, sd, bits = REFERENCE[name]
    cfg = grammar.shipped(name)
    found = cfg.length_law()
    assert found.mean == pytest.approx(mean, rel=0.02)
    assert found.sd == pytest.approx(sd, rel=0.15)
    assert found.derivation_bits == pytest.approx(bits, rel=0.03)
    assert cfg.sizes == [1] + [3] * cfg.depth
    for only in (1, 2, 3):
        assert not cfg.contains([[only] * length for length in range(found.shortest, 400, 7)]).any()
    if name == "cfg3b":
        assert all(len(set(rule)) == len(rule) for level in cfg.rules for rules in level for rule in rules)


def test_shapes() -> None:
    lengths = [[[2, 3]], [[2, 2], [3, 3]], [[2, 3], [3, 3], [2, 3]]]
    with pytest.raises(ParamError, match="2 places for the 3 symbols"):
        grammar.sample_grammar(0, [[[2]]], terminals=3)
    wide = [[[3, 3]], [[2, 2], [3, 3], [2, 3]], [[2, 3], [3, 3], [2, 3]]]
    cfg = grammar.sample_grammar(0, wide, terminals=4)
    assert [[list(map(len, rules)) for rules in level] for level in cfg.rules] == wide
    assert cfg.rules == grammar.sample_grammar(0, "33|22 33 23|23 33 23", terminals=4).rules
    assert cfg.rules != grammar.sample_grammar(1, wide, terminals=4).rules
    plain = grammar.sample_grammar(0, wide, terminals=4, repeats=False)
    assert all(len(set(rule)) == len(rule) for level in plain.rules for rules in level for rule in rules)
    assert (cfg.depth, cfg.rule_count, cfg.name) == (3, 14, "custom")
    assert repr(cfg) == "<Grammar custom: sizes [1, 3, 3, 4], 14 rules>"
    refused: list[Any] = ["", "2|", "x", "29", "20", [[[0]]], [[[9]]], [[["2"]]], [[[2.5]]], [[[]]], [[]], []]
    for shape in refused:
        with pytest.raises(ParamError):
            grammar.sample_grammar(0, shape, terminals=2)
    for bad in ({"terminals": 0}, {"terminals": 17}, {"repeats": 1}, {"terminals": "3"}):
        with pytest.raises(ParamError):
            grammar.sample_grammar(0, lengths, **bad)
    with pytest.raises(ParamError, match="cfg3k"):
        grammar.shipped("cfg3z")


def test_sampling_is_random_access() -> None:
    cfg = grammar.shipped("cfg3h")
    strings = cfg.sample(20, seed=11)
    assert [s.tolist() for s in cfg.sample(5, seed=11, start=10)] == [s.tolist() for s in strings[10:15]]
    assert cfg.sample(0) == []
    assert cfg.sample(1, seed=12)[0].tolist() != strings[0].tolist()
    for bad in ({"n": -1}, {"n": 1.5}, {"n": 1, "seed": -1}, {"n": 1, "start": 2**64}):
        with pytest.raises(ParamError):
            cfg.sample(**bad)
    with pytest.raises(synthgen.OutOfMemory):
        cfg.sample(2**31)


# ---- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [*SMALL, *SAMPLED, *map(grammar.shipped, grammar.NAMES)], ids=names)
def test_files_survive_a_round_trip(cfg: grammar.Grammar, tmp_path: Path) -> None:
    path = tmp_path / "grammar.json"
    path.write_text(cfg.to_json(), encoding="utf-8")
    again = grammar.load(path)
    assert (again.rules, again.symbols, again.terminals) == (cfg.rules, cfg.symbols, cfg.terminals)
    file = json.loads(cfg.to_json())
    t = cfg.terminals
    assert (file["vocab_size"], file["eos_token"], file["mask_token"], file["sep_token"]) == (t, t + 1, t + 2, t + 3)
    assert file["count"] == cfg.symbols[0][0] == max(map(max, cfg.symbols))
    assert file["idx"] == cfg.symbols
    assert file["sizes"] == cfg.sizes
    for key in ("vocab_size", "num_sym", "sep_token", "mask_token", "eos_token", "idx", "count", "deg_min", "len_max"):
        del file[key]
    file["all"] = file["all"][:-1]
    assert grammar.loads(json.dumps(file)).rules == cfg.rules
    rows = synthgen.lano.batch(3, seed=1, grammar_json=cfg.to_json())
    spaced = json.dumps(json.loads(cfg.to_json()), indent=2)
    assert np.array_equal(synthgen.lano.batch(3, seed=1, grammar_json=spaced).input_ids, rows.input_ids)


def broken(**changes: Any) -> str:
    file: dict[str, Any] = {"depth": 1, "sizes": [1, 2], "all": [[{"children": [[0, 1], [1, 0, 0]]}]]}
    return json.dumps({key: value for key, value in (file | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not JSON"),
        ("null", "no object"),
        ("[" * 100_000, "not JSON"),
        (broken(depth=None), 'no "depth"'),
        (broken(depth=0), "1..=16"),
        (broken(depth="1"), "no whole number"),
        (broken(depth=2**70), "no whole number"),
        (broken(sizes=None), 'no list "sizes"'),
        (broken(sizes=[1]), "wants 2"),
        (broken(sizes=[1, 300]), "1..=256"),
        (broken(sizes=[2, 2]), '"sizes" says 2'),
        (broken(sizes=[1, 1]), "the next level has 1"),
        (broken(sizes=[1, 20]), "1..=16"),
        (broken(all=[]), "0 levels"),
        (broken(all={}), 'no list "all"'),
        (broken(all=[[{}]]), 'no list "children"'),
        (broken(all=[[{"children": []}]]), "0 rules"),
        (broken(all=[[{"children": [[]]}]]), "length 0"),
        (broken(all=[[{"children": [[0] * 9]}]]), "length 9"),
        (broken(all=[[{"children": [[0, 1], [0, 1]]}]]), "occurs twice"),
        (broken(all=[[{"children": [[-1]]}]]), "positions in the next level"),
        (broken(all=[[{"children": [[0.5]]}]]), "positions in the next level"),
        (broken(all=[[{"children": [0]}]]), "positions in the next level"),
        (broken(all=[[{"children": [[0, 1]]}], [{"children": [[0]]}, {"children": []}]]), "leaves"),
        (broken(vocab_size=3), "vocab_size is 3"),
    ],
)
def test_broken_files_are_refused_with_a_reason(text: str, part: str) -> None:
    with pytest.raises(ParamError) as caught:
        grammar.loads(text)
    assert part in str(caught.value)
    with pytest.raises(ParamError) as caught:
        synthgen.lano.batch(1, grammar_json=text)
    assert part in str(caught.value)
    assert (caught.value.task, caught.value.field) == ("lano", "grammar_json")
    assert len(str(caught.value)) < 500


def test_one_of_two_grammars() -> None:
    with pytest.raises(ParamError, match="only one of grammar and grammar_json"):
        synthgen.lano.batch(1, grammar="cfg3k", **PAIRS)
    with pytest.raises(FileNotFoundError):
        grammar.load("no such file")
    with pytest.raises(ParamError):
        grammar.loads(5)  # type: ignore[arg-type]


@law(st.text() | st.binary().map(repr), st.recursive(st.none() | st.integers() | st.text(), st.lists), examples=30)
def test_hostile_files_raise_nothing_else(text: str, value: Any) -> None:
    for hostile in (text, json.dumps(value), broken(all=value), broken(sizes=value), broken(depth=value)):
        with contextlib.suppress(ParamError):
            grammar.loads(hostile)
