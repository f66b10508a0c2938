import asyncio
from itertools import pairwise

import httpx
import pytest

from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Collector, Page
from pin_exporter.api.request_stats import RequestStats
from pin_exporter.api.retry import RETRIED
from tests.support.clocks import FakeClock, settle
from tests.support.service import Answering, page, retrying_client, row

GOOD = page([row(1)])


class Asking:
    """Requests one page, and records when the service was asked."""

    def __init__(self, *answers: int | httpx.Response | Exception, patience_seconds: float = 60.0) -> None:
        self.clock = FakeClock()
        self.at: list[float] = []
        self._answers = iter(answers)
        service: Answering = self._answer
        self.client, self.budget = retrying_client(
            service, self.clock, per_minute=4, patience_seconds=patience_seconds
        )

    @property
    def stats(self) -> RequestStats:
        return self.client.counter.stats

    def page(self, collector: Collector = Collector.TOTALS, retried: frozenset[str] = RETRIED) -> int:
        """Return how many files the page reports."""
        return asyncio.run(self.client.list_pins(collector, offset=0, limit=1, retried=retried)).totals.files

    def failure(self, collector: Collector = Collector.TOTALS, retried: frozenset[str] = RETRIED) -> str:
        with pytest.raises(PollError) as caught:
            self.page(collector, retried)
        return caught.value.reason

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.at.append(self.clock.elapsed())
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, content=GOOD if answer == 200 else b"")
        return answer


def refusing(status: int, retry_after: str | None) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": retry_after} if retry_after else None)


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


RETRIABLE = {
    "connection": httpx.ConnectError("refused"),
    "timeout": httpx.ReadTimeout("slow"),
    "rate_limited": 429,
    "server_error": 502,
    "malformed": httpx.Response(200, content=b"{"),
}


def test_a_page_that_comes_at_once_is_counted_as_one_request() -> None:
    asking = Asking(200)
    assert asking.page() == 1
    assert dict(asking.stats.requests) == {(Collector.TOTALS, "200"): 1}
    assert asking.stats.throttled_seconds == 0
    assert asking.stats.response_bytes == len(GOOD)
    assert sum(asking.stats.durations[Collector.TOTALS][0]) == 1


@pytest.mark.parametrize(("reason", "answer"), RETRIABLE.items())
def test_a_failure_that_may_pass_is_tried_again_and_counted(
    reason: str, answer: int | httpx.Response | Exception
) -> None:
    asking = Asking(answer, 200)
    assert asking.page() == 1
    assert {reason: 1} == {key: count for key, count in asking.stats.retries.items() if count}
    assert sum(asking.stats.requests.values()) == 2


def test_the_table_above_knows_every_retried_reason() -> None:
    assert set(RETRIABLE) == RETRIED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (301, "redirect"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "client_error"),
        (409, "client_error"),
        (httpx.Response(200, content=b"," * 9_000_000), "malformed"),
    ],
)
def test_a_failure_that_will_not_pass_is_not_tried_again(answer: int | httpx.Response, reason: str) -> None:
    asking = Asking(answer)
    assert asking.failure() == reason
    assert len(asking.at) == 1
    assert not any(asking.stats.retries.values())


def test_the_error_is_that_of_the_last_of_four_attempts() -> None:
    asking = Asking(500, 500, httpx.ConnectError("refused"), 429)
    assert asking.failure() == "rate_limited"
    retried = {reason: count for reason, count in asking.stats.retries.items() if count}
    assert retried == {"server_error": 2, "connection": 1}, "no retry followed the last failure"


@pytest.mark.parametrize("retry_after", [None, "0", "Thu, 01 Jan 1970 00:00:00 GMT"])
@pytest.mark.parametrize(("status", "delays"), [(500, (0.5, 1.0, 2.0)), (429, (5.0, 10.0, 20.0))])
def test_delays_between_attempts_grow_also_if_the_api_asks_for_none(
    status: int, delays: tuple[float, ...], retry_after: str | None
) -> None:
    asking = Asking(*(refusing(status, retry_after) for _ in range(4)))
    asking.failure()
    for gap, longest in zip(gaps(asking.at), delays, strict=True):
        assert longest / 2 <= gap <= longest
    waited = asking.at[-1] - asking.at[0] if status == 429 or retry_after else 0.0
    assert asking.stats.throttled_seconds == pytest.approx(waited)


def test_a_reason_that_the_caller_takes_care_of_is_not_retried() -> None:
    asking = Asking(httpx.ReadTimeout("slow"))
    assert asking.failure(retried=RETRIED - {"timeout"}) == "timeout"
    assert len(asking.at) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_the_api_asks_for_is_obeyed_and_counted(status: int) -> None:
    asking = Asking(refusing(status, "7"), 200)
    assert asking.page() == 1
    assert asking.at == [1_000.0, 1_007.0]
    assert asking.stats.throttled_seconds == 7


def test_after_a_429_all_who_share_the_budget_wait_as_long_as_the_api_asked() -> None:
    asking = Asking(refusing(429, "7"), 200)
    asking.page()
    assert asyncio.run(asking.budget.acquire(background=True)) == 0

    refused = Asking(refusing(429, "7"), 200)
    refused.failure(retried=frozenset())
    assert asyncio.run(refused.budget.acquire(background=True)) == 7


@pytest.mark.parametrize(("status", "reason", "pause"), [(429, "rate_limited", 20), (503, "server_error", 0)])
def test_a_wait_longer_than_the_patience_fails_at_once_and_only_a_429_pauses_others_and_no_longer(
    status: int, reason: str, pause: int
) -> None:
    asking = Asking(refusing(status, "86400"), patience_seconds=20.0)
    assert asking.failure() == reason
    assert asking.at == [1_000.0]
    assert asyncio.run(asking.budget.acquire(background=False)) == pause


def test_retries_end_when_the_patience_does() -> None:
    asking = Asking(*(refusing(503, "8") for _ in range(3)), patience_seconds=16.0)
    assert asking.failure() == "server_error"
    assert asking.at == [1_000.0, 1_008.0, 1_016.0]


@pytest.mark.parametrize(("collector", "free"), [(Collector.TOTALS, 4), (Collector.INVENTORY, 2)])
def test_every_attempt_takes_from_the_budget_and_waiting_for_it_is_counted(
    collector: Collector, free: int
) -> None:
    asking = Asking(*[200] * (free + 1))
    for _ in range(free):
        asking.page(collector)
    assert asking.stats.throttled_seconds == 0
    asking.page(collector)
    assert asking.stats.throttled_seconds == 60
    assert asking.at[-1] == 1_060.0


def test_retries_take_from_the_budget_too() -> None:
    asking = Asking(500, 500, 200, 200, 200)
    for _ in range(3):
        asking.page()
    assert asking.at[-1] == pytest.approx(1_060.0)


def test_waiting_for_the_budget_does_not_use_up_the_patience() -> None:
    asking = Asking(200, 200, 500, 200, patience_seconds=5.0)
    for _ in range(3):
        asking.page(Collector.INVENTORY)
    assert asking.stats.retries["server_error"] == 1


def test_a_bug_is_not_taken_for_a_failure() -> None:
    asking = Asking(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        asking.page()
    assert dict(asking.stats.requests) == {(Collector.TOTALS, "error"): 1}


def test_each_request_that_waits_for_the_budget_is_counted_as_waiting() -> None:
    asking = Asking(200, 200)

    async def work() -> list[int]:
        pages: list[asyncio.Future[Page]] = [
            asyncio.ensure_future(asking.client.list_pins(Collector.INVENTORY, offset=offset, limit=9))
            for offset in range(4)
        ]
        await settle()
        waiting = [asking.client.waiting[Collector.INVENTORY]]
        for request in pages[2:]:
            request.cancel()
            await settle()
            waiting.append(asking.client.waiting[Collector.INVENTORY])
        return waiting

    assert asyncio.run(work()) == [2, 1, 0]
    assert asking.client.waiting[Collector.TOTALS] == 0
