"""Poll one account: when, what to publish, and what to do when it fails."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from pin_exporter.cadence import Cadence
from pin_exporter.clock import Clock
from pin_exporter.errors import InconsistentError, PollError
from pin_exporter.inventory import PageSize, Reading
from pin_exporter.lister import RETRIED, PinLister
from pin_exporter.model import Page, Verdict
from pin_exporter.poll_log import PollLog
from pin_exporter.snapshot import AccountSnapshot, Collector, Counted, Health, Operation, PollRecord, Traffic
from pin_exporter.tally import NOTHING_SHOWN

UNPROVEN_IN_A_ROW: Final = 3
"""After so many inventories that could not be proven, the newest is shown as it is."""
_RESUMABLE_INTERVALS: Final = 2
_RESUMABLE_SECONDS: Final = 3_600.0

Step = Callable[[AccountSnapshot], AccountSnapshot]


class _Begun(NamedTuple):
    """A reading of the list, with when it began and was interrupted, and the requests made before it."""

    reading: Reading
    began: float
    interrupted: float
    requests_before: int


class _Poll(NamedTuple):
    """A poll that has begun, and when by either clock, and the requests that were made before it."""

    collector: Collector
    began: float
    began_at: float
    requests_before: int


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
        pages_in_flight: int,
        size_limit_bytes: int | None = None,
        before: AccountSnapshot | None = None,
    ) -> None:
        """Begin with nothing known, or with what was known `before` another poller took over."""
        self._lister = lister
        self._cadence = cadence
        self._clock = clock
        self._log = PollLog(account, clock.elapsed)
        self._page_size = PageSize(page_size)
        self._pages_in_flight = pages_in_flight
        self._key_accepted = asyncio.Event()
        self._key_accepted.set()
        self._begun: _Begun | None = None
        self._unproven_in_a_row = 0
        if before is None:
            health = dict.fromkeys(Collector, cadence.health(cadence.poll_interval))
            self.snapshot = AccountSnapshot(account, health, size_limit_bytes)
        else:
            health = {
                collector: cadence.taken_over(was, stretched=collector is Collector.INVENTORY)
                for collector, was in before.health.items()
            }
            self.snapshot = replace(before, health=health, size_limit_bytes=size_limit_bytes)

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
            if collector is Collector.INVENTORY:
                await self._key_accepted.wait()
            await self.poll(collector)
            interval = self.snapshot.health[collector].interval_seconds
            due += interval * max(1, math.ceil((self._clock.elapsed() - due) / interval))
            await self._clock.sleep(due - self._clock.elapsed())

    def waits_for_budget(self, collector: Collector) -> bool:
        """Tell whether a request of a collector waits for the budget."""
        return self._lister.waiting[collector.operation] > 0

    async def poll(self, collector: Collector) -> None:
        """Poll once and publish the outcome, be it data or a failure."""
        poll = _Poll(collector, self._clock.elapsed(), self._clock.wall(), self._requests(collector))
        try:
            step = await (self._poll_totals() if collector is Collector.TOTALS else self._poll_inventory())
        except PollError as error:
            self._publish_failure(poll, error)
        else:
            self._publish(poll, step(self.snapshot))
        # While the key is refused, one try an interval is enough, and the totals make it.
        if self.snapshot.is_refused:
            self._key_accepted.clear()
        else:
            self._key_accepted.set()

    @property
    def rows_read(self) -> int:
        """Return how many rows the inventory under way has read, or the one that was interrupted."""
        return self._begun.reading.rows if self._begun else 0

    async def _poll_totals(self) -> Step:
        page = await self._lister.page(Operation.TOTALS, offset=0, limit=1, count=self._count)
        return lambda snapshot: replace(snapshot, totals=page.totals)

    async def _poll_inventory(self) -> Step:
        begun = self._begun = self._begin_or_resume()
        try:
            counted = await begun.reading.take(
                self._fetch_page, self._page_size, wall=self._clock.wall, in_flight=self._pages_in_flight
            )
        except InconsistentError:
            self._begun = None
            raise
        except PollError:
            self._begun = begun._replace(interrupted=self._clock.elapsed())
            raise
        self._begun = None
        self._require_proof(counted)
        # With the retries, of which the reading knows nothing.
        counted = replace(counted, requests=self._requests(Collector.INVENTORY) - begun.requests_before)
        return lambda snapshot: replace(snapshot, counted=counted)

    def _begin_or_resume(self) -> _Begun:
        """Go on with a reading that was interrupted, unless what it has read is too old by now."""
        begun, now = self._begun, self._clock.elapsed()
        interval = self.snapshot.health[Collector.INVENTORY].interval_seconds
        if begun is not None:
            rested, age = now - begun.interrupted, now - begun.began
            if rested <= _RESUMABLE_INTERVALS * interval and age <= max(interval, _RESUMABLE_SECONDS):
                return begun
        shown = counted.inventory.shown if (counted := self.snapshot.counted) else NOTHING_SHOWN
        return _Begun(Reading(shown), now, now, self._requests(Collector.INVENTORY))

    def _requests(self, collector: Collector) -> int:
        return self.snapshot.traffic.requests_for(collector.operation)

    def _require_proof(self, counted: Counted) -> None:
        """Refuse what was not proven, until it happened so often that something is better than nothing."""
        if counted.verdict is not Verdict.INCONSISTENT:
            self._unproven_in_a_row = 0
            return
        self._unproven_in_a_row += 1
        if self._unproven_in_a_row < UNPROVEN_IN_A_ROW:
            raise InconsistentError(
                f"the list changed too fast to prove that {counted.inventory.pins} pins are all: raise "
                "requests_per_minute or page_size if this goes on"
            )

    async def _fetch_page(self, offset: int, limit: int) -> Page:
        # A page that times out is asked for in a smaller size rather than once more.
        return await self._lister.page(
            Operation.LIST, offset=offset, limit=limit, count=self._count, retried=RETRIED - {"timeout"}
        )

    def _count(self, step: Callable[[Traffic], Traffic]) -> None:
        self.snapshot = replace(self.snapshot, traffic=step(self.snapshot.traffic))

    def _publish(self, poll: _Poll, snapshot: AccountSnapshot) -> None:
        collector, (health, record) = poll.collector, self._ended(poll)
        self._log.succeeded(collector, health, record.duration_seconds)
        interval = self._cadence.poll_interval
        if collector is Collector.INVENTORY and snapshot.counted:
            counted = snapshot.counted
            interval = self._cadence.inventory_interval(counted.requests, record.duration_seconds)
            record = replace(record, verdict=counted.verdict)
            if counted.verdict is Verdict.INCONSISTENT:
                health = health.unproven()
                self._log.published_without_proof()
        health = health.succeeded(
            elapsed=self._clock.elapsed(),
            interval_seconds=interval,
            stale_after_seconds=self._cadence.stale_after_seconds(interval),
        )
        self.snapshot = snapshot.with_health(collector, health).with_record(collector, record)

    def _publish_failure(self, poll: _Poll, error: PollError) -> None:
        collector, (health, record) = poll.collector, self._ended(poll)
        self._log.failed(collector, health, error)
        record = replace(record, reason=error.reason, error=str(error))
        failed = health.failed(error.reason, str(error))
        self.snapshot = self.snapshot.with_health(collector, failed).with_record(collector, record)

    def _ended(self, poll: _Poll) -> tuple[Health, PollRecord]:
        took = self._clock.elapsed() - poll.began
        requests = self._requests(poll.collector) - poll.requests_before
        health = self.snapshot.health[poll.collector]
        attempted = health.attempted(at=self._clock.wall(), duration_seconds=took)
        return attempted, PollRecord(poll.began_at, took, requests)
