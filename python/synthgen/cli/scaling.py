"""`synthgen scaling [key=value ...]`: every model on every task, level, size and seed, with tables and figures."""

from __future__ import annotations

import argparse
import sys

from ..checks import extra
from .settings import TRAINING, add_settings, need, print_settings


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
    add_settings(verb, "smoke, readme or paper")
    verb.add_argument("--workers", type=int, help="runs at a time, the same as workers=N")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, and say what came."""
    need(*TRAINING, "matplotlib", "scipy")
    extra("pyarrow", "data")
    from ..experiments.scaling import cells, compose, scaling

    words = [*args.overrides, *([] if args.workers is None else [f"workers={args.workers}"])]
    if args.show_config:
        print_settings(compose(words, args.preset))
        grid = cells(words, args.preset)
        print(f"# {len(grid)} runs: {grid[0].name} ... {grid[-1].name}")
        return 0
    root = scaling(words, args.preset)
    sys.stdout.write((root / "differences.md").read_text())
    print(f"\n{root}: results.csv, summary.csv, differences.md and figures are there")
    return 0
