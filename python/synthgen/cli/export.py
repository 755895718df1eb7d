"""`synthgen export lm-eval|inspect|verifiers|trl`: the same questions and scores in other harnesses."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from ..errors import param_error
from .params import read


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser("export", allow_abbrev=False, help="the same questions and scores in other harnesses")
    kinds = verb.add_subparsers(dest="kind", metavar="lm-eval|inspect|verifiers|trl", required=True)
    lm_eval = kinds.add_parser(
        "lm-eval", allow_abbrev=False, help="a folder of tasks for lm-evaluation-harness", description=PARAMS
    )
    asked(lm_eval, "test", 100)
    lm_eval.add_argument("--max-tokens", type=int, help="tokens of an answer (4096; with --completions 512)")
    lm_eval.set_defaults(run=run_lm_eval, takes_params=True)
    inspect = kinds.add_parser("inspect", allow_abbrev=False, help="a task file for inspect_ai")
    inspect.add_argument("target", metavar="FILE.py|DIR", help="file to write, or directory to write it to")
    inspect.set_defaults(run=run_inspect)
    verifiers = kinds.add_parser("verifiers", allow_abbrev=False, help="an environment package for verifiers")
    verifiers.add_argument("directory", metavar="DIR")
    verifiers.set_defaults(run=run_verifiers)
    trl = kinds.add_parser("trl", allow_abbrev=False, help="prompts and a reward for TRL", description=PARAMS)
    asked(trl, "train", 1000)
    trl.add_argument("--held-out", type=int, default=100, help="questions of the test split per task and level (100)")
    trl.set_defaults(run=run_trl, takes_params=True)
    for kind in (lm_eval, inspect, verifiers, trl):
        kind.add_argument("--overwrite", action="store_true", help="replace an export that is already there")


PARAMS = "Any parameter of the tasks can be given as --name value; see `synthgen list --params`."


def asked(verb: argparse.ArgumentParser, split: str, samples: int) -> None:
    """Options that say what is asked, and how."""
    from ..evaluate.prompts import STYLES
    from ..evaluate.questions import SEEDS

    add = verb.add_argument
    add("directory", metavar="DIR")
    add("--tasks", nargs="+", default=list(SEEDS), metavar="TASK", help=f"names, or all ({' '.join(SEEDS)})")
    add("--difficulties", nargs="+", type=int, default=[1, 2, 3], metavar="LEVEL", help="levels (1 2 3)")
    add("--samples-per-combo", type=int, default=samples, help=f"questions per task and level ({samples})")
    add("--seed", type=int, default=42, help="(42)")
    add("--split", default=split, choices=["train", "validation", "test"], help=f"({split})")
    add("--shots", type=int, default=0, help="answered questions that are shown before each (0)")
    add("--prompt", default="described", choices=STYLES, help="the row alone, or the task described first (described)")
    add("--completions", action="store_true", help="text to be continued, for base models, instead of a chat")


def questions(args: argparse.Namespace) -> Any:
    """The questions of the options."""
    from ..evaluate.questions import Questions, named

    tasks = named(args.tasks, args.prompt)
    params = read(args.rest)
    return Questions(tasks, args.difficulties, args.samples_per_combo, args.seed, args.split, args.shots, params)


def report(what: str, where: Path, *commands: str) -> int:
    """Say what was written, and how it is run; the exit status."""
    print(f"Wrote {what} to {where}. Run it with:")
    for command in commands:
        print(f"  {command}")
    return 0


def run_lm_eval(args: argparse.Namespace) -> int:
    """Write a folder of tasks."""
    from ..export.lm_eval import export

    chosen = questions(args)
    where = export(
        args.directory,
        chosen,
        args.prompt,
        completions=args.completions,
        max_tokens=args.max_tokens,
        overwrite=args.overwrite,
    )
    template = "" if args.completions else " --apply_chat_template"
    command = f"lm_eval --include_path {shlex.quote(str(where))} --tasks synthgen{template} --model ... --log_samples"
    return report(f"{len(chosen):,} questions", where, f"{command} --output_path results")


def run_inspect(args: argparse.Namespace) -> int:
    """Write a task file."""
    from ..export.inspect_file import export

    where = export(args.target, args.overwrite)
    file = shlex.quote(str(where))
    return report("a task", where, f"inspect eval {file}@synthgen -T task=dyna -T difficulty=2 --model ...")


def run_verifiers(args: argparse.Namespace) -> int:
    """Write an environment package."""
    from ..export.verifiers_package import NAME, export

    where = export(args.directory, args.overwrite)
    options = "--env.taskset.tasks '[\"dyna\"]' --env.taskset.difficulties '[1, 2]' --no-push"
    install = f"pip install -e {shlex.quote(str(where))}"
    return report("an environment", where, install, f"vf-eval {NAME} --model ... --client.base-url ... {options}")


def run_trl(args: argparse.Namespace) -> int:
    """Write prompts and a reward."""
    from ..export.trl import export

    chosen = questions(args)
    if args.held_out < 0:
        raise param_error(None, "held_out", args.held_out, "allowed: 0 or more")
    where = export(
        args.directory,
        chosen,
        args.prompt,
        completions=args.completions,
        held_out=args.held_out,
        overwrite=args.overwrite,
    )
    quoted = shlex.quote(str(where))
    return report(
        f"{len(chosen):,} prompts",
        where,
        f"trl grpo --dataset_name {quoted} --reward_funcs synthgen.export.trl.reward --model_name_or_path ...",
    )
