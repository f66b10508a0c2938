import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pin_exporter.api.pool import HttpClients
from pin_exporter.commands.app import WebOptions, create_app, run_app
from pin_exporter.metrics.account import account_renderer
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.pages import Pages
from pin_exporter.status.routes import status_routes
from pin_exporter.toolkit.web.listener import listen, local_url
from tests.support import asgi
from tests.support.clocks import FakeClock
from tests.support.documents import Document
from tests.support.samples import FULL, NOW_ELAPSED, UNTRIED, account_at
from tests.support.servers import StrangeServer, answer
from tests.support.service import page, row

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

    return asgi.ask(app, path, headers or QUIET, method)


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


@pytest.mark.parametrize("path", ["/", "/accounts/archive", "/style.css", "/-/reload", "/x", *PATHS[1:]])
def test_programs_may_use_any_host_name_and_browsers_only_those_that_are_known(path: str) -> None:
    for headers in ({"host": "evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (ask(path, headers).status_code == 403) == (path not in PATHS[1:])


def test_the_exporter_is_healthy_unless_a_poller_is_stuck_and_ready_once_all_were_polled() -> None:
    for path, status, text in (
        ("/-/healthy", 503, "account a: stuck\nand 3 more\n"),
        ("/-/ready", 503, "not polled yet: archive, website\n"),
    ):
        bad = ask(path, unready=["archive", "website"], problems=["account a: stuck", "and 3 more"])
        assert (bad.status_code, bad.text) == (status, text)
    assert ask("/-/healthy", unready=["archive"]).text == "healthy\n"
    assert ask("/-/ready", problems=["account a: stuck"]).text == "ready\n"


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
