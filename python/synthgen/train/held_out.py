"""Rows that a model is scored on while it trains: never in its training split, the same at every evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from .config import RunConfig
from .feed import Arrays, Rows, varied
from .scores import Answers, Tally

Predict = Callable[[Any, Arrays], Any]


class HeldOut:
    """The held-out rows of a run; of several sets, where an axis is varied."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self.config = config
        own = config.eval
        base = replace(config.dataset, split=own.split)
        self._sets = {
            "" if own.axis is None else f"{own.axis}={value}": Rows(
                varied(base, own.axis, value), seed if own.seed is None else own.seed
            )
            for value in (own.values if own.axis is not None else [None])
        }

    @cached_property
    def _batches(self) -> list[tuple[str, Arrays, Answers]]:
        count, size = self.config.eval.num_examples, self.config.eval.batch_size or self.config.train.batch_size
        found = []
        for name, rows in self._sets.items():
            for start in range(0, count, size):
                drawn = rows.draw(start, min(size, count - start))
                found.append((name, rows.of(drawn), Answers(drawn)))
        return found

    def figures(self, predict: Predict, state: Any) -> dict[str, float]:
        """Score a model: loss (nats a predicted token), accuracies overall, by kind of query, and by set."""
        total, parts, sums = Tally(), {name: Tally() for name in self._sets}, [0.0, 0.0]
        for name, rows, answers in self._batches:
            said = predict(state, rows)
            found = answers.tally(said["predictions"])
            total += found
            parts[name] += found
            sums[0] += float(said["losses"].sum(dtype="float64"))
            sums[1] += float(said["weights"].sum(dtype="float64"))
        values = {"loss": sums[0] / max(sums[1], 1.0), **total.values()}
        for name, part in parts.items():
            if name:
                values |= {f"{metric}/{name}": part.values()[metric] for metric in ("answer_accuracy", "exact_match")}
        return values
