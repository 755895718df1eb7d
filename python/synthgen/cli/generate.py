"""`synthgen generate single TASK | merged | info`: a dataset on disk, and on the Hub."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import param_error
from ..registry import get, tasks
from .progress import tokens_made

MERGED = ("dyna", "inducto", "filtro", "logic")
"""Merged by default, as in SynthLM."""
RULE = "=" * 60
TURN = 2e-4
"""Seconds after which a thread that computes in Python lets another go on. By default it is 5 ms, as long as the core
takes for a block: the threads that make shards would wait as long as they work."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("generate", allow_abbrev=False, help="write a dataset: one task, or several merged")
    kinds = verb.add_subparsers(dest="kind", metavar="single|merged|info", required=True)
    single = kinds.add_parser("single", allow_abbrev=False, help="one task, in its own vocabulary")
    single.add_argument("task")
    merged = kinds.add_parser("merged", allow_abbrev=False, help="several tasks, in a joint vocabulary")
    merged.add_argument(
        "--tasks", nargs="+", default=list(MERGED), metavar="TASK", help=f"names, or all ({' '.join(MERGED)})"
    )
    for kind in (single, merged):
        options(kind)
        kind.set_defaults(run=run)
    info = kinds.add_parser("info", allow_abbrev=False, help="what the tasks test, and their parameters by level")
    info.add_argument("task", nargs="?")
    info.set_defaults(run=run_info)


def options(verb: argparse.ArgumentParser) -> None:
    """Options of both kinds."""
    add = verb.add_argument
    add("--total-tokens", default="10M", help="tokens to make: 500K, 10M, 1.5B, 1e9 (10M)")
    add("--output-dir", help="directory to write to; with --push-to-hub, the repository's name")
    add(
        "--curriculum-weights", type=float, nargs=3, default=[0.4, 0.35, 0.25], metavar=("E", "M", "H"),
        help="shares of tokens at levels 1, 2, 3 (0.4 0.35 0.25)",
    )  # fmt: skip
    add(
        "--split-ratios", type=float, nargs=3, default=[0.9, 0.05, 0.05], metavar=("T", "V", "S"),
        help="shares of tokens in train, validation, test (0.9 0.05 0.05)",
    )  # fmt: skip
    add("--seed", type=int, default=42, help="(42)")
    add("--format", default="jsonl", help="any of jsonl,parquet,arrow,bin,npy (jsonl)")
    add("--metadata", default="full", help="full, or none to leave the column out (full)")
    add("--order", default="shuffled", help="order of levels in each split: shuffled or easy-to-hard (shuffled)")
    add("--seq-len", type=int, help="pack rows into windows of this many tokens; not with jsonl")
    add("--packing", default="truncate", help="the row that crosses a window's end: truncate or pad (truncate)")
    add(
        "--tokenizer", metavar="PATH", help="re-encode texts with a tokenizer.json or a folder, and count in its tokens"
    )
    add("--compress", default="auto", help="auto (zstd for parquet), none, gzip or zstd")
    add("--shard-size", default="16M", help="tokens of a shard, about (16M)")
    add("--workers", type=int, help="shards made at a time (one a core)")
    add("--engine", default="local", help="local threads, or ray (local)")
    add("--ray-address", help="address of a Ray cluster")
    add("--shard-index", type=int, default=0, help="make only this part of the shards, counted from 0 ...")
    add("--num-shards", type=int, default=1, metavar="PARTS", help="... out of this many, as in a Slurm array")
    add("--push-to-hub", action="store_true", help="upload to the Hugging Face Hub when done; needs --hub-repo")
    add("--hub-repo", metavar="USER/NAME", help="repository on the Hub")
    add("--private", action="store_true", help="make the repository private")
    add("--overwrite", action="store_true", help="replace a dataset that is already there")
    add("--dry-run", action="store_true", help="show the plan and stop")
    add("--quiet", action="store_true", help="no progress")


def names(args: argparse.Namespace) -> list[str]:
    """The tasks that are asked for."""
    if args.kind == "single":
        return [args.task]
    given = [name for word in args.tasks for name in word.split(",") if name]
    return list(tasks()) if given == ["all"] else given


def make_plan(args: argparse.Namespace) -> Any:
    """The plan of the options."""
    from ..data.plan import Plan

    return Plan.make(
        names(args),
        args.total_tokens,
        curriculum_weights=args.curriculum_weights,
        split_ratios=args.split_ratios,
        seed=args.seed,
        formats=args.format.split(","),
        shard_tokens=args.shard_size,
        joint=args.kind == "merged",
        order=args.order,
        metadata=args.metadata,
        seq_len=args.seq_len,
        packing=args.packing,
        compress=args.compress,
        tokenizer=args.tokenizer,
    )


def directory(args: argparse.Namespace) -> Path:
    """Where to write. Raises ParamError where nothing says so."""
    if args.push_to_hub and not args.hub_repo:
        raise param_error(None, "hub_repo", None, "needed with --push-to-hub: --hub-repo USER/NAME")
    if args.hub_repo and not args.push_to_hub:
        raise param_error(None, "hub_repo", args.hub_repo, "allowed with --push-to-hub only")
    if args.push_to_hub:
        from ..data import hub

        hub.check(args.hub_repo)
    if args.output_dir:
        return Path(args.output_dir)
    if args.push_to_hub:
        return Path(args.hub_repo.rpartition("/")[2])
    if args.dry_run:
        return Path()
    raise param_error(None, "output_dir", None, "needed: --output-dir DIR, a new or unfinished directory")


def short(tokens: float) -> str:
    """A number of tokens with one decimal: 71.9K, 1.5B."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if tokens >= size:
            return f"{tokens / size:.1f}{unit}"
    return f"{tokens:.0f}"


def print_plan(plan: Any, shards: int) -> None:
    """What will be written: tokens by task, level and split, and rows as far as a sample tells."""
    from ..data.plan import SPLITS

    weights, ratios = (
        ", ".join(f"{share:g}" for share in part) for part in (plan.curriculum_weights, plan.split_ratios)
    )
    print(f"{RULE}\nGENERATION PLAN\n{RULE}")
    print(f"Target tokens: {short(plan.total_tokens)}")
    print(f"Tasks:         {', '.join(plan.tasks)}")
    print(f"Weights:       {weights}  (levels 1, 2, 3)")
    print(f"Ratios:        {ratios}  (train, validation, test)")
    print(f"Seed:          {plan.seed}")
    print(f"Formats:       {', '.join(plan.formats)}; {shards} shards, {plan.order}")
    rows = tokens = 0.0
    for cell in sorted(plan.cells(), key=lambda cell: (cell.task, cell.level)):
        if cell.level == 1:
            print(f"\n  {cell.task}")
        mean = get(cell.task).batch(200, 0, difficulty=cell.level).lengths.mean() + plan.joint
        for split in sorted(SPLITS):
            budget = plan.budget(split, cell)
            count = round(budget / mean)
            print(f"    L{cell.level}/{split:<10}: {count:>11,} samples (~{short(budget)} tokens)")
            rows, tokens = rows + count, tokens + budget
    print(f"\nTOTAL: {rows:,.0f} samples (~{short(tokens)} tokens)")


def run(args: argparse.Namespace) -> int:
    """Write the dataset."""
    from ..data.generate import check_run, generate

    plan = make_plan(args)
    where = directory(args)
    check_run(args.workers, args.engine, args.shard_index, args.num_shards)
    plan.check()
    shards = len(plan.shards())
    if not args.quiet or args.dry_run:
        print_plan(plan, shards)
    if args.dry_run:
        print("[dry run: nothing written]")
        return 0
    if not args.quiet:
        print(f"\n{RULE}\nGENERATING DATA\n{RULE}", flush=True)
    began = time.perf_counter()
    with _short_turns(), tokens_made(max(1, plan.total_tokens // args.num_shards), args.quiet) as progress:
        manifest = generate(
            plan,
            where,
            overwrite=args.overwrite,
            workers=args.workers,
            engine=args.engine,
            ray_address=args.ray_address,
            shard_index=args.shard_index,
            num_shards=args.num_shards,
            progress=progress,
        )
    seconds = time.perf_counter() - began
    if manifest is None:
        print(f"Part {args.shard_index} of {args.num_shards} is complete in {where}; shards of other parts are missing")
        return 0
    report(manifest, where, seconds)
    if args.push_to_hub:
        from ..data import hub

        print(f"Pushed to {hub.push(where, args.hub_repo, private=args.private)}")
    return 0


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take turns more often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def report(manifest: dict[str, Any], where: Path, seconds: float) -> None:
    """Say what was written, and how fast."""
    rows, tokens = (sum(shard[name] for shard in manifest["shards"]) for name in ("rows", "tokens"))
    size = sum(file["bytes"] for shard in manifest["shards"] for file in shard["files"].values())
    print(f"Wrote {rows:,} rows, {tokens:,} tokens, {size / 1e6:,.1f} MB to {where}")
    print(f"{seconds:.1f} s: {tokens / seconds / 1e6:.1f}M tokens/s, {size / seconds / 1e6:,.0f} MB/s")


def run_info(args: argparse.Namespace) -> int:
    """Describe all tasks, or one in full."""
    from ..data.card import skills

    for name in [args.task] if args.task else tasks():
        example = get(name).example
        info = tasks()[name]
        print(f"{RULE}\n{name.upper()}\n{RULE}\n{info.summary}\nSkills: {', '.join(skills(name))}\n")
        if args.task:
            print("Parameters: default; levels 1, 2, 3")
            for param in info.params:
                levels = ", ".join(_value(preset.get(param.name, param.default)) for preset in info.presets)
                print(f"  {param.name:<18} {param.doc}\n  {'':<18} {_value(param.default)}; {levels}")
            for level in (1, 2, 3):
                row = example(0, difficulty=level)
                print(f"\nLevel {level}, for example:\n  {row['input_text']}\n  answer: {row['target']}")
    return 0


def _value(value: Any) -> str:
    return f"{value[0]}..{value[1]}" if isinstance(value, list) and len(value) == 2 else str(value)
