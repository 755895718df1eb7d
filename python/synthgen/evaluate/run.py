"""A run: every question put to a model once, or several times, scored, and written down as soon as it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..checks import integer
from ..errors import EvaluationError, param_error
from ..registry import tasks
from . import prompts
from .client import Asked, Model, Prompt, Put, Server, checked_url
from .judging import judge
from .limiter import Limiter
from .questions import Question, Questions
from .store import STATE, Store, now, read_state
from .summary import write_summary

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

MODES = ("chat", "completions")
RESERVED = frozenset({"messages", "model", "n", "prompt", "stream"})
"""Keys of a request that decide who is asked what, or in which form the answer comes."""
MOVABLE = ("base_url", "synthgen")
"""Settings that may differ when a run is resumed: the same server may have another address, or we another release."""
SCORED = ("outcome", "is_correct", "extracted_answer")
"""What a row says of its response, and `rescore` says anew."""


@dataclass(frozen=True)
class Evaluation:
    """Who is asked what, and how: all that decides a run's rows, and nothing else."""

    model: str
    base_url: str | None = None
    checkpoint: str | None = None  # a directory of ours, in place of a server
    questions: Questions = field(default_factory=Questions)
    prompt: str = "described"
    mode: str = "chat"
    repeats: int = 1
    temperature: float = 0.0
    max_tokens: int = 2048
    extra_body: Mapping[str, Any] = field(default_factory=dict)  # added to every request; None takes a key out

    def check(self) -> None:
        """Raise ParamError for settings, or for what a task refuses."""
        if (self.base_url is None) == (self.checkpoint is None):
            raise param_error(None, "base_url", self.base_url, "needed: a server's URL, or a checkpoint, not both")
        if self.base_url is not None:
            checked_url(self.base_url)
        if self.mode not in MODES:
            raise param_error(None, "mode", self.mode, f"allowed: {' or '.join(MODES)}")
        if self.checkpoint is not None and self.mode == "chat":
            raise param_error(None, "mode", self.mode, "allowed with a checkpoint: completions; our models do not chat")
        for name in self.extra_body.keys() & RESERVED:
            raise param_error(
                None, "extra_body", name, f"no key of one's own; allowed: any but {', '.join(sorted(RESERVED))}"
            )
        integer(None, "repeats", self.repeats, 1, 10_000)
        integer(None, "max_tokens", self.max_tokens, 1, 2**24)
        if not 0 <= self.temperature < math.inf:
            raise param_error(None, "temperature", self.temperature, "allowed: a number >= 0")
        self.questions.check(self.prompt)

    def __len__(self) -> int:
        return len(self.questions) * self.repeats

    def prompt_of(self, question: Question) -> Prompt:
        """What is sent for a question: the messages of a chat, or text to be continued."""
        make = prompts.messages if self.mode == "chat" else prompts.text
        return make(question, self.prompt, self.questions.asked(question.task))

    def config(self) -> dict[str, Any]:
        """The run as `state.json` has it. No key of a server is in it."""
        own, asked = asdict(self), asdict(self.questions)
        del own["questions"]
        asked["samples_per_combo"] = asked.pop("samples")
        versions = {task: tasks()[task].version for task in asked["tasks"]}
        return own | asked | {"versions": versions, "synthgen": __version__}

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Evaluation:
        """The run of a state. Raises EvaluationError where its rows can not be drawn any more."""
        given = {name: value for name, value in config.items() if name != "synthgen"}
        try:
            for task, version in given.pop("versions").items():
                now_is = tasks()[task].version if task in tasks() else None
                if now_is != version:
                    message = f"its questions are of {task} version {version}, and this is version {now_is}"
                    raise EvaluationError(f"{message}; begin a new run, or use the release that began this one")
            names = (*(one.name for one in fields(Questions) if one.name != "samples"), "samples_per_combo")
            found = cls(
                **{name: given[name] for name in given if name not in names}, questions=Questions.of_config(given)
            )
            found.check()
        except (KeyError, TypeError, AttributeError) as error:
            message = f"{STATE}: the settings of this run are incomplete, or of another program ({error})"
            raise EvaluationError(f"{message}; begin a new run") from None
        return found


@dataclass(frozen=True)
class Pace:
    """How fast a run goes, and when it gives up: what may differ when it is resumed."""

    timeout: float = 120.0  # seconds of one request
    requests_per_minute: float = 60.0  # 0: no limit
    tokens_per_minute: float = 0.0  # 0: no limit
    max_concurrent: int = 10
    max_retries: int = 4  # of one request
    stop_after_errors: int = 25  # samples in a row; 0: never

    def check(self) -> None:
        """Raise ParamError."""
        if not 0 < self.timeout < math.inf:
            raise param_error(None, "timeout", self.timeout, "allowed: seconds > 0")
        for name in ("requests_per_minute", "tokens_per_minute"):
            if not 0 <= getattr(self, name) < math.inf:
                raise param_error(None, name, getattr(self, name), "allowed: a number >= 0; 0 is no limit")
        integer(None, "max_concurrent", self.max_concurrent, 1, 4096)
        integer(None, "max_retries", self.max_retries, 0, 100)
        integer(None, "stop_after_errors", self.stop_after_errors, 0, 2**31)


Told = Callable[[int, int, Mapping[str, Any]], None]
"""Hears of every row: how many questions were put, of how many, and the row."""


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    directory: Path
    summary: dict[str, Any]
    finished: bool  # was every question put?


def evaluate(
    evaluation: Evaluation,
    directory: str | Path,
    *,
    pace: Pace | None = None,
    api_key: str | None = None,
    told: Told | None = None,
) -> Result:
    """Ask what is not answered yet, and write rows, state and summary into a directory.

    A directory that has a run of the same settings is gone on with: questions that were answered are not asked again,
    those that ended in an error are. When the call is interrupted, the rows that came are kept and summarised.

    Raises ParamError for settings, EvaluationError for a directory of another run, KeyboardInterrupt.
    """
    own, root = pace or Pace(), Path(directory)
    evaluation.check()
    own.check()
    if (root / STATE).exists():
        _same(root, read_state(root)["config"], evaluation.config())
    model = _model(evaluation, own, api_key)
    store = Store(root, evaluation.config(), len(evaluation))
    try:
        finished = _outside(_ask(evaluation, own, store, model, told))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # SIGTERM
    finally:
        try:
            store.close()
        finally:
            summary = write_summary(root)
    return Result(root, summary, finished)


def _same(root: Path, before: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        if name not in MOVABLE and before.get(name) != as_json(value):
            message = f"{root}: this run has {name} = {before.get(name)!r}, not {value!r}"
            raise EvaluationError(f"{message}; choose another directory, or resume it as it was")


def as_json(value: Any) -> Any:
    """A value as it comes back from JSON."""
    if isinstance(value, Mapping):
        return {name: as_json(one) for name, one in value.items()}
    return [as_json(one) for one in value] if isinstance(value, list | tuple) else value


def _model(evaluation: Evaluation, pace: Pace, api_key: str | None) -> Server | Checkpoint:
    if evaluation.checkpoint is not None:
        from .checkpoint import Checkpoint

        found = Checkpoint(evaluation.checkpoint, evaluation.max_tokens, evaluation.temperature, pace.max_concurrent)
        for task in evaluation.questions.tasks:
            level = evaluation.questions.difficulties[0]
            found.check(task, str(evaluation.prompt_of(next(evaluation.questions.of(task, level)))))
        return found
    settings = {
        "model": evaluation.model, "max_tokens": evaluation.max_tokens, "temperature": evaluation.temperature,
    } | dict(evaluation.extra_body)  # fmt: skip
    limiter = Limiter(pace.max_concurrent, pace.requests_per_minute, pace.tokens_per_minute)
    return Server(
        evaluation.base_url or "",
        settings,
        limiter,
        concurrent=pace.max_concurrent,
        chat=evaluation.mode == "chat",
        api_key=api_key,
        timeout=pace.timeout,
        attempts=pace.max_retries + 1,
    )


def _outside(work: Coroutine[Any, Any, bool]) -> bool:
    """Run a coroutine, in a thread of its own where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    found: list[bool | BaseException] = []
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[bool]]] = []
    begun = threading.Event()

    async def main() -> bool:
        task = asyncio.ensure_future(work)
        running.append((asyncio.get_running_loop(), task))
        begun.set()
        return await task

    def run() -> None:
        try:
            found.append(asyncio.run(main()))
        except BaseException as error:  # it is raised again where the call was made
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        thread.join()
    except BaseException:
        # Nothing may be written once the call is over.
        begun.wait()
        loop, task = running[0]
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


class _GivenUp(Exception):
    """Too many samples in a row ended in an error."""


async def _ask(evaluation: Evaluation, pace: Pace, store: Store, model: Model, told: Told | None) -> bool:
    """Put all questions that are left; say whether all were put."""
    total, left = len(evaluation), _left(evaluation, store)
    put, failed = len(store.done), 0

    async def work() -> None:
        nonlocal put, failed
        for question, repeat in left:
            asked = await model.ask(Put(evaluation.prompt_of(question), question, repeat))
            row = row_of(question, repeat, asked, evaluation.mode)
            store.add(row)
            put += 1
            if told is not None:
                told(put, total, row)
            failed = failed + 1 if row["outcome"] == "error" else 0
            if pace.stop_after_errors and failed >= pace.stop_after_errors:
                raise _GivenUp

    with _terminated():
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(pace.max_concurrent, total)):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            if not isinstance(errors.exceptions[0], _GivenUp):
                raise errors.exceptions[0] from None
        finally:
            await model.close()
    return put == total


def _left(evaluation: Evaluation, store: Store) -> Iterator[tuple[Question, int]]:
    """What is not answered yet. Repeats come one after another over all questions, so that a part of a run has all."""
    done = frozenset(store.done)
    for repeat in range(evaluation.repeats):
        for question in evaluation.questions:
            if (question.sample_id, repeat) not in done:
                yield question, repeat


@contextlib.contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    before = None
    if task is not None and threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGTERM)
        with contextlib.suppress(NotImplementedError):  # on Windows
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)


def row_of(question: Question, repeat: int, asked: Asked, mode: str) -> dict[str, Any]:
    """The row of results.jsonl."""
    reply = asked.reply
    row: dict[str, Any] = {
        "sample_id": question.sample_id,
        "repeat": repeat,
        "task": question.task,
        "difficulty": question.difficulty,
        "input_text": question.input_text,
        "target": question.target,
        "raw_response": reply.text if reply else "",
        "reasoning": reply.reasoning if reply else None,
        "finish_reason": reply.finish_reason if reply else None,
        "latency_ms": asked.latency_ms,
        "prompt_tokens": reply.prompt_tokens if reply else 0,
        "completion_tokens": reply.completion_tokens if reply else 0,
        "error": asked.error,
        "attempts": asked.attempts,
        "timestamp": now(),
        "metadata": question.metadata,
    }
    return row | scored(row, mode)


def scored(row: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """What a row's response is worth: its `SCORED` fields."""
    if row["error"] is not None:
        return dict(zip(SCORED, ("error", False, ""), strict=True))
    score = judge(
        row["task"],
        row["raw_response"],
        row["input_text"],
        row["target"],
        thoughts=row["reasoning"],
        cut=row["finish_reason"] == "length",
        continuation=mode == "completions",
    )
    return dict(zip(SCORED, (score.outcome, score.correct, score.extracted), strict=True))


def resumed(directory: Path) -> Evaluation:
    """The run of a directory. Raises EvaluationError."""
    return Evaluation.of(read_state(directory)["config"])
