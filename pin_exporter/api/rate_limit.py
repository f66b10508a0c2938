"""The request budget: no more requests per minute than configured, shared by accounts with the same key."""

import asyncio
import math
from collections import deque
from collections.abc import Hashable
from typing import Final

from pin_exporter.toolkit.clock import Clock

_WINDOW_SECONDS: Final = 60.0
_MIN_WAIT_SECONDS: Final = 0.001
_MIN_AT_ONCE: Final = 2


class RequestBudget:
    """Grants at most `per_minute` requests in any 60 seconds.

    Background requests, those of an inventory, get at most half of them, so that a long inventory never
    delays the totals. Bursts are allowed while the window has room: a small account is read at once.
    `per_minute` may be changed at any time; requests that were granted before still count.

    What a process that ended just before `began` has sent is unknown. So in the first minute after that, half
    of either limit is granted: a tenth of the limit at once, the rest evenly.
    """

    def __init__(self, per_minute: int, clock: Clock, began: float = -math.inf) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._began = began
        self._granted: deque[float] = deque()
        self._background: deque[float] = deque()
        self._turn = asyncio.Lock()
        self._background_turn = asyncio.Lock()
        self._paused_until = 0.0

    @property
    def background_per_minute(self) -> int:
        """Return how many of the requests may be background requests."""
        return max(1, self.per_minute // 2)

    @property
    def is_unused(self) -> bool:
        """Return whether a new budget would behave the same: no recent requests, nobody waiting, no pause."""
        waited_for = self._turn.locked() or self._background_turn.locked()
        return (
            not waited_for and not self._recent(self._granted) and self._paused_until <= self._clock.elapsed()
        )

    def pause(self, seconds: float) -> None:
        """Grant nothing for so many seconds, as after a 429."""
        self._paused_until = max(self._paused_until, self._clock.elapsed() + seconds)

    async def acquire(self, *, background: bool) -> float:
        """Wait until one request may be sent, in order of arrival; return the seconds waited."""
        began = self._clock.elapsed()
        if background:
            async with self._background_turn:
                await self._wait_for_room(self._background, self.background_per_minute)
                await self._acquire()
                self._background.append(self._clock.elapsed())
        else:
            await self._acquire()
        waited = self._clock.elapsed() - began
        return waited if waited >= _MIN_WAIT_SECONDS else 0.0

    async def _acquire(self) -> None:
        async with self._turn:
            await self._wait_for_room(self._granted, self.per_minute)
            self._granted.append(self._clock.elapsed())

    async def _wait_for_room(self, granted: deque[float], most: int) -> None:
        while (wait := self._wait_seconds(granted, most)) > 0:
            await self._clock.sleep(wait)

    def _wait_seconds(self, granted: deque[float], most: int) -> float:
        recent = self._recent(granted)
        free_at = recent[-most] + _WINDOW_SECONDS if len(recent) >= most else 0.0
        return max(free_at, self._ready_at(len(recent), most), self._paused_until) - self._clock.elapsed()

    def _ready_at(self, granted: int, most: int) -> float:
        """Return when another request may follow those that were granted since the process began."""
        at_once = max(_MIN_AT_ONCE, most // 10)
        if granted < at_once:
            return self._began
        evenly = max(1, most // 2 - at_once)
        return self._began + _WINDOW_SECONDS * min(1.0, (granted - at_once + 1) / evenly)

    def _recent(self, granted: deque[float]) -> deque[float]:
        """Return the requests in the window; forget older ones."""
        while granted and granted[0] + _WINDOW_SECONDS <= self._clock.elapsed():
            granted.popleft()
        return granted


class Budgets:
    """One budget per key, of a process that begins now.

    That of a key that no account uses any more is kept until it is unused.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._tidied_at = clock.elapsed()
        self._budgets: dict[Hashable, RequestBudget] = {}

    def of(self, key: Hashable, per_minute: int) -> RequestBudget:
        """Return the budget of a key, limited to `per_minute` if it is new or allows more."""
        now = self._clock.elapsed()
        if now - self._tidied_at >= _WINDOW_SECONDS:  # rarely, because there may be thousands
            self._budgets = {key: budget for key, budget in self._budgets.items() if not budget.is_unused}
            self._tidied_at = now
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = RequestBudget(per_minute, self._clock, self._began)
        budget.per_minute = min(budget.per_minute, per_minute)
        return budget
