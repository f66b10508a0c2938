"""A clock for tests, which advances only when a task sleeps or a test sets it."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

_MANY_TURNS: Final = 100_000


class FakeClock:
    """A `Clock` on which several tasks can sleep: time jumps to the task that is due first.

    Changing `wall_offset` simulates setting the wall clock.
    """

    def __init__(self, elapsed: float = 1_000.0, wall: float = 1_750_000_000.0) -> None:
        self.now = elapsed
        self.wall_offset = wall - elapsed
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._driver: asyncio.Task[None] | None = None

    def wall(self) -> float:
        return self.now + self.wall_offset

    def elapsed(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        await woken

    async def run_until(self, due: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until the clock shows `due`, then cancel it; raise its exception, if any."""
        task = asyncio.ensure_future(work())
        alarm = asyncio.ensure_future(self.sleep(due - self.now))
        await asyncio.wait([task, alarm], return_when=asyncio.FIRST_COMPLETED)
        for each in (task, alarm):
            each.cancel()
        results = await asyncio.gather(task, alarm, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _drive(self) -> None:
        """Wake the sleeper that is due next whenever all other tasks wait."""
        while self._sleepers:
            await settle()
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now = max(self.now, due)
                woken.set_result(None)


async def settle() -> None:
    """Let all other tasks run until each of them waits."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(_MANY_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
