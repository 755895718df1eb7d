"""`synthgen.grammar` agrees with the oracle: verdicts and predictions."""

from random import Random

import numpy as np
import pytest
from synthgen import ParamError, grammar

from tests.grammar_cases import SAMPLED, SMALL, from_one, from_zero, mutants, names, rules_of
from tests.oracles import lano as oracle

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
