import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urljoin

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pin_exporter.api.transport import HttpClients
from pin_exporter.commands.app import WebOptions, create_app, run_app
from pin_exporter.metrics.account import account_renderer
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.pages import Pages
from pin_exporter.status.routes import status_routes
from pin_exporter.toolkit.web.listener import listen, local_url
from tests.support.clocks import FakeClock
from tests.support.documents import Document
from tests.support.samples import FULL, NOW_ELAPSED, UNTRIED, account_at
from tests.support.servers import StrangeServer, answer
from tests.support.service import page, row

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
QUIET = {"accept": "*/*", "accept-encoding": "identity"}


def ask(
    path: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    *,
    method: str = "GET",
    telemetry_path: str = "/metrics",
    unready: Sequence[str] = (),
    problems: Sequence[str] = (),
    accounts: Sequence[AccountSnapshot] = (FULL, UNTRIED),
) -> httpx.Response:
    clock = FakeClock(elapsed=NOW_ELAPSED)
    app = create_app(
        account_renderer(lambda: accounts, CollectorRegistry(), clock.elapsed),
        telemetry_path=telemetry_path,
        unready=lambda: unready,
        problems=lambda: problems,
        pages=status_routes(lambda: accounts, clock, Pages(telemetry_path)),
    )

    async def exchange() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://exporter"
        ) as client:
            client.headers = httpx.Headers(headers or QUIET)
            return await client.request(method, path)

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
def test_the_content_type_says_which_format_and_version_was_chosen(accept: str, content_type: str) -> None:
    response = ask("/metrics", {"accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.text.endswith("# EOF\n") == (content_type == OPENMETRICS)
    assert 'aiozpin_up{account="archive"} 1.0\n' in response.text


def test_many_who_ask_at_once_share_what_is_rendered_and_who_asks_later_sees_what_is_new() -> None:
    rendered = 0
    accounts = [FULL, UNTRIED]

    def snapshots() -> Sequence[AccountSnapshot]:
        nonlocal rendered
        rendered += 1
        return accounts

    exposition = account_renderer(snapshots, CollectorRegistry(), FakeClock(elapsed=NOW_ELAPSED).elapsed)
    app = create_app(exposition, telemetry_path="/metrics", unready=lambda: (), problems=lambda: ())

    async def ask_at_once() -> tuple[set[str], str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            answers = await asyncio.gather(*(client.get("/metrics") for _ in range(100)))
            accounts[:] = [replace(FULL, account="new")]
            return {answer.text for answer in answers}, (await client.get("/metrics")).text

    at_once, later = asyncio.run(ask_at_once())

    assert len(at_once) == 1
    assert 2 <= rendered < 10
    assert 'account="new"' in later


def test_accept_headers_on_several_lines_count_as_one() -> None:
    response = ask("/metrics", [("accept", "text/plain;q=0.5"), ("accept", "application/openmetrics-text")])

    assert response.headers["content-type"] == OPENMETRICS


def test_metrics_are_sent_plain_unless_gzip_is_accepted() -> None:
    for header in ("identity", "gzip;q=0", "br"):
        response = ask("/metrics", {"accept-encoding": header})
        assert "content-encoding" not in response.headers
        assert int(response.headers["content-length"]) == len(response.text.encode())


@pytest.mark.parametrize("accounts", [1, 40])
def test_gzip_shrinks_the_same_metrics_however_many(accounts: int) -> None:
    many = [replace(FULL, account=f"account-{number}") for number in range(accounts)]
    plain = ask("/metrics", accounts=many)

    packed = ask("/metrics", {"accept-encoding": "gzip"}, accounts=many)

    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    assert packed.text == plain.text


def test_caches_between_are_told_not_to_keep_metrics_and_what_they_vary_by() -> None:
    headers = ask("/metrics").headers

    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Accept, Accept-Encoding"


def test_names_in_the_query_select_families() -> None:
    response = ask("/metrics?name[]=aiozpin_up&name%5B%5D=aiozpin_files")

    families = re.findall(r"^# TYPE (\S+)", response.text, re.MULTILINE)
    assert families == ["aiozpin_files", "aiozpin_up"]


def test_names_that_match_nothing_leave_an_empty_exposition() -> None:
    assert ask("/metrics?name[]=up").text == ""
    assert ask("/metrics?name[]=up", {"accept": "application/openmetrics-text"}).text == "# EOF\n"


PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")


@pytest.mark.parametrize("path", PATHS)
def test_head_is_answered_like_get_without_a_body(path: str) -> None:
    full, head = ask(path), ask(path, method="HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(full.headers)


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_with_those_allowed(path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = ask(path, method=method)
        assert response.status_code == 405
        assert {allowed.strip() for allowed in response.headers["allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path", ["/metrics/", "/metric", "/Metrics", "/metrics/x", "/-/", "/-/ready/", "/-/healthy/", "/x"]
)
def test_any_other_path_is_not_found_and_nobody_is_redirected(path: str) -> None:
    assert ask(path).status_code == 404


def test_the_exporter_is_healthy_unless_a_poller_is_stuck() -> None:
    healthy = ask("/-/healthy", unready=["archive"])
    stuck = ask("/-/healthy", problems=["account a: stuck", "and 3 more"])

    assert (healthy.status_code, healthy.text) == (200, "healthy\n")
    assert (stuck.status_code, stuck.text) == (503, "account a: stuck\nand 3 more\n")


def test_the_exporter_is_ready_once_every_account_was_polled() -> None:
    waiting = ask("/-/ready", unready=["archive", "website"])
    ready = ask("/-/ready")

    assert (waiting.status_code, waiting.text) == (503, "not polled yet: archive, website\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")


def test_the_overview_links_to_every_page() -> None:
    links = [link for link in Document(ask("/").text).links if not link.startswith("http")]
    paths = [urljoin("http://exporter/", link).removeprefix("http://exporter") for link in links]
    assert {"/metrics", "/-/healthy", "/-/ready", "/?format=json", "/accounts/archive"} <= set(paths)
    assert {ask(path).status_code for path in paths} == {200}


def test_the_pages_escape_the_path_of_the_metrics() -> None:
    page = ask("/", telemetry_path='/a"><script>&').text

    assert '<a href="./a&#34;&gt;&lt;script&gt;&amp;">' in page
    assert "<script>" not in page


def test_a_path_with_two_slashes_does_not_link_to_another_host() -> None:
    (link,) = [
        link for link in Document(ask("/", telemetry_path="//x.invalid/m").text).links if "invalid" in link
    ]
    assert urljoin("http://exporter/", link).startswith("http://exporter/")


def test_the_path_of_the_metrics_can_be_another() -> None:
    assert "aiozpin_up{" in ask("/custom.path/m", telemetry_path="/custom.path/m").text
    assert ask("/customXpath/m", telemetry_path="/custom.path/m").status_code == 404
    assert ask("/metrics", telemetry_path="/custom.path/m").status_code == 404
    assert 'href="./custom.path/m"' in ask("/", telemetry_path="/custom.path/m").text
    assert "aiozpin_up{" in ask("/", telemetry_path="/").text
    assert "archive</h1>" in ask("/accounts/archive", telemetry_path="/").text


class _DoneError(Exception):
    """Ends a run from inside."""


def test_the_running_app_polls_and_serves_on_all_its_sockets() -> None:
    sockets = [listen("127.0.0.1:0"), listen("[::1]:0")]
    seen: list[str] = []

    async def look() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for url in map(local_url, sockets):
                while (await client.get(f"{url}/-/ready")).status_code != 200:  # noqa: ASYNC110 - over HTTP
                    await asyncio.sleep(0.01)
                seen.append((await client.get(f"{url}/telemetry")).text)
        raise _DoneError

    async def work() -> None:
        async with StrangeServer(answer("200 OK", page([row(1), row(2)]))).listening() as server:
            accounts = [account_at(server.base_url())]
            await run_app(
                accounts,
                HttpClients(),
                WebOptions(sockets, "/telemetry"),
                load_accounts=lambda: accounts,
                workers={"look": look},
            )

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(work(), 60))
    assert caught.group_contains(_DoneError)
    assert len(seen) == 2
    for text in seen:
        assert 'aiozpin_files{account="a"} 2.0' in text
        assert "aiozpin_exporter_build_info{" in text
