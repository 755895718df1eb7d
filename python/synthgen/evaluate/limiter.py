"""How fast questions are asked: so many at a time, requests and tokens a minute, and less when a server says so."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

BURST = 0.1
"""Part of a minute's tokens that may be used at once; the rest comes evenly, so that no minute has more than all."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds that a request waits before it is tried again: twice as long after each failure."""
LONGEST_ASKED = 600.0
"""A server's Retry-After is followed up to so many seconds."""


class Clock(NamedTuple):
    """Time in seconds, and sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def pause(attempt: int, asked: float | None, rng: random.Random) -> float:
    """Seconds before attempt `attempt` + 1: what the server asks for, or twice the last, and up to half as much again.

    The random part keeps requests that failed together from coming back together.
    """
    least = min(asked, LONGEST_ASKED) if asked is not None else min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return least * (1 + 0.5 * rng.random()) if least else 0.0


class Limiter:
    """Gives leave for every request, first tries and later ones alike.

    At most `concurrent` are under way, `requests_per_minute` begin in a minute, evenly, and `tokens_per_minute` are
    used (0: no limit). When a server is overloaded half as many may be under way as before, and all wait as long as it
    asks; each success gives a little back.
    """

    def __init__(
        self, concurrent: int, requests_per_minute: float = 0, tokens_per_minute: float = 0, clock: Clock | None = None
    ) -> None:
        self._clock = clock or Clock()
        self._most = self._allowed = float(concurrent)
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._spacing = 60 / requests_per_minute if requests_per_minute > 0 else 0.0
        self._rate = tokens_per_minute * (1 - BURST) / 60
        self._full = self._level = tokens_per_minute * BURST
        self._next = self._filled = self._eased = self._clock.now()
        self._until = 0.0

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return int(self._allowed)

    async def acquire(self, tokens: int) -> None:
        """Wait for leave to send a request that is thought to use so many tokens."""
        while self._active >= self.allowed:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # Its turn may have come already: then it is another's.
                self._wake()
                raise
        self._active += 1
        try:
            start = self._reserve(tokens)
            while (now := self._clock.now()) < (wanted := max(start, self._until)):
                await self._clock.sleep(wanted - now)
        except BaseException:
            self.release()
            raise

    def _reserve(self, tokens: int) -> float:
        """The time at which the next request may begin."""
        now = self._clock.now()
        start = max(now, self._next)
        self._next = start + self._spacing
        if self._rate:
            self._refill(now)
            self._level -= tokens
            start = max(start, now - self._level / self._rate) if self._level < 0 else start
        return start

    def _refill(self, now: float) -> None:
        self._level = min(self._full, self._level + (now - self._filled) * self._rate)
        self._filled = now

    def settle(self, thought: int, used: int) -> None:
        """Correct what a request was thought to use."""
        if self._rate:
            self._refill(self._clock.now())
            self._level = min(self._full, self._level + thought - used)

    def release(self) -> None:
        """A request is over."""
        self._active -= 1
        self._wake()

    def _wake(self) -> None:
        room = self.allowed - self._active
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1

    def succeeded(self) -> None:
        """A reply came: one more may be under way after as many successes as are under way."""
        self._allowed = min(self._most, self._allowed + 1 / self._allowed)

    def overloaded(self, asked: float | None) -> None:
        """The server has too much to do: half as many from now on, and none before the time that it asks for."""
        now = self._clock.now()
        if now >= self._eased:
            # Requests that were sent together are refused together: that is one overload.
            self._allowed = max(1.0, self._allowed / 2)
            self._eased = now + FIRST_PAUSE
        if asked:
            self._until = max(self._until, now + min(asked, LONGEST_ASKED))
