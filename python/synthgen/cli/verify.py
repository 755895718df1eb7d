"""`synthgen verify DIR`: re-hash and re-validate a dataset, and print its certificate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import tokens_made

if TYPE_CHECKING:
    from ..data import Certificate

SHOWN = 20
"""Problems that are printed; all are counted."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("verify", allow_abbrev=False, help="check every file and every row of a dataset directory")
    verb.add_argument("directory")
    verb.add_argument("--workers", type=int, help="shards checked at a time (one a core)")
    verb.add_argument("--quiet", action="store_true", help="no progress")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the certificate; exit status 1 when anything is wrong."""
    from ..data.generate import read_manifest
    from ..data.verification import verify

    with tokens_made(stated(read_manifest(Path(args.directory))), args.quiet) as progress:
        found = verify(args.directory, workers=args.workers, progress=progress)
    for problem in found.problems[:SHOWN]:
        print(f"  {problem}")
    if len(found.problems) > SHOWN:
        print(f"  ... and {len(found.problems) - SHOWN} more")
    print_certificate(found)
    return 0 if found.ok else 1


def stated(manifest: dict[str, Any]) -> int:
    """Tokens that a manifest states; 1 where it states none, which is for the verification to find."""
    try:
        return max(1, int(sum(shard["tokens"] for shard in manifest["shards"])))
    except (KeyError, TypeError):
        return 1


def print_certificate(found: Certificate) -> None:
    """What was checked and counted."""
    summary = found.summary
    print(f"rows {found.rows:,}   tokens {found.tokens:,}   files {found.files}")
    print(f"invalid rows {found.invalid}   rows in a wrong split {found.leaked}   problems {len(found.problems)}")
    within = ", ".join(f"{split} {count:,}" for split, count in summary["duplicates"]["within"].items())
    print(f"rows that repeat another token for token: {within}; across splits: {summary['duplicates']['across']}")
    spaces: dict[tuple[str, int], tuple[int, bool]] = {}
    for cell in summary["cells"]:
        if cell["split"] == "train":
            seen = cell["space"] is not None
            spaces[cell["task"], cell["level"]] = (cell["space"] if seen else cell["space_at_least"], seen)
    for (task, level), (size, seen) in spaces.items():
        print(f"  {task} level {level}: {'about' if seen else 'at least'} {size:,} instances in train")
    print("OK: every row is valid and in its split" if found.ok else "FAILED")
