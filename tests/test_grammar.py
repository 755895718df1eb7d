"""`synthgen.grammar` agrees with the oracle: verdicts, predictions, labels, laws, files."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import synthgen
from hypothesis import strategies as st
from synthgen import ParamError, grammar

from tests.kits.lano import PAIRS, THREE_LEVELS, TWO_LEVELS, custom
from tests.oracles import lano as oracle
from tests.public_cases import law

String = tuple[int, ...]

SMALL = [
    grammar.loads(keywords["grammar_json"])
    for keywords in (
        PAIRS,
        TWO_LEVELS,
        THREE_LEVELS,
        custom("0,11,012", 3),
        custom("0,1|0,11 1,10", 2),
        custom("00|01,10|0011,10 11,0", 2),
    )
]
SAMPLED = [grammar.sample_grammar(seed, "23|22 33|23 32 23", terminals=4) for seed in range(4)]

# The exact law of the reference's grammars of the same shapes: shortest, longest, mean, sd, derivation bits.
REFERENCE = {
    "cfg3b": (138, 432, 275.62, 41.7, 169.25),
    "cfg3i": (114, 564, 308.09, 46.0, 186.94),
    "cfg3h": (97, 459, 236.38, 41.5, 204.78),
    "cfg3g": (80, 729, 252.43, 53.0, 269.92),
    "cfg3f": (64, 729, 249.86, 69.4, 268.66),
    "cfg3j": (128, 2052, 543.93, 133.6, 618.59),
    "cfg3k": (132, 1458, 516.31, 91.1, 608.33),
}


def rules_of(cfg: grammar.Grammar) -> oracle.Rules:
    return oracle.rules_of(cfg.to_json())[0]


def from_zero(string: Any) -> String:
    return tuple(int(terminal) - 1 for terminal in string)


def from_one(string: String) -> list[int]:
    return [terminal + 1 for terminal in string]


def mutants(rng: Random, string: String, terminals: int) -> Iterator[String]:
    """Change a string in one or two places."""
    kept = list(string)
    at = rng.randrange(len(kept))
    yield (*kept[:at], rng.randrange(terminals), *kept[at + 1 :])
    yield (*kept[:at], *kept[at + 1 :])
    yield (*kept[:at], rng.randrange(terminals), *kept[at:])
    yield (*kept[at:], *kept[:at])
    shuffled = list(kept)
    rng.shuffle(shuffled)
    yield tuple(shuffled)


def names(cfg: grammar.Grammar) -> str:
    return f"{cfg.name}-{cfg.sizes}"


# ---- verdicts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [*SMALL, *SAMPLED], ids=names)
def test_verdicts_agree_with_the_textbook_table(cfg: grammar.Grammar) -> None:
    rng = Random(cfg.to_json())
    strings = {from_zero(string) for string in cfg.sample(60, seed=3)}
    strings |= {mutant for string in sorted(strings) for mutant in mutants(rng, string, cfg.terminals)}
    strings |= {tuple(rng.choices(range(cfg.terminals), k=rng.randrange(1, 12))) for _ in range(60)}
    checked = sorted(string for string in strings if len(string) <= 24)
    assert len(checked) >= 50
    verdicts = cfg.contains([from_one(string) for string in checked]).tolist()
    rules = rules_of(cfg)
    for string, verdict in zip(checked, verdicts, strict=True):
        assert verdict == oracle.cyk(rules, string) == oracle.recognised(rules, string), string
    assert any(verdicts)
    assert not all(verdicts)


def test_all_strings_up_to_a_length_get_the_right_verdict() -> None:
    cfg = SMALL[0]
    words = oracle.language(rules_of(cfg), 2)
    for length in range(1, 12):
        strings = [tuple(number >> bit & 1 for bit in range(length)) for number in range(2**length)]
        verdicts = cfg.contains([from_one(string) for string in strings])
        assert verdicts.tolist() == [string in words for string in strings]


@pytest.mark.parametrize("name", grammar.NAMES)
def test_verdicts_agree_on_long_strings(name: str) -> None:
    cfg, rng = grammar.shipped(name), Random(name)
    rules = rules_of(cfg)
    drawn = min((from_zero(string) for string in cfg.sample(40, seed=8)), key=len)
    assert oracle.recognised(rules, drawn)
    for string in list(mutants(rng, drawn, 3))[: 3 if cfg.depth == 6 else 1]:
        assert cfg.contains(from_one(string)) == oracle.recognised(rules, string)


def test_what_is_no_string_is_not_contained() -> None:
    cfg = grammar.shipped("cfg3f")
    string = cfg.sample(1, seed=5)[0].tolist()
    assert cfg.contains(string)
    for wrong in ([], [0], [4], [-1], [2**40], string[:-1], [*string, 0], [*string, *string], [1] * 100_000):
        assert cfg.contains(wrong) is False
        assert not cfg.parse(wrong)
    rows = np.zeros((3, 800), np.int64)
    rows[0, : len(string)] = string
    rows[1, 1 : len(string) + 1] = string
    assert cfg.contains(rows).tolist() == [True, False, False]
    assert cfg.contains([string, [1, 2, 3]]).tolist() == [True, False]
    for bad in ([[1.5]], [["1"]], None, 7, [1, 2.5], [[[1]]]):
        with pytest.raises(ParamError):
            cfg.contains(bad)


def test_a_flaw_is_where_the_string_goes_wrong() -> None:
    for cfg in SMALL:
        words = oracle.language(rules_of(cfg), cfg.terminals)
        prefixes = {word[:end] for word in words for end in range(len(word) + 1)}
        rng = Random(1)
        for _ in range(100):
            string = tuple(rng.choices(range(cfg.terminals), k=rng.randrange(1, 20)))
            found = cfg.parse(from_one(string))
            assert found.ok == (string in words)
            if not found.ok:
                viable = next(end for end in range(len(string), -1, -1) if string[:end] in prefixes)
                assert found.position == viable


# ---- predictions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [*SMALL[:2], *SMALL[3:5]], ids=names)
def test_predictions_are_what_counting_all_strings_gives(cfg: grammar.Grammar) -> None:
    words = oracle.language(rules_of(cfg), cfg.terminals)
    strings = sorted(words)
    for string in Random(0).sample(strings, min(len(strings), 12)):
        wanted = np.array(oracle.next_by_counting(words, string, cfg.terminals), dtype=float)
        rows = cfg.next_token(from_one(string))
        assert np.abs(rows - wanted).max() < 1e-12
        for end in range(len(string)):
            assert np.array_equal(cfg.next_token(from_one(string[:end])), rows[: end + 1])


@pytest.mark.parametrize("name", ["cfg3b", "cfg3h", "cfg3f", "cfg3k"])
def test_predictions_agree_with_exact_fractions(name: str) -> None:
    cfg = grammar.shipped(name)
    string = min((from_zero(string) for string in cfg.sample(60, seed=2)), key=len)[:150]
    wanted = np.array(oracle.next_by_tables(rules_of(cfg), string, 3), dtype=float)
    rows = cfg.next_token(from_one(string))
    assert np.abs(rows - wanted).max() < 1e-8
    assert np.abs(rows.sum(axis=1) - 1).max() < 1e-9


@pytest.mark.parametrize("name", grammar.NAMES)
def test_predictions_sum_to_one_and_multiply_to_the_probability(name: str) -> None:
    cfg = grammar.shipped(name)
    for string in cfg.sample(10, seed=4):
        rows = cfg.next_token(string)
        assert rows.shape == (len(string) + 1, 4)
        assert (rows >= 0).all()
        assert np.abs(rows.sum(axis=1) - 1).max() < 1e-9
        taken = rows[np.arange(len(string)), string]
        assert (taken > 0).all()
        assert rows[0, 0] == 0
        assert rows[-1, 0] > 0


def test_predictions_hold_for_the_longest_strings() -> None:
    cfg = grammar.shipped("cfg3j")
    string = max(cfg.sample(20_000, seed=6), key=len)
    assert len(string) > 900
    rows = cfg.next_token(string)
    assert np.abs(rows.sum(axis=1) - 1).max() < 1e-9
    # Strings whose probability is far below the range of f64.
    long = grammar.sample_grammar(1, "33|333 333|333 333|333 333|333 333|333 333|333 333", terminals=4)
    string = long.sample(1)[0]
    assert len(string) == 3**7
    rows = long.next_token(string)
    assert np.abs(rows.sum(axis=1) - 1).max() < 1e-9
    assert -np.log2(rows[np.arange(len(string)), string]).sum() > 1100


def test_what_cannot_follow_is_refused_with_its_place() -> None:
    cfg = SMALL[1]
    words = oracle.language(rules_of(cfg), 3)
    prefixes = {word[:end] for word in words for end in range(len(word) + 1)}
    rng, refused = Random(5), 0
    for _ in range(200):
        string = tuple(rng.choices(range(3), k=8))
        viable = next(end for end in range(8, -1, -1) if string[:end] in prefixes)
        if viable == 8:
            assert cfg.next_token(from_one(string)).shape == (9, 4)
        else:
            refused += 1
            with pytest.raises(ParamError, match=f"at position {viable} cannot follow"):
                cfg.next_token(from_one(string))
    assert refused > 20
    with pytest.raises(ParamError, match="position 1 is no terminal"):
        cfg.next_token([1, 4])


def test_the_divergence_is_the_papers() -> None:
    cfg = grammar.shipped("cfg3f")
    string = cfg.sample(1, seed=9)[0]
    truth = cfg.next_token(string)
    assert cfg.kl(string, truth) == pytest.approx(0, abs=1e-15)
    model = np.random.default_rng(0).dirichlet(np.ones(4), len(truth))
    p, q = truth + 1e-5, model + 1e-5
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    wanted = (truth * (np.log(p) - np.log(q))).sum(axis=1).mean()
    assert cfg.kl(string, model) == pytest.approx(wanted, rel=1e-12)
    assert cfg.kl(string, np.log(model), log=True) == pytest.approx(wanted, rel=1e-9)
    for bad in (model[:-1], model[:, :3], -model, np.full_like(model, np.nan), "x", [["a"]]):
        with pytest.raises(ParamError):
            cfg.kl(string, bad)


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
