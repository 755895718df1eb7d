"""`synthgen trigger2d data|run|sweep|analyze EXPERIMENT ...`: the 2-D trigger experiment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..checks import extra
from ..errors import param_error

_HELP = {
    "data": "write the rows of a seed",
    "run": "train a seed, and the stage before it if that has not run",
    "sweep": "run several seeds, and write means and intervals",
    "analyze": "look into a trained seed: accuracy by trigger, other triggers, patched activations",
    "list": "name the shipped experiments",
}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "trigger2d",
        allow_abbrev=False,
        help="the 2-D trigger experiment, as in: trigger2d run 2d_1proxy_ntr1_actions --seed 0",
        description="Train on points, triggers and colours; then change the map of one kind of trigger.",
    )
    actions = verb.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in _HELP.items():
        action = actions.add_parser(name, allow_abbrev=False, help=text, description=f"{text.capitalize()}.")
        action.set_defaults(run=run)
        if name == "list":
            continue
        many = name == "sweep"
        action.add_argument(
            "experiment",
            nargs="*" if many else "?",
            metavar="EXPERIMENT",
            help="a folder with config.json and data_config.json, or the name of a shipped one"
            + (", several of them, and seeds (default: 0 1 2 3 4)" if many else ""),
        )
        action.add_argument("--preset", choices=("smoke", "readme"), help="a shipped experiment, as an example")
        action.add_argument("--output-dir", metavar="DIR", help="where a shipped one is copied to")
        if not many:
            action.add_argument("--seed", type=int, help="default: that of config.json")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for, and say where the results are."""
    from ..experiments.trigger2d import shipped

    if args.action == "list":
        print("\n".join(shipped.names()))
        return 0
    given = args.experiment if args.action == "sweep" else [args.experiment] if args.experiment is not None else []
    seeds = [int(word) for word in given if word.isdecimal()] if args.action == "sweep" else []
    names = [word for word in given if args.action != "sweep" or not word.isdecimal()]
    names += [shipped.PRESETS[args.preset]] if args.preset is not None else []
    if not names or (len(names) > 1 and (args.action != "sweep" or args.output_dir is not None)):
        allowed = "allowed: one, by EXPERIMENT or --preset; for sweep several, without --output-dir"
        raise param_error(None, "EXPERIMENT", names, allowed)
    for package in ("jax", "flax", "hydra"):
        extra(package, "train")
    folders = [shipped.located(name, args.output_dir) for name in names]
    if args.action == "sweep":
        return _sweep(folders, seeds)
    return {"data": _data, "run": _run, "analyze": _analyze}[args.action](folders[0], args.seed)


def _data(folder: Path, seed: int | None) -> int:
    from ..experiments.trigger2d.bases import start
    from ..experiments.trigger2d.rows import make, write
    from ..experiments.trigger2d.settings import load

    settings = load(folder, seed)
    data = make(settings, start(settings).base)
    path = write(settings, data)
    for name, count in data.manifest["files"].items():
        print(f"{name:44} {count:7}")
    print(f"{path}: {data.manifest['totals']['train']} rows of training, {data.manifest['totals']['test']} held out")
    return 0


def _run(folder: Path, seed: int | None) -> int:
    from ..experiments.trigger2d.run import FINAL, run
    from ..experiments.trigger2d.settings import read_json
    from ..experiments.trigger2d.sweep import aggregate, shown

    path = run(folder, seed)
    print(shown(aggregate([read_json(path / FINAL)])))
    print(f"{path}: {FINAL}, training_history.json and figures are there")
    return 0


def _sweep(folders: list[Path], seeds: list[int]) -> int:
    from ..experiments.trigger2d.sweep import SEEDS, shown, sweep

    for folder in folders:
        table = sweep(folder, seeds or SEEDS)
        sys.stdout.write(f"{folder}\n{shown(table)}\n")
    return 0


def _analyze(folder: Path, seed: int | None) -> int:
    from ..experiments.trigger2d.analysis import analyze

    path = analyze(folder, seed)
    print(f"{path}: accuracy by trigger, ablations and patched activations, as JSON and a map")
    return 0
