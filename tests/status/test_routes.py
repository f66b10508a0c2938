import asyncio
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from pin_exporter.api.model import Collector
from pin_exporter.inventory.problem_pins import ProblemPin, ProblemPins
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.pages import Pages
from pin_exporter.status.report import Report
from pin_exporter.status.routes import status_routes
from tests.support.clocks import FakeClock
from tests.support.documents import Document
from tests.support.samples import COUNTED, FULL, INVENTORY, NOW_ELAPSED, TOTALS_HEALTH, UNTRIED

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = ("/", "/accounts/archive", "/accounts/website")
CLOCK = FakeClock(elapsed=NOW_ELAPSED, wall=1_750_000_010.5)


def app_of(accounts: Iterable[AccountSnapshot], pages: Pages | None = None) -> httpx.ASGITransport:
    routes = status_routes(lambda: accounts, CLOCK, pages or Pages("/metrics"))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return httpx.ASGITransport(app)


def ask(
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    accounts: Iterable[AccountSnapshot] = (FULL, UNTRIED),
) -> httpx.Response:
    async def exchange() -> httpx.Response:
        async with httpx.AsyncClient(transport=app_of(accounts), base_url="http://exporter") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(exchange())


@pytest.mark.parametrize("path", [*PAGES, "/style.css", "/?format=json", "/accounts/nobody"])
def test_every_response_forbids_scripts_framing_and_caching(path: str) -> None:
    headers = ask(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Accept"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", ["*/*", BROWSER, "", "image/png", "text/html, application/json;q=0.9"])
def test_people_get_html(path: str, accept: str) -> None:
    response = ask(path, {"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert Document(response.text).title


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("query", "accept"),
    [("?format=json", BROWSER), ("", "application/json"), ("", "application/json, text/html;q=0.5")],
)
def test_programs_get_json_if_they_prefer_it(path: str, query: str, accept: str) -> None:
    response = ask(path + query, {"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.text.isascii()
    assert response.json()["generated_at"] == CLOCK.wall()


def test_html_can_be_requested_by_the_query() -> None:
    response = ask("/?format=html", {"accept": "application/json"})
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_the_json_of_an_account_has_its_lists_and_polls() -> None:
    details = ask("/accounts/archive?format=json").json()
    assert details["account"]["account"] == "archive"
    assert details["problem_pins"]["failed"]["pins"] == []
    assert [each["collector"] for each in details["polls"]] == ["totals", "inventory"]
    assert ask("/?format=json").json()["accounts"][0] == details["account"]


@pytest.mark.parametrize("name", ["nobody", "Archive", "archive%00", "%3Cscript%3E", "archive.", "%ff"])
def test_an_unknown_account_is_a_404_that_does_not_repeat_the_name(name: str) -> None:
    response = ask(f"/accounts/{name}")
    assert response.status_code == 404
    assert response.text.startswith("no account has this name")
    assert name not in response.text
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/accounts/", "/accounts", "/accounts/archive/x", "/style.css/", "/templates"]
)
def test_there_are_no_other_paths(path: str) -> None:
    assert ask(path).status_code == 404


def test_an_account_whose_name_needs_encoding_is_found_by_its_link() -> None:
    page = Document(ask("/", accounts=[replace(FULL, account="a <b>&?#%")]).text)
    (link, *_) = [link for link in page.links if "/accounts/" in link]
    found = ask(link.removeprefix("."), accounts=[replace(FULL, account="a <b>&?#%")])
    assert Document(found.text).title.startswith("a <b>&?#% ")


def test_the_style_sheet_is_css() -> None:
    response = ask("/style.css")
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in response.text


def test_half_a_surrogate_pair_is_shown_as_an_escape() -> None:
    noted = ProblemPin("\ud800", "\udfff", "\ud800", "\ud800", None, None)
    inventory = replace(INVENTORY, problem_pins=ProblemPins((noted,), (noted,), (noted,)))
    health = dict.fromkeys(Collector, TOTALS_HEALTH.failed("tls", "\ud800"))
    odd = replace(FULL, account="a", health=health, counted=replace(COUNTED, inventory=inventory))
    for path in ("/", "/accounts/a"):
        assert "\\ud800" in ask(path, accounts=[odd]).text
        assert json.loads(ask(f"{path}?format=json", accounts=[odd]).text)


class Watched(Pages):
    """Pages that record in which threads they were rendered, and how many at a time."""

    def __init__(self) -> None:
        super().__init__("/metrics")
        self.threads: list[int] = []
        self.most_at_a_time = 0
        self._writing = 0
        self._waited = threading.Event()

    def overview(self, report: Report) -> str:
        self._writing += 1
        self.most_at_a_time = max(self.most_at_a_time, self._writing)
        self.threads.append(threading.get_ident())
        self._waited.wait(0.01)  # so that another would be seen
        self._writing -= 1
        return super().overview(report)


def test_pages_are_rendered_in_a_thread_one_at_a_time() -> None:
    pages = Watched()

    async def exchange() -> None:
        transport = app_of([FULL], pages)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(4)))
            assert [answer.status_code for answer in answers] == [200] * 4

    asyncio.run(exchange())
    assert len(pages.threads) == 4
    assert threading.get_ident() not in pages.threads
    assert pages.most_at_a_time == 1
