from collections.abc import Mapping

import pytest
from starlette.responses import PlainTextResponse

from pin_exporter.toolkit.web.limits import Refusal, Refusals
from pin_exporter.toolkit.web.origin import OriginCheck
from tests.support import asgi


def ask(
    host: str,
    headers: Mapping[str, str] | None = None,
    *,
    path: str = "/",
    method: str = "GET",
    hosts: tuple[str, ...] = ("exporter.example", "short"),
) -> bool:
    """Return whether a request passes; if not, it is counted."""
    refusals = Refusals()
    app = OriginCheck(PlainTextResponse("passed"), hosts=hosts, open_paths={"/metrics"}, refusals=refusals)

    response = asgi.ask(app, path, {"Host": host, **(headers or {})}, method)
    passed = response.text == "passed"
    assert response.status_code == (200 if passed else 403)
    assert refusals == ({} if passed else {Refusal.ORIGIN: 1})
    return passed


KNOWN = """
    localhost localhost:10242 LocalHost. 127.0.0.1:10242 192.0.2.7 [::1] [::1]:10242 [fe80::1%25eth0]:1
    exporter.example Exporter.Example.:443 short:10242
"""
UNKNOWN = """
    :10242 evil.example exporter.example.evil.example a.exporter.example localhost.evil.example ::1 0x7f.1 *
    127.0.0.1.evil.example evil.example:127.0.0.1 localhost:80@evil.example evil@localhost
    localhost.. localhost/
"""


@pytest.mark.parametrize("host", KNOWN.split())
def test_known_are_addresses_localhost_and_the_names_of_the_setting(host: str) -> None:
    assert ask(host)


@pytest.mark.parametrize("host", ["", *UNKNOWN.split()])
def test_any_other_host_is_refused_except_for_open_paths_and_with_a_star(host: str) -> None:
    assert not ask(host)
    assert not ask(host, path="/-/reload", method="POST")
    assert ask(host, path="/metrics")
    assert ask("evil.example", hosts=("*",))


LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        ("GET", {"Sec-Fetch-Site": "none", **LINK}, True),
        (
            "GET",
            {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style"},
            True,
        ),
        ("GET", {"Sec-Fetch-Site": "same-site", **LINK}, True),
        ("POST", {"Origin": "http://LOCALHOST:10242", "Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Origin": "https://localhost:10242"}, True),
        ("GET", {**CROSS_SITE, **LINK}, True),
        ("GET", CROSS_SITE, False),
        ("GET", {**CROSS_SITE, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, False),
        ("GET", {**CROSS_SITE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ("GET", {**CROSS_SITE, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "document"}, False),
        ("POST", {**CROSS_SITE, **LINK}, False),
        # What browsers send without HTTPS.
        ("POST", {"Origin": "http://evil.example"}, False),
        ("POST", {"Origin": "null"}, False),
        ("POST", {"Origin": ""}, False),
        ("PUT", {"Origin": "http://localhost:3000"}, False),
        ("GET", {"Origin": "http://localhost"}, False),
    ],
)
def test_requests_of_other_sites_are_refused_but_links_lead_here(
    method: str, headers: Mapping[str, str], passes: bool
) -> None:
    assert ask("localhost:10242", headers, method=method) == passes
    assert ask("evil.example", headers, method=method, path="/metrics")
