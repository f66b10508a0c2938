from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from pin_exporter.config.types import DEFAULT_BASE_URL
from pin_exporter.doctor.evidence import NetworkPath
from pin_exporter.doctor.findings import Check, Severity
from tests.support.diagnosis import (
    ACCOUNT,
    OK,
    PROBLEM,
    SKIPPED,
    WARNING,
    DoctorClock,
    Service,
    diagnosed,
    diagnosed_simulator,
    in_turn,
    listing,
)
from tests.support.samples import varied
from tests.support.service import API_KEY, SECRET_KEY

DAY_SECONDS = 86_400


def with_headers(headers: Callable[[int], dict[str, str]]) -> Service:
    """Answer as documented, with headers that depend on the number of the request."""
    good = listing()

    def add(number: int) -> Service:
        def service(request: httpx.Request) -> httpx.Response:
            response = good(request)
            response.headers.update(headers(number))
            return response

        return service

    return in_turn(add)


def status(code: int, **headers: str) -> Service:
    return lambda _: httpx.Response(code, headers=headers)


def test_swapped_keys_are_recognized() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        is_swapped = request.headers["pinning_api_key"] == SECRET_KEY
        return good(request) if is_swapped else httpx.Response(401)

    found = diagnosed(service)

    assert found.problems == [Check.CREDENTIALS]
    assert found.fields(Check.CREDENTIALS)["swapped"]
    assert found.evidence.requests == 6


VALID = httpx.Response(200, json={"message": "Congratulations!"})


@pytest.mark.parametrize(
    ("code", "tested", "requests", "problem", "credentials"),
    [
        (401, VALID, 5, Check.SCOPE, OK),
        (403, VALID, 5, Check.SCOPE, OK),
        (401, httpx.Response(401), 6, Check.CREDENTIALS, PROBLEM),
        (403, httpx.Response(401), 5, Check.CREDENTIALS, PROBLEM),
        # Without the test, the status decides.
        (401, httpx.Response(404), 6, Check.CREDENTIALS, PROBLEM),
        (403, httpx.Response(404, json={"message": "not found"}), 5, Check.SCOPE, None),
        (403, httpx.Response(200, text="<html>"), 5, Check.SCOPE, None),
        (403, httpx.Response(200, text="[" * 100_000), 5, Check.SCOPE, None),
        (403, httpx.Response(200, json=[]), 5, Check.SCOPE, None),
        (403, httpx.Response(200, json={"status": "error", "message": "no"}), 5, Check.SCOPE, None),
        (404, VALID, 4, Check.BASE_URL, SKIPPED),
    ],
)
def test_wrong_keys_and_a_missing_scope_are_told_apart(
    code: int, tested: httpx.Response, requests: int, problem: Check, credentials: Severity | None
) -> None:
    def service(request: httpx.Request) -> httpx.Response:
        is_test = request.url.path == "/api/apiKeys/testAuthentication"
        return tested if is_test else httpx.Response(code)

    found = diagnosed(service)

    assert found.problems == [problem]
    assert found.severity(Check.CREDENTIALS) is credentials
    assert "swapped" not in found.fields(problem)
    assert found.evidence.requests == requests


def test_a_test_of_keys_that_gets_no_response_decides_nothing() -> None:
    found = diagnosed(in_turn(lambda n: httpx.ReadTimeout("") if n == 4 else httpx.Response(401)))

    assert found.problems == [Check.CREDENTIALS]
    assert found.evidence.trial.valid_keys is None


@pytest.mark.parametrize("elsewhere", [200, 401, 403, 429])
@pytest.mark.parametrize(
    ("configured", "answer"),
    [
        ("https://api.test", httpx.Response(200, text="<html>welcome</html>")),
        ("https://api.test", httpx.Response(404)),
        ("https://api.test/api/pinning/pins", httpx.Response(404)),
    ],
)
def test_a_base_url_close_to_the_right_one_is_recognized(
    configured: str, answer: httpx.Response, elsewhere: int
) -> None:
    good = listing() if elsewhere == 200 else status(elsewhere)

    def service(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.test"
        return good(request) if request.url.path == "/api/pinning/pins/" else answer

    found = diagnosed(service, base_url=configured)

    assert found.fields(Check.BASE_URL)["found"] == "https://api.test/api"
    assert found.suggested == {"base_url": "https://api.test/api"}


def test_for_a_base_url_that_is_not_the_api_the_default_is_named() -> None:
    (finding,) = diagnosed(status(404), base_url="https://x.test").of(Check.BASE_URL)

    assert finding.severity is PROBLEM
    assert DEFAULT_BASE_URL in finding.action


@pytest.mark.parametrize(
    ("location", "target"),
    [("https://other.test/api/pinning/pins/", "other.test"), (f"https://{API_KEY}/api", "[redacted]")],
)
def test_a_redirect_is_a_problem_that_names_its_target(location: str, target: str) -> None:
    found = diagnosed(status(301, Location=location))

    assert found.problems == [Check.ERRORS]
    assert dict(found.fields(Check.ERRORS)) == {"reason": "redirect", "status": 301, "count": 4}
    assert target in repr(found.of(Check.ERRORS))


STARTED = DoctorClock().wall()


def dates(ahead_seconds: Callable[[int], float]) -> Callable[[int], str]:
    return lambda n: formatdate(STARTED + n * 0.5 + ahead_seconds(n), usegmt=True)


@pytest.mark.parametrize(
    ("date", "severity", "behind_seconds"),
    [
        (dates(lambda _: 0), OK, 0),
        (dates(lambda _: 5), OK, 0),
        (dates(lambda _: 6), WARNING, 6),
        (dates(lambda _: -60), WARNING, -60),
        (dates(lambda _: -61), PROBLEM, -61),
        (dates(lambda _: 400), PROBLEM, 400),
        (dates(lambda n: 7_200 * (n % 2)), OK, 0),  # one server of two has a wrong clock
        (lambda _: "soon", SKIPPED, 0),
        (lambda _: "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", SKIPPED, 0),
    ],
)
def test_a_wrong_clock_is_recognized_by_the_date_header(
    date: Callable[[int], str], severity: Severity, behind_seconds: int
) -> None:
    found = diagnosed(with_headers(lambda n: {"Date": date(n)}))

    assert found.severity(Check.CLOCK) is severity
    assert abs(found.fields(Check.CLOCK).get("behind_seconds", 0) - behind_seconds) <= 1


def test_a_connection_that_fails_is_a_problem_with_the_hint_of_the_error() -> None:
    path = NetworkPath("api.test", tls_error="self-signed certificate")
    found = diagnosed(in_turn(lambda _: httpx.ConnectError("x" * 300)), path=path)

    (errors,) = found.of(Check.ERRORS)
    assert (errors.severity, dict(errors.fields)) == (PROBLEM, {"reason": "connection", "count": 4})
    assert "base_url" in errors.action
    assert (found.severity(Check.CREDENTIALS), found.severity(Check.TLS)) == (SKIPPED, PROBLEM)
    for check in (Check.CLOCK, Check.SIZE, Check.LATENCY):
        assert found.severity(check) is None


def test_a_rejected_query_that_is_not_about_size_or_offset_is_an_error() -> None:
    found = diagnosed(in_turn(lambda n: httpx.Response(400) if n == 20 else listing()))

    assert found.fields(Check.ERRORS)["status"] == 400


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"proxy": "http://proxy.test:3128"}, {Check.PROXY: OK, Check.DNS: None, Check.TLS: None}),
        ({"resolve_error": "Name or service not known"}, {Check.PROXY: OK, Check.DNS: PROBLEM}),
        ({"addresses": ("192.0.2.1", "2001:db8::1")}, {Check.DNS: OK, Check.TLS: None}),
        ({"addresses": ("api.test",), "tls": "TLSv1.3"}, {Check.DNS: None, Check.TLS: OK}),
        ({"tls_error": "self-signed certificate"}, {Check.TLS: WARNING}),
        *(
            ({"tls": "TLSv1.3", "issuer": "Some CA", "expires_at": DAY_SECONDS * days}, {Check.TLS: severity})
            for days, severity in ((30, OK), (29, WARNING), (7, WARNING), (6, PROBLEM))
        ),
    ],
)
def test_the_network_path_is_reported(facts: dict[str, Any], expected: dict[Check, Severity | None]) -> None:
    found = diagnosed(listing(), path=NetworkPath("api.test", **facts))

    assert {check: found.severity(check) for check in expected} == expected


@pytest.mark.parametrize(
    ("base_url", "proxy", "severity"),
    [
        ("https://api.test/api", None, None),
        ("http://api.test/api", None, PROBLEM),
        ("http://127.0.0.1:1/api", None, None),
        ("http://127.0.0.1:1/api", "http://p.test:3128", PROBLEM),
    ],
)
def test_keys_that_others_can_read_are_a_problem(
    base_url: str, proxy: str | None, severity: Severity | None
) -> None:
    path = NetworkPath("host", proxy=proxy)

    assert diagnosed(listing(), base_url=base_url, path=path).severity(Check.ENCRYPTION) is severity


def test_a_response_that_takes_most_of_the_timeout_is_a_problem() -> None:
    account = varied(ACCOUNT, request_timeout=5.0)

    assert diagnosed_simulator(latency_seconds=4.0, account=account).problems == [Check.TIMEOUT]
    assert diagnosed_simulator(latency_seconds=1.0, account=account).problems == []
