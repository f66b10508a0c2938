import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from pin_exporter.metrics.account import account_renderer
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.endpoint import metrics_endpoint
from tests.support.clocks import FakeClock
from tests.support.samples import FULL, NOW_ELAPSED, UNTRIED

# The headers of these releases, the last if it is configured to prefer the text format.
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_PREFERRING_TEXT = (
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.3"
)

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = {"accept": "*/*", "accept-encoding": "identity"}


def endpoint(snapshots: Callable[[], Sequence[AccountSnapshot]]) -> httpx.ASGITransport:
    renderer = account_renderer(snapshots, CollectorRegistry(), FakeClock(elapsed=NOW_ELAPSED).elapsed)
    return httpx.ASGITransport(Starlette(routes=[Route("/metrics", metrics_endpoint(renderer))]))


def scrape(
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    query: str = "",
    accounts: Sequence[AccountSnapshot] = (FULL, UNTRIED),
) -> httpx.Response:
    async def exchange() -> httpx.Response:
        async with httpx.AsyncClient(transport=endpoint(lambda: accounts), base_url="http://a") as client:
            client.headers = httpx.Headers(headers or PLAIN)
            return await client.get(f"/metrics{query}")

    return asyncio.run(exchange())


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_3_PREFERRING_TEXT, TEXT),
        ("*/*", TEXT),
        ("application/openmetrics-text;version=2.0.0", OPENMETRICS),
        ("text/plain;version=1.0.0", TEXT),
    ],
)
def test_the_content_type_is_that_of_the_chosen_format(accept: str, content_type: str) -> None:
    response = scrape({"accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.text.endswith("# EOF\n") == (content_type == OPENMETRICS)
    assert 'aiozpin_up{account="archive"} 1.0\n' in response.text


def test_simultaneous_scrapes_share_a_response_and_a_later_one_shows_what_is_new() -> None:
    rendered = 0
    accounts = [FULL, UNTRIED]

    def snapshots() -> Sequence[AccountSnapshot]:
        nonlocal rendered
        rendered += 1
        return accounts

    async def scrape_at_once() -> tuple[set[str], str]:
        async with httpx.AsyncClient(transport=endpoint(snapshots), base_url="http://a") as client:
            responses = await asyncio.gather(*(client.get("/metrics") for _ in range(100)))
            accounts[:] = [replace(FULL, account="new")]
            return {response.text for response in responses}, (await client.get("/metrics")).text

    at_once, later = asyncio.run(scrape_at_once())

    assert len(at_once) == 1
    assert 2 <= rendered < 10
    assert 'account="new"' in later


def test_several_accept_headers_count_as_one() -> None:
    response = scrape([("accept", "text/plain;q=0.5"), ("accept", "application/openmetrics-text")])

    assert response.headers["content-type"] == OPENMETRICS


def test_metrics_are_not_compressed_unless_gzip_is_accepted() -> None:
    for header in ("identity", "gzip;q=0", "br"):
        response = scrape({"accept-encoding": header})
        assert "content-encoding" not in response.headers
        assert int(response.headers["content-length"]) == len(response.text.encode())


@pytest.mark.parametrize("accounts", [1, 40])
def test_compressed_metrics_are_the_same_however_many(accounts: int) -> None:
    many = [replace(FULL, account=f"account-{number}") for number in range(accounts)]
    plain = scrape(accounts=many)

    packed = scrape({"accept-encoding": "gzip"}, accounts=many)

    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    assert packed.text == plain.text


def test_caches_must_not_store_metrics() -> None:
    headers = scrape().headers

    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Accept, Accept-Encoding"


def test_names_in_the_query_select_families() -> None:
    response = scrape(query="?name[]=aiozpin_up&name%5B%5D=aiozpin_files")

    families = re.findall(r"^# TYPE (\S+)", response.text, re.MULTILINE)
    assert families == ["aiozpin_files", "aiozpin_up"]


def test_unknown_names_give_an_empty_exposition() -> None:
    assert scrape(query="?name[]=up").text == ""
    assert scrape({"accept": "application/openmetrics-text"}, "?name[]=up").text == "# EOF\n"
