"""The bill of an account: its documented form, odd forms, and failures that touch nothing else."""

import asyncio
import json

import pytest

from pin_exporter.api.client import PinClient
from pin_exporter.api.errors import MalformedError
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.request_stats import RequestCounter
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.polling.billing import (
    FORBIDDEN_INTERVAL_SECONDS,
    INTERVAL_SECONDS,
    PATH,
    STALE_AFTER_SECONDS,
    Bill,
    BillingPoller,
    read_bill,
)
from tests.support.clocks import FakeClock
from tests.support.logged import events
from tests.support.servers import Behaviour, StrangeServer, answer
from tests.support.service import API_KEY, SECRET_KEY, credentials

DOCUMENTED = {
    "total_storage": 123,
    "storage_usage": 456,
    "bandwidth_usage": 789,
    "storage_cost": "1500000000000000000",
    "bandwidth_cost": "20",
}


NOT_NUMBERS: tuple[object, ...] = (
    "",
    "many",
    "-1",
    -1,
    "NaN",
    "Infinity",
    True,
    [],
    {},
    "1e999999",
    "9" * 99,
)


def body(**changes: object) -> bytes:
    return json.dumps({"data": DOCUMENTED | changes, "status": "success"}).encode()


def test_the_documented_form_is_read() -> None:
    assert read_bill(body()) == Bill(123, 456, 789, 1.5, 2e-17)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"storage_cost": 1500000000000000000}, Bill(123, 456, 789, 1.5, 2e-17)),
        ({"storage_cost": "1.5e18"}, Bill(123, 456, 789, 1.5, 2e-17)),
        ({"storage_cost": " 1500000000000000000.5 "}, Bill(123, 456, 789, 1.5, 2e-17)),
        ({"storage_cost": None}, Bill(123, 456, 789, None, 2e-17)),
        ({"storage_cost": "0", "storage_usage": "456"}, Bill(123, 456, 789, 0.0, 2e-17)),
        (dict.fromkeys(list(DOCUMENTED)[:4]), Bill(bandwidth_cost=2e-17)),
    ],
)
def test_odd_forms_are_read_and_what_is_left_out_is_none(changes: dict[str, object], expected: Bill) -> None:
    assert read_bill(body(**changes)) == expected


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"[]",
        b"null",
        b'{"data":null,"status":"error"}',
        b'{"data":{}}',
        b"[" * 100_000,
        *(body(**{name: value}) for name in ("storage_usage", "storage_cost") for value in NOT_NUMBERS),
        body(storage_usage=1.5),
        body(storage_usage=2**63),
        body().replace(b"456", b"NaN"),
        body().replace(b"456", b"1e400"),
    ],
)
def test_anything_else_is_malformed(response: bytes) -> None:
    with pytest.raises(MalformedError):
        read_bill(response)


async def polled(behaviour: Behaviour, clock: FakeClock) -> tuple[BillingPoller, list[float], list[bytes]]:
    async with StrangeServer(behaviour).listening() as server, HttpClients() as clients:
        url = server.base_url()
        client = PinClient(clients.for_url(url), url, credentials, Timeouts(10.0), RequestCounter(), PATH)
        poller = BillingPoller("mine", client, clock)
        pauses = [await poller.poll() for _ in range(2)]
        server.behaviour = answer("200 OK", body())
        pauses.append(await poller.poll())
        return poller, pauses, server.heads


@pytest.mark.parametrize(
    ("behaviour", "reason", "pause"),
    [
        (answer("401 No", b""), "unauthorized", FORBIDDEN_INTERVAL_SECONDS),
        (answer("403 No", b""), "forbidden", FORBIDDEN_INTERVAL_SECONDS),
        (answer("301 Moved", b"<html>", "Location: /elsewhere"), "redirect", INTERVAL_SECONDS),
        (answer("500 No", b""), "server_error", INTERVAL_SECONDS),
        (answer("200 OK", b"<html>"), "malformed", INTERVAL_SECONDS),
    ],
)
def test_a_failure_is_counted_and_logged_once_and_the_next_success_forgets_it(
    behaviour: Behaviour, reason: str, pause: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    poller, pauses, heads = asyncio.run(polled(behaviour, clock))
    assert pauses == [pause, pause, INTERVAL_SECONDS]
    assert poller.state.failures == {reason: 2}
    assert poller.state.error is None
    assert poller.state.bill == Bill(123, 456, 789, 1.5, 2e-17)
    assert events(caplog) == ["billing_failed"]
    assert heads[0].startswith(b"GET /api/billing/thisMonthUsage/ HTTP/1.1\r\n")
    assert not any(key in caplog.text for key in (API_KEY, SECRET_KEY))


def test_an_old_bill_is_not_shown() -> None:
    clock = FakeClock()
    poller, *_ = asyncio.run(polled(answer("200 OK", body()), clock))
    assert poller.state.fresh(clock.elapsed() + STALE_AFTER_SECONDS) is not None
    assert poller.state.fresh(clock.elapsed() + STALE_AFTER_SECONDS + 1) is None
