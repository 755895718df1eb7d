"""`synthgen copy-pretrain`: does pre-training on copy tasks help downstream?"""

from __future__ import annotations

import argparse

from .settings import TRAINING, add_settings, need, print_settings

FLAGS = {
    "steps": "steps of pre-training",
    "batch_size": "rows of a step of pre-training",
    "lr": "learning rate of pre-training",
    "eval_samples": "held-out rows of each task",
    "output_dir": "directory of runs, results and figures",
    "workers": "runs at a time",
}
"""Settings that are options as well, with the underscores of the original or with hyphens."""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "copy-pretrain",
        allow_abbrev=False,
        help="does pre-training on copy tasks help? arms, paired seeds, intervals and a verdict",
        description="Train models that were pre-trained on copy tasks, on a control, or not at all, on the same "
        "downstream tasks, and compare them. The same command again goes on where it was stopped.",
    )
    for name, text in FLAGS.items():
        spelled = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        verb.add_argument(*spelled, dest=name, metavar="VALUE", help=text)
    verb.add_argument("--seeds", nargs="+", type=int, help="paired seeds (42 to 46)")
    verb.add_argument("--arms", nargs="+", help="scratch, copy, control, compute_matched")
    verb.add_argument("--budgets", nargs="+", type=int, help="steps of downstream training at which all are compared")
    verb.add_argument("--ablation", nargs="+", help="duration, mixture, model: vary it, and compare what follows")
    verb.add_argument(
        "--save-results", "--save_results", action=argparse.BooleanOptionalAction, help="write the results (yes)"
    )
    add_settings(verb, "smoke, readme, paper")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the experiment, tell of it, and save it."""
    need(*TRAINING)
    from ..experiments import copy_pretrain
    from ..experiments.copy_pretrain.settings import ABLATIONS

    words = [f"{name}={value}" for name in FLAGS if (value := getattr(args, name)) is not None]
    for name in ("seeds", "arms", "budgets", "ablation"):
        if (values := getattr(args, name)) is not None:
            words.append(f"{name}=[{','.join(map(str, values))}]")
    if args.save_results is not None:
        words.append(f"save_results={str(args.save_results).lower()}")
    config = copy_pretrain.compose([*words, *args.overrides], args.preset)
    if args.show_config:
        return print_settings(config)
    for kind in (one for one in ABLATIONS if one in config.ablation):
        for name, row in copy_pretrain.ablate(config, kind).items():
            gaps = ", ".join(
                f"copy - {other} {100 * gap['mean']:+.1f} points" for other, gap in row["differences"].items()
            )
            print(f"{kind} {name}: {gaps} ({row['verdict']})")
    if config.ablation:
        print(f"\nResults saved to: {config.output_dir}/ablations")
        return 0
    experiment = copy_pretrain.CopyTaskExperiment(config)
    outcome = experiment.run()
    conclusion = copy_pretrain.conclude(outcome)
    copy_pretrain.tell(outcome, conclusion)
    if config.save_results:
        made = copy_pretrain.save(outcome, conclusion, experiment.directory)
        print(f"\nResults saved to: {made[0]}")
    return 0
