"""`synthgen curve [key=value ...]`: learning curves, one for each hop or other value of an axis."""

from __future__ import annotations

import argparse
import sys

from ..checks import extra


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
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a choice of a group, or a value")
    verb.add_argument("--preset", help="settings under the given ones: smoke, readme or paper")
    verb.add_argument("--show-config", action="store_true", help="print the whole configuration and stop")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and print what was measured."""
    for package in ("jax", "flax", "hydra", "matplotlib"):
        extra(package, "train")
    from ..experiments.hop_curve import compose, curve
    from ..train.config import as_dict

    config = compose(args.overrides, args.preset)
    if args.show_config:
        sys.stdout.write(extra("omegaconf", "train").OmegaConf.to_yaml(as_dict(config)))
        return 0
    found = curve(config)
    for row in found.rows:
        step, seen, (axis, value) = row["step"], row["examples_seen"], list(row.items())[2]
        print(f"step={step} examples_seen={seen} {axis}={value} accuracy={row['accuracy']:.4f}")
    print(f"saved_metrics={found.metrics}")
    print(f"saved_plot={found.plot}")
    return 0
