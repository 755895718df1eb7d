"""`synthgen train [key=value ...]`: train a model on a task or a mixture."""

from __future__ import annotations

import argparse
import sys

from ..checks import extra


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "train",
        allow_abbrev=False,
        help="train a model, as in: train task=depo model=gla train.max_steps=2000 optimizer.lr=1e-3",
        description="Train a model. Groups: dataset (or task), model, optimizer, train, eval, logging. The same "
        "command again goes on where a run stopped.",
    )
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a choice of a group, or a value")
    verb.add_argument("--preset", help="settings under the given ones: minimal, a few steps of a tiny GPT-2 on Depo")
    verb.add_argument("--show-config", action="store_true", help="print the whole configuration and stop")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and print the figures of the last evaluation."""
    for package in ("jax", "flax", "hydra"):
        extra(package, "train")
    from ..train.config import as_dict, compose

    config = compose(args.overrides, args.preset)
    if args.show_config:
        sys.stdout.write(extra("omegaconf", "train").OmegaConf.to_yaml(as_dict(config)))
        return 0
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
