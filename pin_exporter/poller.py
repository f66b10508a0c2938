"""Poll one account: when, what to publish, and what to do when it fails."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pin_exporter.clock import Clock
from pin_exporter.errors import PollError
from pin_exporter.inventory import PageSize, take_inventory
from pin_exporter.lister import RETRIED, PinLister
from pin_exporter.model import Page
from pin_exporter.snapshot import AccountSnapshot, Collector, Health, Operation, Traffic
from pin_exporter.tally import NOTHING_SHOWN

_log = logging.getLogger(__name__)

_STALE_INTERVALS: Final = 3
_STALE_SLACK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Cadence:
    """When to poll. Durations in seconds.

    `stale_after` None means three intervals and a minute. `walk_requests_per_minute` is this account's part
    of the request budget for walks.
    """

    poll_interval: float
    stale_after: float | None
    walk_requests_per_minute: float

    def health(self, interval: float) -> Health:
        """Return the health of a collector with this interval before its first poll."""
        return Health(interval, self.stale_after_seconds(interval))

    def inventory_interval(self, requests: int) -> float:
        """Return how often a walk of so many requests can be made within the budget."""
        return max(self.poll_interval, math.ceil(60 * requests / self.walk_requests_per_minute))

    def stale_after_seconds(self, interval: float) -> float:
        """Return the age at which data of a collector with this interval are no longer shown.

        A configured age gives way to an interval that had to be stretched beyond it: data that vanish between
        any two polls help nobody.
        """
        if self.stale_after is None:
            return _STALE_INTERVALS * interval + _STALE_SLACK_SECONDS
        return max(self.stale_after, 2 * interval if interval > self.poll_interval else 0.0)


class AccountPoller:
    """Keeps `snapshot` up to date: the one place where it is replaced, in one assignment each time."""

    def __init__(
        self,
        account: str,
        lister: PinLister,
        cadence: Cadence,
        clock: Clock,
        *,
        page_size: int,
        pages_in_flight: int = 1,
        size_limit_bytes: int | None = None,
    ) -> None:
        self._lister = lister
        self._cadence = cadence
        self._clock = clock
        self._page_size = PageSize(page_size)
        self._pages_in_flight = pages_in_flight
        health = cadence.health(cadence.poll_interval)
        self.snapshot = AccountSnapshot(account, dict.fromkeys(Collector, health), size_limit_bytes)

    async def run(self, start_after_seconds: float = 0.0) -> None:
        """Poll both collectors until cancelled. Only a bug makes it raise."""
        await self._clock.sleep(start_after_seconds)
        async with asyncio.TaskGroup() as group:
            for collector in Collector:
                group.create_task(self._keep_polling(collector))

    async def _keep_polling(self, collector: Collector) -> None:
        """Poll on a fixed beat: never two at once, and beats that were missed are left out."""
        due = self._clock.elapsed()
        while True:
            await self.poll(collector)
            interval = self.snapshot.health[collector].interval_seconds
            due += interval * max(1, math.ceil((self._clock.elapsed() - due) / interval))
            await self._clock.sleep(due - self._clock.elapsed())

    async def poll(self, collector: Collector) -> None:
        """Poll once and publish the outcome, be it data or a failure."""
        began = self._clock.elapsed()
        try:
            polled = await (self._poll_totals() if collector is Collector.TOTALS else self._poll_inventory())
        except PollError as error:
            self._publish_failure(collector, began, error)
        else:
            self._publish(collector, began, polled)

    async def _poll_totals(self) -> Callable[[AccountSnapshot], AccountSnapshot]:
        page = await self._lister.page(Operation.TOTALS, offset=0, limit=1, count=self._count)
        return lambda snapshot: replace(snapshot, totals=page.totals)

    async def _poll_inventory(self) -> Callable[[AccountSnapshot], AccountSnapshot]:
        previous = self.snapshot.counted
        counted = await take_inventory(
            self._fetch_page,
            self._page_size,
            shown=previous.inventory.shown if previous else NOTHING_SHOWN,
            wall=self._clock.wall,
            in_flight=self._pages_in_flight,
        )
        return lambda snapshot: replace(snapshot, counted=counted)

    async def _fetch_page(self, offset: int, limit: int) -> Page:
        # A page that times out is asked for in a smaller size rather than once more.
        return await self._lister.page(
            Operation.LIST, offset=offset, limit=limit, count=self._count, retried=RETRIED - {"timeout"}
        )

    def _count(self, step: Callable[[Traffic], Traffic]) -> None:
        self.snapshot = replace(self.snapshot, traffic=step(self.snapshot.traffic))

    def _publish(
        self, collector: Collector, began: float, polled: Callable[[AccountSnapshot], AccountSnapshot]
    ) -> None:
        snapshot = polled(self.snapshot)
        health = self._attempted(collector, began)
        if health.reason is not None or health.last_success_elapsed is None:
            _log.info("poll succeeded", extra={"account": snapshot.account, "collector": collector.value})
        interval = self._cadence.poll_interval
        if collector is Collector.INVENTORY and snapshot.counted:
            interval = self._cadence.inventory_interval(snapshot.counted.requests)
        health = health.succeeded(
            elapsed=self._clock.elapsed(),
            interval_seconds=interval,
            stale_after_seconds=self._cadence.stale_after_seconds(interval),
        )
        self.snapshot = snapshot.with_health(collector, health)

    def _publish_failure(self, collector: Collector, began: float, error: PollError) -> None:
        health = self._attempted(collector, began)
        if health.reason != error.reason:
            _log.warning(
                "poll failed",
                extra={
                    "account": self.snapshot.account,
                    "collector": collector.value,
                    "reason": error.reason,
                    "error": str(error),
                },
            )
        self.snapshot = self.snapshot.with_health(collector, health.failed(error.reason, str(error)))

    def _attempted(self, collector: Collector, began: float) -> Health:
        return self.snapshot.health[collector].attempted(
            at=self._clock.wall(), duration_seconds=self._clock.elapsed() - began
        )
