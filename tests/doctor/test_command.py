"""Diagnoses of broken and hostile servers over real sockets: always a report, without a key."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from pin_exporter.api.transport import HttpClients
from pin_exporter.config.accounts import Account
from pin_exporter.doctor.command import diagnose_account
from pin_exporter.doctor.diagnosis import Diagnosis
from pin_exporter.doctor.findings import Check, Finding
from pin_exporter.doctor.report import as_json, as_text
from tests.support.diagnosis import DoctorClock, diagnosed
from tests.support.samples import account_at, varied
from tests.support.servers import (
    Behaviour,
    Call,
    StrangeServer,
    answer,
    endless,
    hang_up,
    message,
    raw,
    silence,
    then_reset,
)
from tests.support.service import API_KEY, SECRET_KEY, page, row
from tests.test_secrets import HOSTILE, PROXIES, hostile_account, leaks

PAGE = page([row(1), row(2)])
GOOD = answer("200 OK", PAGE)
WITH_ROWS = ("wrong-dates", "rows", "escaped-rows")
BROKEN: dict[str, tuple[Behaviour, str]] = {
    "hang up": (hang_up, "connection"),
    "reset in the body": (then_reset(message("200 OK", PAGE[:40], length=len(PAGE))), "connection"),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n", close=True), "connection"),
    "too large": (endless(message("200 OK", length=2**30), bytes(65_536)), "malformed"),
    "nested deeply": (answer("200 OK", b"[" * 200_000), "malformed"),
    "another shape": (answer("200 OK", b'{"data":{}}'), "malformed"),
    "202": (answer("202 Accepted", PAGE), "malformed"),
    "502": (answer("502 Bad Gateway", b"<html>"), "server_error"),
}
SLOW = {
    "silence": (silence, "timeout"),
    "head only": (raw(message("200 OK", length=100)), "timeout"),
}


def diagnose_at(behaviour: Behaviour, timeout_seconds: float = 10.0, name: str = "a") -> Diagnosis:
    async def work() -> Diagnosis:
        async with StrangeServer(behaviour).listening() as server:
            account = varied(hostile_account(name, server.base_url()), request_timeout=timeout_seconds)
            return await _diagnose(account)

    return asyncio.run(work())


async def _diagnose(account: Account) -> Diagnosis:
    async with HttpClients() as clients:
        return await diagnose_account(account, clients, DoctorClock())


def check(diagnosis: Diagnosis) -> None:
    text = as_text(diagnosis, verbose=True)
    assert all(line.isprintable() for line in text.splitlines())
    assert leaks(text) == []
    assert leaks(as_json([diagnosis])) == []
    assert json.loads(as_json([diagnosis]))["accounts"][0]["findings"]


def errors_of(diagnosis: Diagnosis) -> Finding:
    (errors,) = (finding for finding in diagnosis.findings if finding.check is Check.ERRORS)
    return errors


@pytest.mark.parametrize("case", [name for name in HOSTILE if name != "silence"])
def test_a_server_that_repeats_the_keys_gives_none_away(case: str) -> None:
    diagnosis = diagnose_at(HOSTILE[case], name=case if case in PROXIES else "a")

    check(diagnosis)
    if case not in WITH_ROWS:
        assert diagnosis.problems
        assert diagnosis.requests <= 5


@pytest.mark.parametrize("case", BROKEN | SLOW)
def test_a_broken_server_is_reported_after_four_requests(case: str) -> None:
    behaviour, reason = (BROKEN | SLOW)[case]
    diagnosis = diagnose_at(behaviour, 0.3 if case in SLOW else 10.0)

    check(diagnosis)
    fields = errors_of(diagnosis).fields
    assert (fields["reason"], fields["count"]) == (reason, 4)


@pytest.mark.parametrize("case", ["reset in the body", "502", "nested deeply", "hang up"])
def test_a_server_that_breaks_is_given_up_after_six_failures(case: str) -> None:
    count = 0

    async def behave(call: Call) -> None:
        nonlocal count
        count += 1
        await (GOOD if count <= 3 else BROKEN[case][0])(call)

    diagnosis = diagnose_at(behave)

    check(diagnosis)
    assert diagnosis.requests == 9
    assert any(finding.check is Check.INCOMPLETE for finding in diagnosis.findings)


def test_rows_and_headers_that_repeat_the_keys_are_redacted() -> None:
    rows = [row(number, status=f"{API_KEY}\x1b[2J", sub_hash_status=SECRET_KEY) for number in range(5)]
    head = f"HTTP/1.1 200 OK\r\nServer: {SECRET_KEY}\r\nRateLimit-{API_KEY}: {API_KEY}\r\n"
    body = page(rows)
    diagnosis = diagnose_at(raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))

    check(diagnosis)
    assert any("[redacted]" in finding.message for finding in diagnosis.findings)


def test_a_port_without_a_listener_is_a_problem() -> None:
    errors = errors_of(asyncio.run(_diagnose(account_at("http://127.0.0.1:1/api"))))

    assert dict(errors.fields) == {"reason": "connection", "count": 4}


def test_a_proxy_that_cannot_be_reached_is_named_with_its_setting() -> None:
    account = varied(account_at("https://api.test/api"), proxy_url=SecretStr("http://127.0.0.1:1"))
    errors = errors_of(asyncio.run(_diagnose(account)))

    assert "127.0.0.1:1" in errors.message
    assert "proxy_url" in errors.action


TEXTS = ("", "12", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "DONE", "pinned", "x" * 99)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**63),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(TEXTS),
)
ROWS = st.one_of(
    VALUES,
    st.dictionaries(st.sampled_from((*row(1), "sub_hash_status")), VALUES),
    st.builds(
        lambda number, date, status: row(number, date_pinned=date, status=status),
        st.integers(0, 9),
        VALUES,
        VALUES,
    ),
)
NUMBERS = st.one_of(st.integers(0, 40), st.integers(0, 2**63 - 1))
PAGES = st.builds(
    lambda files, size, rows: {"data": {"totals": {"files": files, "size": size}, "pins": rows}},
    NUMBERS,
    NUMBERS,
    st.one_of(st.none(), st.lists(ROWS, max_size=12)),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Date", "Retry-After", "Server", "X-RateLimit-Limit", "RateLimit-Policy", "Location"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
    | st.sampled_from(
        ["5", "0", "q=1;w=1", "9999999999;w=00", "Thu, 01 Jan 1970 00:00:00 -0000", "//[", "http://a:99999/"]
    ),
    max_size=3,
)
ANSWERS = st.builds(
    lambda status, body, headers: (status, json.dumps(body).encode(), headers),
    st.sampled_from([200, 200, 200, 200, 200, 200, 301, 400, 401, 429, 500]),
    st.one_of(PAGES, PAGES, PAGES, VALUES),
    HEADERS,
)


def answering(answers: list[tuple[int, bytes, dict[str, str]]]) -> Callable[[httpx.Request], httpx.Response]:
    asked = 0

    def service(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        status, body, headers = answers[asked % len(answers)]
        asked += 1
        return httpx.Response(status, content=body, headers=headers)

    return service


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ANSWERS, min_size=1, max_size=8))
def test_no_responses_make_the_checks_fail(answers: Any) -> None:
    check(diagnosed(answering(answers)).diagnosis)
