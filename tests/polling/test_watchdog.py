import asyncio

import httpx
import pytest

from pin_exporter.api.model import Collector
from pin_exporter.polling.poller import AccountPoller, Reading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.watchdog import Watchdog
from tests.polling.test_poller import Polled
from tests.support.clocks import FakeClock
from tests.support.service import Service, retrying_client

HOUR = 3_600.0


class Watched(Polled):
    """An account whose poller is looked at."""

    def __init__(self, pins: int = 3, *, per_minute: int = 120) -> None:
        super().__init__(pins, per_minute=per_minute)
        self.watchdog = Watchdog(lambda: [self.poller], self.clock.elapsed)

    def watch_for(self, seconds: float) -> list[str]:
        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.poller.run())
                group.create_task(self.watchdog.run(self.clock.sleep))

        asyncio.run(self.clock.run_until(self.clock.elapsed() + seconds, work))
        return self.watchdog.problems()


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_account_is_alive_as_long_as_it_is_polled_whatever_comes_of_it(status: int) -> None:
    watched = Watched()
    if status != 200:
        watched.fail_with(status)
    assert watched.watch_for(3 * HOUR) == []


@pytest.mark.parametrize(("limit", "collector"), [(1, "totals"), (100, "inventory")])
def test_a_poll_that_hangs_is_reported_after_an_hour_and_three_intervals(limit: int, collector: str) -> None:
    assert hung(limit, HOUR + 150) == []
    (told,) = hung(limit, HOUR + 270)
    assert told.startswith(f"account a: {collector}: no request and no result for ")
    assert told.endswith(" s: restart the exporter")


def hung(limit: int, seconds: float) -> list[str]:
    """Never answer when so many rows are asked for."""
    watched = Watched()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["limit"] == str(limit):
            await asyncio.Event().wait()
        return watched.service.list_pins(request)

    watched.service.answer = answer
    return watched.watch_for(seconds)


def test_a_walk_that_takes_hours_is_alive_as_long_as_pages_come() -> None:
    watched = Watched(pins=12_000, per_minute=2)
    assert watched.watch_for(1.5 * HOUR) == []
    assert watched.poller.snapshot.health[Collector.INVENTORY].polls == 0


def test_time_in_which_nobody_looked_counts_as_a_minute_at_most() -> None:
    watched = Watched()
    watched.watch_for(10)
    watched.clock.now += 10 * HOUR
    watched.watchdog.look()
    assert watched.watchdog.problems() == []


class Stuck(AccountPoller):
    """A poller that does nothing any more, with requests that wait for the budget or not."""

    def __init__(self, account: str, *, waiting: bool = False) -> None:
        clock = FakeClock()
        client, _ = retrying_client(Service(clock), clock)
        if waiting:
            client.waiting.update(Collector)
        schedule = PollSchedule(60.0, None, 60.0)
        super().__init__(account, client, schedule, clock, reading=Reading(100, 1))


def look_for(hours: float, watchdog: Watchdog, clock: FakeClock) -> list[str]:
    for _ in range(int(60 * hours)):
        watchdog.look()
        clock.now += 60
    return watchdog.problems()


def test_an_account_that_waits_for_a_budget_that_others_use_up_is_alive() -> None:
    clock = FakeClock()
    waiting, stuck = Stuck("waiting", waiting=True), Stuck("stuck")
    watchdog = Watchdog(lambda: [waiting, stuck], clock.elapsed)
    problems = look_for(3, watchdog, clock)
    assert [line.split(":")[0] for line in problems] == ["account stuck", "account stuck"]


def test_of_many_that_are_stuck_ten_are_named() -> None:
    clock = FakeClock()
    pollers = [Stuck(f"a{number}") for number in range(9)]
    watchdog = Watchdog(lambda: pollers, clock.elapsed)
    problems = look_for(2, watchdog, clock)
    assert len(problems) == 11
    assert problems[-1] == f"and {len(pollers) * len(Collector) - 10} more"

    del pollers[1:]
    watchdog.look()
    assert len(watchdog.problems()) == 2
