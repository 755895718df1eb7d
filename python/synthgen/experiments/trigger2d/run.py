"""One seed: rows, training by the trainer, accuracies while it trains and after, figures."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.files import json_bytes, write_atomic
from ...train.build import load as load_model
from ...train.config import EvalConfig, LoggingConfig, OptimizerConfig, RunConfig, TrainConfig
from ...train.loop import train
from ...train.models import LanguageModel
from ...train.texts import encoded, text_of
from ...tree import FILE, DatasetConfig
from . import adapters, history, plots
from .bases import TRAINING, USED, Start, results_of, start
from .plan import Plan
from .rates import rates, wilson
from .rows import Data, Row, make, stratified, write, write_rows
from .scoring import Scorer, accuracy, padded
from .settings import Settings, load

FINAL, HISTORY, PREDICTIONS, MIX = (
    "final_full_accuracy.json", "training_history.json", "final_predictions.jsonl", "train_mix.jsonl",
)  # fmt: skip


class Log:
    """Lines for the terminal and for run.log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, text: str) -> None:
        """Say a line."""
        print(text, file=sys.stderr)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


@dataclass(frozen=True)
class Judge:
    """What is said of a model at an evaluation, beside the losses of the test sets."""

    plan: Plan
    scorer: Scorer
    train: Sequence[Row]
    test: Mapping[str, Sequence[Row]]
    directory: Path
    log: Log

    def __call__(self, model: LanguageModel) -> dict[str, float]:
        """Score samples, where their turn has come: as many evaluations are past as are recorded."""
        epoch = self.plan.evaluated[len(history.records(self.directory, "eval"))]
        said: dict[str, float] = {}
        test = [row for rows in self.test.values() for row in rows]
        for name, found in {"train": self.train, "test": test}.items():
            answers, everything = self.scorer.losses(model, found)
            said |= {f"loss_answers/{name}": answers, f"loss_all_tokens/{name}": everything}
        if epoch in self.plan.train_epochs:
            said["accuracy/train"] = self._accuracy(model, self.train)
        if epoch in self.plan.accuracy_epochs:
            said |= {f"accuracy/set={name}": self._accuracy(model, rows) for name, rows in self.test.items()}
        shown = [value for name, value in said.items() if name.startswith("accuracy/set=")]
        mean = f", accuracy {sum(shown) / len(shown):.3f} over {len(shown)} sets" if shown else ""
        self.log(f"epoch {epoch}: loss {said['loss_answers/train']:.4f} on rows of training{mean}")
        return said

    def _accuracy(self, model: LanguageModel, rows: Sequence[Row]) -> float:
        found: float = accuracy(rows, self.scorer.answers(model, rows))["accuracy"]
        return found


def run(directory: str | Path, seed: int | None = None) -> Path:
    """Run a seed of an experiment, and the stage before it if that has not run; give the folder of the results.

    The same call goes on where it was stopped, and does nothing where all is done. Raises ParamError and DatasetError.
    """
    return run_settings(load(directory, seed))


def run_settings(settings: Settings) -> Path:
    """Run a seed whose settings are read already."""
    pushed = adapters.target(settings)
    begun = start(settings)
    if begun.stage is not None:
        run_settings(begun.stage)
    data = make(settings, begun.base)
    write(settings, data)
    folder = results_of(settings, begun)
    if not (folder / FINAL).is_file():
        _Seed(settings, begun, data, folder).run()
    if pushed is not None:
        adapters.push(folder / TRAINING, pushed, private=settings.finetune["push_to_private"])
    return folder


class _Seed:
    """A seed with its rows and its folder."""

    def __init__(self, settings: Settings, begun: Start, data: Data, folder: Path) -> None:
        own = settings.config
        self.settings, self.begun, self.data, self.folder = settings, begun, data, folder
        self.mix = data.mix(own["max_dataset_size"], settings.seed)
        self.plan = Plan(len(self.mix), settings)
        method, rows, fast = own["accuracy_method"], own["eval_batch_size"], own["use_fast_accuracy"]
        self.scorer = Scorer(begun.tokenizer, settings.candidates, method, rows, fast)
        self.train = stratified(self.mix, own["train_accuracy_sample_size"], settings.seed)
        self.test = self._samples(own["accuracy_sample_size"])
        self.log = Log(folder / "run.log")

    def _samples(self, size: int) -> dict[str, list[Row]]:
        return {name: stratified(rows, size, self.settings.seed) for name, rows in self.data.test.items()}

    def run(self) -> None:
        """Train, score, draw."""
        for line in self.settings.unused:
            self.log(f"not used: {line}")
        counts = f"{len(self.mix)} rows of {sum(map(len, self.data.train.values()))} are trained on"
        self.log(f"{self.folder}: {counts}, {self.plan.step(self.plan.epochs)} steps of {self.plan.batch_size}")
        config = self._config()
        training = self.folder / TRAINING
        train(config, Judge(self.plan, self.scorer, self.train, self.test, training, self.log))
        told = history.told(training, self.plan, self.test, self.train)
        write_atomic(self.folder / HISTORY, json_bytes(told))
        final = self._final(load_model(training))
        for file, value in zip(USED, (self.settings.resolved(), self.data.categories), strict=True):
            write_atomic(self.folder / file, json_bytes(value))
        name = adapters.target(self.settings) or str(training)
        write_atomic(self.folder / "model_id.txt", f"{name}\n".encode())
        plots.draw(self.folder, told, final)
        # Last, because with this file all is done.
        write_atomic(self.folder / FINAL, json_bytes(final))
        self.log(f"done: {self.folder}")

    def _config(self) -> RunConfig:
        """The run of the trainer, and the files that it reads."""
        own, finetune, plan = self.settings.config, self.settings.finetune, self.plan
        write_rows(self.folder / MIX, self.mix)
        shutil.rmtree(self.folder / "samples", ignore_errors=True)
        paths = {}
        for name, rows in self._samples(own["evaluation_sample_size"]).items():
            path = self.folder / "samples" / f"{name}.jsonl"
            write_rows(path, rows)
            paths[name] = str(path.resolve())
        parts = finetune["gradient_accumulation_steps"]
        frequency = finetune["checkpoint_frequency"]
        return RunConfig(
            dataset=DatasetConfig(
                name=FILE,
                path=str((self.folder / MIX).resolve()),
                tokenizer=self.begun.tokenizer,
                seq_len=self._seq_len(),
            ),
            model=self.begun.model,
            optimizer=OptimizerConfig(
                lr=finetune["learning_rate"],
                weight_decay=float(finetune["weight_decay"]),
                warmup_steps=finetune["warmup_steps"],
                schedule=finetune["lr_scheduler_type"],
                final_share=0.0,
            ),
            train=TrainConfig(
                max_steps=plan.step(plan.epochs),
                batch_size=plan.batch_size,
                accumulate=parts if parts > 1 and plan.batch_size % parts == 0 else None,
                seed=self.settings.seed,
                remat=finetune["use_gradient_checkpointing"],
                export=finetune["is_peft"] and finetune["save_adapter_weights"],
                checkpoint_every=plan.step(frequency),
                keep=finetune["max_checkpoints_to_keep"],
            ),
            eval=EvalConfig(
                every=0,
                at=[plan.step(epoch) for epoch in plan.evaluated],
                num_examples=own["evaluation_sample_size"],
                batch_size=finetune["per_device_eval_batch_size"],
                paths=paths,
            ),
            logging=LoggingConfig(every=1, progress=False),
            output_dir=str(self.folder / TRAINING),
        )

    def _seq_len(self) -> int | None:
        """The width of rows, where a limit is given: it makes none longer."""
        most = self.settings.finetune["max_seq_length"]
        if most is None:
            return None
        rows = [*self.mix, *(row for rows in self.data.test.values() for row in rows)]
        return min(int(most), padded([encoded(text_of(row), self.scorer.spelling) for row in rows]))

    def _final(self, model: LanguageModel) -> dict[str, Any]:
        """Score all rows, or the samples, with the trained model."""
        full = self.settings.config["final_full_accuracy_evaluation"]
        test: Mapping[str, list[Row]] = self.data.test if full else self.test
        answers = {name: self.scorer.answers(model, rows) for name, rows in test.items()}
        predictions = [
            {"set": name, **{key: row[key] for key in row if key != "messages"}, "predicted": answer}
            for name, rows in test.items()
            for row, answer in zip(rows, answers[name], strict=True)
        ]
        write_rows(self.folder / PREDICTIONS, predictions)
        trained = self.mix if full else self.train
        base = self.begun.base
        answered = [(row, row["predicted"]) for row in predictions]
        return {
            "method": self.scorer.method,
            "all_rows": full,
            "train": _figures(trained, self.scorer.answers(model, trained)),
            "test": {name: _figures(rows, answers[name]) for name, rows in test.items()},
            "rates": None if base is None else rates(answered, self.data.categories, base),
            "rates_by_set": None
            if base is None
            else {
                kind: rates([one for one in answered if one[0]["set"].endswith(f"_{kind}")], self.data.categories, base)
                for kind in ("ID", "BASE", "OOD")
            },
        }


def _figures(rows: Sequence[Row], answers: Sequence[str]) -> dict[str, Any]:
    """Accuracy, its interval, and the accuracy of the most frequent colour."""
    found = accuracy(rows, answers)
    outputs = [row["output"] for row in rows]
    right = round(found["accuracy"] * len(rows))
    majority = max(map(outputs.count, set(outputs)), default=0) / max(len(rows), 1)
    return {**found, "interval": wilson(right, len(rows)), "majority": majority}
