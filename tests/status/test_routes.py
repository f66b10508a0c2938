import asyncio
import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from pin_exporter.api.model import Collector, Phase
from pin_exporter.inventory.expected import Comparison, pin_hash
from pin_exporter.inventory.problem_pins import ProblemPin, ProblemPins
from pin_exporter.polling.expected_file import ExpectedFileState, read_file
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.pages import Pages
from pin_exporter.status.report import Report
from pin_exporter.status.routes import status_routes
from tests.inventory.test_expected import CIDS
from tests.support import asgi
from tests.support.clocks import FakeClock
from tests.support.documents import Document
from tests.support.samples import COUNTED, FULL, INVENTORY, NOW_ELAPSED, TOTALS_HEALTH, UNTRIED

POLICY = {
    "default-src": "'none'",
    "img-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = ("/", "/accounts/archive", "/accounts/website")
CLOCK = FakeClock(elapsed=NOW_ELAPSED, wall=1_750_000_010.5)


def app_of(accounts: Iterable[AccountSnapshot], pages: Pages | None = None) -> Starlette:
    routes = status_routes(lambda: accounts, CLOCK, pages or Pages("/metrics"))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


def ask(
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    accounts: Iterable[AccountSnapshot] = (FULL, UNTRIED),
) -> httpx.Response:
    return asgi.ask(app_of(accounts), path, headers)


@pytest.mark.parametrize(
    "path",
    [*PAGES, "/style.css", "/favicon.ico", "/runbooks/README", "/runbooks/x", "/?format=json", "/accounts/x"],
)
def test_every_response_forbids_scripts_framing_and_caching(path: str) -> None:
    headers = ask(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Accept"


HTML, JSON = "text/html; charset=utf-8", "application/json"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", BROWSER, HTML),
        ("", "", HTML),
        ("", "text/html, application/json;q=0.9", HTML),
        ("?format=html", JSON, HTML),
        ("?format=json", BROWSER, JSON),
        ("", JSON, JSON),
    ],
)
def test_people_get_html_and_programs_json_if_they_prefer_it(
    path: str, query: str, accept: str, content_type: str
) -> None:
    response = ask(path + query, {"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    if content_type == JSON:
        assert response.text.isascii()
        assert response.json()["generated_at"] == CLOCK.wall()
    else:
        assert Document(response.text).title


def test_the_json_of_an_account_has_its_lists_and_polls() -> None:
    details = ask("/accounts/archive?format=json").json()
    assert details["problem_pins"]["failed"]["pins"] == []
    assert [each["collector"] for each in details["polls"]] == ["totals", "inventory"]
    assert ask("/?format=json").json()["accounts"][0] == details["account"]


@pytest.mark.parametrize("name", ["Archive", "archive%00", "%3Cscript%3E", "%ff"])
def test_an_unknown_account_is_a_404_that_does_not_repeat_the_name(name: str) -> None:
    response = ask(f"/accounts/{name}")
    assert response.status_code == 404
    assert response.text.startswith("no account has this name")
    assert name not in response.text
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert ask(f"/runbooks/{name}").status_code == 404


@pytest.mark.parametrize("name", ["..%2Fstatus-page", "README.md", "%2e%2e", "readme"])
def test_only_runbooks_are_served(name: str) -> None:
    assert ask(f"/runbooks/{name}").status_code == 404


def test_an_account_whose_name_needs_encoding_is_found_by_its_link() -> None:
    page = Document(ask("/", accounts=[replace(FULL, account="a <b>&?#%")]).text)
    (link, *_) = [link for link in page.links if "/accounts/" in link]
    found = ask(link.removeprefix("."), accounts=[replace(FULL, account="a <b>&?#%")])
    assert Document(found.text).title.startswith("a <b>&?#% ")


def test_half_a_surrogate_pair_is_shown_as_an_escape() -> None:
    noted = ProblemPin("\ud800", "\udfff", "\ud800", "\ud800", None, None)
    inventory = replace(INVENTORY, problem_pins=ProblemPins((noted,), (noted,), (noted,)))
    health = dict.fromkeys(Collector, TOTALS_HEALTH.failed("tls", "\ud800"))
    odd = replace(FULL, account="a", health=health, counted=replace(COUNTED, inventory=inventory))
    for path in ("/", "/accounts/a"):
        assert "\\ud800" in ask(path, accounts=[odd]).text
        assert json.loads(ask(f"{path}?format=json", accounts=[odd]).text)


def test_pages_are_rendered_in_a_thread_one_at_a_time() -> None:
    threads: list[int] = []
    at_a_time = 0

    class Watched(Pages):
        def overview(self, report: Report) -> str:
            nonlocal at_a_time
            at_a_time += 1
            assert at_a_time == 1
            threads.append(threading.get_ident())
            time.sleep(0.01)  # so that another would be seen
            at_a_time -= 1
            return super().overview(report)

    async def exchange() -> None:
        app = app_of([FULL], Watched("/metrics"))
        answers = await asyncio.gather(*(asgi.asked(app) for _ in range(4)))
        assert [answer.status_code for answer in answers] == [200] * 4

    asyncio.run(exchange())
    assert len(threads) == 4
    assert threading.get_ident() not in threads


@pytest.fixture
def comparing(tmp_path: Path) -> AccountSnapshot:
    """An account that lacks two of three expected CIDs."""
    path = tmp_path / "cids"
    path.write_text("\n".join(CIDS[:3]))
    comparison = Comparison(read_file(path))
    comparison.add(pin_hash(CIDS[1]), Phase.PINNED)
    counted = replace(COUNTED, expected=comparison.result())
    state = ExpectedFileState(path, comparison.result().expected, 1.0)
    return replace(FULL, counted=counted, expected_file=state)


def test_the_cids_to_pin_again_are_listed_as_text_and_as_json(comparing: AccountSnapshot) -> None:
    to_pin = [CIDS[0], CIDS[2]]
    response = ask("/accounts/archive/missing", accounts=[comparing])
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert response.text.splitlines() == to_pin
    assert ask("/accounts/archive/missing?format=json", accounts=[comparing]).json() == to_pin
    details = ask("/accounts/archive?format=json", accounts=[comparing]).json()
    assert details["cids_to_pin"] == to_pin
    assert details["account"]["expected"]["to_pin"] == 2
    page = ask("/accounts/archive", {"Accept": BROWSER}, accounts=[comparing]).text
    assert all(cid in page for cid in to_pin)
    assert CIDS[1] not in page


def test_what_is_not_known_is_said_and_not_an_empty_list(comparing: AccountSnapshot) -> None:
    def status(snapshot: AccountSnapshot, name: str = "archive") -> int:
        return ask(f"/accounts/{name}/missing", accounts=[snapshot]).status_code

    assert status(comparing, "other") == status(FULL) == 404
    assert status(replace(comparing, counted=COUNTED)) == 503
    old = replace(TOTALS_HEALTH, last_success_elapsed=0.0)
    assert status(comparing.with_health(Collector.INVENTORY, old)) == 503
    assert comparing.expected_file is not None
    comparing.expected_file.path.unlink()
    assert status(comparing) == 503
    assert ask("/accounts/archive", {"Accept": BROWSER}, accounts=[comparing]).status_code == 200
