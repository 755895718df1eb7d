"""Scores: which colour a model answers, by the likelihood of every colour or by what it writes, and its losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import param_error
from ...train.generation import generate
from ...train.held_out import say
from ...train.models import LanguageModel
from ...train.texts import WIDTH, Encoded, Spelling, Text, encoded, spelling, text_of
from .rows import Row

LOGITS, GENERATION = "logits", "generation"


@dataclass(frozen=True)
class Scorer:
    """How answers are found: `logits` or `generation`, `rows` at a time, or one by one without `fast`."""

    tokenizer: str
    candidates: Sequence[str]
    method: str = LOGITS
    rows: int = 50
    fast: bool = True

    @cached_property
    def spelling(self) -> Spelling:
        """How texts become ids."""
        return spelling(self.tokenizer)

    def answers(self, model: LanguageModel, rows: Sequence[Row]) -> list[str]:
        """The colour that the model gives each row; with `generation` what it writes, where that is no colour."""
        size = self.rows if self.fast else 1
        found: list[str] = []
        for at in range(0, len(rows), size):
            texts = [text_of(row) for row in rows[at : at + size]]
            found += self._likeliest(model, texts, size) if self.method == LOGITS else self._written(model, texts, size)
        return found

    def log_probs(self, model: LanguageModel, texts: Sequence[Text], size: int) -> NDArray[np.float64]:
        """Log-probability of each candidate after its prompt and preamble, (texts, candidates)."""
        choices = [self.choice(text, colour) for text in texts for colour in self.candidates]
        return self.choice_log_probs(model, choices, size)

    def choice_log_probs(self, model: LanguageModel, choices: Sequence[Encoded], size: int) -> NDArray[np.float64]:
        """Log-probability of the answer of each choice, as many choices a row as there are candidates."""
        spans = [(one.start, one.end) for one in choices]
        sums = -self._losses(model, choices, spans, size * len(self.candidates))[0]
        return sums.reshape(-1, len(self.candidates))

    def choice(self, text: Text, colour: str) -> Encoded:
        """A row with this colour as its answer."""
        return encoded(replace(text, target=_target(text, colour)), self.spelling)

    def losses(self, model: LanguageModel, rows: Sequence[Row]) -> tuple[float, float]:
        """Nats a token: of answers with the end of the row, and of all tokens but the first."""
        texts = [encoded(text_of(row), self.spelling) for row in rows]
        found = []
        for firsts in ([one.start for one in texts], [1] * len(texts)):
            spans = [(first, len(one.ids)) for first, one in zip(firsts, texts, strict=True)]
            sums, counts = self._losses(model, texts, spans, self.rows)
            found.append(float(sums.sum() / counts.sum()))
        return found[0], found[1]

    def _likeliest(self, model: LanguageModel, texts: Sequence[Text], size: int) -> list[str]:
        best = self.log_probs(model, texts, size).argmax(1)
        return [self.candidates[at] for at in best]

    def _written(self, model: LanguageModel, texts: Sequence[Text], size: int) -> list[str]:
        own = self.spelling
        if own.eos is None:
            allowed = "allowed: logits, where the tokenizer has no token that ends a row"
            raise param_error(None, "accuracy_method", self.method, allowed)
        rows = [encoded(text, own) for text in texts]
        choices = [[self.choice(text, colour) for colour in self.candidates] for text in texts]
        longest = max(len(one.ids) - one.start for row in choices for one in row)
        prompts = [row.ids[: row.start] for row in rows]
        made = generate(model, prompts + prompts[:1] * (size - len(rows)), longest, stop_id=own.eos)
        found = []
        for text, ids in zip(texts, made, strict=False):
            said = own.decode([int(one) for one in ids if one != own.eos]).strip()
            same = [colour for colour in self.candidates if said == _target(text, colour).strip()]
            found.append(same[0] if same else said)
        return found

    def _losses(
        self, model: LanguageModel, texts: Sequence[Encoded], spans: Sequence[tuple[int, int]], size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Loss of a span of each text, and its tokens; always `size` texts at a time, so that one shape is compiled."""
        width = padded(texts)
        sums, counts = np.zeros(len(texts)), np.array([stop - start for start, stop in spans], float)
        for at in range(0, len(texts), size):
            ids, weights = np.zeros((size, width), np.int32), np.zeros((size, width), np.uint8)
            part = range(at, min(at + size, len(texts)))
            for row, number in enumerate(part):
                ids[row, : len(texts[number].ids)] = texts[number].ids
                weights[row, slice(*spans[number])] = 1
            found = say(model, {"input_ids": ids, "weights": weights})["losses"]
            sums[part.start : part.stop] = found[: len(part)].sum(1, dtype=np.float64)
        return sums, counts


def padded(texts: Sequence[Encoded]) -> int:
    """The width that rows are padded to."""
    return -(-max(len(one.ids) for one in texts) // WIDTH) * WIDTH


def _target(text: Text, colour: str) -> str:
    return str(text.target).removesuffix(text.facts["output"]) + colour


def accuracy(rows: Sequence[Row], answers: Sequence[str]) -> dict[str, Any]:
    """How many answers are right."""
    right = sum(row["output"] == answer for row, answer in zip(rows, answers, strict=True))
    return {"accuracy": right / max(len(rows), 1), "total_examples": len(rows)}
