"""`synthgen curve [key=value ...]`: learning curves, one for each hop or other value of an axis."""

from __future__ import annotations

import argparse

from .settings import TRAINING, add_settings, need, print_settings


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "curve",
        allow_abbrev=False,
        help="learning curves by hop, as in: curve train.max_steps=400 'eval.hops=[1,2,3,4,8,16]' dataset.K=16",
        description="Train, and score held-out rows of each hop, or of each value of another axis, as the model "
        "learns: eval.hops=[1,2,4], or eval.axis=num_ops eval.values=[1,2,4]. Groups as for train. The same command "
        "again goes on where a run stopped.",
    )
    add_settings(verb, "smoke, readme or paper")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and print what was measured."""
    need(*TRAINING, "matplotlib")
    from ..experiments.hop_curve import compose, curve

    config = compose(args.overrides, args.preset)
    if args.show_config:
        return print_settings(config)
    found = curve(config)
    for row in found.rows:
        step, seen, (axis, value) = row["step"], row["examples_seen"], list(row.items())[2]
        print(f"step={step} examples_seen={seen} {axis}={value} accuracy={row['accuracy']:.4f}")
    print(f"saved_metrics={found.metrics}")
    print(f"saved_plot={found.plot}")
    return 0
