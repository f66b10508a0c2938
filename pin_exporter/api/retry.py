"""Pages of one account: within the request budget, and retried where that may help."""

import math
import random
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from pin_exporter.api.client import PinClient
from pin_exporter.api.errors import HttpStatusError, PollError, RateLimitedError, TooLargeError
from pin_exporter.api.model import Collector, Page, PinnedFilter
from pin_exporter.api.rate_limit import RequestBudget
from pin_exporter.toolkit.clock import Clock

RETRIED: Final = frozenset({"connection", "timeout", "rate_limited", "server_error", "malformed"})
"""The reasons for which another attempt may succeed, except for a response that is too large."""
_ATTEMPTS: Final = 4
_FIRST_DELAY_SECONDS: Final = 0.5
_FIRST_DELAY_SECONDS_AFTER_429: Final = 5.0


class RetryingClient:
    """Fetches pages for both collectors of one account.

    `budget` returns the budget of the key in use and is called for each request, because the key may have
    changed. `patience_seconds` bounds the retries of one page, and how long a Retry-After is obeyed.
    """

    def __init__(
        self,
        client: PinClient,
        budget: Callable[[], RequestBudget],
        clock: Clock,
        rng: random.Random,
        patience_seconds: float,
    ) -> None:
        self.counter = client.counter
        self.waiting: Counter[Collector] = Counter()
        """How many requests of each collector wait for the budget; others may use it up for hours."""
        self._client = client
        self._budget = budget
        self._clock = clock
        self._rng = rng
        self._patience_seconds = patience_seconds

    async def list_pins(
        self,
        collector: Collector,
        *,
        offset: int,
        limit: int,
        pinned: PinnedFilter = "all",
        retried: Collection[str] = RETRIED,
    ) -> Page:
        """Return one page. Raises the PollError of the last attempt."""
        attempt, deadline = 0, math.inf
        while True:
            attempt += 1
            await self._wait_for_budget(collector)
            # From the first request on: waiting for the budget must not use up the patience.
            deadline = min(deadline, self._clock.elapsed() + self._patience_seconds)
            try:
                return await self._client.list_pins(collector, offset=offset, limit=limit, pinned=pinned)
            except PollError as error:
                delay = self._delay_seconds(error, attempt)
                in_time = self._clock.elapsed() + delay <= deadline
                if isinstance(error, RateLimitedError):
                    self._budget().pause(min(delay, self._patience_seconds))
                may_succeed = error.reason in retried and not isinstance(error, TooLargeError)
                if attempt == _ATTEMPTS or not may_succeed or not in_time:
                    raise
                self.counter.count_retry(error.reason)
                await self._back_off(error, delay)

    async def _wait_for_budget(self, collector: Collector) -> None:
        self.waiting[collector] += 1
        try:
            waited = await self._budget().acquire(background=collector is Collector.INVENTORY)
        finally:
            self.waiting[collector] -= 1
        self.counter.count_wait(waited)

    async def _back_off(self, error: PollError, delay: float) -> None:
        """Wait before the next attempt. After a 429 the paused budget does the waiting."""
        if isinstance(error, RateLimitedError):
            return
        await self._clock.sleep(delay)
        if isinstance(error, HttpStatusError) and error.retry_after_seconds is not None:
            self.counter.count_wait(delay)

    def _delay_seconds(self, error: PollError, attempt: int) -> float:
        """Return an exponential backoff with jitter, or the response's Retry-After if that is longer."""
        is_429 = isinstance(error, RateLimitedError)
        first = _FIRST_DELAY_SECONDS_AFTER_429 if is_429 else _FIRST_DELAY_SECONDS
        longest = first * 2 ** (attempt - 1)
        backoff = self._rng.uniform(longest / 2, longest)
        asked = error.retry_after_seconds if isinstance(error, HttpStatusError) else None
        return max(backoff, asked or 0.0)
