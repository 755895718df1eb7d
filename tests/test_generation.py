"""Generation: a cache changes no logit, and ids are drawn by the law of the logits, each row by itself."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import synthgen
from flax import nnx
from synthgen.train.generation import generate
from synthgen.train.models import LanguageModel

from tests.laws import assert_follows
from tests.test_models import KINDS, TINY, every_kind

VOCAB, TIME = TINY.vocab_size, 24
full = nnx.jit(lambda model, ids, segments, positions: model(ids, segments, positions))
extend = nnx.jit(lambda model, ids, cache, segments, positions: model.extend(ids, cache, segments, positions))


@functools.cache
def model_of(kind: str) -> LanguageModel:
    """A model of one layer for each mixer."""
    config = dataclasses.replace(TINY, **KINDS[kind])
    return LanguageModel(dataclasses.replace(config, num_layers=len(config.mixers)), nnx.Rngs(0))


def tolerance(kind: str) -> float:
    return 3e-2 if kind == "bfloat16" else 1e-4


def assert_close(found: Any, expected: Any, kind: str) -> None:
    assert np.isfinite(found).all()
    assert np.allclose(found, expected, atol=tolerance(kind), rtol=tolerance(kind))


def at_the_right(rows: Sequence[Sequence[int]], time: int) -> tuple[Any, Any, Any]:
    """Ids, segments and positions of rows that end together."""
    ids = np.stack([np.pad(np.asarray(row), (time - len(row), 0)) for row in rows])
    positions = np.arange(time) - np.array([time - len(row) for row in rows])[:, None]
    return ids.astype(np.int32), (positions >= 0).astype(np.int32), np.maximum(positions, 0).astype(np.int32)


def random_rows(lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, VOCAB, length).tolist() for length in lengths]


def read_on(model: LanguageModel, given: tuple[Any, Any, Any], cuts: Sequence[int]) -> Any:
    """Logits of the pieces between the cuts, each read after the cache of those before."""
    cache = model.cache(len(given[0]), TIME)
    pieces = []
    for start, end in zip((0, *cuts), (*cuts, TIME), strict=True):
        ids, segments, positions = (array[:, start:end] for array in given)
        logits, cache = extend(model, ids, cache, segments, positions)
        pieces.append(logits)
    return np.concatenate(pieces, 1)


@every_kind
def test_a_cache_changes_no_logit(kind: str) -> None:
    """Prompts in two pieces, then token by token: rows and packed rows that begin in, between and after the pieces."""
    model = model_of(kind)
    ids, segments, positions = at_the_right(random_rows([18, 13, 10, 24, 24, 24]), TIME)
    for row, start in ((3, 3), (4, 12), (5, 17)):
        segments[row, start:] = 2
        positions[row, start:] -= start
    given = ids, segments, positions
    assert_close(read_on(model, given, (6, *range(12, TIME))), full(model, *given), kind)


@every_kind
def test_the_most_probable_token_is_taken_in_any_batch(kind: str) -> None:
    model = model_of(kind)
    prompts = random_rows([16, 9, 5])
    made = generate(model, prompts, 8)
    assert all(row.dtype == np.int32 and row.shape == (8,) for row in made)
    rows = [[*prompt, *row] for prompt, row in zip(prompts, made, strict=True)]
    logits = np.asarray(full(model, *at_the_right([*rows, *(row + [0] * (TIME - len(row)) for row in rows)], TIME)))
    for row, padded, alone in zip(rows, logits[:3], logits[3:], strict=True):
        assert_close(padded[TIME - len(row) :], alone[: len(row)], kind)
        before = alone[len(row) - 9 : len(row) - 1]
        taken = before[np.arange(8), row[-8:]]
        assert (taken >= before.max(-1) - tolerance(kind)).all()


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """A model whose logits are far apart."""
    return model_of("gelu, untied")


def listed(made: Sequence[Any]) -> list[list[int]]:
    return [row.tolist() for row in made]


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0, "seed": 3}])
def test_a_row_is_its_own(model: LanguageModel, settings: dict[str, Any]) -> None:
    prompts = random_rows([7, 3, 12])
    made = listed(generate(model, prompts, 10, **settings))
    assert made == listed(generate(model, prompts, 10, **settings))
    others = random_rows([1, 5, 40], seed=1)
    assert listed(generate(model, [others[0], prompts[1], others[1]], 10, **settings))[1] == made[1]
    assert listed(generate(model, [others[2], prompts[1]], 10, **settings))[1] == made[1]
    assert listed(generate(model, prompts, 4, **settings)) == [row[:4] for row in made]


def test_a_seed_makes_the_difference(model: LanguageModel) -> None:
    prompts = [[1, 2, 3]] * 3
    made = [listed(generate(model, prompts, 16, temperature=1.0, seed=seed)) for seed in (0, 1)]
    rows = [tuple(row) for some in made for row in some]
    assert len(set(rows)) == 6


@pytest.mark.parametrize("settings", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-42}])
def test_what_leaves_one_token_is_greedy(model: LanguageModel, settings: dict[str, Any]) -> None:
    prompts = random_rows([7, 3, 12])
    made = generate(model, prompts, 10, **{"temperature": 1.0, **settings})
    assert listed(made) == listed(generate(model, prompts, 10))


@pytest.mark.parametrize(("top_k", "top_p"), [(None, None), (6, None), (None, 0.7), (12, 0.8)])
def test_tokens_follow_the_law_of_the_logits(model: LanguageModel, top_k: int | None, top_p: float | None) -> None:
    """The first token is drawn by softmax(logits / temperature), and so is the second, given the first."""
    prompt, count, temperature = [4, 17, 2, 9], 2048, 0.8
    made = np.stack(generate(model, [prompt] * count, 2, temperature=temperature, top_k=top_k, top_p=top_p, seed=5))

    def law(ids: list[int]) -> Any:
        logits = np.asarray(full(model, *at_the_right([ids], TIME))[0, -1], np.float64)
        shares = np.exp(logits / temperature)
        order = np.argsort(-logits)
        shares[order[VOCAB if top_k is None else top_k :]] = 0
        shares /= shares.sum()
        if top_p is not None:
            shares[order[np.searchsorted(np.cumsum(shares[order]), top_p) + 1 :]] = 0
        return shares

    assert_follows(np.bincount(made[:, 0], minlength=VOCAB), law(prompt), "first tokens")
    common = int(np.bincount(made[:, 0]).argmax())
    second = made[made[:, 0] == common, 1]
    assert_follows(np.bincount(second, minlength=VOCAB), law([*prompt, common]), "second tokens")


def test_a_row_ends_with_the_stop_id(model: LanguageModel) -> None:
    prompts = random_rows([7, 3, 12])
    free = listed(generate(model, prompts, 32, temperature=1.5, seed=2))
    stop = free[0][3]
    stopped = listed(generate(model, prompts, 32, temperature=1.5, seed=2, stop_id=stop))
    for row, whole in zip(stopped, free, strict=True):
        end = whole.index(stop) + 1 if stop in whole else 32
        assert row == whole[:end]
    assert len(stopped[0]) <= 4 < max(map(len, stopped))


def test_one_structure_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    plain = LanguageModel.extend

    def counted(self: LanguageModel, *args: Any, **more: Any) -> Any:
        traced.append(args[0].shape)
        return plain(self, *args, **more)

    monkeypatch.setattr(LanguageModel, "extend", counted)
    config = dataclasses.replace(TINY, vocab_size=31, num_layers=1)
    generate(LanguageModel(config, nnx.Rngs(0)), [[1, 2, 3], [4]], 5, temperature=1.0, top_k=4)
    assert traced == [(2, 32), (2, 1)]
    generate(LanguageModel(config, nnx.Rngs(1)), [[5] * 20, [6] * 9], 30, temperature=0.5, top_k=9, seed=1, stop_id=2)
    assert len(traced) == 2
    generate(LanguageModel(config, nnx.Rngs(1)), [[5] * 33, [6] * 9], 30, temperature=0.5, top_k=9)
    assert len(traced) == 4


def test_no_prompts_have_no_answers(model: LanguageModel) -> None:
    assert generate(model, [], 5) == []


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "an empty prompt": (r"prompts\[1\]", {"prompts": [[1], []]}),
    "no list of prompts": (r"prompts\[0\]", {"prompts": [1, 2]}),
    "a text": (r"prompts\[0\]", {"prompts": ["abc"]}),
    "an id too large": (r"prompts\[0\] = \[1, 29\]", {"prompts": [[1, 29]]}),
    "an id below 0": (r"prompts\[0\]", {"prompts": [[-1]]}),
    "no tokens": ("max_new_tokens = 0", {"max_new_tokens": 0}),
    "half a token": ("max_new_tokens", {"max_new_tokens": 1.5}),
    "a foreign stop": ("stop_id = 29", {"stop_id": 29}),
    "cold": ("temperature", {"temperature": -0.1}),
    "no number": ("temperature", {"temperature": float("nan")}),
    "no candidates": ("top_k", {"top_k": 0}),
    "no share": ("top_p", {"top_p": 0.0}),
    "more than all": ("top_p", {"top_p": 1.1}),
    "a seed below 0": ("seed", {"seed": -1}),
    "a seed too large": ("seed", {"seed": 2**32}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused_by_name(model: LanguageModel, name: str) -> None:
    field, wrong = REFUSED[name]
    given = {"prompts": [[1]], "max_new_tokens": 3, **wrong}
    with pytest.raises(synthgen.ParamError, match=rf"^{field}.*; allowed: "):
        generate(model, **given)
