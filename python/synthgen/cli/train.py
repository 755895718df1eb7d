"""`synthgen train [key=value ...]`: train a model on a task or a mixture."""

from __future__ import annotations

import argparse

from .settings import TRAINING, add_settings, need, print_settings


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "train",
        allow_abbrev=False,
        help="train a model, as in: train task=depo model=gla train.max_steps=2000 optimizer.lr=1e-3",
        description="Train a model. Groups: dataset (or task), model, optimizer, train, eval, logging. The same "
        "command again goes on where a run stopped.",
    )
    add_settings(verb, "minimal, a few steps of a tiny GPT-2 on Depo")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and print the figures of the last evaluation."""
    need(*TRAINING)
    from ..train.config import compose

    config = compose(args.overrides, args.preset)
    if args.show_config:
        return print_settings(config)
    from ..train.held_out import first_verdict
    from ..train.loop import train

    result = train(config)
    for name, value in result.figures.items():
        print(f"{name:40} {value:.4f}")
    if result.figures:
        verdict = first_verdict(config)
        print(f"eval_loss={result.figures['loss']:.4f}")
        print(f"answer_token_accuracy={result.figures['answer_accuracy']:.4f}")
        print(f"first_eval_sample_valid={'unknown' if verdict is None else verdict.ok}")
    print(f"{result.directory}: {result.step} steps; metrics.csv, figures and checkpoints are there")
    return 0
