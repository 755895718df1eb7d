"""Lano's rows follow the laws that its docs declare."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
import synthgen
from synthgen import grammar

from benches.plain import lano as plain
from tests.grammar_cases import names
from tests.kits.lano import FLAT, MANY, PAIRS, THREE_LEVELS, TWO_LEVELS
from tests.laws import assert_follows, assert_mean, assert_same_law
from tests.oracles import lano as oracle
from tests.oracles.params import resolve


def strings_of(n: int, seed: int, **asked: Any) -> list[tuple[int, ...]]:
    batch = synthgen.lano.batch(n, seed, **asked)
    return [tuple((string - 1).tolist()) for string in grammar.strings(batch.input_ids)]


@pytest.mark.parametrize("asked", [PAIRS, FLAT, TWO_LEVELS, THREE_LEVELS], ids=["pairs", "flat", "two", "three"])
def test_strings_have_their_exact_probabilities(asked: dict[str, Any]) -> None:
    rules, terminals = oracle.rules_of(asked["grammar_json"])
    law = oracle.language(rules, terminals)
    counts = Counter(strings_of(100_000, 21, **asked))
    assert counts.keys() <= law.keys()
    common = sorted(string for string, p in law.items() if p > 1e-3)
    rest = 100_000 - sum(counts[string] for string in common)
    shares = [float(law[string]) for string in common]
    if 1 - sum(shares) > 1e-4:
        assert_follows([*(counts[string] for string in common), rest], [*shares, 1 - sum(shares)])
    else:
        assert rest < 100
        assert_follows([counts[string] for string in common], np.array(shares) / sum(shares))


@pytest.mark.parametrize("name", grammar.NAMES)
def test_lengths_follow_the_law(name: str) -> None:
    asked: dict[str, Any] = {"grammar": name, "split": "train"}
    lengths = synthgen.lano.batch(20_000, 5, **asked).lengths.astype(np.int64) - 2
    law = grammar.shipped(name).length_law()
    assert law.shortest <= lengths.min() <= lengths.max() <= law.longest
    assert_mean(lengths, law.mean, law.sd)
    edges = np.unique([law.quantile(share) for share in np.linspace(0.05, 0.95, 19)])
    cells = np.searchsorted(edges, law.lengths, side="left")
    shares = np.bincount(cells, weights=law.probabilities)
    assert_follows(np.bincount(np.searchsorted(edges, lengths, side="left"), minlength=len(shares)), shares)


@pytest.mark.parametrize("cfg", [*map(grammar.shipped, grammar.NAMES), grammar.loads(MANY["grammar_json"])], ids=names)
def test_every_rule_of_a_symbol_is_as_likely(cfg: grammar.Grammar) -> None:
    counts: Counter[tuple[int, int, int]] = Counter()
    for choices in cfg.derivations(400, seed=17):
        rest = iter(choices.tolist())
        nodes = [(0, 0)]
        while nodes:
            level, symbol = nodes.pop()
            if level < cfg.depth:
                choice = next(rest)
                counts[level, symbol, choice] += 1
                nodes += [(level + 1, child) for child in reversed(cfg.rules[level][symbol][choice])]
    for level, symbols in enumerate(cfg.rules):
        for symbol, rules in enumerate(symbols):
            drawn = [counts[level, symbol, choice] for choice in range(len(rules))]
            if len(rules) > 1 and sum(drawn) >= 100:
                assert_follows(drawn, np.full(len(rules), 1 / len(rules)), f"level {level} symbol {symbol}")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_plain_generator_draws_from_the_same_law(level: int) -> None:
    prepared = plain.prepare(resolve("lano", difficulty=level))
    rng = random.Random(level)
    theirs = [plain.generate(rng, prepared)[0] for _ in range(3000)]
    ours = synthgen.lano.batch(3000, 9, difficulty=level)
    assert_same_law(ours.lengths.astype(np.int64) // 16, np.array([len(ids) // 16 for ids in theirs]))
    width = 40
    for at in range(1, width, 6):
        assert_same_law(ours.input_ids[:, at].astype(np.int64), np.array([ids[at] for ids in theirs]), f"place {at}")
    for ids in theirs[:20]:
        assert synthgen.lano.validate(ids, difficulty=level).ok
