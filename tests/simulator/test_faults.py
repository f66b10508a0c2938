import asyncio

import httpx
import pytest

from pin_exporter.simulator.faults import Fault
from pin_exporter.simulator.options import Faults

from .harness import LIST, START, Simulated, keys, with_client


@pytest.mark.parametrize(
    ("fault", "status", "is_html"),
    [
        (Fault.TOO_MANY_REQUESTS, 429, False),
        (Fault.SERVER_ERROR, 500, False),
        (Fault.UNAUTHORIZED, 401, False),
        (Fault.FORBIDDEN, 403, False),
        (Fault.NOT_FOUND, 404, False),
        (Fault.ERROR_ENVELOPE, 200, False),
        (Fault.BAD_GATEWAY, 502, True),
        (Fault.NOT_JSON, 200, True),
        (Fault.REDIRECT, 301, True),
    ],
)
def test_a_fault_on_demand_is_an_error_envelope_or_html(fault: Fault, status: int, is_html: bool) -> None:
    simulated = Simulated()
    simulated.simulator.fail_next("a", fault, 2, skip=1)
    good, bad, again, last = (simulated.get() for _ in range(4))
    assert (good.status_code, last.status_code) == (200, 200)
    assert bad.status_code == again.status_code == status
    assert bad.content == again.content
    assert bad.text.startswith("<html>") if is_html else bad.json()["status"] == "error"
    assert bad.headers["content-type"].startswith("text/html") is is_html
    assert ("location" in bad.headers) is (status == 301)


def test_a_body_may_be_empty_or_cut_or_slow_or_break() -> None:
    simulated = Simulated(3)
    whole = simulated.get().content
    for fault, body in [
        (Fault.EMPTY_BODY, b""),
        (Fault.TRUNCATED_JSON, whole[: len(whole) // 2]),
        (Fault.SLOW_BODY, whole),
    ]:
        simulated.simulator.fail_next("a", fault)
        assert simulated.get().content == body
    assert simulated.clock.now == START + len(whole)
    simulated.simulator.fail_next("a", Fault.DROPPED_CONNECTION)
    with pytest.raises(ConnectionResetError, match="simulated"):
        simulated.get()


def test_a_duplicated_page_has_the_rows_of_the_page_before() -> None:
    simulated = Simulated()
    simulated.simulator.fail_next("a", Fault.DUPLICATE_PAGE, skip=1)
    first, again, third = (simulated.page(limit=10, offset=offset) for offset in (0, 10, 20))
    assert first == again
    assert {row["id"] for row in first}.isdisjoint(row["id"] for row in third)


def test_a_black_hole_never_answers() -> None:
    simulated = Simulated()
    simulated.simulator.fail_next("a", Fault.BLACK_HOLE)

    async def talk(client: httpx.AsyncClient) -> int:
        request = asyncio.create_task(client.get(LIST, headers=keys(simulated.account)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not request.done()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        return (await client.get(LIST, headers=keys(simulated.account))).status_code

    assert with_client(simulated.simulator, talk) == 200
    assert simulated.clock.now == START


def test_every_fault_has_a_rate() -> None:
    assert list(Faults().rates()) == list(Fault)


def test_faults_come_at_their_rates_and_the_same_for_a_seed() -> None:
    runs = []
    for _ in range(2):
        simulated = Simulated(5, faults=Faults(server_error_rate=0.3, forbidden_rate=0.2))
        runs.append([simulated.get().status_code for _ in range(200)])
    assert runs[0] == runs[1]
    assert 35 < runs[0].count(500) < 85
    assert 20 < runs[0].count(403) < 60


@pytest.mark.parametrize(("retry_after", "expected"), [(True, "5"), (False, None)])
def test_a_429_has_retry_after_only_if_asked_for(retry_after: bool, expected: str | None) -> None:
    simulated = Simulated(faults=Faults(retry_after=retry_after))
    simulated.simulator.fail_next("a", Fault.TOO_MANY_REQUESTS)
    assert simulated.get().headers.get("retry-after") == expected


def test_the_rate_limit_is_a_sliding_minute_for_each_key() -> None:
    simulated = Simulated(1, faults=Faults(requests_per_minute=3, retry_after=True))
    statuses = []
    for _ in range(5):
        statuses.append(simulated.get().status_code)
        simulated.clock.now += 10
    assert statuses == [200, 200, 200, 429, 429]
    assert simulated.get().headers["retry-after"] == "10"
    simulated.clock.now += 10
    assert [simulated.get().status_code for _ in range(2)] == [200, 429]
