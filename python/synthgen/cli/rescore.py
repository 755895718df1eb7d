"""`synthgen rescore DIR`: score the responses of a run anew, as after a change of the scorer; no server is asked."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("rescore", allow_abbrev=False, help="score the responses of an evaluation anew")
    verb.add_argument("directory")
    verb.add_argument("--dry-run", action="store_true", help="count what would change, and stop")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score anew, and print what changed and the summary."""
    from ..evaluate.rescoring import rescore
    from ..evaluate.summary import console

    found = rescore(args.directory, dry_run=args.dry_run)
    for (before, after), count in sorted(found.changed.items()):
        print(f"{count} from {before} to {after}")
    print(f"{sum(found.changed.values())} of {found.rows} rows changed")
    if args.dry_run:
        print("[dry run: nothing written]")
    else:
        print(console(found.summary, Path(args.directory)))
    return 0
