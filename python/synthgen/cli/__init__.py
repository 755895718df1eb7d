"""The command line: one file per verb, options from the registry."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from ..errors import SynthgenError
from . import (
    bench,
    copy_pretrain,
    curve,
    evaluate,
    export,
    generate,
    inspect,
    list_tasks,
    rebuild,
    report,
    rescore,
    scaling,
    show,
    train,
    trigger2d,
    verify,
)

VERBS = (
    list_tasks, show, inspect, generate, verify, rebuild, bench, train, curve, copy_pretrain, trigger2d, scaling,
    evaluate, rescore, report, export,
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(
        prog="synthgen", description="Synthetic pre-training tasks for language models.", allow_abbrev=False
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        verb.add(verbs)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 refused or found wrong, 2 usage, 130 interrupted."""
    top = parser()
    args, rest = top.parse_known_args(argv)
    if rest and not getattr(args, "takes_params", False):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of a pipe is gone, as with `| head`: nothing is wrong, and nobody is there to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status
