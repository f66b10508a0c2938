"""The request budget: never more requests a minute than the operator allows, whatever the walk wants."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from pin_exporter.toolkit.clock import Clock

_WINDOW_SECONDS: Final = 60.0
_SHORTEST_WAIT_SECONDS: Final = 0.001


class RequestBudget:
    """Grants at most `per_minute` requests in any 60 seconds, shared by all who use the same key.

    Background requests, those of the walk, get at most half of it, so that totals are never kept waiting by a
    long walk. A burst is allowed as long as the window has room: a small account is walked at once.
    `per_minute` may be changed at any time; what was granted before still counts.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
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
    def is_spotless(self) -> bool:
        """Return whether a new one would do as well: nothing is granted, waited for or paused."""
        waited_for = self._turn.locked() or self._background_turn.locked()
        return (
            not waited_for and not self._recent(self._granted) and self._paused_until <= self._clock.elapsed()
        )

    def pause(self, seconds: float) -> None:
        """Grant nothing for so many seconds, as the API asked for by `Retry-After`."""
        self._paused_until = max(self._paused_until, self._clock.elapsed() + seconds)

    async def acquire(self, *, background: bool) -> float:
        """Wait for leave to send one request, first come first served; return the seconds waited."""
        asked_at = self._clock.elapsed()
        if background:
            async with self._background_turn:
                while (wait := self._wait_seconds(self._background, self.background_per_minute)) > 0:
                    await self._clock.sleep(wait)
                await self._acquire()
                self._background.append(self._clock.elapsed())
        else:
            await self._acquire()
        waited = self._clock.elapsed() - asked_at
        return waited if waited >= _SHORTEST_WAIT_SECONDS else 0.0

    async def _acquire(self) -> None:
        async with self._turn:
            while (wait := self._wait_seconds(self._granted, self.per_minute)) > 0:
                await self._clock.sleep(wait)
            self._granted.append(self._clock.elapsed())

    def _wait_seconds(self, granted: deque[float], most: int) -> float:
        recent = self._recent(granted)
        free_at = recent[-most] + _WINDOW_SECONDS if len(recent) >= most else 0.0
        return max(free_at, self._paused_until) - self._clock.elapsed()

    def _recent(self, granted: deque[float]) -> deque[float]:
        """Forget what is out of the window."""
        while granted and granted[0] + _WINDOW_SECONDS <= self._clock.elapsed():
            granted.popleft()
        return granted


class Budgets:
    """The budget of each key, also of one that nobody has any more, until it is spotless."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tidied_at = clock.elapsed()
        self._budgets: dict[Hashable, RequestBudget] = {}

    def of(self, key: Hashable, per_minute: int) -> RequestBudget:
        """Return a key's budget, with a limit of `per_minute` if it is new or has more."""
        now = self._clock.elapsed()
        if now - self._tidied_at >= _WINDOW_SECONDS:  # seldom, for there may be thousands
            self._budgets = {key: one for key, one in self._budgets.items() if not one.is_spotless}
            self._tidied_at = now
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = RequestBudget(per_minute, self._clock)
        budget.per_minute = min(budget.per_minute, per_minute)
        return budget


class FoundBudget:
    """The budget that is found anew for each request, as the key may be another by then."""

    def __init__(self, find: Callable[[], RequestBudget]) -> None:
        self._find = find

    def pause(self, seconds: float) -> None:
        """Pause the budget of now."""
        self._find().pause(seconds)

    async def acquire(self, *, background: bool) -> float:
        """Wait for leave by the budget of now; return the seconds waited."""
        return await self._find().acquire(background=background)
