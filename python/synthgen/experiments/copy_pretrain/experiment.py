"""The copy experiment: arms that differ in what was trained before, then one downstream training for all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ...compat.copying import CopyTaskGenerator
from ...data.files import json_bytes, write_atomic
from ...errors import param_error
from ...train.config import EvalConfig, LoggingConfig, OptimizerConfig, RunConfig, TrainConfig, as_dict
from ...train.records import LOG
from ...train.texts import ALL
from ...tree import DatasetConfig
from ..grid import Job, run_jobs
from .evaluators import (
    SPELLING,
    Evaluator,
    Examination,
    InContextLearningEvaluator,
    JsonlEvaluator,
    RetrievalQAEvaluator,
    TaskEvaluator,
)
from .settings import COPY_TASKS, MIXTURES, CopyConfig, check

PREFIX = "eval/held_out_"
HELD_OUT_SEED = 2**32
"""Added to the seed of rows that a generator of Python draws for the check."""


class Point(NamedTuple):
    """What an arm got right of a task after some steps of downstream training."""

    seed: int
    arm: str
    steps: int
    task: str
    group: str
    completion: float
    accuracy: float
    loss: float
    accuracy_all: float
    samples: int


class Pretrained(NamedTuple):
    """How far pre-training came: the losses by step, and on held-out rows of each copy task."""

    seed: int
    arm: str
    losses: list[tuple[int, float]]
    completion: dict[str, float]
    accuracy: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """All that was measured."""

    config: CopyConfig
    points: list[Point]
    pretrained: list[Pretrained]
    floors: dict[str, float]
    model: dict[str, Any]  # the model as it was built


class CopyTaskExperiment:
    """The experiment of a configuration: `CopyTaskExperiment(compose(["steps=500"])).run()`.

    `generator` may be an instance of a subclass of CopyTaskGenerator with further tasks, whose names `config.mixture`
    may then use; its rows are drawn beforehand, into files. `evaluators` are further held-out sets. The runs stand
    under `directory/runs`, are done once, and go on where they were stopped.
    """

    def __init__(
        self,
        config: CopyConfig,
        directory: str | Path | None = None,
        *,
        generator: CopyTaskGenerator | None = None,
        evaluators: Sequence[Evaluator] = (),
    ) -> None:
        check(config)
        self.config, self.directory = config, Path(config.output_dir if directory is None else directory)
        self.runs = self.directory / "runs"
        self.custom = generator
        self.generator = CopyTaskGenerator(config.copy, seed=0) if generator is None else generator
        self.mixture = dict(config.mixture or MIXTURES["default"])
        known = self.generator.tasks()
        for name, share in self.mixture.items():
            if name not in known or not share >= 0:
                allowed = f"allowed: shares >= 0 of {', '.join(known)}"
                raise param_error(None, "mixture", {name: share}, allowed)
        files = [JsonlEvaluator(name, "file", path) for name, path in config.jsonl.items()]
        for one in files:
            one.rows(1, 0)  # refuses a wrong file before anything is trained
        self.evaluators: list[Evaluator] = [*self._downstream, *files, *evaluators]

    @cached_property
    def _downstream(self) -> list[TaskEvaluator]:
        own = self.config.downstream
        fields = {"max_context_length": own.max_context_length, "num_examples": own.num_examples, "seed": 0}
        found = [*InContextLearningEvaluator(fields).evaluators(), *RetrievalQAEvaluator(fields).evaluators()]
        return [one for one in found if isinstance(one, TaskEvaluator)]

    def run(self) -> Outcome:
        """Train all arms of all seeds, and give what was measured."""
        config, runs = self.config, self.runs
        before = [job for seed in config.seeds for arm in ("copy", "control") if (job := self._before(arm, seed))]
        run_jobs(before, runs, workers=config.workers)
        after = [self._after(arm, seed) for seed in config.seeds for arm in config.arms]
        run_jobs(after, runs, workers=config.workers)
        points = [
            point
            for seed in config.seeds
            for arm in config.arms
            for point in self._points(arm, seed, runs / self._after(arm, seed).name)
        ]
        pretrained = [_pretrained(job, runs / job.name) for job in before]
        floors = {one.name: one.floor() for one in self.evaluators}
        return Outcome(config, points, pretrained, floors, self._built())

    def _base(self, seed: int, dataset: DatasetConfig, optimizer: OptimizerConfig, train: TrainConfig) -> RunConfig:
        """What all runs share."""
        held = EvalConfig(every=0, num_examples=32, batch_size=32)
        quiet = LoggingConfig(every=10, progress=False, figures=False)
        train = replace(train, seed=seed, checkpoint_every=200, keep=1)
        return RunConfig(dataset, dict(self.config.model), optimizer, train, held, quiet)

    def _before(self, arm: str, seed: int) -> Job | None:
        """The pre-training of an arm; None where the arm is not asked for."""
        own = self.config
        if arm not in own.arms:
            return None
        dataset = self._copy_rows(seed)
        if arm == "control":
            dataset = replace(dataset, answers="random")
        if own.loss_on == "all":
            dataset = replace(dataset, loss="all")
        optimizer = OptimizerConfig(
            lr=own.lr, schedule=own.schedule, warmup_steps=own.warmup_steps, weight_decay=0.0, clip_norm=1.0
        )
        train = TrainConfig(max_steps=own.steps, batch_size=own.batch_size)
        base = self._base(seed, dataset, optimizer, train)
        return _job(f"{arm}/seed-{seed}/before", base, Examination(self._checks(), own.eval_samples, seed))

    def _copy_rows(self, seed: int) -> DatasetConfig:
        shares = {name: share for name, share in self.mixture.items() if share > 0}
        if self.custom is not None:
            rows = self.config.steps * self.config.batch_size
            path = self._drawn(self.custom, seed, rows)
            return DatasetConfig(name="file", path=str(path), tokenizer=SPELLING, split=ALL, seq_len=self._frame)
        weights = {COPY_TASKS[name]: share for name, share in shares.items()}
        params = {task: dict(self.generator.params[task]) for task in weights}
        return DatasetConfig(weights=weights, config=params, joint=False, seq_len=self._frame)

    @property
    def _frame(self) -> int:
        return self.generator.frame

    def _drawn(self, generator: CopyTaskGenerator, seed: int, count: int) -> Path:
        """A file of rows that a generator of Python draws, the same for a seed."""
        import random

        path = self.directory / "rows" / f"seed-{seed}-{count}.jsonl"
        if not path.exists():
            choice = random.Random(seed)
            numbered = type(generator)({**generator.config, "seed": seed})
            tasks = numbered.tasks()
            names, shares = list(self.mixture), list(self.mixture.values())
            lines = []
            for name in choice.choices(names, shares, k=count):
                prompt, target = tasks[name]()
                lines.append(json.dumps({"prompt": prompt, "target": target, "task": name}))
            write_atomic(path, ("\n".join(lines) + "\n").encode())
        return path

    def _checks(self) -> list[Evaluator]:
        """Held-out rows of the copy tasks."""
        if self.custom is not None:
            path = self._drawn(self.custom, HELD_OUT_SEED, self.config.eval_samples)
            return [JsonlEvaluator("copy_tasks", "copy", str(path))]
        return [
            TaskEvaluator(name, "copy", COPY_TASKS[name], dict(self.generator.params[COPY_TASKS[name]]), self._frame)
            for name, share in self.mixture.items()
            if share > 0
        ]

    def _after(self, arm: str, seed: int) -> Job:
        """The downstream training of an arm."""
        own, down = self.config, self.config.downstream
        extra = own.steps if arm == "compute_matched" else 0
        parts = {f"{one.task}/{one.name}": one for one in self._downstream}
        dataset = DatasetConfig(
            weights=dict.fromkeys(parts, 1.0),
            config={name: dict(one.params) for name, one in parts.items()},
            joint=False,
            seq_len=down.max_context_length,
            overflow="redraw",
        )
        optimizer = OptimizerConfig(
            lr=down.lr, schedule="constant", warmup_steps=down.warmup_steps, weight_decay=0.0, clip_norm=1.0
        )
        train = TrainConfig(max_steps=max(own.budgets) + extra, batch_size=down.batch_size)
        base = self._base(seed, dataset, optimizer, train)
        base = replace(base, eval=replace(base.eval, at=[step + extra for step in own.budgets]))
        if arm in ("copy", "control"):
            before = self._before(arm, seed)
            assert before is not None
            base = replace(base, model={"name_or_path": str(self.runs / before.name)})
        return _job(f"{arm}/seed-{seed}/after", base, Examination(self.evaluators, own.eval_samples, seed))

    def _points(self, arm: str, seed: int, run: Path) -> list[Point]:
        extra = self.config.steps if arm == "compute_matched" else 0
        budgets = {step + extra: step for step in self.config.budgets}
        found = []
        for row in _records(run):
            if row["kind"] == "eval" and row["step"] in budgets:
                for one in self.evaluators:
                    metrics = ("completion", "accuracy", "loss", "accuracy_all", "samples")
                    right, token, loss, every, count = (
                        float(row[f"{PREFIX}{metric}/task={one.name}"]) for metric in metrics
                    )
                    where = (seed, arm, budgets[row["step"]], one.name, one.group)
                    found.append(Point(*where, right, token, loss, every, int(count)))
        return found

    def _built(self) -> dict[str, Any]:
        from dataclasses import asdict

        from ...train.build import described
        from ...train.feed import Rows

        job = self._after("scratch", self.config.seeds[0])
        return asdict(described(job.config.model, Rows(job.config.dataset, 0).vocab_size))


def _job(name: str, config: RunConfig, judge: Examination) -> Job:
    """A run whose name ends with a hash of what it is, so that experiments may share their runs."""
    own = {**as_dict(config), "judge": repr(judge)}
    return Job(f"{name}-{hashlib.sha256(json_bytes(own)).hexdigest()[:8]}", config, judge)


def _records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / LOG).read_text().splitlines()]


def _pretrained(job: Job, run: Path) -> Pretrained:
    losses, last = [], {}
    for row in _records(run):
        if row["kind"] == "train":
            losses.append((int(row["step"]), float(row["train/loss"])))
        else:
            last = row
    arm, seed, _ = job.name.split("/")
    found: dict[str, dict[str, float]] = {"completion": {}, "accuracy": {}}
    for metric, values in found.items():
        start = f"{PREFIX}{metric}/task="
        values |= {name.removeprefix(start): float(value) for name, value in last.items() if name.startswith(start)}
    return Pretrained(int(seed.removeprefix("seed-")), arm, losses, found["completion"], found["accuracy"])
