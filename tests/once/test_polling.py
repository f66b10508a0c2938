import asyncio

import httpx
import pytest

from pin_exporter.api.model import Collector, Totals, Verdict
from pin_exporter.once.output import failures, result
from pin_exporter.once.polling import PolledAccount, poll_account
from pin_exporter.toolkit.clock import Clock
from tests.polling.test_poller import Polled, restless

ALL = frozenset(Collector)


def poll(polled: Polled) -> PolledAccount:
    clock: Clock = polled.clock
    return asyncio.run(poll_account(polled.poller, clock))


def polls(done: PolledAccount) -> list[int]:
    """Return how often totals and inventory were polled."""
    return [health.polls for health in done.snapshot.health.values()]


def failed(done: PolledAccount) -> list[list[str]]:
    """Return collectors and reason of each failure."""
    return [line.split(": ")[1:3] for line in failures([done])]


def test_totals_and_inventory_are_polled_once() -> None:
    done = poll(Polled(pins=3))

    assert (polls(done), done.fresh, failed(done)) == ([1, 1], ALL, [])
    assert done.snapshot.totals == Totals(3, 300)
    assert done.snapshot.counted is not None
    assert done.snapshot.counted.verdict is Verdict.CONSISTENT


@pytest.mark.parametrize(("status", "reason"), [(401, "unauthorized"), (403, "forbidden")])
def test_after_a_rejected_key_nothing_more_is_requested(status: int, reason: str) -> None:
    polled = Polled()
    polled.fail_with(status)
    done = poll(polled)

    assert len(polled.service.requests) == 1
    assert (polls(done), failed(done)) == ([1, 0], [["totals", reason]])


@pytest.mark.parametrize(
    ("limit", "fresh", "expected", "reported"),
    [
        (1, frozenset({Collector.INVENTORY}), [2, 1], [["totals", "client_error"]]),
        (None, frozenset(), [1, 1], [["totals and inventory", "client_error"]]),
    ],
)
def test_failed_totals_are_polled_again_if_the_inventory_succeeds(
    limit: int | None, fresh: frozenset[Collector], expected: list[int], reported: list[list[str]]
) -> None:
    polled = Polled(pins=3)
    polled.fail_with(404, limit=limit)
    done = poll(polled)

    assert (done.fresh, polls(done), failed(done)) == (fresh, expected, reported)


def test_totals_that_become_stale_during_the_inventory_are_polled_again() -> None:
    polled = Polled(pins=450, stale_after=30.0)
    polled.service.latency_seconds = 20.0
    done = poll(polled)

    assert (done.fresh, polls(done)) == (ALL, [2, 1])


def test_an_inconsistent_inventory_is_in_the_result_after_three_attempts_and_a_failure() -> None:
    polled = Polled(pins=500)
    polled.service.answer = restless(polled)
    done = poll(polled)

    assert (polls(done)[1], failed(done)) == (3, [["inventory", "inconsistent"]])
    assert Collector.INVENTORY in done.fresh
    assert b'aiozpin_inventory_consistent{account="a"} 0.0\n' in result([done], "prometheus", done.ended)


def test_an_inventory_that_becomes_consistent_is_no_failure() -> None:
    polled = Polled(pins=500)
    moving = restless(polled)

    def answer(request: httpx.Request) -> httpx.Response:
        attempts = polled.health(Collector.INVENTORY).polls
        return moving(request) if attempts == 0 else polled.service.list_pins(request)

    polled.service.answer = answer
    done = poll(polled)

    assert (polls(done)[1], failed(done)) == (2, [])
    assert done.snapshot.counted is not None
    assert done.snapshot.counted.verdict is Verdict.CONSISTENT
