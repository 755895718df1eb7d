"""Learning curves along an axis of difficulty: by default the hops of Depo, each scored on held-out rows of its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import jax

from .._task import generator
from ..compat.names import SEED_NAMES
from ..data.files import write_atomic
from ..errors import param_error
from ..statistics import interval
from ..train.config import (
    ALIASES,
    MODEL,
    EvalConfig,
    RunConfig,
    TrainConfig,
    as_dict,
    check,
    composed,
)
from ..train.curves import Line, share_figure
from ..train.held_out import HeldOut
from ..train.loop import train
from ..train.records import LOG, WandbSettings, log_image, read_log
from ..tree import FILE, Tree, params_of
from .floors import Floor, floor_of

HOPS = (1, 2, 3, 4, 8)
"""Hops that are scored where none are named, as far as the task asks for them."""
MEASURES = ("answer_accuracy", "exact_match", "completion", "loss")
COLUMNS = (
    "accuracy", "answer_accuracy", "exact_match", "exact_match_low", "exact_match_high", "completion", "loss",
    "queries", "floor_accuracy", "floor_exact_match",
)  # fmt: skip
"""Columns of the table after the step, the examples seen, and the axis."""


@dataclass
class CurveTrain(TrainConfig):
    """How it is trained."""

    num_examples: int = 0  # rows that there are at least; 0: endless


@dataclass
class CurveEval(EvalConfig):
    """What is scored."""

    hops: list[int] = field(default_factory=list)  # of Depo: the hops; short for axis=fixed_k with values


@dataclass
class CurveConfig(RunConfig):
    """A training run with a curve for each value of an axis."""

    train: CurveTrain = field(default_factory=CurveTrain)
    eval: CurveEval = field(default_factory=CurveEval)
    metrics_file: str | None = None  # in output_dir; None: depo_hop_metrics.csv, or <task>_curve_metrics.csv
    plot_file: str | None = None  # in output_dir; None: depo_hop_curve.png, or <task>_curve.png


TREE = Tree(
    "curve",
    CurveConfig,
    {"model": MODEL},
    {
        **ALIASES,
        "eval.num_examples_per_hop": "eval.num_examples",
        "eval.qa": "eval.config.qa",
        "eval.resample_each_eval": "eval.resample",
    },
)
"""The settings of `synthgen curve`."""


@dataclass(frozen=True)
class Curve:
    """What came of it."""

    rows: list[dict[str, Any]]  # of the table
    metrics: Path
    plot: Path
    figures: Mapping[str, float]  # of the last evaluation


def compose(overrides: Iterable[str] = (), preset: str | None = None) -> CurveConfig:
    """Make a configuration from overrides, as `synthgen.train.compose` does, over a preset. Raises ParamError."""
    config: CurveConfig = composed(TREE, overrides, preset)
    own, task = config.eval, config.dataset.name
    if task == FILE:
        raise param_error(None, "dataset", task, "allowed: a task, or mix with eval.axis=difficulty")
    if own.hops and own.axis is not None:
        raise param_error(None, "eval.hops", own.hops, "allowed: none, where eval.axis is given")
    if task != "depo" and own.axis is None:
        allowed = f"allowed: difficulty, or a parameter of {task}, with eval.values; eval.hops are of depo"
        raise param_error(None, "eval.axis", None, allowed)
    own.axis = "fixed_k" if own.axis is None else SEED_NAMES.get(own.axis, own.axis)
    if task == "depo":
        own.config = {"qa": True, **own.config}
        if own.axis == "fixed_k":
            most = _most_hops(config)
            own.values = list(own.values or own.hops or [hop for hop in HOPS if hop <= most])
            _check_hops(own, most)
    if len(own.values) != len({str(value) for value in own.values}):
        raise param_error(None, "eval.values", own.values, "allowed: each value once")
    rows, asked = config.train.num_examples, config.train.max_steps * config.train.batch_size
    if 0 < rows < asked:
        allowed = f"allowed: 0, for rows without end, or at least max_steps * batch_size = {asked}: none is seen twice"
        raise param_error(None, "train.num_examples", rows, allowed)
    own.hops = []
    check(plain(config))
    return config


def plain(config: CurveConfig) -> RunConfig:
    """The training run of a curve."""
    own = {one.name: getattr(config, one.name) for one in fields(RunConfig)}
    for group, kind in (("train", TrainConfig), ("eval", EvalConfig)):
        own[group] = kind(**{one.name: getattr(own[group], one.name) for one in fields(kind)})
    return RunConfig(**own)


def curve(config: CurveConfig | Iterable[str]) -> Curve:
    """Train, score at every evaluation each value of the axis, and write the table and the figures.

    The table is a function of the run's log and of the floors, and is written at every evaluation as far as the log has
    come, so a run that is stopped leaves the part that was measured. The same call again goes on, as training does.
    """
    if not isinstance(config, CurveConfig):
        config = compose(config)
    own, directory = plain(config), Path(config.output_dir)
    metrics, plot = directory / _names(config)[0], directory / _names(config)[1]
    seed = own.train.seed if own.dataset.seed is None else own.dataset.seed
    floors: dict[Any, Floor] = {}

    def write(_: Any = None) -> dict[str, float]:
        if not floors:
            sets = HeldOut(own, seed).sets
            floors.update(zip(own.eval.values, map(floor_of, sets.values()), strict=True))
        write_atomic(metrics, _cells(own, table(own, floors)), durable=False)
        return {}

    try:
        result = train(own, write)
    except BaseException:
        # The last evaluation is in the log by now. Before the first, the directory may be that of another run.
        if floors:
            write()
        raise
    if jax.process_index() > 0:
        return Curve([], metrics, plot, result.figures)
    write()
    rows = table(own, floors)
    if rows:
        _draw(own, rows, plot)
        _send(own, plot)
    return Curve(rows, metrics, plot, result.figures)


def table(config: RunConfig, floors: Mapping[Any, Floor]) -> list[dict[str, Any]]:
    """The rows of the table, as the log of a run has them so far."""
    axis, found = str(config.eval.axis), []
    for record in read_log(Path(config.output_dir) / LOG):
        for value in config.eval.values:
            tail = f"/{axis}={value}"
            if f"eval/answers{tail}" not in record:
                continue
            queries = int(record[f"eval/answers{tail}"])
            measured = {name: float(record[f"eval/{name}{tail}"]) for name in MEASURES}
            low, high = interval(round(measured["exact_match"] * queries) if queries else 0, queries)
            floor = floors[value]
            row = {
                "step": record["step"],
                "examples_seen": record["step"] * config.train.batch_size,
                column(axis): value,
                "accuracy": float(record[f"eval/token_accuracy{tail}"]),
                **measured,
                "exact_match_low": low,
                "exact_match_high": high,
                "queries": queries,
                "floor_accuracy": floor.token_accuracy,
                "floor_exact_match": floor.exact_match,
            }
            found.append({name: row[name] for name in ("step", "examples_seen", column(axis), *COLUMNS)})
    return found


def column(axis: str) -> str:
    """The name of an axis in the table."""
    return "hop" if axis == "fixed_k" else axis


def _names(config: CurveConfig) -> tuple[str, str]:
    """Names of the table and of the figure."""
    metrics, plot = f"{config.dataset.name}_curve_metrics.csv", f"{config.dataset.name}_curve.png"
    if config.dataset.name == "depo" and config.eval.axis == "fixed_k":
        metrics, plot = "depo_hop_metrics.csv", "depo_hop_curve.png"
    return config.metrics_file or metrics, config.plot_file or plot


def _most_hops(config: CurveConfig) -> int:
    """Most hops that are trained on."""
    dataset = config.dataset
    asked: dict[str, Any] = json.loads(generator("depo", params_of(dataset), dataset.difficulty).params)
    fixed, several = asked["fixed_k"], asked["k_set"]
    return int(fixed or (max(several) if several else asked["k_max"]))


def _check_hops(own: CurveEval, most: int) -> None:
    for hop in own.values:
        if not isinstance(hop, int) or isinstance(hop, bool) or not 1 <= hop <= most:
            allowed = f"allowed: hops in 1..={most}, as K = {most} is the most that is trained on; raise dataset.K"
            raise param_error(None, "eval.hops", hop, allowed)


def _cells(config: RunConfig, rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "examples_seen", column(str(config.eval.axis)), *COLUMNS])
    for row in rows:
        writer.writerow([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row.values()])
    return text.getvalue().encode()


def _draw(config: RunConfig, rows: list[dict[str, Any]], plot: Path) -> None:
    """Draw exact match, and beside it the accuracy of answer tokens."""
    axis = column(str(config.eval.axis))
    title = f"{config.dataset.name.capitalize()} by {axis.replace('_', ' ')}, held-out rows"
    below = "training windows seen" if config.dataset.layout == "packed" else "training examples seen"
    exact, tokens = [], []
    for value in config.eval.values:
        own = [row for row in rows if row[axis] == value]
        if not own:
            continue
        label = f"{value}-hop" if axis == "hop" else f"{value}"
        at = [row["examples_seen"] for row in own]
        band = ([row["exact_match_low"] for row in own], [row["exact_match_high"] for row in own])
        exact.append(Line(label, at, [row["exact_match"] for row in own], band, own[0]["floor_exact_match"]))
        tokens.append(Line(label, at, [row["answer_accuracy"] for row in own]))
    beside = plot.with_name(f"{plot.stem}_answer_tokens{plot.suffix}")
    write_atomic(plot, share_figure(title, exact, below, "answers all right (95 % interval)"), durable=False)
    write_atomic(beside, share_figure(title, tokens, below, "answer tokens right"), durable=False)


def _send(config: RunConfig, plot: Path) -> None:
    """Give the figure to Weights & Biases, where the run is there."""
    own = config.logging.wandb
    if own.enabled:
        mode: Literal["offline", "online"] = "offline" if own.mode == "offline" else "online"
        settings = WandbSettings(own.project, own.name, own.entity, mode, as_dict(config))
        log_image(Path(config.output_dir), settings, f"plot/{plot.stem}", plot)
