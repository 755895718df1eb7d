"""`synthgen scaling [key=value ...]`: every model on every task, level, size and seed, with tables and figures."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from ..checks import extra


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "scaling",
        allow_abbrev=False,
        help="compare architectures by task, level and size, as in: scaling tasks=[dyna,logic] models=[gla,linear]",
        description="Train every model on every task, level, size and seed, and write tables and figures of what they "
        "come to. tasks, models, sizes, levels and seeds are lists; all other settings are those of `train`, for all "
        "runs. The same command again goes on where it stopped.",
    )
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a list of the grid, or a setting of its runs")
    verb.add_argument("--preset", help="settings under the given ones: smoke, readme or paper")
    verb.add_argument("--show-config", action="store_true", help="print the settings and the runs, and stop")
    verb.add_argument("--workers", type=int, help="runs at a time, the same as workers=N")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, and say what came."""
    for package in ("jax", "flax", "hydra", "matplotlib", "scipy"):
        extra(package, "train")
    extra("pyarrow", "data")
    from ..experiments.scaling import cells, compose, scaling

    words = [*args.overrides, *([] if args.workers is None else [f"workers={args.workers}"])]
    if args.show_config:
        sys.stdout.write(extra("omegaconf", "train").OmegaConf.to_yaml(asdict(compose(words, args.preset))))
        grid = cells(words, args.preset)
        print(f"# {len(grid)} runs: {grid[0].name} ... {grid[-1].name}")
        return 0
    root = scaling(words, args.preset)
    sys.stdout.write((root / "differences.md").read_text())
    print(f"\n{root}: results.csv, summary.csv, differences.md and figures are there")
    return 0
