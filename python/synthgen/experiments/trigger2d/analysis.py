"""What a trained model makes of triggers: accuracy by trigger, other triggers in their place, patched activations."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from ...data.files import json_bytes, write_atomic
from ...train.build import load as load_model
from ...train.models import LanguageModel
from ...train.models.layers import Layout
from ...train.steps import targets_of
from ...train.texts import Encoded, Text, text_of
from . import plots
from .bases import TRAINING, need, results_of, start
from .rates import share
from .rows import Row, colour, make, stratified
from .run import FINAL, PREDICTIONS
from .scoring import Scorer, padded
from .settings import load

SAMPLE = 140
"""Rows that are looked into, as many of each trigger as can be."""
PLACES = ("trigger", "last")
"""Where activations are patched: at the trigger's tokens, or at the last one of the prompt."""
ANALYSIS = "analysis.json"


class Pair(NamedTuple):
    """A row, and the same with the trigger of another category, in choices of as many tokens."""

    row: list[Encoded]
    other: list[Encoded]
    span: tuple[int, int]  # of the trigger


def analyze(directory: str | Path, seed: int | None = None, count: int = SAMPLE) -> Path:
    """Look into a trained seed; analysis.json and patching.png come beside its results, whose folder is given."""
    settings = load(directory, seed)
    begun = start(settings)
    folder = results_of(settings, begun)
    need(folder, FINAL)
    data = make(settings, begun.base)
    model = load_model(folder / TRAINING)
    scorer = Scorer(begun.tokenizer, settings.candidates, rows=settings.config["eval_batch_size"])
    rows = stratified([row for found in data.test.values() for row in found], count, settings.seed)
    words = _words(data.manifest["triggers"])
    patched = patching(model, scorer, rows, words, data.categories)
    told = {
        "by_trigger": by_trigger(need(folder, PREDICTIONS)),
        "ablation": ablation(model, scorer, rows, words, data.categories),
        "patching": patched,
    }
    write_atomic(folder / ANALYSIS, json_bytes(told))
    title = f"answers that follow the patched trigger ({patched['pairs']} pairs)"
    shares = [[row[place] for place in PLACES] for row in patched["layers"]]
    write_atomic(folder / "patching.png", plots.heat_map(shares, PLACES, title), durable=False)
    return folder


def by_trigger(file: Path) -> dict[str, dict[str, Any]]:
    """Accuracy of each trigger, by category, as the final answers tell it."""
    found: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        kind = row["set"].rpartition("_")[2]
        found[row["category"], row["input_trigger"], kind].append(row["predicted"] == row["output"])
    told: dict[str, dict[str, Any]] = defaultdict(dict)
    for (category, trigger, kind), right in found.items():
        told[category][trigger] = {"set": kind, **share(right)}
    return dict(told)


def ablation(
    model: LanguageModel,
    scorer: Scorer,
    rows: Sequence[Row],
    words: Mapping[str, Sequence[str]],
    categories: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """How often the answer changes when the trigger is replaced or removed.

    `other_map` are those of other_category where the two maps have different colours, so that a change is right.
    """
    texts = [text_of(row) for row in rows]
    before = _answers(model, scorer, [_choices(scorer, text) for text in texts])
    same = [_swapped(row, _other({row["category"]: words[row["category"]]}, row)[1]) for row in rows]
    others = [_other({name: words[name] for name in words if name != row["category"]}, row) for row in rows]
    away = [_swapped(row, word) for row, (_, word) in zip(rows, others, strict=True)]
    found = {}
    for name, changed in (("same_category", same), ("other_category", away)):
        after = _answers(model, scorer, [_choices(scorer, text_of(row)) for row in changed])
        found[name] = [one != other for one, other in zip(before, after, strict=True)]
    differs = [colour(categories[name], row) != row["output"] for row, (name, _) in zip(rows, others, strict=True)]
    found["other_map"] = [one for one, there in zip(found["other_category"], differs, strict=True) if there]
    without = [
        _without(_choices(scorer, text), span(scorer, text)) for text in texts
    ]  # at the tokens, as not every spelling has a text without a trigger
    after = _answers(model, scorer, without)
    found["removed"] = [one != other for one, other in zip(before, after, strict=True)]
    return {name: share(changed) for name, changed in found.items()}


def patching(
    model: LanguageModel,
    scorer: Scorer,
    rows: Sequence[Row],
    words: Mapping[str, Sequence[str]],
    categories: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """How often the answer becomes that of another trigger, when its residual stream is put in after a layer.

    A pair is a row and the same with the trigger of a category with another colour there, of as many tokens; pairs
    that the model answers alike are left out.
    """
    pairs = _pairs(scorer, rows, words, categories)
    own = _answers(model, scorer, [pair.row for pair in pairs])
    other = _answers(model, scorer, [pair.other for pair in pairs])
    apart = [at for at in range(len(pairs)) if own[at] != other[at]]
    pairs = [pairs[at] for at in apart]
    layers = []
    for layer in range(model.config.num_layers):
        told = {}
        for place in PLACES:
            after = _patched_answers(model, scorer, pairs, layer, place)
            flipped = [answer == other[at] for answer, at in zip(after, apart, strict=True)]
            told[place] = sum(flipped) / max(len(flipped), 1)
        layers.append(told)
    return {"pairs": len(pairs), "layers": layers}


def span(scorer: Scorer, text: Text) -> tuple[int, int]:
    """Where the tokens of the trigger are in a row."""
    encode, bos = scorer.spelling.encode, scorer.spelling.bos is not None
    prompt = str(text.prompt)
    found = _place(prompt, text.facts["input_trigger"])
    ids, before, after = (encode(one) for one in (prompt, prompt[: found[0]], prompt[found[1] :]))
    first, last = _common(ids, before), _common(ids[::-1], after[::-1])
    return bos + first, bos + len(ids) - last


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids agree from the beginning."""
    differs = [a != b for a, b in zip(one, other, strict=False)]
    return differs.index(True) if True in differs else len(differs)


def _place(prompt: str, trigger: str) -> tuple[int, int]:
    found = re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", prompt)
    assert found is not None  # every template names the trigger
    return found.span()


def _words(told: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Triggers that were trained on, by category; all of a category of which none was."""
    return {name: [*one["seen"], *one["base"]] or [*one["unseen"]] for name, one in told.items()}


def _other(words: Mapping[str, Sequence[str]], row: Row) -> tuple[str, str]:
    """One of these triggers, with its category, and not the row's own; always the same for a row."""
    choices = [(name, word) for name in words for word in words[name] if word != row["input_trigger"]]
    place = round(1000 * abs(row["input_x"][0])) + round(1000 * abs(row["input_x"][1]))
    return choices[place % len(choices)] if choices else (row["category"], row["input_trigger"])


def _swapped(row: Row, word: str) -> Row:
    """The row with another trigger."""
    made = deepcopy(row)
    turn = made["messages"][-2]
    first, end = _place(turn["content"], row["input_trigger"])
    turn["content"] = turn["content"][:first] + word + turn["content"][end:]
    made["input_trigger"] = word
    return made


def _choices(scorer: Scorer, text: Text) -> list[Encoded]:
    return [scorer.choice(text, one) for one in scorer.candidates]


def _without(choices: Sequence[Encoded], place: tuple[int, int]) -> list[Encoded]:
    first, end = place
    return [
        Encoded([*one.ids[:first], *one.ids[end:]], one.start - (end - first), one.end - (end - first))
        for one in choices
    ]


def _answers(model: LanguageModel, scorer: Scorer, rows: Sequence[Sequence[Encoded]]) -> list[str]:
    if not rows:
        return []
    sums = scorer.choice_log_probs(model, [one for row in rows for one in row], scorer.rows)
    return [scorer.candidates[at] for at in sums.argmax(1)]


def _pairs(
    scorer: Scorer,
    rows: Sequence[Row],
    words: Mapping[str, Sequence[str]],
    categories: Mapping[str, Mapping[str, Any]],
) -> list[Pair]:
    def length(of: Row) -> int:
        return len(scorer.choice(text_of(of), scorer.candidates[0]).ids)

    made = []
    for row in rows:
        apart = [name for name in words if name != row["category"] and colour(categories[name], row) != row["output"]]
        fitting = {name: [word for word in words[name] if length(_swapped(row, word)) == length(row)] for name in apart}
        _, word = _other(fitting, row)
        if word != row["input_trigger"]:
            text = text_of(row)
            other = _choices(scorer, text_of(_swapped(row, word)))
            made.append(Pair(_choices(scorer, text), other, span(scorer, text)))
    return made


def _patched_answers(model: LanguageModel, scorer: Scorer, pairs: Sequence[Pair], layer: int, place: str) -> list[str]:
    """Answers to the rows of pairs, with the other's residual stream put in."""
    graph, state = nnx.split(model)
    sums: list[NDArray[np.float64]] = []
    if not pairs:
        return []
    width = padded([one for pair in pairs for one in pair.row])
    for at in range(0, len(pairs), scorer.rows):
        part = list(pairs[at : at + scorer.rows])
        part += part[:1] * (scorer.rows - len(part))
        arrays = [_arrays(pair, width, place) for pair in part]
        rows, source, weights, mask = (np.concatenate(one) for one in zip(*arrays, strict=True))
        found = _patched(graph, state, {"input_ids": rows, "weights": weights}, source, mask, layer)
        sums.append(np.asarray(found, np.float64).reshape(-1, len(scorer.candidates)))
    best = np.concatenate(sums)[: len(pairs)].argmax(1)
    return [scorer.candidates[one] for one in best]


def _arrays(pair: Pair, width: int, place: str) -> tuple[NDArray[Any], ...]:
    count = len(pair.row)
    rows, source = np.zeros((count, width), np.int32), np.zeros((count, width), np.int32)
    weights, mask = np.zeros((count, width), np.uint8), np.zeros((count, width), bool)
    for at, (one, other) in enumerate(zip(pair.row, pair.other, strict=True)):
        rows[at, : len(one.ids)], source[at, : len(other.ids)] = one.ids, other.ids
        weights[at, one.start : one.end] = 1
        mask[at, slice(*(pair.span if place == "trigger" else (one.start - 1, one.start)))] = True
    return rows, source, weights, mask


@partial(jax.jit, static_argnames=("graph", "layer"))
def _patched(graph: Any, state: Any, rows: dict[str, Array], source: Array, mask: Array, layer: int) -> Array:
    """Log-probability of answers, (n,), where `mask` takes the residual stream after a layer from `source`."""
    model: LanguageModel = nnx.merge(graph, state)
    kept: dict[int, Array] = {}

    def keep(number: int, x: Array) -> Array:
        kept[number] = x
        return x

    def put(number: int, x: Array) -> Array:
        return jnp.where(mask[..., None], kept[number], x) if number == layer else x

    for ids, after in ((source, keep), (rows["input_ids"], put)):
        logits = model.logits(model.embedding(ids), Layout.of(ids, None, None), after)
    targets, weights = targets_of(rows)
    each = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)[..., 0]
    return (each * weights).sum(-1)
