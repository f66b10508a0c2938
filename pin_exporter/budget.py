"""The request budget: never more requests a minute than the operator allows, whatever the walk wants."""

import asyncio
from collections import deque
from typing import Final, Self

from pin_exporter.clock import Clock

_WINDOW_SECONDS: Final = 60.0
_SHORTEST_WAIT_SECONDS: Final = 0.001


class RequestBudget:
    """Grants at most `per_minute` requests in any 60 seconds, shared by all who use the same key.

    Background requests, those of the walk, get at most half of it, so that totals are never kept waiting by a
    long walk. A burst is allowed as long as the window has room: a small account is walked at once. What
    `before`, in whose place it comes, has granted counts, and so does a pause of it.
    """

    def __init__(self, per_minute: int, clock: Clock, before: Self | None = None) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._granted: deque[float] = deque(before._granted if before else (), per_minute)
        self._background: deque[float] = deque(
            before._background if before else (), self.background_per_minute
        )
        self._turn = asyncio.Lock()
        self._background_turn = asyncio.Lock()
        self._paused_until: float = before._paused_until if before else 0.0

    @property
    def background_per_minute(self) -> int:
        """Return how many of the requests may be background requests."""
        return max(1, self.per_minute // 2)

    def pause(self, seconds: float) -> None:
        """Grant nothing for so many seconds, as the API asked for by `Retry-After`."""
        self._paused_until = max(self._paused_until, self._clock.elapsed() + seconds)

    async def acquire(self, *, background: bool) -> float:
        """Wait for leave to send one request, first come first served; return the seconds waited."""
        asked_at = self._clock.elapsed()
        if background:
            async with self._background_turn:
                await self._wait_for_room(self._background)
                await self._acquire()
                self._background.append(self._clock.elapsed())
        else:
            await self._acquire()
        waited = self._clock.elapsed() - asked_at
        return waited if waited >= _SHORTEST_WAIT_SECONDS else 0.0

    async def _acquire(self) -> None:
        async with self._turn:
            await self._wait_for_room(self._granted)
            self._granted.append(self._clock.elapsed())

    async def _wait_for_room(self, granted: deque[float]) -> None:
        while (wait := self._wait_seconds(granted)) > 0:
            await self._clock.sleep(wait)

    def _wait_seconds(self, granted: deque[float]) -> float:
        full = len(granted) == granted.maxlen
        free_at = granted[0] + _WINDOW_SECONDS if full else 0.0
        return max(free_at, self._paused_until) - self._clock.elapsed()
