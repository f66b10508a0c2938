"""A day of polling three accounts in accelerated time, with faults and churn, from the poller down.

A day is 24 hours on the fake clock with a poll every ten minutes: 144 of each collector and account, and a
look after each. For the first 22 hours 5 % of all requests fail, and each reason has an outage of its own; in
the last two nothing fails.
"""

import asyncio
import gc
import logging
import random
import ssl
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pin_exporter.api.errors import REASONS
from pin_exporter.metrics.account import account_renderer
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.polling.poller import AccountPoller, Reading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.toolkit.exposition.encoder import Format
from tests.support.clocks import FakeClock
from tests.support.service import Service, page, retrying_client, row

pytestmark = pytest.mark.slow

HOUR = 3_600.0
INTERVAL = 600.0
STALE_AFTER = 3 * INTERVAL + 60
PAGE_SIZE = 80
FAULT_SHARE = 0.05
WARM = 8 * HOUR
"""By then each fault has come, and every label value there can be."""
CALM = 22 * HOUR
DAY = 24 * HOUR
OUTAGE = 2_400.0
MOST_GROWN_BYTES = 300_000

COUNTERS = ("_total", "request_duration_seconds_bucket", "request_duration_seconds_sum")

Series = tuple[str, tuple[tuple[str, str], ...]]


def raising(error: Callable[[], Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error()

    return answer


def tls_error() -> Exception:
    error = httpx.ConnectError("handshake failed")
    error.__cause__ = ssl.SSLError("certificate verify failed")
    return error


def answering(status: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, headers=fields)


FAULTS: Mapping[str, Callable[[httpx.Request], httpx.Response]] = {
    "timeout": raising(lambda: httpx.ReadTimeout("slow")),
    "connection": raising(lambda: httpx.ConnectError("refused")),
    "tls": raising(tls_error),
    "unauthorized": answering(401),
    "forbidden": answering(403),
    "rate_limited": answering(429, Retry_After="5"),
    "client_error": answering(404),
    "server_error": answering(502),
    "redirect": answering(301, Location="http://elsewhere.invalid/"),
    "malformed": lambda _: httpx.Response(200, content=b'{"data": {"pins": [{"id"'),
    "inconsistent": lambda request: httpx.Response(
        200, content=page([row(number) for number in range(int(request.url.params["limit"]))], files=500)
    ),  # the same page for every offset
}


class RestlessAccount:
    """An account whose pins come, change and go, and whose service fails at random and by plan."""

    def __init__(
        self, name: str, clock: FakeClock, *, pins: int, outages_from: float, new_words: bool
    ) -> None:
        self.name = name
        self.service = Service(clock, pins)
        self.service.answer = self._answer
        self.last_good_totals: tuple[float, int] | None = None
        self._clock = clock
        self._began = clock.elapsed()
        self._rng = random.Random(name)
        self._new_words = new_words
        self._created = pins
        self._outages_from = outages_from
        client, budget = retrying_client(self.service, clock, patience_seconds=INTERVAL)
        schedule = PollSchedule(INTERVAL, None, budget.background_per_minute)
        self.poller = AccountPoller(name, client, schedule, clock, reading=Reading(PAGE_SIZE, 4))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._live_on()
        reason, is_totals = self._fault(), request.url.params["limit"] == "1"
        if reason is not None and not (is_totals and reason == "inconsistent"):
            return FAULTS[reason](request)
        if is_totals:
            self.last_good_totals = (self._clock.elapsed(), len(self.service.rows))
        return self.service.list_pins(request)

    def _fault(self) -> str | None:
        passed = self._clock.elapsed() - self._began
        if passed >= CALM:
            return None
        number = (passed - self._outages_from) // OUTAGE
        if 0 <= number < len(REASONS):
            return REASONS[int(number)]
        return self._rng.choice(REASONS[:-1]) if self._rng.random() < FAULT_SHARE else None

    def _live_on(self) -> None:
        """Let some pins come, change and go: on average as many as there were."""
        rng, rows = self._rng, self.service.rows
        for _ in range(rng.randrange(3)):
            word = f"word {self._created}" if self._new_words else rng.choice(["pinned", "queued", "failed"])
            rows.append(row(self._created, status=word))
            self._created += 1
        while rows and (len(rows) > 300 or rng.random() < 0.45):
            del rows[rng.randrange(len(rows))]
        if rows:
            rows[rng.randrange(len(rows))]["status"] = "pinned"


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Look(NamedTuple):
    """What was seen of the exporter at one moment."""

    values: dict[Series, float]
    counters: dict[Series, float]
    tasks: int
    descriptors: int


class Day:
    """Runs the accounts, and looks at what Prometheus would see after every poll."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.accounts = [
            RestlessAccount("quiet", self.clock, pins=20, outages_from=0.0, new_words=False),
            RestlessAccount("large", self.clock, pins=280, outages_from=DAY, new_words=False),
            RestlessAccount("wordy", self.clock, pins=90, outages_from=9 * HOUR, new_words=True),
        ]
        snapshots = [account.poller for account in self.accounts]
        self._exposition = account_renderer(
            lambda: [poller.snapshot for poller in snapshots], ExporterMetrics().registry, self.clock.elapsed
        )
        self.vanished = 0
        self.memory_when_warm = 0
        self.memory_at_the_end = 0
        self.held_when_warm = (0, 0)
        self.last: Look | None = None

    def run(self) -> None:
        tracemalloc.start()
        try:
            asyncio.run(self.clock.run_until(self.clock.elapsed() + DAY + 1, self._live))
        finally:
            tracemalloc.stop()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            for account in self.accounts:
                group.create_task(account.poller.run())
            group.create_task(self._watch())

    async def _watch(self) -> None:
        began = self.clock.elapsed()
        # A minute before the next poll, and at moments when data may just have grown too old.
        for beat in range(1, int(DAY / INTERVAL) + 1):
            await self.clock.sleep(began + beat * INTERVAL - 60 - self.clock.elapsed())
            look = await self._look(also_openmetrics=beat % 6 == 0)
            for key, value in (self.last.counters if self.last else {}).items():
                assert look.counters.get(key, -1.0) >= value, f"{key} went back"
            self.last = look
            self._hold_against_the_service(look)
            if beat * INTERVAL == WARM:
                self.held_when_warm = (look.tasks, look.descriptors)
                self.memory_when_warm = self._memory()
        self.memory_at_the_end = self._memory()

    async def _look(self, *, also_openmetrics: bool) -> Look:
        text = (await self._exposition.render(Format.TEXT)).decode()
        self.clock.slept.clear()
        for account in self.accounts:
            account.service.requests.clear()
            account.service.arrivals.clear()
        if also_openmetrics:  # its parser takes ten times as long
            openmetrics = (await self._exposition.render(Format.OPENMETRICS)).decode()
            assert list(parse_openmetrics(openmetrics))  # type: ignore[no-untyped-call]
        values = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parse_text(text)
            for sample in family.samples
            if sample.name.startswith("aiozpin_")
        }
        counters = {key: value for key, value in values.items() if key[0].endswith(COUNTERS)}
        return Look(values, counters, len(asyncio.all_tasks()), descriptors())

    def _memory(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    def _hold_against_the_service(self, look: Look) -> None:
        """Data are those of the last good answer, and are not shown once they are too old."""
        now = self.clock.elapsed()
        for account in self.accounts:
            files = look.values.get(("aiozpin_files", (("account", account.name),)))
            good = account.last_good_totals
            if good is None or now - good[0] > STALE_AFTER:
                assert files is None, f"{account.name}: totals are shown though too old"
                self.vanished += good is not None
            elif files is not None:
                assert files == good[1], account.name
            key = (("account", account.name), ("collector", "inventory"))
            age = self.clock.wall() - look.values["aiozpin_last_success_timestamp_seconds", key]
            interval = look.values["aiozpin_poll_interval_seconds", key]
            shown = ("aiozpin_unique_cids", (("account", account.name),)) in look.values
            assert shown is (age <= 3 * interval + 60), f"{account.name}: inventory of {age} s ago"


@pytest.fixture(scope="module")
def day() -> Day:
    logging.getLogger("pin_exporter").setLevel(logging.CRITICAL)  # pytest would keep every record
    lived = Day()
    lived.run()
    logging.getLogger("pin_exporter").setLevel(logging.NOTSET)
    return lived


def test_a_day_leaves_no_more_memory_in_use_than_its_first_hours(day: Day) -> None:
    grown = day.memory_at_the_end - day.memory_when_warm
    assert day.memory_when_warm > 0
    assert grown < MOST_GROWN_BYTES


def test_a_day_leaves_no_task_and_no_file_descriptor_behind(day: Day) -> None:
    assert day.last is not None
    assert day.held_when_warm == (day.last.tasks, day.last.descriptors)


def test_the_series_of_a_day_are_bounded(day: Day) -> None:
    assert day.last is not None
    for account in day.accounts:
        words = {
            dict(labels)["status"]
            for name, labels in day.last.values
            if name == "aiozpin_pins" and dict(labels)["account"] == account.name
        }
        assert len(words) <= 33
    assert len(day.last.values) < 700


def test_each_reason_was_met_and_counted_and_data_vanished_in_the_outages(day: Day) -> None:
    assert day.last is not None
    for reason in REASONS:
        counted = sum(
            value
            for (name, labels), value in day.last.values.items()
            if name == "aiozpin_poll_failures_total" and ("reason", reason) in labels
        )
        assert counted > 0, reason
    assert day.vanished > 0


def test_once_the_faults_stop_everything_is_up(day: Day) -> None:
    assert day.last is not None
    for account in day.accounts:
        own = ("account", account.name)
        assert day.last.values["aiozpin_up", (own,)] == 1
        assert ("aiozpin_files", (own,)) in day.last.values
        assert ("aiozpin_unique_cids", (own,)) in day.last.values
