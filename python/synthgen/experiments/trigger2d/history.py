"""The history of a seed, as the records of the trainer tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...train.records import LOG, read_log
from .plan import Plan


def records(directory: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a kind, in order."""
    return [row for row in read_log(directory / LOG) if row["kind"] == kind]


def told(directory: Path, plan: Plan, test: Mapping[str, Sequence[Any]], train: Sequence[Any]) -> dict[str, Any]:
    """Losses and accuracies by epoch, and the loss of every step."""
    by_step = {row["step"]: row for row in records(directory, "eval")}
    at = {epoch: by_step[plan.step(epoch)] for epoch in plan.evaluated}

    def figures(epochs: Sequence[int], name: str) -> list[float]:
        return [at[epoch][f"eval/{name}"] for epoch in epochs]

    def score(epoch: int, name: str, rows: Sequence[Any]) -> dict[str, Any]:
        return {"accuracy": at[epoch][f"eval/accuracy/{name}"], "total_examples": len(rows)}

    return {
        "epochs": plan.loss_epochs,
        "train_losses": figures(plan.loss_epochs, "loss_answers/train"),
        "eval_losses": {name: figures(plan.loss_epochs, f"loss/set={name}") for name in test},
        "all_token_losses": {
            name: figures(plan.loss_epochs, f"loss_all_tokens/{name}") for name in ("train", "test")
        },
        "batch_losses": [row["train/loss"] for row in records(directory, "train")],
        "accuracy_epochs": plan.accuracy_epochs,
        "accuracy_results": [
            {name: score(epoch, f"set={name}", rows) for name, rows in test.items()} for epoch in plan.accuracy_epochs
        ],
        "train_accuracy_epochs": plan.train_epochs,
        "train_accuracy_results": [{"train": score(epoch, "train", train)} for epoch in plan.train_epochs],
    }  # fmt: skip
