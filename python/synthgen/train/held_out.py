"""Rows that a model is scored on while it trains, and after: never in its training split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, cast

import jax
import numpy as np
from flax import nnx

from .._task import Split
from ..batch import Verdict
from ..errors import param_error
from ..inspection import Source
from ..tree import FILE, params_of
from .config import RunConfig
from .feed import Arrays, Rows, varied
from .models import LanguageModel
from .scores import Answers, Tally
from .steps import said
from .texts import ALL, read_texts

Predict = Callable[[Arrays], Any]
"""What a model says of rows, as `steps.said` gives it."""

SETS = ("answer_accuracy", "exact_match", "completion", "token_accuracy")
"""Metrics that are told of every set of several."""


class HeldOut:
    """The held-out rows of a run; of several sets, where an axis is varied or files are named."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self.config = config
        own = config.eval
        base = replace(config.dataset, split=own.split, answers="given")
        base = replace(base, config={**params_of(base), **params_of(replace(base, config=own.config))})
        if own.paths:
            sets = {f"set={name}": replace(base, path=path, split=ALL) for name, path in own.paths.items()}
            _check_apart(config)
        elif own.axis is not None:
            sets = {f"{own.axis}={value}": varied(base, own.axis, value) for value in own.values}
        else:
            sets = {"": base}
        seed = seed if own.seed is None else own.seed
        self.sets = {name: Rows(dataset, seed, held_out=True) for name, dataset in sets.items()}

    def _batches(self, number: int) -> Iterator[tuple[str, Arrays, Answers]]:
        """Rows of evaluation `number`, set by set."""
        own = self.config.eval
        size = own.batch_size or self.config.train.batch_size
        for name, rows in self.sets.items():
            count = own.num_examples if rows.count is None else min(rows.count, own.num_examples)
            first = number * count if own.resample and rows.count is None else 0
            for start in range(first, first + count, size):
                drawn = rows.draw(start, min(size, first + count - start))
                yield name, rows.of(drawn), Answers(drawn)

    @cached_property
    def _frozen(self) -> list[tuple[str, Arrays, Answers]]:
        return list(self._batches(0))

    def figures(self, predict: Predict, number: int = 0) -> dict[str, float]:
        """Score a model: loss (nats a predicted token), accuracies overall, by kind of query, and by set.

        With `eval.resample`, evaluations of different numbers are of different rows.
        """
        total, parts = Tally(), {name: Tally() for name in self.sets}
        lost = {name: np.zeros(2) for name in self.sets}
        for name, rows, answers in self._batches(number) if self.config.eval.resample else self._frozen:
            found = predict(rows)
            tally = answers.tally(found["predictions"])
            total += tally
            parts[name] += tally
            lost[name] += [float(found[part].sum(dtype="float64")) for part in ("losses", "weights")]
        sums = sum(lost.values(), np.zeros(2))
        values = {"loss": sums[0] / max(sums[1], 1.0), **total.values()}
        for name, part in parts.items():
            if name:
                shares = part.values()
                values |= {f"{metric}/{name}": shares[metric] for metric in SETS}
                values |= {
                    f"loss/{name}": lost[name][0] / max(lost[name][1], 1.0),
                    f"answers/{name}": float(part.counts["exact_match"][1]),
                }
        return values


def evaluate(model: LanguageModel, config: RunConfig, number: int = 0) -> dict[str, float]:
    """Score a model on the held-out rows of a configuration, as training does; see `HeldOut.figures`."""
    seed = config.train.seed if config.dataset.seed is None else config.dataset.seed
    return HeldOut(config, seed).figures(partial(say, model), number)


def first_verdict(config: RunConfig) -> Verdict | None:
    """What the validator says of the first held-out row; None for rows of files, which have no validator."""
    seed = config.train.seed if config.dataset.seed is None else config.dataset.seed
    rows = next(iter(HeldOut(config, seed).sets.values()))
    own = rows.config
    if own.name == FILE:
        return None
    source = Source(own.name, params_of(own), own.weights, own.joint, own.difficulty)
    return source.verdict(source.batch(1, rows.seed, split=cast(Split, own.split)), 0)


def say(model: LanguageModel, rows: Arrays) -> dict[str, Any]:
    """What a model says of rows: predictions int32 (n, time), losses and weights float32, as NumPy arrays.

    Column t is said from the tokens before t; column 0 says nothing.
    """
    graph, state = nnx.split(model)
    return {name: np.asarray(one) for name, one in _say(graph, state, rows).items()}


@partial(jax.jit, static_argnames="graph")
def _say(graph: Any, state: Any, rows: Arrays) -> Any:
    return said(nnx.merge(graph, state), rows)


def _check_apart(config: RunConfig) -> None:
    """Refuse held-out files with prompts that are trained on."""
    trained = {text.prompt for text in read_texts(config.dataset.path or "")}
    for name, path in config.eval.paths.items():
        shared = sum(text.prompt in trained for text in read_texts(path))
        if shared:
            allowed = f"allowed: files without the prompts of dataset.path; {shared} are in both"
            raise param_error(None, f"eval.paths.{name}", path, allowed)
