"""`synthgen generate single TASK | merged`: a dataset on disk."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ..data.generate import generate
from ..data.plan import FORMATS, SHARD_TOKENS, SPLITS, Plan
from ..registry import tasks

MERGED = ("dyna", "inducto", "filtro", "logic")
"""Merged by default, as in SynthLM."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("generate", allow_abbrev=False, help="write a dataset: one task, or several merged")
    kinds = verb.add_subparsers(dest="kind", metavar="single|merged", required=True)
    single = kinds.add_parser("single", allow_abbrev=False, help="one task, in its own vocabulary")
    single.add_argument("task")
    merged = kinds.add_parser("merged", allow_abbrev=False, help="several tasks, in a joint vocabulary")
    merged.add_argument(
        "--tasks", default=",".join(MERGED), help=f"comma-separated names, or all ({','.join(MERGED)})"
    )  # fmt: skip
    for kind in (single, merged):
        options(kind)
        kind.set_defaults(run=run)


def options(verb: argparse.ArgumentParser) -> None:
    """Options of both kinds."""
    verb.add_argument("--total-tokens", default="10M", help="tokens to make: 500K, 10M, 1.5B, 1e9 (10M)")
    verb.add_argument("--output-dir", required=True, help="directory to write to")
    verb.add_argument(
        "--curriculum-weights", type=float, nargs=3, default=[0.4, 0.35, 0.25], metavar=("E", "M", "H"),
        help="shares of tokens at levels 1, 2, 3 (0.4 0.35 0.25)",
    )  # fmt: skip
    verb.add_argument(
        "--split-ratios", type=float, nargs=3, default=[0.9, 0.05, 0.05], metavar=("T", "V", "S"),
        help="shares of tokens in train, validation, test (0.9 0.05 0.05)",
    )  # fmt: skip
    verb.add_argument("--seed", type=int, default=42)
    verb.add_argument("--format", default=",".join(FORMATS), help=f"any of {','.join(FORMATS)} (all)")
    verb.add_argument("--shard-tokens", type=int, default=SHARD_TOKENS, help=f"tokens per shard ({SHARD_TOKENS})")
    verb.add_argument("--overwrite", action="store_true", help="replace a dataset that is already there")
    verb.add_argument("--dry-run", action="store_true", help="show the plan and stop")
    verb.add_argument("--quiet", action="store_true", help="no progress bar")


class Progress(Protocol):
    """Called with the tokens made so far."""

    def __call__(self, tokens: int, /) -> None:
        """Take note."""


@contextmanager
def progress_bar(total: int, quiet: bool) -> Iterator[Progress | None]:
    """Show tokens and tokens/s: a bar on a terminal, a line now and then elsewhere."""
    if quiet:
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    # Elsewhere than on a terminal a bar is a heap of lines: once every ten seconds is enough.
    pause = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=total, unit="tok", unit_scale=True, mininterval=pause, file=sys.stderr) as bar:

        def advance(tokens: int) -> None:
            bar.update(tokens - bar.n)

        yield advance


def _plan(args: argparse.Namespace) -> Plan:
    if args.kind == "single":
        names = [args.task]
    else:
        names = list(tasks()) if args.tasks == "all" else [name for name in args.tasks.split(",") if name]
    return Plan.make(
        names,
        args.total_tokens,
        curriculum_weights=args.curriculum_weights,
        split_ratios=args.split_ratios,
        seed=args.seed,
        formats=args.format.split(","),
        shard_tokens=args.shard_tokens,
        joint=args.kind == "merged",
    )


def _print_plan(plan: Plan) -> None:
    rule = "=" * 60
    print(f"{rule}\nGENERATION PLAN\n{rule}")
    print(f"Target tokens: {plan.total_tokens:,}   Tasks: {', '.join(plan.tasks)}   Seed: {plan.seed}")
    for cell in plan.cells():
        budgets = "  ".join(f"{split} {plan.budget(split, cell):>12,.0f}" for split in SPLITS)
        print(f"    {cell.task:<10} L{cell.level}  {budgets} tokens")
    print(f"Shards: {len(plan.shards())}   Formats: {', '.join(plan.formats)}")


def run(args: argparse.Namespace) -> int:
    """Write the dataset."""
    plan = _plan(args)
    plan.check()
    _print_plan(plan)
    if args.dry_run:
        print("[dry run: nothing written]")
        return 0
    began = time.perf_counter()
    with progress_bar(plan.total_tokens, args.quiet) as progress:
        manifest = generate(plan, args.output_dir, overwrite=args.overwrite, progress=progress)
    seconds = time.perf_counter() - began
    tokens = sum(shard["tokens"] for shard in manifest["shards"])
    rows = sum(shard["rows"] for shard in manifest["shards"])
    size = sum(entry["bytes"] for shard in manifest["shards"] for entry in shard["files"].values())
    print(f"Wrote {rows:,} rows, {tokens:,} tokens, {size / 1e6:,.1f} MB to {args.output_dir}")
    print(f"{tokens / seconds / 1e6:.1f}M tokens/s, files included")
    return 0
