"""`synthgen inspect [key=value ...]`: rows token by token, with the loss mask and the validator's verdict."""

from __future__ import annotations

import argparse

from ..checks import extra


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "inspect",
        allow_abbrev=False,
        help="rows token by token, as in: inspect dataset=depo dataset.config.qa=true show=2",
        description="Show rows token by token. Keys: dataset (or task), dataset.config.X, dataset.difficulty, "
        "dataset.split, show, seed, start, max_tokens, text_chars, tokenizer_name_or_path, colorize_loss_mask, "
        "compat_ids, color.",
    )
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a choice of a group, or a value")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the rows."""
    extra("hydra", "data")
    from ..inspection import TREE, inspect

    for line in inspect(TREE.compose(args.overrides)):
        print(line)
    return 0
