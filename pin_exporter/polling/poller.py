"""Poll one account: when, what to publish, and what to do when it fails."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from pin_exporter.api.errors import InconsistentError, PollError
from pin_exporter.api.model import Page, Verdict
from pin_exporter.api.request_stats import Operation, RequestStats
from pin_exporter.api.retry import RETRIED, RetryingClient
from pin_exporter.inventory.counter import NOTHING_SHOWN, Counted
from pin_exporter.inventory.reader import InventoryReader, PageSize
from pin_exporter.polling.poll_log import PollLog
from pin_exporter.polling.polled_reading import PolledReading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import AccountSnapshot, Collector, Health, PollRecord
from pin_exporter.toolkit.clock import Clock

UNPROVEN_IN_A_ROW: Final = 3
"""After so many inventories that could not be proven, the newest is shown as it is."""


class _Outcome(NamedTuple):
    """What a poll brought, how old that is by now, and for how long it was read, in seconds."""

    step: Callable[[AccountSnapshot], AccountSnapshot]
    age_seconds: float = 0.0
    read_seconds: float = 0.0


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
        lister: RetryingClient,
        cadence: PollSchedule,
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
        self._begun: PolledReading | None = None
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
        """Return whether a request of a collector waits for the budget."""
        return self._lister.waiting[collector.operation] > 0

    async def poll(self, collector: Collector) -> None:
        """Poll once and publish the outcome, be it data or a failure."""
        poll = _Poll(collector, self._clock.elapsed(), self._clock.wall(), self._requests(collector))
        try:
            outcome = await (self._poll_totals() if collector is Collector.TOTALS else self._poll_inventory())
        except PollError as error:
            self._publish_failure(poll, error)
        else:
            self._publish(poll, outcome)
        # While the key is refused, one try an interval is enough, and the totals make it.
        if self.snapshot.is_key_rejected:
            self._key_accepted.clear()
        else:
            self._key_accepted.set()

    @property
    def rows_read(self) -> int:
        """Return how many rows the inventory under way has read, or the one that was interrupted."""
        return self._begun.reading.rows if self._begun else 0

    async def _poll_totals(self) -> _Outcome:
        page = await self._lister.page(Operation.TOTALS, offset=0, limit=1, count=self._count)
        return _Outcome(lambda snapshot: replace(snapshot, totals=page.totals))

    async def _poll_inventory(self) -> _Outcome:
        begun = self._begun = self._begin_or_resume()
        # With the retries of this poll; of those that failed, what they read.
        requests_before = self._requests(Collector.INVENTORY) - begun.pages
        try:
            counted = await begun.reading.take(
                self._fetch_page, self._page_size, wall=self._clock.wall, in_flight=self._pages_in_flight
            )
        except InconsistentError:
            self._begun = None
            raise
        self._begun = None
        begun.went_on(self._clock.elapsed())
        self._require_proof(counted)
        counted = replace(counted, requests=self._requests(Collector.INVENTORY) - requests_before)
        return _Outcome(
            lambda snapshot: replace(snapshot, counted=counted), begun.rested_seconds, begun.read_seconds
        )

    def _begin_or_resume(self) -> PolledReading:
        """Go on with a reading that was interrupted, unless what it has read is too old by now."""
        begun, now = self._begun, self._clock.elapsed()
        if begun is not None and begun.resume(self._cadence, now):
            return begun
        counted, totals = self.snapshot.counted, self.snapshot.totals
        shown = counted.inventory.shown if counted else NOTHING_SHOWN
        return PolledReading(InventoryReader(shown, totals.files if totals else None), now)

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
        page = await self._lister.page(
            Operation.LIST, offset=offset, limit=limit, count=self._count, retried=RETRIED - {"timeout"}
        )
        if self._begun is not None:
            self._begun.answered(self._clock.elapsed())
        return page

    def _count(self, step: Callable[[RequestStats], RequestStats]) -> None:
        self.snapshot = replace(self.snapshot, traffic=step(self.snapshot.traffic))

    def _publish(self, poll: _Poll, outcome: _Outcome) -> None:
        collector, (health, record) = poll.collector, self._ended(poll)
        snapshot = outcome.step(self.snapshot)
        self._log.succeeded(collector, health, record.duration_seconds)
        interval = self._cadence.poll_interval
        if collector is Collector.INVENTORY and (counted := snapshot.counted):
            interval = self._cadence.inventory_interval(counted.requests, outcome.read_seconds)
            record = replace(record, verdict=counted.verdict)
            if counted.verdict is Verdict.INCONSISTENT:
                health = health.unproven()
                again = self._unproven_in_a_row > UNPROVEN_IN_A_ROW
                self._log.published_without_proof(again=again)
        health = health.succeeded(
            elapsed=self._clock.elapsed(),
            age_seconds=outcome.age_seconds,
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
        record = PollRecord(poll.began_at, took, self._requests(poll.collector) - poll.requests_before)
        health = self.snapshot.health[poll.collector]
        return health.attempted(at=self._clock.wall(), duration_seconds=took), record
