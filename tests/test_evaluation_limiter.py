"""The limiter under a clock of its own: limits hold in every minute, and an overloaded server gets less."""

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthgen.evaluate.limiter import FIRST_PAUSE, LONGEST_ASKED, LONGEST_PAUSE, Clock, Limiter, pause


class Time:
    """A time that passes only when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now + seconds, self._count, future))
        await future

    async def run(self, work: Awaitable[None]) -> None:
        """Let work be done, and time pass whenever it waits."""
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(20):
                await asyncio.sleep(0)
            if not task.done() and self._sleeping:
                self.now, _, future = heapq.heappop(self._sleeping)
                if not future.done():
                    future.set_result(None)
        await task


def under(make: Callable[[Time], Awaitable[None]]) -> None:
    """Run a test under a time of its own."""

    async def main() -> None:
        time = Time()
        await time.run(make(time))

    asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 6),
    st.sampled_from([0, 7, 60, 600]),
    st.sampled_from([0, 1000, 20_000]),
    st.lists(st.tuples(st.integers(1, 100), st.integers(1, 40)), min_size=1, max_size=60),
)
def test_no_minute_has_more_than_its_limits(
    concurrent: int, requests: int, tokens: int, work: list[tuple[int, int]]
) -> None:
    starts: list[tuple[float, int]] = []
    active = most = 0

    async def all_of_it(time: Time) -> None:
        limiter = Limiter(concurrent, requests, tokens, time.clock)

        async def one(cost: int, seconds: int) -> None:
            nonlocal active, most
            await limiter.acquire(cost)
            starts.append((time.now, cost))
            active += 1
            most = max(most, active)
            await time.sleep(seconds)
            active -= 1
            limiter.settle(cost, cost)
            limiter.succeeded()
            limiter.release()

        await asyncio.gather(*(one(*each) for each in work))

    under(all_of_it)
    assert len(starts) == len(work)
    assert most <= concurrent
    for first, _ in starts:
        within = [cost for start, cost in starts if first <= start < first + 60 - 1e-6]
        assert not requests or len(within) <= requests
        # A request is let through when there is room for any of it: only one reaches beyond.
        assert not tokens or sum(within) <= tokens + max(within)


def test_what_was_used_counts_not_what_was_thought() -> None:
    async def cost(time: Time, used: int) -> float:
        limiter = Limiter(1, 0, 1000, time.clock)
        began = time.now
        for _ in range(20):
            await limiter.acquire(100)
            limiter.settle(100, used)
            limiter.release()
        return time.now - began

    async def both(time: Time) -> None:
        little, much = await cost(time, 10), await cost(time, 200)
        assert little < 20
        assert much > 150

    under(both)


def test_overload_halves_what_is_under_way_once_for_all_that_were_sent_together() -> None:
    async def work(time: Time) -> None:
        limiter = Limiter(16, clock=time.clock)
        for _ in range(10):
            limiter.overloaded(None)
        assert limiter.allowed == 8
        for expected in (4, 2, 1, 1):
            await time.sleep(FIRST_PAUSE)
            limiter.overloaded(None)
            assert limiter.allowed == expected
        for _ in range(200):
            limiter.succeeded()
        assert limiter.allowed == 16

    under(work)


def test_nothing_begins_before_the_time_that_a_server_asks_for() -> None:
    async def work(time: Time) -> None:
        limiter, began, starts = Limiter(4, clock=time.clock), time.now, list[float]()

        async def one() -> None:
            await limiter.acquire(1)
            starts.append(time.now)
            if len(starts) == 1:
                limiter.overloaded(30.0)
            limiter.release()

        await asyncio.gather(*(one() for _ in range(9)))
        assert starts[0] == began
        # Those that had their leave before the server asked are under way.
        assert all(start in (began, began + 30) for start in starts)
        assert starts.count(began + 30) >= 5
        before = time.now
        limiter.overloaded(1e9)
        await limiter.acquire(1)
        assert time.now - before == LONGEST_ASKED

    under(work)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_requests_that_are_given_up_take_nobodys_turn(seed: int, concurrent: int) -> None:
    rng = random.Random(seed)

    async def work(time: Time) -> None:
        limiter, done = Limiter(concurrent, clock=time.clock), list[int]()

        async def one(i: int) -> None:
            await limiter.acquire(1)
            try:
                await time.sleep(rng.random())
                done.append(i)
            finally:
                limiter.release()

        tasks = [asyncio.ensure_future(one(i)) for i in range(20)]
        given_up = set(rng.sample(range(20), 8))
        for i in given_up:
            await time.sleep(rng.random() / 4)
            tasks[i].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(done) >= set(range(20)) - given_up

    under(work)


@pytest.mark.parametrize("attempt", range(1, 12))
def test_pauses_grow_and_have_an_end(attempt: int) -> None:
    found = [pause(attempt, None, random.Random(i)) for i in range(200)]
    least = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
    assert least <= min(found) < max(found) <= 1.5 * least
    assert len(set(found)) > 100  # they do not come back together
    asked = [pause(attempt, 7.0, random.Random(i)) for i in range(200)]
    assert 7 <= min(asked) < max(asked) <= 10.5
    assert pause(attempt, 0.0, random.Random(0)) == 0
