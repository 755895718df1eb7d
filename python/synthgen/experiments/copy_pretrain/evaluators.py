"""What a model is asked after training: held-out rows of tasks and of files, answered by greedy decoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...batch import Batch
from ...compat import copying as generators
from ...registry import get
from ...train.texts import ALL, TextBatch, Texts

if TYPE_CHECKING:
    from ...train.models import LanguageModel

BATCH = 64
REFERENCE = 4096
"""Training rows that the best constant answer is looked for in."""
SPELLING = "copying"
"""Texts are spelled with the 507 pieces that the copy tasks and their downstream tasks share."""


class Score(NamedTuple):
    """What a model got right of held-out rows."""

    samples: int
    completion: float  # rows that greedy decoding answers exactly, up to and with the end of the row
    accuracy: float  # tokens of answers, each predicted from the true ones before it
    loss: float  # nats a token of an answer
    accuracy_all: float  # tokens of whole rows, prompts included, as the original counted


class Evaluator(ABC):
    """A held-out set: a name, the group that its result counts in, and rows."""

    name: str
    group: str

    @abstractmethod
    def rows(self, samples: int, seed: int) -> Batch | TextBatch:
        """Held-out rows, the same whenever they are asked for."""

    @abstractmethod
    def floor(self) -> float:
        """Share that the best constant answer gets right."""

    def evaluate(self, model: LanguageModel, samples: int, seed: int = 0) -> Score:
        """Score a model."""
        return score(model, self.rows(samples, seed))


@dataclass(frozen=True)
class TaskEvaluator(Evaluator):
    """Rows of a task's test split."""

    name: str
    group: str
    task: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seq_len: int | None = None  # longer rows are drawn again

    def _batch(self, n: int, seed: int, split: str) -> Batch:
        overflow = "error" if self.seq_len is None else "redraw"
        rows: Batch = get(self.task).batch(
            n, seed, split=split, seq_len=self.seq_len, overflow=overflow, threads=1, **self.params
        )
        return rows

    def rows(self, samples: int, seed: int) -> Batch:
        """Rows of the test split."""
        return self._batch(samples, seed, "test")

    def floor(self) -> float:
        """The most frequent answer of training rows."""
        return constant(self._batch(REFERENCE, 0, "train"))


@dataclass(frozen=True)
class JsonlEvaluator(Evaluator):
    """Rows of a local file of JSON Lines, {"prompt": .., "target": ..}, in the file's order."""

    name: str
    group: str
    path: str

    @cached_property
    def _texts(self) -> Texts:
        return Texts.read(self.path, SPELLING, shuffled=False)

    def rows(self, samples: int, seed: int) -> TextBatch:
        """The first rows; the seed plays no part."""
        return self._texts.batch(min(samples, len(self._texts.texts)), 0, split=ALL)

    def floor(self) -> float:
        """The most frequent target of the file itself."""
        return constant(self._texts.batch(len(self._texts.texts), 0, split=ALL))


def constant(rows: Batch | TextBatch) -> float:
    """Share of rows that the most frequent answer is right in."""
    answers = Counter(
        tuple(ids[mask == 1].tolist()) for ids, mask in zip(rows.input_ids, rows.answer_mask, strict=True)
    )
    return answers.most_common(1)[0][1] / len(rows)


def score(model: LanguageModel, rows: Batch | TextBatch) -> Score:
    """Score a model on rows.

    A row is complete where every predicted token is the model's first choice after the true ones before it, which is
    so exactly where greedy decoding writes the answer and its end.
    """
    from ...train.held_out import say

    sums = np.zeros(7)
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        ids, mask, answers = rows.input_ids[part], rows.loss_mask[part] == 1, rows.answer_mask[part] == 1
        found = say(model, {"input_ids": ids, "weights": answers.astype(np.uint8)})
        right = found["predictions"] == ids
        inside = rows.attention_mask[part].astype(bool)
        inside[:, 0] = False
        sums += [
            (right | ~mask).all(1).sum(),
            right[answers].sum(),
            answers.sum(),
            found["losses"].sum(dtype=np.float64),
            right[inside].sum(),
            inside.sum(),
            len(ids),
        ]
    complete, tokens_right, tokens, loss, all_right, everything, count = sums.tolist()
    return Score(int(count), complete / count, tokens_right / tokens, loss / tokens, all_right / everything)


@dataclass(frozen=True)
class Examination:
    """The evaluators of an arm, as a judge that `synthgen.train.train` takes."""

    evaluators: Sequence[Evaluator]
    samples: int
    seed: int

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Figures by `<metric>/task=<name>`, each metric named as in `Score`, after `held_out_`."""
        figures: dict[str, float] = {}
        for one in self.evaluators:
            found = one.evaluate(model, self.samples, self.seed)
            figures |= {f"held_out_{metric}/task={one.name}": value for metric, value in found._asdict().items()}
        return figures


class InContextLearningEvaluator(generators.InContextLearningEvaluator):
    """The original's few-shot tasks, with the evaluators that score a model on them."""

    def evaluators(self) -> list[Evaluator]:
        """Arithmetic, progressions, and analogies of two kinds."""
        shown, width = {"num_examples": self._examples}, self._width
        again = {**shown, "variant": "in_context"}
        return [
            TaskEvaluator("arithmetic", "computation", "arithmetic", shown, width),
            TaskEvaluator("pattern_completion", "induction", "sequence", shown, width),
            TaskEvaluator("analogy", "knowledge", "analogy", shown, width),
            TaskEvaluator("analogy_in_context", "retrieval", "analogy", again, width),
        ]

    def evaluate(self, model: LanguageModel, samples: int, seed: int = 0) -> dict[str, Score]:
        """Score a model on each, by name."""
        return {one.name: one.evaluate(model, samples, seed) for one in self.evaluators()}


class RetrievalQAEvaluator(generators.RetrievalQAEvaluator):
    """The original's questions about facts, with the evaluator that scores a model on them."""

    def evaluators(self) -> list[Evaluator]:
        """One fact of several is asked about."""
        return [TaskEvaluator("fact_retrieval", "retrieval", "facts", {"num_facts": self._examples + 1}, self._width)]

    def evaluate(self, model: LanguageModel, samples: int, seed: int = 0) -> dict[str, Score]:
        """Score a model on it, by name."""
        return {one.name: one.evaluate(model, samples, seed) for one in self.evaluators()}
