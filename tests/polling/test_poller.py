import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pin_exporter.api.model import Collector, Verdict
from pin_exporter.metrics.account import account_renderer
from pin_exporter.polling.poller import AccountPoller, Reading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import Health, PollRecord
from pin_exporter.toolkit.exposition.encoder import Format
from tests.support.clocks import FakeClock, settle
from tests.support.logged import event, events
from tests.support.service import Service, page, retrying_client, row

PAGE_SIZE = 100
DATA = ("aiozpin_files", "aiozpin_pins", "aiozpin_pin_size_bytes", "aiozpin_inventory_consistent")


class Polled:
    """An account that is polled by a clock of its own from a service in the same process."""

    def __init__(
        self,
        pins: int = 3,
        *,
        stale_after: float | None = None,
        per_minute: int = 120,
        latency_seconds: float = 0.0,
        follows: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.service = Service(self.clock, pins)
        self.service.latency_seconds = latency_seconds
        client, budget = retrying_client(self.service, self.clock, per_minute=per_minute)
        schedule = PollSchedule(60.0, stale_after, budget.background_per_minute)
        self.poller = AccountPoller(
            "a",
            client,
            schedule,
            self.clock,
            reading=Reading(PAGE_SIZE, 1, follows=follows),
            size_limit_bytes=9,
        )
        self._exposition = account_renderer(
            lambda: [self.poller.snapshot], CollectorRegistry(), self.clock.elapsed
        )

    def health(self, collector: Collector = Collector.TOTALS) -> Health:
        return self.poller.snapshot.health[collector]

    def failures(self, collector: Collector = Collector.TOTALS) -> dict[str, int]:
        return {reason: count for reason, count in self.health(collector).failures.items() if count}

    def fail_with(self, status: int, *, limit: int | None = None) -> None:
        """Let requests fail from now on: all, or those for so many rows."""

        def answer(request: httpx.Request) -> httpx.Response:
            if limit is None or request.url.params["limit"] == str(limit):
                return httpx.Response(status)
            return self.service.list_pins(request)

        self.service.answer = answer

    def recover(self) -> None:
        self.service.answer = self.service.list_pins

    def run_for(self, seconds: float, *events: tuple[float, Callable[[], None]]) -> None:
        """Poll for so many seconds; at each event's time from the start, do what it says."""

        async def work() -> None:
            start = self.clock.elapsed()
            alarms = [asyncio.ensure_future(self._at(start + after, act)) for after, act in events]
            await self.clock.run_until(start + seconds, self.poller.run)
            await asyncio.gather(*alarms)

        asyncio.run(work())

    async def _at(self, due: float, act: Callable[[], None]) -> None:
        await self.clock.sleep(due - self.clock.elapsed())
        act()

    def poll(self, *collectors: Collector) -> None:
        async def work() -> None:
            for collector in collectors or Collector:
                await self.poller.poll(collector)

        asyncio.run(work())

    def series(self) -> dict[str, float]:
        """Return what Prometheus would read now, by series."""
        text = asyncio.run(self._exposition.render(Format.TEXT)).decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def shown(self) -> set[str]:
        """Return which families of account data are shown."""
        series = self.series()
        return {
            name for name in DATA if any(key.startswith((f"{name}{{", f"{name}_bucket")) for key in series)
        }


def test_a_poll_that_succeeds_publishes_data_and_health() -> None:
    polled = Polled(pins=3)
    polled.poll()
    series = polled.series()
    assert series['aiozpin_up{account="a"}'] == 1
    assert series['aiozpin_files{account="a"}'] == 3
    assert series['aiozpin_size_bytes{account="a"}'] == 300
    assert series['aiozpin_pins{account="a",phase="pinned",status="pinned"}'] == 3
    for collector in Collector:
        name = f'aiozpin_last_success_timestamp_seconds{{account="a",collector="{collector}"}}'
        assert series[name] == polled.clock.wall()


def test_after_a_failure_data_stay_and_up_is_0_and_the_last_success_stands_still() -> None:
    polled = Polled(pins=3)
    polled.poll()
    before = polled.poller.snapshot
    success_at = polled.clock.wall()
    polled.clock.now += 60
    polled.service.rows.append(row(99))
    polled.fail_with(403)
    polled.poll()
    after = polled.poller.snapshot
    assert (after.totals, after.counted) == (before.totals, before.counted)
    assert polled.shown() == set(DATA)
    assert polled.series()['aiozpin_up{account="a"}'] == 0
    for collector in Collector:
        health = polled.health(collector)
        assert (health.last_success_at, health.last_attempt_at) == (success_at, success_at + 60)
        assert (health.polls, polled.failures(collector)) == (2, {"forbidden": 1})


def test_failed_totals_leave_the_inventory_alone() -> None:
    polled = Polled(pins=3)
    polled.fail_with(404, limit=1)
    polled.run_for(130)
    assert not polled.poller.snapshot.up
    assert polled.shown() == set(DATA) - {"aiozpin_files"}
    assert polled.health(Collector.INVENTORY).polls == 3
    assert polled.failures() == {"client_error": 3}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_tried_once_an_interval_and_both_collectors_come_back_with_the_first_success(
    status: int,
) -> None:
    polled = Polled()
    polled.fail_with(status)
    polled.run_for(330, (250, polled.recover))
    refused = [at for at in polled.service.arrivals if at - polled.service.arrivals[0] < 250]
    assert len(refused) in (5, 6)  # at the start both collectors may ask
    assert polled.shown() == set(DATA)
    assert polled.health().polls == 6
    assert polled.health(Collector.INVENTORY).last_success_at == polled.health().last_success_at


def restless(polled: Polled) -> Callable[[httpx.Request], httpx.Response]:
    """Remove so many of the oldest rows before each page that no two pages overlap."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["limit"] != "1":
            del polled.service.rows[:90]
            start = len(polled.service.rows) + 10_000 * len(polled.service.requests)
            polled.service.rows += [row(number) for number in range(start, start + 90)]
        return polled.service.list_pins(request)

    return answer


def test_unproven_inventories_are_refused_until_the_third_in_a_row_is_shown_as_what_it_is() -> None:
    polled = Polled(pins=500)
    polled.service.answer = restless(polled)
    for failures in (1, 2):
        polled.poll()
        assert polled.failures(Collector.INVENTORY) == {"inconsistent": failures}
        assert polled.shown() == {"aiozpin_files"}
    polled.poll()
    assert polled.failures(Collector.INVENTORY) == {"inconsistent": 3}
    assert polled.shown() == set(DATA)
    assert polled.series()['aiozpin_inventory_consistent{account="a"}'] == 0
    polled.recover()
    polled.poll()
    assert polled.series()['aiozpin_inventory_consistent{account="a"}'] == 1
    polled.service.answer = restless(polled)
    polled.poll()
    assert polled.failures(Collector.INVENTORY) == {"inconsistent": 4}
    assert polled.series()['aiozpin_inventory_consistent{account="a"}'] == 1


def failing_at(polled: Polled, offset: int) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["offset"]) >= offset:
            return httpx.Response(409)
        return polled.service.list_pins(request)

    return answer


def interrupted(**more: Any) -> Polled:
    """Return an account whose inventory of 450 pins failed in the middle, and may go on."""
    polled = Polled(pins=450, **more)
    polled.service.answer = failing_at(polled, 180)
    polled.poll(Collector.INVENTORY)
    polled.recover()
    polled.service.requests.clear()
    return polled


def offsets_asked(polled: Polled) -> list[int]:
    return [int(r.url.params["offset"]) for r in polled.service.requests if r.url.params["limit"] != "1"]


def counted(polled: Polled) -> tuple[int, Verdict]:
    counted = polled.poller.snapshot.counted
    assert counted is not None
    return counted.inventory.pins, counted.verdict


def test_an_inventory_that_failed_goes_on_where_it_was_and_each_poll_has_its_own_requests_on_record() -> None:
    polled = interrupted()
    assert polled.shown() == set()
    polled.poll(Collector.INVENTORY)
    assert offsets_asked(polled) == [180, 270, 360]
    assert counted(polled) == (450, Verdict.CONSISTENT)
    assert polled.poller.snapshot.counted is not None
    assert polled.poller.snapshot.counted.requests == 5
    failed, resumed = records(polled, Collector.INVENTORY)
    assert (failed.requests, failed.reason) == (3, "client_error")
    assert (resumed.requests, resumed.reason) == (3, None)


def test_data_of_an_inventory_that_went_on_are_as_much_older_as_it_rested() -> None:
    polled = interrupted(latency_seconds=3.0)
    polled.clock.now += 30
    polled.poll(Collector.INVENTORY)
    health = polled.health(Collector.INVENTORY)
    assert health.last_success_elapsed is not None
    assert polled.clock.elapsed() - health.last_success_elapsed == pytest.approx(33.0)
    assert health.last_attempt_at - health.last_success_at == pytest.approx(33.0)


def test_an_inventory_that_rested_in_all_for_longer_than_data_may_age_starts_again() -> None:
    polled = interrupted(stale_after=70.0)
    polled.service.answer = failing_at(polled, 180)
    for _ in range(2):
        polled.clock.now += 36
        polled.poll(Collector.INVENTORY)
    assert offsets_asked(polled)[-3:] == [0, 90, 180]


def test_polls_that_failed_make_neither_the_interval_nor_the_patience_any_longer() -> None:
    polled = Polled(pins=450, per_minute=20)
    polled.fail_with(500, limit=100)
    for _ in range(3):
        polled.poll(Collector.INVENTORY)
    polled.service.answer = failing_at(polled, 180)
    polled.poll(Collector.INVENTORY)
    polled.recover()
    polled.poll(Collector.INVENTORY)
    health = polled.health(Collector.INVENTORY)
    assert (health.interval_seconds, health.stale_after_seconds) == (60.0, 240.0)


def test_an_inventory_that_failed_starts_again_when_the_list_has_moved_meanwhile() -> None:
    polled = interrupted()
    del polled.service.rows[:5]
    polled.poll(Collector.INVENTORY)
    assert offsets_asked(polled)[:2] == [180, 0]
    assert counted(polled) == (445, Verdict.CONSISTENT)


@pytest.mark.parametrize(
    ("latency_seconds", "pause", "offset"),
    [
        pytest.param(0.0, 120, 180, id="two intervals ago"),
        pytest.param(0.0, 121, 0, id="longer ago"),
        pytest.param(200.0, 100, 180, id="however long it took so far"),
    ],
)
def test_an_inventory_that_failed_long_ago_starts_again(
    latency_seconds: float, pause: float, offset: int
) -> None:
    polled = interrupted(latency_seconds=latency_seconds)
    polled.clock.now += pause
    polled.poll(Collector.INVENTORY)
    assert offsets_asked(polled)[0] == offset


@pytest.mark.parametrize(
    ("status", "reason"), [(301, "redirect"), (429, "rate_limited"), (502, "server_error")]
)
def test_failures_are_counted_by_reason_one_a_poll_whatever_was_retried(status: int, reason: str) -> None:
    polled = Polled()
    polled.fail_with(status)
    for _ in range(2):
        polled.poll(Collector.TOTALS)
    assert polled.failures() == {reason: 2}
    assert polled.health().reason == reason


@pytest.mark.parametrize(("stale_after", "seconds"), [(None, 3 * 60.0 + 60.0), (100.0, 100.0), (5.0, 5.0)])
def test_data_vanish_once_they_are_older_than_stale_after_and_not_before(
    stale_after: float | None, seconds: float
) -> None:
    polled = Polled(stale_after=stale_after)
    polled.poll()
    polled.clock.now += seconds
    assert polled.shown() == set(DATA)
    polled.clock.now += 0.001
    assert polled.shown() == set()
    assert polled.series()['aiozpin_last_success_timestamp_seconds{account="a",collector="totals"}'] > 0


@pytest.mark.parametrize(
    ("latency", "seconds", "expected"),
    [
        (7.3, 599, range(1_000, 1_600, 60)),
        (60.0, 299, (1_000, 1_060, 1_120, 1_180, 1_240)),
        (130.0, 720, (1_000, 1_180, 1_360, 1_540)),
    ],
)
def test_polls_keep_their_beat_leave_out_those_that_were_missed_and_never_overlap(
    latency: float, seconds: float, expected: Iterable[int]
) -> None:
    polled = Polled(latency_seconds=latency)
    polled.run_for(seconds)
    assert polled.service.asked(1) == list(expected)
    assert polled.health().duration_seconds == pytest.approx(latency)


def test_polling_starts_after_the_delay_it_was_given() -> None:
    polled = Polled()
    asyncio.run(polled.clock.run_until(1_100.0, lambda: polled.poller.run(33.0)))
    assert polled.service.asked(1) == [1_033.0, 1_093.0]


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_jump_of_the_wall_clock_changes_exported_timestamps_and_nothing_else(jump: float) -> None:
    polled, undisturbed = Polled(), Polled()

    def set_clock() -> None:
        polled.clock.wall_offset += jump

    polled.run_for(200, (90, set_clock))
    undisturbed.run_for(200, (90, lambda: None))
    assert polled.service.arrivals == undisturbed.service.arrivals
    assert polled.shown() == set(DATA)
    before, after = undisturbed.series(), polled.series()
    moved = {name: after[name] - before[name] for name in before if before[name] != after[name]}
    moved = {name: change for name, change in moved.items() if "request_duration" not in name}
    assert set(moved) == {
        f'aiozpin_last_{what}_timestamp_seconds{{account="a",collector="{collector}"}}'
        for what in ("success", "attempt")
        for collector in Collector
    } | {'aiozpin_inventory_full_timestamp_seconds{account="a"}'}
    assert set(moved.values()) == {jump}


@pytest.mark.parametrize("limit", [1, PAGE_SIZE])
def test_a_bug_ends_the_polling_with_its_own_exception(limit: int) -> None:
    polled = Polled()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["limit"] == str(limit):
            raise ZeroDivisionError("a bug")
        return polled.service.list_pins(request)

    polled.service.answer = answer
    with pytest.raises(ExceptionGroup) as caught:
        polled.run_for(600)
    assert caught.group_contains(ZeroDivisionError, match="a bug")
    assert polled.clock.elapsed() < 1_600


def test_only_changes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="pin_exporter")
    polled = Polled()
    act: list[tuple[Callable[[], None], list[tuple[str, str]]]] = [
        (polled.recover, [("INFO", "poll_succeeded")]),
        (polled.recover, []),
        (lambda: polled.fail_with(401), [("WARNING", "poll_failed")]),
        (lambda: polled.fail_with(401), []),
        (lambda: polled.fail_with(403), [("WARNING", "poll_failed")]),
        (lambda: polled.fail_with(403), []),
        (polled.recover, [("INFO", "poll_succeeded")]),
        (polled.recover, []),
    ]
    for prepare, expected in act:
        caplog.clear()
        prepare()
        polled.poll(Collector.TOTALS)
        message = [(record.levelname, event(record)) for record in caplog.records]
        assert [event for event in message if event != ("DEBUG", "poll_completed")] == expected


def test_a_page_that_times_out_is_requested_in_a_smaller_size() -> None:
    polled = Polled(pins=100)

    def answer(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["limit"]) > 30:
            raise httpx.ReadTimeout("slow")
        return polled.service.list_pins(request)

    polled.service.answer = answer
    polled.poll(Collector.INVENTORY)
    assert polled.health(Collector.INVENTORY).reason is None
    limits = [int(request.url.params["limit"]) for request in polled.service.requests]
    assert limits[:3] == [100, 50, 25]
    polled.service.requests.clear()
    polled.poll(Collector.INVENTORY)
    assert {request.url.params["limit"] for request in polled.service.requests} == {"25"}, "it is remembered"


def test_polling_stops_when_cancelled_even_in_the_middle_of_an_inventory() -> None:
    polled = Polled(pins=500)

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def work() -> None:
        polled.service.answer = never
        task = asyncio.ensure_future(polled.poller.run())
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_an_inventory_that_takes_long_is_taken_less_often_so_that_its_data_do_not_vanish_in_between() -> None:
    polled = Polled(pins=900, latency_seconds=60.0)
    polled.run_for(4_000)
    health = polled.health(Collector.INVENTORY)
    assert health.interval_seconds == 600.0
    assert health.polls > 4
    assert polled.shown() == set(DATA)


def records(polled: Polled, collector: Collector = Collector.TOTALS) -> tuple[PollRecord, ...]:
    return polled.poller.snapshot.records[collector]


def test_a_poll_goes_on_record_with_when_it_began_and_what_it_took() -> None:
    polled = Polled(pins=250, latency_seconds=1.5)
    began = polled.clock.wall()
    polled.poll()
    walked = polled.clock.elapsed() - 1_001.5
    assert records(polled) == (PollRecord(began, 1.5, requests=1),)
    assert records(polled, Collector.INVENTORY) == (
        PollRecord(began + 1.5, walked, requests=3, verdict=Verdict.CONSISTENT),
    )


def test_a_record_counts_the_requests_of_its_own_poll_with_the_retries() -> None:
    polled = Polled(pins=3)
    polled.poll(Collector.TOTALS)
    polled.fail_with(500)
    polled.poll(Collector.TOTALS)
    polled.recover()
    polled.poll(Collector.TOTALS)
    first, failed, last = records(polled)
    asked = len(polled.service.requests)
    assert failed.requests > 1
    assert (first.requests, failed.requests, last.requests) == (1, asked - 2, 1)


def test_a_failed_poll_is_on_record_with_its_reason_and_error_and_without_a_verdict() -> None:
    polled = Polled()
    polled.fail_with(403)
    polled.poll()
    for collector in Collector:
        (record,) = records(polled, collector)
        assert (record.reason, record.verdict) == ("forbidden", None)
        assert record.error == polled.health(collector).error
        assert "data.pin_list" in (record.error or "")


def test_an_inventory_that_is_shown_unproven_is_on_record_without_an_error_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    polled = Polled(pins=500)
    polled.service.answer = restless(polled)
    for _ in range(5):
        polled.poll(Collector.INVENTORY)
    first, second, *shown = records(polled, Collector.INVENTORY)
    assert [record.reason for record in (first, second)] == ["inconsistent"] * 2
    assert {(each.verdict, each.reason, each.error) for each in shown} == {(Verdict.INCONSISTENT, None, None)}
    assert events(caplog).count("inventory_unproven") == 1


def test_a_poll_that_was_cancelled_is_not_on_record() -> None:
    polled = Polled(latency_seconds=600.0)
    polled.run_for(30)
    assert polled.poller.snapshot.records == {}


def test_an_inventory_that_ended_as_inconsistent_starts_over() -> None:
    polled = Polled(pins=300)
    same = [row(number) for number in range(50)]
    polled.service.answer = lambda _: httpx.Response(200, content=page(same, files=200))
    polled.poll(Collector.INVENTORY)
    assert polled.failures(Collector.INVENTORY) == {"inconsistent": 1}
    polled.recover()
    polled.service.requests.clear()
    polled.poll(Collector.INVENTORY)
    assert offsets_asked(polled)[0] == 0
    assert counted(polled) == (300, Verdict.CONSISTENT)


def test_the_rows_read_so_far_are_known_during_an_inventory() -> None:
    polled = Polled(pins=450)
    seen: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(polled.poller.rows_read)
        return polled.service.list_pins(request)

    polled.service.answer = answer
    polled.poll(Collector.INVENTORY)

    assert seen == [0, 100, 190, 280, 370]
    assert polled.poller.rows_read == 0


def test_a_page_that_waits_for_the_budget_says_so() -> None:
    polled = Polled(pins=1_000, per_minute=2)

    async def work() -> bool:
        walk = asyncio.ensure_future(polled.poller.poll(Collector.INVENTORY))
        await settle()
        waits = polled.poller.waits_for_budget(Collector.INVENTORY)
        walk.cancel()
        await asyncio.gather(walk, return_exceptions=True)
        return waits and not polled.poller.waits_for_budget(Collector.INVENTORY)

    assert not polled.poller.waits_for_budget(Collector.INVENTORY)
    assert asyncio.run(work())


def test_who_takes_over_an_account_keeps_what_is_known_on_its_own_schedule() -> None:
    polled = Polled(pins=120)
    polled.poll()
    client, _ = retrying_client(polled.service, polled.clock)
    schedule, before = PollSchedule(10.0, None, 60.0), polled.poller.snapshot
    heir = AccountPoller("a", client, schedule, polled.clock, reading=Reading(9, 1), before=before).snapshot
    assert (heir.records, heir.counted, heir.size_limit_bytes) == (before.records, before.counted, None)
    assert [health.interval_seconds for health in heir.health.values()] == [10.0, 60.0]


LONG = 7 * PAGE_SIZE
MODE = 'aiozpin_inventory_mode{account="a",mode="followed"}'
FALLBACKS = 'aiozpin_inventory_fallbacks_total{account="a",reason="audit"}'


def rename_all(polled: Polled) -> None:
    """Change words that no total shows, which the next audit finds."""
    for each in polled.service.rows:
        each["status"] = "doneRetrieval" if each["status"] == "pinned" else "pinned"


@pytest.mark.parametrize(("pins", "follows", "expected"), [(LONG, True, 1), (LONG, False, 0), (300, True, 0)])
def test_a_long_list_is_followed_once_it_was_read(pins: int, follows: bool, expected: int) -> None:
    polled = Polled(pins, follows=follows)
    polled.poll()
    assert polled.series()[MODE] == 0
    full = polled.poller.snapshot.counted
    polled.clock.now += 60
    polled.service.rows.append(row(9_999, status="queued", pinned=False))
    polled.poll()
    series = polled.series()
    assert series[MODE] == expected
    assert series['aiozpin_pins{account="a",phase="in_progress",status="queued"}'] == 1
    assert series['aiozpin_inventory_consistent{account="a"}'] == 1
    counted = polled.poller.snapshot.counted
    assert counted is not None
    assert full is not None
    assert (counted.requests < full.requests) is (expected == 1)
    assert not expected or counted.requests == 4
    assert (
        series['aiozpin_inventory_full_timestamp_seconds{account="a"}'] == polled.clock.wall() - 60 * expected
    )
    assert series.get('aiozpin_inventory_audited_pins_total{account="a"}', 0) == expected * PAGE_SIZE


def test_a_list_is_followed_every_interval_however_long_it_takes_to_read() -> None:
    polled = Polled(LONG, per_minute=4, follows=True)
    polled.run_for(600)
    assert polled.health(Collector.INVENTORY).interval_seconds < 240
    assert polled.series()[MODE] == 1
    unfollowed = Polled(LONG, per_minute=4)
    unfollowed.run_for(600)
    assert unfollowed.health(Collector.INVENTORY).interval_seconds >= 240


def test_after_a_failed_request_the_list_is_followed_on() -> None:
    polled = Polled(LONG, follows=True)
    polled.poll()
    polled.fail_with(500, limit=PAGE_SIZE)
    polled.poll()
    assert polled.failures(Collector.INVENTORY) == {"server_error": 1}
    assert polled.series()[MODE] == 0
    polled.recover()
    polled.service.rows.pop(350)
    polled.poll()
    assert polled.series()[MODE] == 1
    assert polled.series()['aiozpin_pins{account="a",phase="pinned",status="pinned"}'] == LONG - 1


def test_a_surprise_leads_to_a_full_inventory_in_the_same_poll_and_old_data_stay_until_its_end() -> None:
    polled = Polled(LONG, follows=True, latency_seconds=55)
    polled.run_for(800)
    assert (polled.series()[MODE], polled.series()[FALLBACKS]) == (1, 0)
    polled.service.latency_seconds = 0
    polled.poll()
    polled.service.latency_seconds = 55
    rename_all(polled)

    fresh: list[bool] = []
    looks = [
        (float(after), lambda: fresh.append(polled.health(Collector.INVENTORY).is_fresh(polled.clock.now)))
        for after in range(60, 480, 30)
    ]
    polled.run_for(560, *looks)
    assert fresh == [True] * len(looks)
    assert polled.series()[FALLBACKS] == 1
    assert polled.series()['aiozpin_pins{account="a",phase="pinned",status="doneRetrieval"}'] == LONG


def test_a_list_that_is_followed_is_read_whole_once_a_day() -> None:
    polled = Polled(LONG, follows=True)
    polled.poll()
    polled.clock.now += 86_300
    polled.poll()
    assert polled.series()[MODE] == 1
    polled.clock.now += 200
    polled.poll()
    assert (polled.series()[MODE], polled.series()[FALLBACKS]) == (0, 0)
    polled.poll()
    assert polled.series()[MODE] == 1


def test_after_several_surprises_in_a_row_a_list_is_not_followed_for_a_day() -> None:
    polled = Polled(LONG, follows=True)
    polled.poll()
    for fallbacks in (1, 2, 3, 3, 3):
        rename_all(polled)
        polled.poll()
        assert (polled.series()[MODE], polled.series()[FALLBACKS]) == (0, fallbacks)
    polled.clock.now += 86_400
    polled.poll()
    polled.poll()
    assert polled.series()[MODE] == 1


def test_a_poller_that_takes_over_a_list_that_was_followed_keeps_its_data_until_it_has_read_all() -> None:
    polled = Polled(LONG, follows=True, latency_seconds=55)
    polled.run_for(800)
    before = polled.poller.snapshot
    assert before.following.mode == "followed"
    client, budget = retrying_client(polled.service, polled.clock)
    schedule = PollSchedule(60.0, None, budget.background_per_minute)
    after = AccountPoller("a", client, schedule, polled.clock, reading=Reading(PAGE_SIZE, 1), before=before)
    took = before.following.full_seconds
    assert took >= 8 * 55
    assert after.snapshot.fresh(polled.clock.now + took) == {Collector.INVENTORY}


def test_the_snapshot_has_the_counts_of_requests_of_now_and_stays_the_same_until_something_changes() -> None:
    polled = Polled()
    polled.poll()
    before = polled.poller.snapshot
    assert polled.poller.snapshot is before
    polled.poller.counter.count_retry("timeout")
    assert polled.poller.snapshot.request_stats is polled.poller.counter.stats
