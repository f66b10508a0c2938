import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.errors import (
    ClientError,
    ForbiddenError,
    HttpStatusError,
    MalformedError,
    PollError,
    RateLimitedError,
    RedirectError,
    ServerError,
    UnauthorizedError,
)
from pin_exporter.api.status_errors import ApiResponse, bounded_headers, error_for_status, retry_after_seconds

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def error_for(
    status: int, body: bytes = b"", *, location: str | None = None, **headers: str | None
) -> PollError:
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    response = ApiResponse(status, location, bytearray(body), sent)
    return error_for_status(response, host="api.example", fingerprint="0a1b2c3d", now=NOW)


def envelope(message: str) -> bytes:
    return json.dumps({"status": "error", "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, MalformedError) for status in (201, 204, 299)),
        *((status, RedirectError) for status in (300, 301, 308, 399)),
        *((status, ClientError) for status in (400, 402, 404, 409, 428, 499)),
        *((status, ServerError) for status in (500, 502, 599)),
        *((401, UnauthorizedError), (403, ForbiddenError), (429, RateLimitedError)),
    ],
)
def test_each_status_has_its_error_that_names_host_and_status(status: int, kind: type[PollError]) -> None:
    error = error_for(status)
    assert type(error) is kind
    assert str(error).startswith(f"api.example responded {status}")
    assert getattr(error, "status", status) == status


@given(
    st.integers(100, 999),
    st.binary(max_size=100) | st.text(st.characters()).map(envelope),
    st.none() | st.text(st.characters()),
)
def test_any_answer_becomes_one_printable_line(status: int, body: bytes, location: str | None) -> None:
    error = error_for(status, body, location=location)
    assert isinstance(error, HttpStatusError | MalformedError)
    assert str(error).isprintable()
    assert len(str(error)) < 800


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "a proxy removes headers with underscores: run pin-exporter doctor"),
        (401, "key 0a1b2c3d was not accepted"),
        (403, "scope data.pin_list"),
        (403, "run pin-exporter doctor"),
        (304, "look for a faulty cache"),
        (404, "base_url ends in /api"),
        (429, "lower requests_per_minute"),
        (407, "a proxy requires a user and password"),
        (500, "if it persists, contact AIOZ Pin"),
    ],
)
def test_the_hint_says_what_to_do(status: int, hint: str) -> None:
    assert hint in str(error_for(status))


def test_the_apis_own_message_is_quoted_on_one_line() -> None:
    assert "(invalid key: try another)" in str(error_for(401, envelope("invalid key:\n\ttry another")))


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b'{"message":null}', b"\xff", b"[1]"])
def test_a_body_without_a_message_is_not_quoted(body: bytes) -> None:
    assert str(error_for(502, body)) == str(error_for(502))


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://elsewhere.example:8443/api/pins?key=secret", "it redirects to elsewhere.example;"),
        ("//elsewhere.example/", "it redirects to elsewhere.example;"),
        ("https://user:secret@elsewhere.example/", "it redirects to elsewhere.example;"),
        ("/api/pinning/pins/", "it redirects to no other host;"),
        ("https://[::1", "it redirects to no other host;"),
        (None, "it redirects to no other host;"),
    ],
)
def test_a_redirect_names_the_host_it_points_to_and_nothing_more(location: str | None, named: str) -> None:
    error = error_for(301, b"<html>Moved</html>", location=location)
    assert named in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        *((invalid, None) for invalid in ("1.5", "-1", "²", "٣", "", "soon")),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0.0),
        ("Mon, 31 Feb 2026 12:00:00 GMT", None),
        ("Mon, 1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("1 Jan 2026 00:00:00 +999999999999999999999", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_or_nothing(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(
    st.text(st.characters()) | st.text("0123456789 :,+-GMTJanSunFeb", max_size=60) | st.integers().map(str)
)
def test_any_retry_after_is_none_or_a_finite_wait(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "date", ["Sun, 01 Mar 2026 13:00:00 GMT", "Tue, 01 Jan 1980 00:00:00 GMT", None, "soon"]
)
def test_a_date_to_wait_for_is_measured_by_the_clock_of_the_server(status: int, date: str | None) -> None:
    server = parsedate_to_datetime(date) if date not in (None, "soon") else NOW
    until = format_datetime(server + timedelta(seconds=30), usegmt=True)
    error = error_for(status, retry_after=until, date=date)
    assert isinstance(error, RateLimitedError | ServerError)
    assert error.retry_after_seconds == 30


def test_headers_are_kept_by_their_lower_case_names_and_within_bounds() -> None:
    assert bounded_headers([("Server", "a"), ("SERVER", "b"), ("x-Y", "")]) == {"server": "a", "x-y": ""}
    many = bounded_headers((f"{number}-{'n' * 2_000}", "v" * 9_999) for number in range(5_000))
    assert len(many) == 100
    assert {(len(name), len(value)) for name, value in many.items()} == {(1_000, 1_000)}
