"""`synthgen show TASK`: samples, with the predicted pieces highlighted."""

from __future__ import annotations

import argparse

from .. import registry
from ..batch import Batch
from ..errors import param_error
from ..marks import CHOICES, in_colour, legend, marked
from .params import read


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
    verb.add_argument("--instructions", action="store_true", help="the task in words, before the samples")
    verb.add_argument("--ids", action="store_true", help="token ids too")
    verb.add_argument("--metadata", action="store_true", help="metadata too")
    verb.add_argument("--color", choices=CHOICES, default="auto")
    verb.set_defaults(run=run, takes_params=True)


def pieces(batch: Batch, i: int, table: tuple[str, ...], colour: bool) -> str:
    """Row i piece by piece: predicted ones green (or in brackets), the others dim."""
    length = int(batch.lengths[i])
    row = zip(batch.input_ids[i, :length], batch.loss_mask[i, :length], strict=True)
    return "".join(marked(table[int(id_)], bool(mask), colour) for id_, mask in row)


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
    if args.instructions:
        print(task.instructions(difficulty=args.difficulty, **params), end="\n\n")
    colour = in_colour(args.color)
    print(legend(colour))
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
