"""`synthgen evaluate`: put questions of tasks to a model behind an OpenAI-compatible API, or to one of ours."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParamError, param_error
from .params import read as read_params
from .progress import counted

if TYPE_CHECKING:
    from ..evaluate.run import Evaluation, Pace

KEYS = ("SYNTHGEN_API_KEY", "SYNTHLM_API_KEY")
"""Environment variables that may hold the server's key."""
ROOT = Path("eval_results")
ERRORS, STOPPED = 3, 4
"""Exit statuses: more errors than --max-errors allows; given up after --stop-after-errors in a row."""
DECIDED: dict[str, Any] = {
    "base_url": None, "checkpoint": None, "model": None, "max_tokens": None, "temperature": 0.0, "tasks": None,
    "difficulties": [1, 2, 3], "samples_per_combo": 100, "seed": 42, "split": "test", "shots": 0, "prompt": None,
    "mode": None, "repeats": 1, "extra_body": None,
}  # fmt: skip
"""Options that decide a run's rows, with their defaults: they cannot be given anew when it is resumed."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="evaluate a model behind an OpenAI-compatible API, or a checkpoint of ours",
        description="Put questions of tasks to a model, and score its answers. Other options, as --n-max 6, are "
        "parameters of the tasks. Exit status: 0 done, 1 refused, 2 usage, "
        f"{ERRORS} more errors than --max-errors, {STOPPED} given up after --stop-after-errors, 130 interrupted.",
    )
    add = verb.add_argument
    add("--base-url", help="the API's URL, such as http://localhost:8000/v1")
    add("--checkpoint", metavar="DIR", help="in place of a server: a run of `synthgen train`, or a folder of weights")
    add("--model", help="the model's name at the server")
    add("--api-key", help=f"the server's key (by default {' or '.join(KEYS)} of the environment)")
    add("--max-tokens", type=int, help="tokens of a response (2048; of a checkpoint 256)")
    add("--temperature", type=float, help="0 is greedy (0)")
    add("--timeout", type=float, default=120.0, help="seconds of a request (120)")
    add("--tasks", nargs="+", metavar="TASK", help="names, or all (dyna inducto filtro logic)")
    add("--difficulties", type=int, nargs="+", metavar="LEVEL", help="levels (1 2 3)")
    add("--samples-per-combo", type=int, help="questions of each task and level (100)")
    add("--requests-per-minute", type=float, help="0 is no limit (60; of a server on this machine 0)")
    add("--tokens-per-minute", type=float, default=0.0, help="0 is no limit (0)")
    add("--max-concurrent", type=int, help="requests at a time (10; rows of a checkpoint's batch 64)")
    add("--output-dir", help=f"directory of the results ({ROOT}/eval_DATE_TIME)")
    add("--resume", metavar="DIR", help="go on with a run: what is not answered yet, and what ended in an error")
    add("--seed", type=int, help="(42)")
    add("--split", help="test, validation, train, or none for any row (test)")
    add("--shots", type=int, help="rows shown with their answers before each question (0)")
    add(
        "--prompt",
        help="plain: the row alone; described: the task in words before it (described; of a checkpoint plain)",
    )
    modes = verb.add_mutually_exclusive_group()
    modes.add_argument("--chat", dest="mode", action="store_const", const="chat", help="as a chat (the default)")
    modes.add_argument(
        "--completions", dest="mode", action="store_const", const="completions", help="as text to be continued"
    )
    add("--repeats", type=int, help="times that each question is put (1)")
    add("--extra-body", metavar="JSON", help="an object that is added to every request; null takes a key out")
    add("--max-retries", type=int, default=4, help="tries after the first, of one request (4)")
    add("--stop-after-errors", type=int, default=25, help="give up after so many errors in a row; 0: never (25)")
    add(
        "--max-errors", type=float, default=0.05, help=f"share of errors above which the exit status is {ERRORS} (0.05)"
    )
    add("--quiet", action="store_true", help="no progress")
    add("--dry-run", action="store_true", help="show what would be asked, and stop")
    verb.set_defaults(run=run, takes_params=True)


def run(args: argparse.Namespace) -> int:
    """Evaluate, and print the summary."""
    from ..evaluate.run import evaluate
    from ..evaluate.store import RESULTS, places

    if not 0 <= args.max_errors <= 1:
        raise param_error(None, "max_errors", args.max_errors, "allowed: a share in 0..=1")
    evaluation, directory = _resumed(args) if args.resume else (_asked(args), _directory(args))
    pace = _pace(args, evaluation)
    evaluation.check()
    pace.check()
    if args.dry_run:
        return dry_run(evaluation, directory)
    questions = evaluation.questions
    repeated = f" x {evaluation.repeats} times" if evaluation.repeats > 1 else ""
    print(
        f"Evaluating {evaluation.model} on {len(questions.tasks)} tasks x {len(questions.difficulties)} difficulties x "
        f"{questions.samples} samples{repeated} = {len(evaluation)} total",
        flush=True,
    )
    key = args.api_key or next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
    try:
        done = sum(not failed for _, failed in places(directory / RESULTS).values())
        with counted(len(evaluation), "question", args.quiet, start=done) as progress:
            told = None if progress is None else lambda done, *_: progress(done)
            result = evaluate(evaluation, directory, pace=pace, api_key=key, told=told)
    except KeyboardInterrupt:
        _go_on(directory)
        if evaluation.checkpoint is not None:
            from ..evaluate.checkpoint import leave

            leave(128 + signal.SIGINT)
        raise
    from ..evaluate.summary import console

    print(console(result.summary, directory))
    overall = result.summary["overall"]
    if not result.finished:
        print(f"given up: {args.stop_after_errors} samples in a row ended in an error")
        _go_on(directory)
        return STOPPED
    if overall["errors"] > args.max_errors * overall["total_samples"]:
        print(f"{overall['errors']} of {overall['total_samples']} samples ended in an error")
        _go_on(directory)
        return ERRORS
    return 0


def _go_on(directory: Path) -> None:
    print(f"to go on: synthgen evaluate --resume {directory}")


def _asked(args: argparse.Namespace) -> Evaluation:
    """The run that the options ask for. Raises ParamError."""
    from ..evaluate.checkpoint import LONGEST
    from ..evaluate.questions import SEEDS, Questions, named
    from ..evaluate.run import Evaluation

    given = {name: default if getattr(args, name) is None else getattr(args, name) for name, default in DECIDED.items()}
    local = given["checkpoint"] is not None
    if not local and (given["base_url"] is None or given["model"] is None):
        missing = "base_url" if given["base_url"] is None else "model"
        option = "--" + missing.replace("_", "-")
        raise param_error(None, missing, None, f"needed: {option}, or --checkpoint DIR, or --resume DIR")
    style = given["prompt"] or ("plain" if local else "described")
    questions = Questions(
        tasks=tuple(named(given["tasks"] or SEEDS, style)),
        difficulties=tuple(given["difficulties"]),
        samples=given["samples_per_combo"],
        seed=given["seed"],
        split=None if given["split"] == "none" else given["split"],
        shots=given["shots"],
        params=read_params(args.rest),
    )
    return Evaluation(
        model=given["model"] or Path(given["checkpoint"]).name,
        base_url=given["base_url"],
        checkpoint=given["checkpoint"],
        questions=questions,
        prompt=style,
        mode=given["mode"] or ("completions" if local else "chat"),
        repeats=given["repeats"],
        temperature=given["temperature"],
        max_tokens=given["max_tokens"] if given["max_tokens"] is not None else LONGEST if local else 2048,
        extra_body=_extra(given["extra_body"]),
    )


def _extra(text: str | None) -> dict[str, Any]:
    try:
        found = {} if text is None else json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise param_error(None, "extra_body", text, 'allowed: a JSON object, such as {"top_p": 0.9}')
    return found


def _resumed(args: argparse.Namespace) -> tuple[Evaluation, Path]:
    """The run of a directory. Raises ParamError for options that it has decided already."""
    from ..evaluate.run import resumed

    for name in (*DECIDED, "output_dir"):
        if getattr(args, name) is not None and name != "base_url":
            option = "--" + (getattr(args, name) if name == "mode" else name.replace("_", "-"))
            raise param_error(None, name, getattr(args, name), f"{option} is the run's own; leave it out with --resume")
    if args.rest:
        raise ParamError(f"unexpected argument {args.rest[0]!r}; parameters are the run's own with --resume")
    evaluation, directory = resumed(Path(args.resume)), Path(args.resume)
    return (evaluation if args.base_url is None else replace(evaluation, base_url=args.base_url)), directory


def _directory(args: argparse.Namespace) -> Path:
    """Where results go. Raises ParamError where a run is already."""
    if args.output_dir is None:
        return ROOT / time.strftime("eval_%Y%m%d_%H%M%S")
    found = Path(args.output_dir)
    if found.exists() and (not found.is_dir() or any(found.iterdir())):
        raise param_error(None, "output_dir", str(found), "allowed: a new or empty directory; to go on, --resume DIR")
    return found


def _pace(args: argparse.Namespace, evaluation: Evaluation) -> Pace:
    from ..evaluate.client import is_local
    from ..evaluate.run import Pace

    near = evaluation.base_url is None or is_local(evaluation.base_url)
    rate, most = args.requests_per_minute, args.max_concurrent
    return Pace(
        timeout=args.timeout,
        requests_per_minute=rate if rate is not None else 0.0 if near else 60.0,
        tokens_per_minute=args.tokens_per_minute,
        max_concurrent=most if most is not None else 64 if evaluation.checkpoint is not None else 10,
        max_retries=args.max_retries,
        stop_after_errors=args.stop_after_errors,
    )


def dry_run(evaluation: Evaluation, directory: Path) -> int:
    """Say what would be asked, and where it would be written; nothing is."""
    questions = evaluation.questions
    print(
        f"{len(evaluation)} questions to {evaluation.model}, {evaluation.mode}, {evaluation.prompt}; into {directory}"
    )
    for task in questions.tasks:
        for level in questions.difficulties:
            print(f"  {task} level {level}: {questions.samples * evaluation.repeats}")
    first = next(iter(questions))
    print(f"\n{first.sample_id}, as it would be sent:")
    prompt = evaluation.prompt_of(first)
    for turn in [{"role": "text", "content": prompt}] if isinstance(prompt, str) else prompt:
        print(f"[{turn['role']}]\n{turn['content']}")
    print(f"[right answer]\n{first.target}\n\n[dry run: nothing asked, nothing written]")
    return 0
