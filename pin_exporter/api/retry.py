"""Pages of one account: within the request budget, retried where that helps, every step counted."""

import math
import random
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from pin_exporter.api.client import PinClient, RequestResult
from pin_exporter.api.errors import PollError, RateLimitedError, ServerError, TooLargeError
from pin_exporter.api.model import Page
from pin_exporter.api.rate_limit import FoundBudget, RequestBudget
from pin_exporter.api.request_stats import Operation, RequestStats
from pin_exporter.toolkit.clock import Clock

RETRIED: Final = frozenset({"connection", "timeout", "rate_limited", "server_error", "malformed"})
"""The reasons that another try may cure, unless it is the size of the answer that is malformed.

A key that was refused is none: it is tried once an interval.
"""
_ATTEMPTS: Final = 4
_FIRST_DELAY_SECONDS: Final = 0.5
_FIRST_DELAY_SECONDS_OF_429: Final = 5.0
_LONGEST_DELAY_SECONDS: Final = 20.0

Count = Callable[[Callable[[RequestStats], RequestStats]], None]
"""Takes a step from the traffic so far to the traffic after an event."""


class RetryingClient:
    """Fetches pages for both collectors of one account.

    `patience_seconds` bounds the retries of one page, and how long a `Retry-After` is obeyed.
    """

    def __init__(
        self,
        api: PinClient,
        budget: RequestBudget | FoundBudget,
        clock: Clock,
        rng: random.Random,
        patience_seconds: float,
    ) -> None:
        self._api = api
        self._budget = budget
        self._clock = clock
        self._rng = rng
        self._patience_seconds = patience_seconds
        self.waiting: Counter[Operation] = Counter()
        """How many requests wait for the budget, which others may use up for hours."""

    async def page(
        self,
        operation: Operation,
        *,
        offset: int,
        limit: int,
        count: Count,
        retried: Collection[str] = RETRIED,
    ) -> Page:
        """Return one page. Raises the PollError of the last attempt."""

        def observe(exchange: RequestResult) -> None:
            count(lambda traffic: traffic.requested(operation, *exchange))

        deadline = math.inf
        for attempt in range(1, _ATTEMPTS + 1):
            self.waiting[operation] += 1
            try:
                waited = await self._budget.acquire(background=operation is Operation.LIST)
            finally:
                self.waiting[operation] -= 1
            _count_wait(count, waited)
            # From the first request on: waiting for the budget must not use up the patience.
            deadline = min(deadline, self._clock.elapsed() + self._patience_seconds)
            try:
                return await self._api.list_pins(offset=offset, limit=limit, observe=observe)
            except PollError as error:
                delay = self._delay_seconds(error, attempt)
                in_time = self._clock.elapsed() + delay <= deadline
                if isinstance(error, RateLimitedError):
                    self._budget.pause(min(delay, self._patience_seconds))
                is_curable = error.reason in retried and not isinstance(error, TooLargeError)
                if attempt == _ATTEMPTS or not is_curable or not in_time:
                    raise
                reason = error.reason
                count(lambda traffic, reason=reason: traffic.retried(reason))  # type: ignore[misc]
                await self._back_off(error, delay, count)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _back_off(self, error: PollError, delay: float, count: Count) -> None:
        """Wait before the next attempt; after a 429 it is the budget that waits."""
        if isinstance(error, RateLimitedError):
            return
        await self._clock.sleep(delay)
        if isinstance(error, ServerError) and error.retry_after_seconds is not None:
            _count_wait(count, delay)

    def _delay_seconds(self, error: PollError, attempt: int) -> float:
        """Return the API's own wish, else an exponential backoff with jitter."""
        asked = error.retry_after_seconds if isinstance(error, RateLimitedError | ServerError) else None
        if asked is not None:
            return asked
        first = _FIRST_DELAY_SECONDS_OF_429 if isinstance(error, RateLimitedError) else _FIRST_DELAY_SECONDS
        longest = min(_LONGEST_DELAY_SECONDS, first * 2 ** (attempt - 1))
        return self._rng.uniform(longest / 2, longest)


def _count_wait(count: Count, seconds: float) -> None:
    if seconds:
        count(lambda traffic: traffic.throttled(seconds))
