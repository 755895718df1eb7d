"""Mini-scaling laws: every model on every task, level, size and seed, and what the grid of runs says."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..data.files import json_bytes, write_atomic
from ..errors import param_error
from ..registry import tasks
from ..train.config import ALIASES, MODEL, EvalConfig, LoggingConfig, OptimizerConfig, RunConfig, TrainConfig, check
from ..train.config import TREE as RUNS
from ..train.feed import Rows, varied
from ..train.models import LanguageModel, count_parameters
from ..train.models.config import SIZES
from ..tree import DatasetConfig, Tree, params_of
from .floors import floor_of
from .grid import Job, run_jobs, said
from .scaling_report import Row, write_report, write_results

LEVELS = (1, 2, 3)
DIFFICULTY = "difficulty"
CHUNK = 8192
GIVEN = {
    "task": "tasks=[...]", "dataset": "tasks=[...]", "dataset.name": "tasks=[...]", "model": "models=[...]",
    "model.size": "sizes=[...]", "model.mixers": "models=[...]", "model.name_or_path": "models=[...]",
    "dataset.difficulty": "levels=[...]", "seed": "seeds=[...]", "train.seed": "seeds=[...]",
    "dataset.split": "nothing, as runs train on train", "eval.axis": "axis=NAME values=[...]",
    "eval.values": "axis=NAME values=[...]", "eval.paths": "nothing, as no files are trained on",
}  # fmt: skip
"""Keys of a run that the grid itself gives, and what says them here."""


@dataclass
class ScalingConfig:
    """A grid of runs, and the settings that all of them share."""

    tasks: list[str] = field(default_factory=lambda: ["dyna", "inducto", "filtro", "logic"])
    models: list[str] = field(default_factory=lambda: ["transformer", "transformer_canon", "gla", "mamba2", "linear"])
    sizes: list[str] = field(default_factory=lambda: ["0.2m"])
    levels: list[int] = field(default_factory=lambda: [1, 2, 3])
    axis: str | None = None  # a parameter that is swept in place of the levels
    values: list[Any] = field(default_factory=list)  # its values
    seeds: list[int] = field(default_factory=lambda: [0, 1])
    workers: int = 1  # runs at a time
    per_model: dict[str, Any] = field(default_factory=dict)  # settings of single models, over those of all
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: dict[str, Any] = field(default_factory=dict)  # see MODEL
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    output_dir: str = "outputs/scaling"


TREE = Tree(
    "scaling",
    ScalingConfig,
    {"model": MODEL},
    {name: key for name, key in ALIASES.items() if name not in GIVEN},
    (*RUNS.mappings, "per_model."),
)
"""The settings of `synthgen scaling`."""


def models() -> list[str]:
    """The models that a grid can have: the groups of settings that need no folder of weights."""
    found = (Path(one.name).stem for one in resources.files("synthgen.conf").joinpath("model").iterdir())
    return sorted(name for name in found if name != "from_pretrained")


def compose(overrides: Iterable[str] = (), preset: str | None = None) -> ScalingConfig:
    """Make the settings of a grid; those of runs are what the first task and model come to. Raises ParamError."""
    words = list(overrides)
    for word in words:
        key, _, value = str(word).partition("=")
        if key in GIVEN:
            raise param_error(None, key, value, f"allowed: {GIVEN[key]}")
    config: ScalingConfig = TREE.compose(words, preset)
    _check(config)
    return _composed(words, preset, config.tasks[0], config.models[0])


def cells(overrides: Iterable[str] = (), preset: str | None = None) -> list[Cell]:
    """Make the runs of a grid, those of a model beside each other. Raises ParamError."""
    words = list(overrides)
    config = compose(words, preset)
    found = []
    for task in config.tasks:
        for model in config.models:
            own = _composed(words, preset, task, model)
            found += [
                Cell(task, model, size, value, seed, _run(own, model, size, value, seed))
                for size in config.sizes
                for value in swept(config)
                for seed in config.seeds
            ]
    return found


@dataclass(frozen=True)
class Cell:
    """One run of a grid: a model of a size, trained on rows of a task at one level or value, from one seed."""

    task: str
    model: str
    size: str
    value: Any
    seed: int
    config: RunConfig

    @property
    def axis(self) -> str:
        """What is swept."""
        return str(self.config.eval.axis)

    @property
    def name(self) -> str:
        """The name of its directory."""
        where = f"level{self.value}" if self.axis == DIFFICULTY else f"{self.axis}-{said_value(self.value)}"
        return f"{self.task}-{self.model}-{self.size}-{where}-seed{self.seed}"


def swept(config: ScalingConfig) -> list[Any]:
    """The levels, or the values of the axis in their place."""
    return list(config.levels) if config.axis is None else list(config.values)


def said_value(value: Any) -> str:
    """Spell a value of an axis: a pair as 5-10."""
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def scaling(overrides: Iterable[str] = (), preset: str | None = None) -> Path:
    """Train what is not trained yet, write the tables and figures of the grid, and give their directory.

    The same call goes on where another was stopped, and comes to the same tables. Raises ParamError for settings, and
    DatasetError where a directory has runs of other settings.
    """
    words = list(overrides)
    config, grid = compose(words, preset), cells(words, preset)
    root = Path(config.output_dir)
    # What a task refuses is refused before anything is trained.
    floors = {(cell.task, said_value(cell.value)): 0.0 for cell in grid}
    first = {(cell.task, said_value(cell.value)): cell for cell in reversed(grid)}
    for key in floors:
        floors[key] = floor(first[key].config, first[key].value)
    timing = _Timing(root / "timing.json")
    # Runs of one program far apart: the first has compiled it when another worker comes to the next.
    apart = sorted(grid, key=lambda cell: (config.seeds.index(cell.seed), swept(config).index(cell.value)))
    jobs = [Job(cell.name, cell.config, parameters) for cell in apart]
    figures = run_jobs(jobs, root / "runs", workers=config.workers, told=timing)
    rows = [_row(cell, figures[cell.name], floors[cell.task, said_value(cell.value)]) for cell in grid]
    write_results(root, rows)
    write_report(root, rows)
    return root


def parameters(model: LanguageModel) -> dict[str, float]:
    """Count the parameters of a model, embeddings included."""
    return {"parameters": float(count_parameters(model))}


def floor(config: RunConfig, value: Any) -> float:
    """What the best constant answer gets right of held-out rows."""
    own = replace(config.dataset, split=config.eval.split, layout="padded", seq_len=None, overflow="error")
    own = replace(own, config={**params_of(own), **params_of(replace(own, config=config.eval.config))})
    return floor_of(Rows(varied(own, config.eval.axis, value), _seed(config))).exact_match


def _check(config: ScalingConfig) -> None:
    for key, allowed in (("tasks", tasks()), ("models", models()), ("sizes", SIZES), ("levels", LEVELS)):
        values: list[Any] = getattr(config, key)
        for value in values:
            if value not in allowed:
                raise param_error(None, key, value, f"allowed: names or numbers among {', '.join(map(str, allowed))}")
        _check_list(key, values)
    _check_list("seeds", config.seeds)
    if any(seed < 0 for seed in config.seeds):
        raise param_error(None, "seeds", config.seeds, "allowed: integers >= 0")
    if config.workers < 1:
        raise param_error(None, "workers", config.workers, "allowed: an integer >= 1")
    if (config.axis is None) != (not config.values):
        raise param_error(None, "axis", config.axis, "allowed: a parameter's name, with values=[...], or neither")
    if config.axis == DIFFICULTY:
        raise param_error(None, "axis", config.axis, "allowed: a parameter's name; levels are levels=[...]")
    if len({said_value(value) for value in config.values}) < len(config.values):
        raise param_error(None, "values", config.values, "allowed: each once")
    for name, changes in config.per_model.items():
        if name not in models():
            raise param_error(None, "per_model", name, f"allowed: models among {', '.join(models())}")
        for key in changes or {}:
            if key not in MODEL or key in ("size", "name_or_path"):
                known = ", ".join(one for one in MODEL if one not in ("size", "name_or_path"))
                raise param_error(None, f"per_model.{name}.{key}", changes[key], f"no such key; known: {known}")


def _check_list(key: str, values: Sequence[Any]) -> None:
    if not values or len(set(values)) < len(values):
        raise param_error(None, key, list(values), "allowed: one at least, each once")


def _composed(words: Sequence[str], preset: str | None, task: str, model: str) -> ScalingConfig:
    """The settings with those of a task's and a model's groups, under the preset's and the given ones."""
    config: ScalingConfig = TREE.compose([*words, f"dataset={task}", f"model={model}"], preset)
    for key in ("width", "num_layers"):
        if len(config.sizes) > 1 and config.model.get(key) is not None:
            allowed = f"allowed: one size, as model.{key} = {config.model[key]} of model {model} is that of all sizes"
            raise param_error(None, "sizes", config.sizes, allowed)
    return config


def _run(own: ScalingConfig, model: str, size: str, value: Any, seed: int) -> RunConfig:
    """The settings of one run."""
    changes = {}
    for key, one in (own.per_model.get(model) or {}).items():
        if not isinstance(one, dict) or key == "lora":
            changes[key] = one
        elif own.model.get(key) is None and size in one:
            # What a model's sizes are like yields to what is said of all models.
            changes[key] = one[size]
    axis = DIFFICULTY if own.axis is None else own.axis
    config = RunConfig(
        dataset=varied(own.dataset, axis, value),
        model={**own.model, **changes, "size": size},
        optimizer=own.optimizer,
        train=replace(own.train, seed=seed),
        eval=replace(own.eval, axis=axis, values=[value]),
        logging=own.logging,
    )
    check(config)
    return config


def _seed(config: RunConfig) -> int:
    return config.train.seed if config.dataset.seed is None else config.dataset.seed


def _row(cell: Cell, figures: Any, chance: float) -> Row:
    """What the tables say of a run: what the same settings come to again, and no times."""
    own = f"{cell.axis}={cell.value}"
    train = cell.config.train
    answers = figures[f"answers/{own}"]
    return Row(
        task=cell.task,
        model=cell.model,
        size=cell.size,
        parameters=int(figures["parameters"]),
        axis=cell.axis,
        level=said_value(cell.value),
        seed=cell.seed,
        steps=train.max_steps,
        tokens=_tokens(json.dumps(dataclasses.asdict(cell.config.dataset)), _seed(cell.config), _rows(cell.config)),
        answers=int(answers) if math.isfinite(answers) else 0,
        answer_accuracy=figures[f"answer_accuracy/{own}"],
        exact_match=figures[f"exact_match/{own}"],
        completion=figures[f"completion/{own}"],
        loss=figures[f"loss/{own}"],
        chance=chance,
    )


def _rows(config: RunConfig) -> int:
    return config.train.max_steps * config.train.batch_size


@lru_cache(maxsize=64)
def _tokens(dataset: str, seed: int, count: int) -> int:
    """Tokens of the first rows of a dataset, padding left out: those that a run has seen."""
    rows = Rows(DatasetConfig(**json.loads(dataset)), seed)
    return sum(rows.tokens(rows.draw(start, min(CHUNK, count - start))) for start in range(0, count, CHUNK))


class _Timing:
    """Tells of runs, and keeps the seconds of each in a file of their own, as no two times are alike."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def __call__(self, done: int, total: int, job: Job, seconds: float) -> None:
        said(done, total, job, seconds)
        if seconds:
            self._seconds[job.name] = round(seconds, 2)
            write_atomic(self._path, json_bytes(dict(sorted(self._seconds.items()))), durable=False)
