"""`synthgen verify DIR`: re-hash and re-validate a dataset."""

from __future__ import annotations

import argparse

from ..data.verify import verify


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("verify", allow_abbrev=False, help="check every file and every row of a dataset directory")
    verb.add_argument("directory")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the certificate; exit status 1 when anything is wrong."""
    found = verify(args.directory)
    for problem in found.problems[:20]:
        print(f"  {problem}")
    if len(found.problems) > 20:
        print(f"  ... and {len(found.problems) - 20} more")
    print(f"rows {found.rows:,}   tokens {found.tokens:,}   files {found.files}")
    print(f"invalid rows {found.invalid}   rows in a wrong split {found.leaked}   problems {len(found.problems)}")
    print("OK: every row is valid and in its split" if found.ok else "FAILED")
    return 0 if found.ok else 1
