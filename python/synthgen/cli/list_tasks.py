"""`synthgen list`: the registered tasks."""

from __future__ import annotations

import argparse

from ..registry import tasks


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("list", allow_abbrev=False, help="the tasks, with their parameters under --params")
    verb.add_argument("--params", action="store_true", help="parameters, defaults and bounds too")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the registry."""
    for task in tasks().values():
        print(f"{task.name:<10} v{task.version}  {task.summary}")
        if args.params:
            for param in task.params:
                print(f"    --{param.name.replace('_', '-'):<16} {param.doc}")
                print(f"    {'':<18} default {param.default}; {param.allowed}")
    return 0
