"""What verbs that take settings share: KEY=VALUE words, a preset under them, and a look at what they come to."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from ..checks import extra

TRAINING = ("jax", "flax", "hydra")
"""Packages that everything which trains needs."""


def add_settings(verb: argparse.ArgumentParser, presets: str) -> None:
    """Add the arguments; `presets` says which there are."""
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a choice of a group, or a value")
    verb.add_argument("--preset", help=f"settings under the given ones: {presets}")
    verb.add_argument("--show-config", action="store_true", help="print all settings and stop")


def need(*packages: str) -> None:
    """Ask for packages before any work. Raises ImportError that says how to get them."""
    for package in packages:
        extra(package, "train")


def print_settings(config: Any) -> int:
    """Print all settings as YAML; the exit status."""
    sys.stdout.write(extra("omegaconf", "train").OmegaConf.to_yaml(dataclasses.asdict(config)))
    return 0
