import asyncio
import re
from email.utils import parsedate_to_datetime

import httpx
import pytest

from pin_exporter.simulator import Fault, Faults

from .harness import LIST, START, get, keys, one_account, pins, with_client


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.TOO_MANY_REQUESTS, 429),
        (Fault.SERVER_ERROR, 500),
        (Fault.UNAUTHORIZED, 401),
        (Fault.FORBIDDEN, 403),
        (Fault.NOT_FOUND, 404),
        (Fault.ERROR_ENVELOPE, 200),
    ],
)
def test_a_fault_on_demand_with_an_error_envelope(fault: Fault, status: int) -> None:
    simulator, account, _ = one_account()
    simulator.fail_next("a", fault, 2, skip=1)
    responses = [get(simulator, account) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, status, status, 200]
    assert [response.json()["status"] for response in responses] == ["success", "error", "error", "success"]
    assert simulator.requests[1].fault is fault


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.BAD_GATEWAY, 502), (Fault.NOT_JSON, 200), (Fault.REDIRECT, 301)]
)
def test_a_fault_on_demand_with_html(fault: Fault, status: int) -> None:
    simulator, account, _ = one_account()
    simulator.fail_next("a", fault)
    response = get(simulator, account)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.startswith("<html>")
    assert ("location" in response.headers) is (status == 301)


def test_a_body_may_be_empty_or_cut() -> None:
    simulator, account, _ = one_account()
    whole = get(simulator, account).content
    simulator.fail_next("a", Fault.EMPTY_BODY)
    simulator.fail_next("a", Fault.TRUNCATED_JSON)
    assert get(simulator, account).content == b""
    assert get(simulator, account).content == whole[: len(whole) // 2]


def test_a_slow_body_takes_a_second_a_byte() -> None:
    simulator, account, clock = one_account(3)
    whole = get(simulator, account).content
    simulator.fail_next("a", Fault.SLOW_BODY)
    assert get(simulator, account).content == whole
    assert clock.now == START + len(whole)


def test_a_dropped_connection_breaks_the_body() -> None:
    simulator, account, _ = one_account()
    simulator.fail_next("a", Fault.DROPPED_CONNECTION)
    with pytest.raises(ConnectionResetError, match="simulated"):
        get(simulator, account)


def test_a_duplicated_page_has_the_rows_of_the_page_before() -> None:
    simulator, account, _ = one_account()
    simulator.fail_next("a", Fault.DUPLICATE_PAGE, skip=1)
    first, again, third = (pins(simulator, account, limit=10, offset=offset) for offset in (0, 10, 20))
    assert first == again
    assert {row["id"] for row in first}.isdisjoint(row["id"] for row in third)


def test_a_black_hole_never_answers() -> None:
    simulator, account, clock = one_account()
    simulator.fail_next("a", Fault.BLACK_HOLE)

    async def talk(client: httpx.AsyncClient) -> int:
        request = asyncio.create_task(client.get(LIST, headers=keys(account)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not request.done()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        return (await client.get(LIST, headers=keys(account))).status_code

    assert with_client(simulator, talk) == 200
    assert [record.status for record in simulator.requests] == [0, 200]
    assert clock.now == START


def test_faults_come_at_their_rates_and_the_same_for_a_seed() -> None:
    faults = Faults(server_error_rate=0.3, forbidden_rate=0.2)
    runs = []
    for _ in range(2):
        simulator, account, _ = one_account(5, faults=faults)
        runs.append([get(simulator, account).status_code for _ in range(200)])
    assert runs[0] == runs[1]
    assert 35 < runs[0].count(500) < 85
    assert 20 < runs[0].count(403) < 60


@pytest.mark.parametrize(("retry_after", "expected"), [("seconds", "5"), ("none", None)])
def test_a_429_has_retry_after_in_seconds_or_not_at_all(retry_after: str, expected: str | None) -> None:
    simulator, account, _ = one_account()
    account.set_faults(retry_after=retry_after)
    simulator.fail_next("a", Fault.TOO_MANY_REQUESTS)
    assert get(simulator, account).headers.get("retry-after") == expected


def test_a_429_can_have_retry_after_as_a_date() -> None:
    simulator, account, _ = one_account(faults=Faults(retry_after="date", retry_after_seconds=90))
    simulator.fail_next("a", Fault.TOO_MANY_REQUESTS)
    text = get(simulator, account).headers["retry-after"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", text)
    assert parsedate_to_datetime(text).timestamp() == START + 90
