"""Poll one account: when, what to publish, and what to do after a failure."""

import asyncio
import math
from dataclasses import replace
from typing import Final, NamedTuple

from pin_exporter.api.errors import InconsistentError, PollError
from pin_exporter.api.model import Collector, Page, PinnedFilter, Verdict
from pin_exporter.api.retry import RETRIED, RetryingClient
from pin_exporter.inventory.counter import NOTHING_SHOWN, Counted
from pin_exporter.inventory.expected import ExpectedCids
from pin_exporter.inventory.follow import Surprise, SurpriseError
from pin_exporter.inventory.follower import Follower
from pin_exporter.inventory.reader import InventoryReader, PageSize
from pin_exporter.inventory.reservoir import Reservoir
from pin_exporter.polling.billing import BillingPoller
from pin_exporter.polling.expected_file import ExpectedFile
from pin_exporter.polling.poll_log import PollLog
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import AccountSnapshot, Health, PollRecord
from pin_exporter.retrieval.sampler import RetrievalSampler
from pin_exporter.toolkit.clock import Clock

UNPROVEN_IN_A_ROW: Final = 3
"""After so many inventories without proof, the newest one is shown as it is."""
_MAX_PAUSE_INTERVALS: Final = 2
_FULL_INVENTORY_SECONDS: Final = 86_400.0
"""A list that is followed is read whole after so long, and so is one that was not followed successfully."""
_MAX_SURPRISES: Final = 3
_NO_FALLBACKS: Final = dict.fromkeys(Surprise, 0)


class Reading(NamedTuple):
    """How to read the list. With `follows`, a long list that was read whole is followed from then on."""

    page_size: int
    pages_in_flight: int
    follows: bool = False


class Extras(NamedTuple):
    """What is read besides the list, each None unless it is configured; none of them can fail a poll."""

    expected_file: ExpectedFile | None = None
    sampler: RetrievalSampler | None = None
    billing: BillingPoller | None = None


_NO_EXTRAS: Final = Extras()


class _Poll(NamedTuple):
    """A poll in progress: when it began on either clock, and the requests sent before it."""

    collector: Collector
    began: float
    began_at: float
    requests_before: int


class _InventoryInProgress:
    """An inventory that may take several polls. Times are monotonic, in seconds.

    Reading time and pauses after failed polls are kept apart: a pause makes what was read before it that much
    older.
    """

    def __init__(self, reader: InventoryReader, now: float) -> None:
        self.reader = reader
        self.pages = 0
        """Pages fetched in all polls so far."""
        self.reading_seconds = 0.0
        self.paused_seconds = 0.0
        self._newest = now

    def keep_reading(self, now: float) -> None:
        """Count the time since the last call as reading."""
        self.reading_seconds += now - self._newest
        self._newest = now

    def resume(self, schedule: PollSchedule, now: float) -> bool:
        """Continue after a pause; return False if so much time has passed that it must start over."""
        interval = schedule.inventory_interval(self.pages, self.reading_seconds)
        self.paused_seconds += now - self._newest
        self._newest = now
        longest = min(_MAX_PAUSE_INTERVALS * interval, schedule.stale_after_seconds(interval))
        return self.paused_seconds <= longest


class AccountPoller:
    """Keeps the `snapshot` of one account up to date; nothing else changes it."""

    def __init__(
        self,
        account: str,
        client: RetryingClient,
        schedule: PollSchedule,
        clock: Clock,
        *,
        reading: Reading,
        extras: Extras = _NO_EXTRAS,
        size_limit_bytes: int | None = None,
        before: AccountSnapshot | None = None,
    ) -> None:
        """Begin without data, or with those of the poller that polled the account `before`."""
        self.counter = client.counter
        self._client = client
        self._schedule = schedule
        self._clock = clock
        self._log = PollLog(account, clock.elapsed)
        self._page_size = PageSize(reading.page_size)
        self._pages_in_flight = reading.pages_in_flight
        self._key_accepted = asyncio.Event()
        self._key_accepted.set()
        self._in_progress: _InventoryInProgress | None = None
        self._unproven_in_a_row = 0
        self._follows = reading.follows
        self.extras = extras
        self._follower: Follower | None = None
        self._full_elapsed = self._surprised_at = 0.0
        self._surprises_in_a_row = 0
        if before is None:
            health = dict.fromkeys(Collector, schedule.first_health())
            self._snapshot = AccountSnapshot(account, health, size_limit_bytes)
        else:
            health = {
                collector: schedule.rescheduled(was, stretched=collector is Collector.INVENTORY)
                for collector, was in before.health.items()
            }
            counted, file = before.counted, extras.expected_file
            if counted and before.expected_file is not (file.state if file else None):
                counted = replace(counted, expected=None)  # it was compared with another list
            self._snapshot = replace(
                before, counted=counted, health=health, size_limit_bytes=size_limit_bytes
            )
            if before.following.mode == "followed":
                self._expect_full_inventory()

    @property
    def snapshot(self) -> AccountSnapshot:
        """Return what is known now: the same object until something changes."""
        known, extras = self._snapshot, self.extras
        expected_file = extras.expected_file.state if extras.expected_file else None
        retrieval = extras.sampler.stats if extras.sampler else None
        billing = extras.billing.state if extras.billing else None
        if (
            known.request_stats is not self.counter.stats
            or known.expected_file is not expected_file
            or known.retrieval is not retrieval
            or known.billing is not billing
        ):
            self._snapshot = replace(
                known,
                request_stats=self.counter.stats,
                expected_file=expected_file,
                retrieval=retrieval,
                billing=billing,
            )
        return self._snapshot

    @property
    def rows_read(self) -> int:
        """Return how many rows the inventory in progress has read."""
        return self._in_progress.reader.rows if self._in_progress else 0

    def waits_for_budget(self, collector: Collector) -> bool:
        """Return whether a request of a collector waits for the request budget."""
        return self._client.waiting[collector] > 0

    async def run(self, start_after_seconds: float = 0.0) -> None:
        """Poll both collectors until cancelled. Only a bug makes it raise."""
        await self._clock.sleep(start_after_seconds)
        async with asyncio.TaskGroup() as group:
            for collector in Collector:
                group.create_task(self._poll_regularly(collector))
            if self.extras.sampler:
                group.create_task(self.extras.sampler.run())
            if self.extras.billing:
                group.create_task(self.extras.billing.run())

    async def _poll_regularly(self, collector: Collector) -> None:
        """Poll at fixed times, never twice at once; times that were missed are skipped."""
        due = self._clock.elapsed()
        while True:
            if collector is Collector.INVENTORY:
                await self._key_accepted.wait()
            await self.poll(collector)
            interval = self.snapshot.health[collector].interval_seconds
            due += interval * max(1, math.ceil((self._clock.elapsed() - due) / interval))
            await self._clock.sleep(due - self._clock.elapsed())

    async def poll(self, collector: Collector) -> None:
        """Poll once and publish the outcome: data, or a failure."""
        poll = _Poll(collector, self._clock.elapsed(), self._clock.wall(), self._requests(collector))
        try:
            if collector is Collector.TOTALS:
                await self._poll_totals(poll)
            else:
                await self._poll_inventory(poll)
        except PollError as error:
            self._publish_failure(poll, error)
        # While the key is rejected, one request per interval is enough, and the totals send it.
        if self.snapshot.is_key_rejected:
            self._key_accepted.clear()
        else:
            self._key_accepted.set()

    async def _poll_totals(self, poll: _Poll) -> None:
        page = await self._client.list_pins(Collector.TOTALS, offset=0, limit=1)
        health, record = self._finished(poll)
        health = self._succeeded(health, self._schedule.poll_interval)
        self._publish(replace(self.snapshot, totals=page.totals), poll, health, record)

    async def _poll_inventory(self, poll: _Poll) -> None:
        if self.extras.expected_file:
            await self.extras.expected_file.refresh()
        if self._follower is not None:
            if self._is_followable(self._follower):
                try:
                    await self._follow(self._follower, poll)
                    return
                except SurpriseError as error:
                    self._fall_back(error.surprise)
            self._follower = None
            self._expect_full_inventory()
        await self._read_whole(poll)

    def _is_followable(self, follower: Follower) -> bool:
        """Return whether a list can be followed once more before it must be read whole again."""
        is_due = self._clock.elapsed() - self._full_elapsed >= _FULL_INVENTORY_SECONDS
        return not is_due and follower.is_worthwhile(self._page_size)

    async def _follow(self, follower: Follower, poll: _Poll) -> None:
        audited_before = follower.audited_rows
        try:
            sample = self._new_sample()
            counted = await follower.read(
                self._fetch,
                self._page_size,
                wall=self._clock.wall,
                expected=self._expected,
                sample=sample,
            )
            self._offer(sample)
        finally:
            following = self._snapshot.following
            audited = following.audited_rows + follower.audited_rows - audited_before
            self._snapshot = replace(self._snapshot, following=replace(following, audited_rows=audited))
        self._surprises_in_a_row = self._unproven_in_a_row = 0
        counted = replace(counted, requests=self._requests(Collector.INVENTORY) - poll.requests_before)
        health, record = self._finished(poll)
        interval = self._schedule.inventory_interval(counted.requests, record.duration_seconds)
        following = replace(self._snapshot.following, mode="followed")
        self._publish(
            replace(self.snapshot, counted=counted, following=following),
            poll,
            self._succeeded(health, interval),
            replace(record, verdict=counted.verdict),
        )

    def _fall_back(self, surprise: Surprise) -> None:
        """Count why the list must be read whole; after several times in a row, follow it no more today."""
        self._surprises_in_a_row += 1
        self._surprised_at = self._clock.elapsed()
        following = self._snapshot.following
        fallbacks = {**following.fallbacks, surprise: following.fallbacks.get(surprise, 0) + 1}
        self._snapshot = replace(self._snapshot, following=replace(following, fallbacks=fallbacks))
        self._log.fell_back(surprise)

    def _expect_full_inventory(self) -> None:
        """Keep data shown as long as it takes to read the list whole."""
        following = self._snapshot.following
        interval = self._schedule.inventory_interval(following.full_requests, following.full_seconds)
        health = replace(
            self._snapshot.health[Collector.INVENTORY],
            interval_seconds=interval,
            stale_after_seconds=self._schedule.stale_after_seconds(interval),
        )
        self._snapshot = self._snapshot.with_health(Collector.INVENTORY, health)

    async def _read_whole(self, poll: _Poll) -> None:
        reading = self._in_progress = self._begin_or_resume()
        # Retries of this poll count; of failed polls, only the pages that were read.
        requests_before = poll.requests_before - reading.pages
        try:
            counted = await reading.reader.read(
                self._fetch_page,
                self._page_size,
                wall=self._clock.wall,
                pages_in_flight=self._pages_in_flight,
            )
        except InconsistentError:
            self._in_progress = None
            raise
        self._in_progress = None
        self._offer(reading.reader.sample)
        reading.keep_reading(self._clock.elapsed())
        self._require_proof(counted)
        counted = replace(counted, requests=self._requests(Collector.INVENTORY) - requests_before)
        interval = self._schedule.inventory_interval(counted.requests, reading.reading_seconds)
        self._full_elapsed = self._clock.elapsed()
        following = replace(
            self._snapshot.following,
            mode="full",
            full_at=self._clock.wall(),
            full_requests=counted.requests,
            full_seconds=reading.reading_seconds,
        )
        if reading.reader.mirror is not None:
            self._follower = Follower(reading.reader.mirror)
            following = replace(following, fallbacks={**_NO_FALLBACKS, **following.fallbacks})
            interval = self._schedule.poll_interval
        health, record = self._finished(poll)
        if counted.verdict is Verdict.INCONSISTENT:
            health = health.unproven()
            self._log.published_without_proof(again=self._unproven_in_a_row > UNPROVEN_IN_A_ROW)
        health = self._succeeded(health, interval, age_seconds=reading.paused_seconds)
        record = replace(record, verdict=counted.verdict)
        self._publish(replace(self.snapshot, counted=counted, following=following), poll, health, record)

    @property
    def _mirrors(self) -> bool:
        """Return whether the next list that is read whole may be followed from then on."""
        is_calm = self._surprises_in_a_row < _MAX_SURPRISES
        return self._follows and (
            is_calm or self._clock.elapsed() - self._surprised_at >= _FULL_INVENTORY_SECONDS
        )

    def _begin_or_resume(self) -> _InventoryInProgress:
        """Resume an interrupted inventory, unless what it has read is too old by now."""
        reading, now = self._in_progress, self._clock.elapsed()
        if reading is not None and reading.resume(self._schedule, now):
            return reading
        counted, totals = self._snapshot.counted, self._snapshot.totals
        shown = counted.inventory.shown if counted else NOTHING_SHOWN
        reader = InventoryReader(
            shown,
            totals.files if totals else None,
            mirrors=self._mirrors,
            compares=self.extras.expected_file is not None,
            expected=self._expected,
            new_sample=self._new_sample,
        )
        return _InventoryInProgress(reader, now)

    @property
    def _expected(self) -> ExpectedCids | None:
        return self.extras.expected_file.state.cids if self.extras.expected_file else None

    def _new_sample(self) -> Reservoir | None:
        sampler = self.extras.sampler
        return sampler.new_sample() if sampler else None

    def _offer(self, sample: Reservoir | None) -> None:
        if self.extras.sampler and sample:
            self.extras.sampler.offer(sample.cids)

    def _require_proof(self, counted: Counted) -> None:
        """Reject an inventory without proof, unless so many were rejected that showing it is better."""
        if counted.verdict is not Verdict.INCONSISTENT:
            self._unproven_in_a_row = 0
            return
        self._unproven_in_a_row += 1
        if self._unproven_in_a_row < UNPROVEN_IN_A_ROW:
            raise InconsistentError(
                f"the list changed too fast to prove that all pins were counted ({counted.inventory.pins} "
                "were): if this persists, raise requests_per_minute or page_size"
            )

    async def _fetch(self, offset: int, limit: int, pinned: PinnedFilter) -> Page:
        # After a timeout a smaller page is requested rather than the same one again.
        return await self._client.list_pins(
            Collector.INVENTORY, offset=offset, limit=limit, pinned=pinned, retried=RETRIED - {"timeout"}
        )

    async def _fetch_page(self, offset: int, limit: int) -> Page:
        page = await self._fetch(offset, limit, "all")
        if self._in_progress is not None:
            self._in_progress.pages += 1
            self._in_progress.keep_reading(self._clock.elapsed())
        return page

    def _requests(self, collector: Collector) -> int:
        return self.counter.stats.requests_for(collector)

    def _finished(self, poll: _Poll) -> tuple[Health, PollRecord]:
        took = self._clock.elapsed() - poll.began
        record = PollRecord(poll.began_at, took, self._requests(poll.collector) - poll.requests_before)
        health = self._snapshot.health[poll.collector]
        return health.attempted(at=self._clock.wall(), duration_seconds=took), record

    def _succeeded(self, health: Health, interval: float, age_seconds: float = 0.0) -> Health:
        return health.succeeded(
            elapsed=self._clock.elapsed(),
            age_seconds=age_seconds,
            interval_seconds=interval,
            stale_after_seconds=self._schedule.stale_after_seconds(interval),
        )

    def _publish(self, snapshot: AccountSnapshot, poll: _Poll, health: Health, record: PollRecord) -> None:
        before = self._snapshot.health[poll.collector]
        self._log.succeeded(poll.collector, before, record.duration_seconds)
        self._snapshot = snapshot.with_health(poll.collector, health).with_record(poll.collector, record)

    def _publish_failure(self, poll: _Poll, error: PollError) -> None:
        collector, (health, record) = poll.collector, self._finished(poll)
        self._log.failed(collector, health, error)
        record = replace(record, reason=error.reason, error=str(error))
        health = health.failed(error.reason, str(error))
        self._snapshot = self.snapshot.with_health(collector, health).with_record(collector, record)
