"""`synthgen rebuild DIR --shard K`: make one shard of a dataset again, byte for byte."""

from __future__ import annotations

import argparse


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("rebuild", allow_abbrev=False, help="make one shard of a dataset again, byte for byte")
    verb.add_argument("directory")
    verb.add_argument("--shard", type=int, required=True, help="its number in the manifest, from 0")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the shard's files, if they come out as the manifest says."""
    from ..data.verification import rebuild

    for name in rebuild(args.directory, args.shard):
        print(f"rebuilt {name}")
    return 0
