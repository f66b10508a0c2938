import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.proxy_tls import Route
from pin_exporter.config.accounts import Account
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.snapshot import AccountSnapshot
from tests.support.clocks import FakeClock
from tests.support.samples import account_at, credential_source, varied
from tests.support.service import Service, served_by

START = 1_000.0


class _Clients(HttpClients):
    """The real sharing of clients, over a service in the same process."""

    def __init__(self, service: Service) -> None:
        super().__init__(self._make_one)
        self._made: list[httpx.AsyncClient] = []
        self._service = service

    def _make_one(self, _: Route) -> httpx.AsyncClient:
        self._made.append(served_by(self._service))
        return self._made[-1]

    @property
    def closed(self) -> list[bool]:
        """Return whether each client is closed."""
        return [client.is_closed for client in self._made]


def account(name: str, key: str | Path = "key", **more: object) -> Account:
    more = {"name": name, "credentials": credential_source(key, account=name), "pages_in_flight": 1, **more}
    return varied(account_at("https://api.test/api"), **more)


class Running:
    """A manager that polls for some seconds, and what came of it; after 30 s, other accounts may apply."""

    def __init__(
        self,
        *accounts: Account,
        then: Sequence[Account] | None = None,
        pins: int = 0,
        seconds: float = 50.0,
    ) -> None:
        # In its first minute, a process sends less than it may.
        self.clock = FakeClock(elapsed=START - 60)
        self.service = Service(self.clock, pins)
        self.clients = _Clients(self.service)
        self.manager = PollerManager(accounts, self.clients, self.clock, random.Random(1))
        self.clock.now = START
        self.unready_at_first = self.manager.unready()
        self.before: Mapping[str, AccountSnapshot] = {}
        self.right_after: Mapping[str, AccountSnapshot] = {}
        if then is not None:
            self.run(140, lambda: self._replace(then))
        elif seconds:
            self.run(seconds)

    def run(self, seconds: float, beside: Callable[[], Awaitable[None]] | None = None) -> None:
        """Poll for so many seconds, beside something else that happens meanwhile."""

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.manager.run())
                if beside:
                    await beside()

        asyncio.run(self.clock.run_until(START + seconds, work))

    async def _replace(self, accounts: Sequence[Account]) -> None:
        await self.clock.sleep(30)
        self.before = self.snapshots
        self.manager.apply_config(accounts)
        self.right_after = self.snapshots

    @property
    def snapshots(self) -> Mapping[str, AccountSnapshot]:
        return {snapshot.account: snapshot for snapshot in self.manager.snapshots()}

    def requests_by(self, key: str) -> list[float]:
        """Return when requests with a key arrived, in seconds from the start."""
        pairs = zip(self.service.requests, self.service.arrivals, strict=True)
        return [at - START for request, at in pairs if request.headers["pinning_api_key"] == key]


def test_every_account_is_polled_under_its_own_name_and_with_its_own_keys() -> None:
    running = Running(account("one"), account("two", "other", size_limit=7), pins=3)
    assert list(running.snapshots) == list(running.manager.pollers()) == ["one", "two"]
    assert all(snapshot.up and snapshot.counted for snapshot in running.snapshots.values())
    assert running.snapshots["two"].size_limit_bytes == 7
    # The totals once, and the list twice: that one page is all of it is only known with the totals.
    assert len(running.requests_by("key")) == len(running.requests_by("other")) == 3


def test_accounts_with_the_same_key_and_url_share_the_smallest_of_their_budgets() -> None:
    running = Running(
        *(account(name, requests_per_minute=rpm) for name, rpm in [("a", 5), ("b", 3), ("c", 99)])
    )
    assert len(running.requests_by("key")) == 3


@pytest.mark.parametrize("other", [{"key": "other"}, {"base_url": "https://other.test/api"}])
def test_accounts_with_another_key_or_url_have_a_budget_of_their_own(other: dict[str, Any]) -> None:
    running = Running(account("a", requests_per_minute=2), account("b", requests_per_minute=2, **other))
    assert len(running.service.requests) == 4


def test_accounts_that_share_a_budget_share_what_there_is_for_walks() -> None:
    whole: dict[str, Any] = {"requests_per_minute": 40, "inventory": "full"}
    alone = Running(account("a", **whole), pins=950, seconds=30)
    shared = Running(*(account(name, **whole) for name in "abcd"), pins=950, seconds=300)
    (interval,) = _inventory_intervals(alone)
    assert 0 < interval <= 60
    (snapshot,) = alone.snapshots.values()
    assert snapshot.counted is not None
    assert _inventory_intervals(shared) == {60 * snapshot.counted.requests / (20 / 4)}


def _inventory_intervals(running: Running) -> set[float]:
    assert all(snapshot.counted for snapshot in running.snapshots.values())
    return {snapshot.health[Collector.INVENTORY].interval_seconds for snapshot in running.snapshots.values()}


@pytest.mark.parametrize(
    ("accounts", "interval", "spread"), [(1, 60.0, 0.05), (40, 60.0, 2.0), (40, 1.0, 1.0)]
)
def test_starts_are_spread_a_little_and_never_beyond_an_interval(
    accounts: int, interval: float, spread: float
) -> None:
    running = Running(
        *(account(f"a{number}", f"key{number}", poll_interval=interval) for number in range(accounts)),
        seconds=3,
    )
    first = [running.requests_by(f"key{number}")[0] for number in range(accounts)]
    assert all(0 <= after <= spread for after in first)
    assert len(set(first)) == accounts
    assert max(first) > spread / 2 or accounts == 1


def test_accounts_are_unready_until_their_totals_were_polled() -> None:
    running = Running(account("one"), account("two"))
    assert running.unready_at_first == ["one", "two"]
    assert running.manager.unready() == []


def own(name: str, **more: object) -> Account:
    return account(name, f"key-of-{name}", **more)


def test_an_update_begins_with_new_accounts_at_once_and_ends_those_that_are_gone() -> None:
    changed = Running(own("a"), own("gone"), then=[own("a"), own("new")])
    assert list(changed.right_after) == ["a", "new"]
    assert max(changed.requests_by("key-of-gone")) < 30
    assert 30 <= min(changed.requests_by("key-of-new")) < 31


def test_an_update_leaves_an_account_that_is_as_it_was_alone() -> None:
    changed = Running(own("a"), then=[own("a"), own("new")])
    assert changed.right_after["a"] is changed.before["a"]
    assert all(at < 31 or at > 59 for at in changed.requests_by("key-of-a"))


def test_an_account_that_changed_keeps_its_data_and_counters_and_is_polled_anew() -> None:
    changed = Running(own("a"), then=[own("a", poll_interval=20.0, size_limit=9)])
    before, after = changed.before["a"], changed.right_after["a"]
    assert after.totals == before.totals is not None
    assert after.counted is before.counted is not None
    assert after.request_stats is before.request_stats
    assert after.size_limit_bytes == 9
    assert {health.interval_seconds for health in after.health.values()} == {20, 60}
    assert [round(at) for at in changed.requests_by("key-of-a") if at > 29][:4] == [30, 30, 50, 50]


def test_an_account_at_another_url_begins_with_nothing() -> None:
    changed = Running(own("a"), then=[own("a", base_url="https://other.test/api")])
    assert changed.before["a"].totals is not None
    assert changed.right_after["a"].totals is None


def test_an_account_that_joins_a_budget_gets_a_part_of_it_and_the_others_keep_their_data() -> None:
    one, two = (account(name, requests_per_minute=20, poll_interval=20.0) for name in "ab")
    changed = Running(one, then=[one, two], pins=500)
    counted = changed.before["a"].counted
    assert counted is not None
    assert changed.right_after["a"].counted is counted
    assert changed.before["a"].health[Collector.INVENTORY].interval_seconds == 60 * counted.requests / 10
    after = [snapshot.health[Collector.INVENTORY] for snapshot in changed.manager.snapshots()]
    assert [health.interval_seconds for health in after] == [60 * counted.requests / 5] * 2


def never_more_than(count: int, at: list[float]) -> bool:
    """Return whether there are no more requests than so many in any minute."""
    return all(later - earlier > 59.999 for earlier, later in zip(at, at[count:], strict=False))


@pytest.mark.parametrize("between", [[account("a", requests_per_minute=2)], [account("z", "other")], []])
def test_no_reload_however_often_forgets_the_requests_of_the_last_minute(between: list[Account]) -> None:
    before = account("a", requests_per_minute=9, poll_interval=1.0)
    running = Running(before, pins=950, seconds=0)

    async def reload() -> None:
        for _ in range(50):
            await running.clock.sleep(2)
            running.manager.apply_config(between)
            await running.clock.sleep(1)
            running.manager.apply_config([before])

    running.run(200, reload)
    at = running.requests_by("key")
    assert len(at) > 18
    assert never_more_than(9, at)


def test_a_key_that_comes_into_a_file_brings_its_budget_with_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("key-before")
    running = Running(
        account("a", file, requests_per_minute=9, poll_interval=5.0),
        account("b", requests_per_minute=3, poll_interval=5.0),
        seconds=0,
    )

    async def change() -> None:
        await running.clock.sleep(12)
        file.write_text("key")

    running.run(200, change)
    at = running.requests_by("key")
    assert len(running.requests_by("key-before")) > 3
    # The request that found the key was granted by the budget of the key before.
    at.remove(next(each for each in at if each > 12))
    assert len(at) == 12
    assert never_more_than(3, at)


def test_an_update_while_it_ends_begins_nothing() -> None:
    running = Running(own("a"), pins=3, seconds=0)

    async def work() -> None:
        polling = asyncio.create_task(running.manager.run())
        await running.clock.sleep(30)
        polling.cancel()
        await asyncio.wait([polling])
        running.manager.apply_config([own("a"), own("new")])

    asyncio.run(running.clock.run_until(START + 90, work))
    assert [snapshot.was_polled for snapshot in running.snapshots.values()] == [True, False]


def test_an_update_closes_the_connections_that_no_account_needs_any_more() -> None:
    changed = Running(own("a"), own("b", proxy_url=SecretStr("direct")), then=[own("a"), own("c")])
    assert changed.clients.closed == [False, True]


def test_files_that_cannot_be_read_again_are_counted_by_what_is_in_them(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a-key-in-a-file")
    running = Running(account("one", key), seconds=0)
    key.unlink()
    running.run(50)
    snapshot = running.snapshots["one"]
    assert snapshot.up
    assert snapshot.request_stats.stale == {"keys": 2, "certificates": 0}


def test_an_update_leaves_accounts_that_share_a_budget_alone_as_long_as_none_of_them_changes() -> None:
    both = [account("a"), account("b")]
    same = Running(*both, then=[*both, own("new")])
    changed = Running(*both, then=[account("a"), account("b", size_limit=9)])
    assert all(same.right_after[name] is same.before[name] for name in "ab")
    assert all(changed.right_after[name] is not changed.before[name] for name in "ab")


def requests_until_let_go(turns: int) -> int:
    """Let an account go so many turns of the loop after its first request; return how many it made."""
    running = Running(own("a", page_size=10, pages_in_flight=4), pins=95, seconds=0)
    begun = asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        begun.set()
        return running.service.list_pins(request)

    async def let_go() -> None:
        await begun.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.manager.apply_config([])

    running.service.answer = answer
    running.run(5, let_go)
    return len(running.service.requests)


def test_an_account_can_be_let_go_at_any_moment_of_a_walk() -> None:
    assert len({requests_until_let_go(turns) for turns in range(40)}) > 5


def test_a_429_holds_back_all_accounts_with_its_key_and_no_others() -> None:
    running = Running(account("a"), account("b"), account("other", "other"), seconds=0)
    service = running.service

    def answer(request: httpx.Request) -> httpx.Response:
        if len(service.requests) == 1:
            return httpx.Response(429, headers={"Retry-After": "20"})
        return service.list_pins(request)

    service.answer = answer
    running.run(50)
    limited = service.requests[0].headers["pinning_api_key"]
    first, *others = running.requests_by(limited)
    assert len(others) > 2
    assert min(others) >= first + 20
    unlimited = {"key", "other"} - {limited}
    assert min(running.requests_by(unlimited.pop())) < first + 1
    if limited == "key":
        assert {snapshot.account for snapshot in running.snapshots.values() if snapshot.up} >= {"a", "b"}


@pytest.mark.parametrize("pages_in_flight", [1, 3])
def test_an_account_has_as_many_pages_in_flight_as_it_is_configured_to(pages_in_flight: int) -> None:
    one = account("a", page_size=10, pages_in_flight=pages_in_flight)
    running = Running(one, pins=200, seconds=0)
    service, in_flight, most = running.service, 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight, most
        if request.url.params["limit"] == "1":
            return service.list_pins(request)
        in_flight += 1
        most = max(most, in_flight)
        await running.clock.sleep(1.0)
        in_flight -= 1
        return service.list_pins(request)

    service.answer = answer
    running.run(50)
    assert most == pages_in_flight


def test_an_account_with_another_interval_keeps_data_for_as_long_as_the_new_settings_say() -> None:
    slow = own("a", poll_interval=10.0, requests_per_minute=20)
    changed = Running(slow, then=[own("a", poll_interval=20.0, stale_after=50.0)], pins=500)

    def times(snapshot: AccountSnapshot, collector: Collector) -> tuple[float, float]:
        health = snapshot.health[collector]
        return health.interval_seconds, health.stale_after_seconds

    assert times(changed.before["a"], Collector.TOTALS) == (10, 90)
    stretched, _ = times(changed.before["a"], Collector.INVENTORY)
    assert 25 < stretched < 50
    after = changed.right_after["a"]
    assert times(after, Collector.TOTALS) == (20, 50)
    assert times(after, Collector.INVENTORY) == (stretched, 2 * stretched)
    (last,) = changed.manager.snapshots()
    assert times(last, Collector.INVENTORY) == (20, 50)
