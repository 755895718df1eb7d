"""`synthgen show TASK`: samples, with the predicted pieces highlighted."""

from __future__ import annotations

import argparse
import os
import sys

from .. import registry
from ..batch import Batch
from ..errors import param_error
from .params import read

DIM, GREEN, PLAIN = "\x1b[2m", "\x1b[92m", "\x1b[0m"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "show",
        allow_abbrev=False,
        help="samples of a task in colour",
        description="Any parameter of the task can be given as --name value; see `synthgen list --params`.",
    )
    verb.add_argument("task")
    verb.add_argument("--rows", type=int, default=3, help="how many (3)")
    verb.add_argument("--seed", type=int, default=42)
    verb.add_argument("--start", type=int, default=0, help="first row (0)")
    verb.add_argument("--split", choices=["train", "validation", "test"])
    verb.add_argument("--difficulty", type=int, help="level 1, 2 or 3")
    verb.add_argument("--ids", action="store_true", help="token ids too")
    verb.add_argument("--metadata", action="store_true", help="metadata too")
    verb.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    verb.set_defaults(run=run, takes_params=True)


def in_colour(choice: str) -> bool:
    """Should the output be coloured?"""
    if choice == "auto":
        return sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return choice == "always"


def pieces(batch: Batch, i: int, table: tuple[str, ...], colour: bool) -> str:
    """Row i piece by piece: predicted ones green (or in brackets), the others dim."""
    length = int(batch.lengths[i])
    shown = []
    for id_, mask in zip(batch.input_ids[i, :length], batch.loss_mask[i, :length], strict=True):
        piece = table[int(id_)]
        if colour:
            shown.append(f"{GREEN if mask else DIM}{piece}{PLAIN}")
        else:
            shown.append(f"[{piece}]" if mask else piece)
    return "".join(shown)


def run(args: argparse.Namespace) -> int:
    """Print the samples."""
    task = registry.get(args.task)
    params = read(args.rest)
    if args.rows < 1:
        raise param_error(args.task, "--rows", args.rows, "allowed: 1 or more")
    batch = task.batch(
        args.rows,
        args.seed,
        start=args.start,
        split=args.split,
        difficulty=args.difficulty,
        threads=1,
        **params,
    )
    colour = in_colour(args.color)
    if colour:
        print(f"{GREEN}green{PLAIN}: predicted (loss mask 1)   {DIM}dim{PLAIN}: given (loss mask 0)")
    else:
        print("[brackets]: predicted (loss mask 1)")
    for i in range(len(batch)):
        example = batch.example(i)
        length = int(batch.lengths[i])
        ids, mask = batch.input_ids[i, :length], batch.loss_mask[i, :length]
        verdict = task.validate(ids, mask, difficulty=args.difficulty, **params)
        state = "valid" if verdict.ok else f"INVALID at token {verdict.position}: {verdict.reason}"
        print(f"\n--- {example['sample_id']} ({example['split']}, {length} tokens, {state})")
        print(pieces(batch, i, task.vocab.pieces, colour))
        if args.ids:
            print("ids:", " ".join(map(str, ids)))
        if args.metadata:
            for key, value in sorted(example["metadata"].items()):
                print(f"    {key}: {value}")
    return 0
