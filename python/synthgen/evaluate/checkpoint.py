"""A model of ours, in this process: asked as a server is, and answered many at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .._task import generator
from ..checks import extra
from ..errors import SynthgenError, param_error
from ..registry import get
from ..vocab import BOS, EOS
from .client import Asked, Put
from .replies import Reply

LONGEST = 256
"""New tokens of an answer, where nothing else is asked for: models of ours do not think aloud."""


BATCH = "synthgen-batch"
GRACE = 1.0
"""Seconds that an interrupt waits for a batch that is under way."""


class Spelling(NamedTuple):
    """How a task's prompts become ids, and ids its answers."""

    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    stops: tuple[int, ...]  # what comes after an answer


class _Waiting(NamedTuple):
    ids: list[int]
    spelling: Spelling
    draw: int
    future: asyncio.Future[Asked]


class Checkpoint:
    """The model of a run of `synthgen train`, or of a folder of Llama or GPT-2 weights with their tokenizer."""

    def __init__(self, directory: str, max_tokens: int, temperature: float, rows: int) -> None:
        extra("jax", "train")
        from ..train import build
        from ..train.weights import load_pretrained

        self._path, self._max_tokens, self._temperature, self._rows = Path(directory), max_tokens, temperature, rows
        if not self._path.is_dir():
            raise param_error(None, "checkpoint", directory, "allowed: the directory of a run, or a folder of weights")
        self._run = build.read_config(self._path).dataset if build.is_run(self._path) else None
        self._model = build.load(self._path) if self._run is not None else load_pretrained(self._path)
        self._spellings: dict[str, Spelling] = {}
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    def check(self, task: str, prompt: str) -> None:
        """Raise ParamError where the model cannot read a task's prompts."""
        try:
            self._spelling(task).encode(prompt)
        except SynthgenError as error:
            allowed = f"allowed: tasks and prompts (--prompt plain) that the model's pieces spell; here: {error}"
            raise param_error(task, "checkpoint", str(self._path), allowed) from error

    def _spelling(self, task: str) -> Spelling:
        if task not in self._spellings:
            self._spellings[task] = self._made(task)
        return self._spellings[task]

    def _made(self, task: str) -> Spelling:
        from ..train.texts import spelling
        from ..tree import FILE, MIX

        run = self._run
        if run is not None and run.name == MIX and run.joint:
            from ..mixture import Mixture

            vocab = Mixture(run.weights, run.config, run.difficulty, joint=True).vocab
            stops = _stops(vocab.pieces, task)
            return Spelling(lambda text: [BOS, *vocab.encode(f"<{task}>{text}")], vocab.decode, (EOS, *stops))
        if run is not None and run.name != FILE:
            vocab = get(task).vocab
            own = get(next(iter(run.weights)) if run.name == MIX else run.name).vocab
            if vocab.pieces != own.pieces:
                raise param_error(task, "checkpoint", str(self._path), "allowed: tasks that the run was trained on")
            return Spelling(lambda text: [BOS, *vocab.encode(text)], vocab.decode, (EOS, *_stops(vocab.pieces, task)))
        found = spelling(run.tokenizer if run is not None else str(self._path))
        first = [] if found.bos is None else [found.bos]
        return Spelling(
            lambda text: [*first, *found.encode(text)], found.decode, () if found.eos is None else (found.eos,)
        )

    async def ask(self, put: Put) -> Asked:
        """Answer a question with the others that wait."""
        own = self._spelling(put.question.task)
        future: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()
        try:
            ids = own.encode(str(put.prompt))
        except SynthgenError as error:
            return Asked(None, str(error), 1, 0.0)
        # The draw of a sample is its own, whatever it is answered with.
        draw = int.from_bytes(hashlib.sha256(f"{put.question.sample_id}#{put.repeat}".encode()).digest()[:4], "big")
        self._waiting.append(_Waiting(ids, own, draw, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._answer())
        return await future

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # whoever else is about to ask does so first
        while self._waiting:
            taken = self._batch()
            began = time.perf_counter()
            try:
                replies = await _aside(partial(self._generate, taken))
            except SynthgenError as error:
                answers = [Asked(None, str(error), 1, 0.0)] * len(taken)
            except Exception as error:  # such as the memory of a device that is used up: nobody is left waiting
                for one in [*taken, *self._waiting]:
                    if not one.future.done():
                        one.future.set_exception(error)
                return
            else:
                took = round((time.perf_counter() - began) * 1000, 1)
                answers = [Asked(reply, None, 1, took) for reply in replies]
            for one, asked in zip(taken, answers, strict=True):
                if not one.future.done():
                    one.future.set_result(asked)
            await asyncio.sleep(0)

    def _batch(self) -> list[_Waiting]:
        """The next rows that end alike: what ends an answer of one task may be part of another's."""
        spelling = self._waiting[0].spelling
        alike = [one for one in self._waiting if one.spelling is spelling][: self._rows]
        left = {id(one) for one in alike}
        self._waiting = deque(one for one in self._waiting if id(one) not in left)
        return alike

    def _generate(self, taken: Sequence[_Waiting]) -> list[Reply]:
        from ..train.generation import generate

        # As many rows each time, so that one program does for all.
        rows = [*taken, *[taken[0]] * (self._rows - len(taken))]
        made = generate(
            self._model,
            [one.ids for one in rows],
            self._max_tokens,
            stop_id=taken[0].spelling.stops,
            temperature=self._temperature,
            draws=[one.draw for one in rows],
        )
        found = []
        for one, ids in zip(taken, made, strict=False):
            given = [int(token) for token in ids]
            ended = bool(given) and given[-1] in one.spelling.stops
            text = one.spelling.decode(given)
            found.append(Reply(text, None, "stop" if ended else "length", len(one.ids), len(given)))
        return found

    async def close(self) -> None:
        """Answer nothing more."""
        if self._worker is not None:
            self._worker.cancel()


def _stops(pieces: Sequence[str], task: str) -> tuple[int, ...]:
    """Pieces that hold the beginning of what comes after an answer of a task."""
    ends = generator(task, {}, None).stops
    return tuple(i for i, piece in enumerate(pieces) if i > EOS and any(end in piece for end in ends))


async def _aside(work: Callable[[], Any]) -> Any:
    """Do work in a thread, which an interrupt does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_result(result) if error is None else future.set_exception(error)

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # it is raised again where it is waited for
            failure = error
        # After an interrupt nobody waits any more, and the loop is closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=BATCH).start()
    return await future


def leave(status: int) -> None:
    """End the process at once if a batch is under way and takes longer: a program of XLA cannot be interrupted."""
    for thread in threading.enumerate():
        if thread.name == BATCH:
            thread.join(GRACE)
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
