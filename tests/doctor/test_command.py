"""Diagnoses of broken and hostile servers over real sockets: always a report, without a key."""

import asyncio
import json

import pytest
from pydantic import SecretStr

from pin_exporter.api.pool import HttpClients
from pin_exporter.config.accounts import Account
from pin_exporter.doctor.command import diagnose_account
from pin_exporter.doctor.diagnosis import Diagnosis
from pin_exporter.doctor.findings import Check, Finding
from pin_exporter.doctor.report import as_json, as_text
from tests.support.diagnosis import DoctorClock
from tests.support.samples import account_at, varied
from tests.support.servers import (
    Behaviour,
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
    """Diagnose a server, and check that the report is printable and free of keys."""

    async def work() -> Diagnosis:
        async with StrangeServer(behaviour).listening() as server:
            account = varied(hostile_account(name, server.base_url()), request_timeout=timeout_seconds)
            return await _diagnose(account)

    diagnosis = asyncio.run(work())
    text, as_object = as_text(diagnosis, verbose=True), as_json([diagnosis])
    assert all(line.isprintable() for line in text.splitlines())
    assert leaks(text) == leaks(as_object) == []
    assert json.loads(as_object)["accounts"][0]["findings"]
    return diagnosis


async def _diagnose(account: Account) -> Diagnosis:
    async with HttpClients() as clients:
        return await diagnose_account(account, clients, DoctorClock())


def errors_of(diagnosis: Diagnosis) -> Finding:
    (errors,) = (finding for finding in diagnosis.findings if finding.check is Check.ERRORS)
    return errors


@pytest.mark.parametrize("case", [name for name in HOSTILE if name != "silence"])
def test_a_server_that_repeats_the_keys_gives_none_away(case: str) -> None:
    diagnosis = diagnose_at(HOSTILE[case], name=case if case in PROXIES else "a")

    if case not in WITH_ROWS:
        assert diagnosis.problems
        assert diagnosis.requests <= 6


@pytest.mark.parametrize("case", BROKEN | SLOW)
def test_a_broken_server_is_reported_after_four_requests(case: str) -> None:
    behaviour, reason = (BROKEN | SLOW)[case]
    diagnosis = diagnose_at(behaviour, 0.3 if case in SLOW else 10.0)

    fields = errors_of(diagnosis).fields
    assert (fields["reason"], fields["count"]) == (reason, 4)


def test_rows_and_headers_that_repeat_the_keys_are_redacted() -> None:
    rows = [row(number, status=f"{API_KEY}\x1b[2J", sub_hash_status=SECRET_KEY) for number in range(5)]
    head = f"HTTP/1.1 200 OK\r\nServer: {SECRET_KEY}\r\nRateLimit-{API_KEY}: {API_KEY}\r\n"
    body = page(rows)
    diagnosis = diagnose_at(raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))

    assert any("[redacted]" in finding.message for finding in diagnosis.findings)


def test_a_proxy_that_cannot_be_reached_is_named_with_its_setting() -> None:
    account = varied(account_at("https://api.test/api"), proxy_url=SecretStr("http://127.0.0.1:1"))
    errors = errors_of(asyncio.run(_diagnose(account)))

    assert "127.0.0.1:1" in errors.message
    assert "proxy_url" in errors.action
