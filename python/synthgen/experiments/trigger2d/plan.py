"""Epochs as steps of the trainer, and which of them are evaluated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from .settings import Settings


@dataclass(frozen=True)
class Plan:
    """Epochs as steps, and which of them are evaluated."""

    rows: int
    settings: Settings

    @property
    def batch_size(self) -> int:
        """Rows of a step, no more than there are."""
        own = self.settings.finetune
        wanted = own["per_device_train_batch_size"] * own["gradient_accumulation_steps"]
        return int(min(wanted, self.rows))

    @property
    def epochs(self) -> int:
        """How often each row is trained on."""
        return int(self.settings.finetune["epochs"])

    def step(self, epoch: int) -> int:
        """The step at which an epoch ends."""
        return math.ceil(epoch * self.rows / self.batch_size)

    @cached_property
    def loss_epochs(self) -> list[int]:
        """Epochs after which losses are taken: the first and last are always among them."""
        own = self.settings.config
        if own["eval_every"] is not None:
            return self.every(own["eval_every"])
        count = min(own["n_evals"] or 25, self.epochs)
        return [0, *(round(self.epochs * part / count) for part in range(1, count + 1))]

    def every(self, interval: int) -> list[int]:
        """Every so many epochs, and the last; of 0, the first and last alone."""
        return sorted({*range(0, self.epochs, interval or self.epochs), self.epochs})

    @cached_property
    def accuracy_epochs(self) -> list[int]:
        """Epochs after which test accuracies are taken."""
        return self.every(self.settings.config["accuracy_eval_frequency"])

    @cached_property
    def train_epochs(self) -> list[int]:
        """Epochs after which the training accuracy is taken."""
        return self.every(self.settings.config["train_accuracy_eval_frequency"])

    @cached_property
    def evaluated(self) -> list[int]:
        """Epochs after which anything is taken."""
        return sorted({*self.loss_epochs, *self.accuracy_epochs, *self.train_epochs})
