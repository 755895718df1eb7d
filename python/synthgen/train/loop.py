"""A training run, from its configuration to its figures: resumed where it stopped, stopped where it diverges."""

from __future__ import annotations

import json
import math
import resource
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from ..checks import extra
from ..data.files import json_bytes, write_atomic
from ..errors import DatasetError, SynthgenError
from .build import CONFIG, build
from .checkpoints import Checkpoints
from .config import RunConfig, as_dict, check, compose
from .feed import Ahead, Rows, host_share
from .held_out import HeldOut
from .lora import save_adapter
from .models import LanguageModel
from .parallel import connect, parallel, parts
from .progress import Progress
from .records import LOG, TABLE, Recorder, WandbSettings
from .steps import adamw, make_predict, make_update, program, schedule
from .texts import ALL
from .weights import save_pretrained

EXPORTED = "pretrained"
FREE = (
    "logging", "eval", "output_dir", "overwrite", "train.parallel", "train.devices", "train.remat", "train.prefetch",
    "train.stop_after", "train.checkpoint_every", "train.keep", "train.export", "train.coordinator",
    "train.num_processes", "train.process_id",
)  # fmt: skip
"""Settings that do not change what is learned, and so may change when a run is resumed."""


class Diverged(SynthgenError):
    """The loss or the gradient of a step is no finite number."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


Judge = Callable[[LanguageModel], Mapping[str, float]]
"""Says more about a model, by names of its own."""


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    directory: Path
    step: int
    figures: Mapping[str, float]  # of the last evaluation


@dataclass(frozen=True)
class _Pending:
    """A step that the devices may still be at work on."""

    step: int
    figures: Any
    tokens: int


def train(config: RunConfig | Iterable[str], judge: Judge | None = None) -> Result:
    """Train a model: `train(["task=kv", "model=gla", "train.max_steps=500"])`, or with a checked RunConfig.

    At every evaluation `judge` is called with the model, and what it says is recorded beside the other figures; it
    must not change the model. It is asked on one host alone.

    In `output_dir` come config.json, metrics.csv and metrics.jsonl, checkpoints and figures. The same call again goes
    on from the last checkpoint, with the losses that an undisturbed run would have had; with other settings it is
    refused.

    Raises ParamError for settings, DatasetError for a directory of another run, Diverged where the loss is no number.
    """
    if not isinstance(config, RunConfig):
        config = compose(config)
    check(config)
    return Run(config, judge).run()


class Run:
    """A run that is set up: its rows, its model, its devices, and what it has in its directory."""

    def __init__(self, config: RunConfig, judge: Judge | None = None) -> None:
        self._judge = judge
        for wanted, package, group in (
            (config.logging.tensorboard, "tensorboardX", "tensorboard"),
            (config.logging.wandb.enabled, "wandb", "wandb"),
        ):
            if wanted:
                extra(package, group)
        connect(config.train)
        self.config = config
        self.directory = Path(config.output_dir)
        self.parallel = parallel(config.train)
        self.main = self.parallel.host == 0
        seed = config.train.seed
        # Where files are held out, all rows of the others are trained on.
        dataset = replace(config.dataset, split=ALL) if config.eval.paths else config.dataset
        self.rows = Rows(dataset, seed if config.dataset.seed is None else config.dataset.seed)
        self.held_out = HeldOut(config, self.rows.seed)
        model = build(config.model, self.rows.vocab_size, seed)
        model.remat = config.train.remat
        self.program, self._first = program(model, adamw(config.optimizer, config.train.max_steps), seed)
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self._first.trained))
        self._rate = schedule(config.optimizer, config.train.max_steps)
        count = parts(config.train, self.parallel.devices, self.rows.seq_len)
        self._update = self.parallel.step(make_update(self.program, count))
        self._predict = self.parallel.apply(make_predict(self.program))
        self._pending: deque[_Pending] = deque()
        self._figures: dict[str, float] = {}
        self._best = math.inf

    def run(self) -> Result:
        """Train until the last step."""
        self._claim()
        with ExitStack() as closing:
            self._checkpoints = Checkpoints(self.directory, self.config.train.keep)
            closing.callback(self._checkpoints.close)
            done, state = self._resumed()
            self._say(done)
            if self.main:
                self._recorder = closing.enter_context(self._opened(done))
            quiet = not (self.config.logging.progress and self.main)
            self._progress = closing.enter_context(Progress(self.config.train.max_steps, quiet=quiet))
            end = self.config.train.max_steps
            if self.config.train.stop_after is not None:
                end = min(end, done + self.config.train.stop_after)
            state = self._steps(done, end, state)
        if end == self.config.train.max_steps:
            self._finish(state)
        return Result(self.directory, end, self._figures)

    def _claim(self) -> None:
        """Take the directory: new, or of a run with these settings."""
        kept, config = self.directory / CONFIG, as_dict(self.config)
        if self.main and self.config.overwrite:
            clear(self.directory)
        if kept.exists() and (self.directory / LOG).exists():
            _same(kept, json.loads(kept.read_text()), config)
        if self.main:
            write_atomic(kept, json_bytes(config))

    def _resumed(self) -> tuple[int, Any]:
        state = self.parallel.place(self._first)
        if self._checkpoints.step is None:
            return 0, state
        state, notes = self._checkpoints.load(self.parallel.whole(state))
        self._best, self._figures = notes["best"], notes["figures"]
        return int(state.step), self.parallel.place(state)

    def _opened(self, done: int) -> Recorder:
        own = self.config.logging
        wandb = None
        if own.wandb.enabled:
            offline = own.wandb.mode == "offline"
            wandb = WandbSettings(
                project=own.wandb.project,
                name=own.wandb.name,
                entity=own.wandb.entity,
                mode="offline" if offline else "online",
                config=as_dict(self.config),
            )
        resume = done if done else -1
        return Recorder(self.directory, tensorboard=own.tensorboard, wandb=wandb, resume_step=resume)

    def _batch(self, step: int) -> tuple[Any, int]:
        """Rows of this host's part of a step on its devices, and their tokens, padding left out."""
        start, share = host_share(self.config.train.batch_size, self.parallel.host, self.parallel.hosts, step)
        drawn = self.rows.draw(start, share)
        return self.parallel.shard(self.rows.of(drawn)), self.rows.tokens(drawn) * self.parallel.hosts

    def _steps(self, done: int, last: int, state: Any) -> Any:
        own = self.config.train
        feed = Ahead(self._batch, done, last, own.prefetch)
        self._since, self._waited, self._tokens = time.perf_counter(), 0.0, 0
        try:
            # An interrupt may have left a checkpoint of a step, and not its evaluation.
            late = done > 0 and self.main and self.parallel.hosts == 1 and self._recorder.evaluated < done
            if self._scores(done) if late else done == 0 and 0 in self.config.eval.at:
                self._evaluate(done, state)
                self._since = time.perf_counter()
            for step, (rows, tokens) in enumerate(feed, done + 1):
                state, figures = self._update(state, rows)
                self._pending.append(_Pending(step, figures, tokens))
                if len(self._pending) > 1:
                    self._settle(feed)
                evaluate = self._scores(step)
                save = step == last or _due(step, own.checkpoint_every)
                if evaluate or save:
                    self._settle(feed, everything=True)
                    began = time.perf_counter()
                    if evaluate:
                        self._evaluate(step, state)
                    if save:
                        self._save(step, state)
                    self._since += time.perf_counter() - began
        except KeyboardInterrupt:
            self._interrupted(feed, state)
            raise
        return state

    def _scores(self, step: int) -> bool:
        """Is this step evaluated?"""
        own = self.config.eval
        return step == self.config.train.max_steps or _due(step, own.every) or step in own.at

    def _interrupted(self, feed: Ahead[Any], state: Any) -> None:
        """Make a last checkpoint, if the interrupt has left a state: a step that is under way has taken its own."""
        given_up = any(leaf.is_deleted() for leaf in jax.tree.leaves(state))
        if self.parallel.hosts > 1 or given_up:
            last = self._checkpoints.step
            print(f"\nstopped; the same command goes on from step {last or 0}", file=sys.stderr)
            return
        self._settle(feed, everything=True)
        step = int(self.parallel.whole(state).step)
        if step:
            self._save(step, state)
        print(f"\nstopped after step {step}; the same command goes on from there", file=sys.stderr)

    def _settle(self, feed: Ahead[Any], *, everything: bool = False) -> None:
        """Wait for the oldest step under way, or all, and tell of them."""
        while len(self._pending) > (0 if everything else 1):
            done = self._pending.popleft()
            loss, norm = (float(done.figures[name]) for name in ("loss", "grad_norm"))
            self._tokens += done.tokens
            finite = math.isfinite(loss) and math.isfinite(norm)
            spent = max(time.perf_counter() - self._since, 1e-9)
            values = {"loss": loss, "tokens_per_second": self._tokens / spent}
            self._progress.step(done.step, values)
            if (
                _due(done.step, self.config.logging.every)
                or done.step in (1, self.config.train.max_steps)
                or not finite
            ):
                values |= {
                    "grad_norm": norm,
                    "lr": float(self._rate(done.step - 1)),
                    "data_wait": min((feed.waited - self._waited) / spent, 1.0),
                    "memory_bytes": memory(self.parallel.local[0]),
                }
                if self.main:
                    self._recorder.record(done.step, "train", values)
                self._since, self._waited, self._tokens = time.perf_counter(), feed.waited, 0
            if not finite:
                raise self._diverged(done.step, loss, norm)

    def _diverged(self, step: int, loss: float, norm: float) -> Diverged:
        good = self._checkpoints.step
        kept = "no checkpoint was made yet" if good is None else f"last good one: {self._checkpoints.path(good)}"
        way = "try a smaller optimizer.lr, more optimizer.warmup_steps, or optimizer.clip_norm=1"
        return Diverged(f"step {step}: the loss is {loss:g}, the gradient's norm {norm:g}; {kept}; {way}", step)

    def _evaluate(self, step: int, state: Any) -> None:
        every = self.config.eval.every
        number = step // every if every else 0
        self._figures = self.held_out.figures(lambda rows: self._predict(state, rows), number)
        if self._judge is not None and self.main:
            whole = self.parallel.whole(state)
            self._figures |= self._judge(self.program.model(whole.trained, whole.fixed))
        self._progress.evaluated(step, self._figures)
        if self.main:
            self._recorder.record(step, "eval", self._figures)
        if step == 0:
            return
        best = self.config.eval.best
        value = self._figures[best] if best == "loss" else -self._figures[best]
        if value < self._best:
            self._best = value
            self._save(step, state, best=True)

    def _save(self, step: int, state: Any, *, best: bool = False) -> None:
        if self.main:
            self._recorder.sync()
        notes = {"best": self._best, "figures": self._figures}
        self._checkpoints.save(step, self.parallel.whole(state), notes, best=best)

    def _say(self, done: int) -> None:
        if self.main and self.config.logging.progress:
            kinds = {device.platform for device in self.parallel.devices}
            text = (
                f"{self.config.dataset.name}: {self.parameters:,} trained parameters on {len(self.parallel.devices)} "
                f"{'/'.join(sorted(kinds))} device(s), {self.config.train.batch_size} rows of "
                f"{self.rows.seq_len} tokens a step"
            )
            print(text + (f"; going on after step {done}" if done else ""), file=sys.stderr)

    def _finish(self, state: Any) -> None:
        if not self.main:
            return
        if self.config.logging.figures:
            from .curves import plot

            plot(self.directory)
        if self.config.train.export:
            self._export(state)

    def _export(self, state: Any) -> None:
        """Write what transformers, or PEFT for adapters, reads."""
        whole = self.parallel.whole(state)
        model = self.program.model(whole.trained, whole.fixed)
        path = self.directory / EXPORTED
        shutil.rmtree(path, ignore_errors=True)
        if self.config.model.get("lora") is not None:
            save_adapter(model, path, base_model=self.config.model.get("name_or_path"))
        else:
            save_pretrained(model, path, tokenizer=self.rows.tokenizer())


def clear(directory: Path) -> None:
    """Remove what a run wrote, and nothing else."""
    for name in (CONFIG, TABLE, LOG, "wandb-id.txt"):
        (directory / name).unlink(missing_ok=True)
    for name in ("checkpoints", "best", "tensorboard", EXPORTED):
        shutil.rmtree(directory / name, ignore_errors=True)


def memory(device: jax.Device) -> float:
    """Most bytes that a device has held; where it does not say, that the process has."""
    stats = device.memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return float(stats["peak_bytes_in_use"])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _same(path: Path, before: Any, now: Any, key: str = "") -> None:
    """Refuse a directory whose run had other settings."""
    if key in FREE:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            _same(path, before.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif before != now:
        message = f"{path}: this run has {key} = {before!r}, not {now!r}"
        raise DatasetError(f"{message}; choose another output_dir, or overwrite=true")
