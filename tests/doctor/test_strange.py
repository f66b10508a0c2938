"""Examinations of servers that are broken or hostile: no traceback, no hang, no key, nothing unprintable."""

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
from pin_exporter.doctor.command import examined
from pin_exporter.doctor.diagnosis import Diagnosis, diagnose
from pin_exporter.doctor.report import as_json, as_text
from tests.api.test_strange_server import GOOD, OTHERS, SHORT_SECONDS, TIMEOUTS
from tests.doctor.harness import DoctorClock, examined_service
from tests.support.samples import account_at
from tests.support.service import API_KEY, SECRET_KEY, page, row
from tests.support.strange_server import Behaviour, Call, StrangeServer, raw
from tests.test_secrets import HOSTILE, PROXIES, hostile_account, leaks

FEW = ("black hole", "head without body")
"""The others that never end are the same to the doctor, and each takes as long as the timeout, four times."""
WITH_ROWS = ("wrong-dates", "rows", "escaped-rows")
USABLE = ("silence", *WITH_ROWS)
"""Of the hostile: the first is among the few already, the others are pages."""
CASES: dict[str, Behaviour] = {
    **{name: TIMEOUTS[name] for name in FEW},
    **{name: behaviour for name, (_, behaviour) in OTHERS.items()},
    **{f"hostile {name}": behaviour for name, behaviour in HOSTILE.items() if name not in USABLE + PROXIES},
}


def examine(behaviour: Behaviour, timeout_seconds: float, name: str = "a") -> Diagnosis:
    async def work() -> Diagnosis:
        async with StrangeServer(behaviour).listening() as server, HttpClients() as clients:
            hostile = hostile_account(name, server.base_url())
            account = hostile.model_copy(update={"request_timeout": timeout_seconds})
            return await examined(account, clients, DoctorClock(), lambda _: None)

    return asyncio.run(work())


def after_some_good(bad: Behaviour, good: int = 3) -> Behaviour:
    count = 0

    async def behave(call: Call) -> None:
        nonlocal count
        count += 1
        await (GOOD if count <= good else bad)(call)

    return behave


@pytest.mark.parametrize("case", WITH_ROWS)
def test_keys_in_rows_are_not_shown(case: str) -> None:
    check(examine(HOSTILE[case], 10.0))


@pytest.mark.parametrize("case", PROXIES)
def test_the_password_of_a_proxy_is_not_shown(case: str) -> None:
    check(examine(HOSTILE[case], 10.0, case))


def check(diagnosis: Diagnosis) -> None:
    text = as_text(diagnosis, colour=False)
    assert all(line.isprintable() for line in text.splitlines())
    assert leaks(text) == []
    assert leaks(as_json([diagnosis])) == []
    assert json.loads(as_json([diagnosis]))["accounts"][0]["findings"]


@pytest.mark.parametrize("case", CASES)
def test_whatever_a_server_sends_there_is_a_report(case: str) -> None:
    diagnosis = examine(CASES[case], SHORT_SECONDS if case in FEW else 10.0)

    check(diagnosis)
    assert diagnosis.problems
    assert diagnosis.requests <= 5


@pytest.mark.parametrize("case", ["reset in mid-body", "gzip bomb", "401", "502", "deep list", "hang up"])
def test_a_server_that_turns_bad_is_given_up_after_some_more(case: str) -> None:
    diagnosis = examine(after_some_good(CASES[case]), 10.0)

    check(diagnosis)
    assert diagnosis.requests == 9
    assert any(finding.check == "complete" for finding in diagnosis.findings)


def test_a_server_whose_rows_and_headers_repeat_the_keys_gives_none_away() -> None:
    rows = [row(number, status=f"{API_KEY}\x1b[2J", sub_hash_status=SECRET_KEY) for number in range(5)]
    head = f"HTTP/1.1 200 OK\r\nServer: {SECRET_KEY}\r\nRateLimit-{API_KEY}: {API_KEY}\r\n"
    body = page(rows)
    diagnosis = examine(raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body), 10.0)

    check(diagnosis)
    assert any("[redacted]" in finding.what for finding in diagnosis.findings)


def test_an_answer_in_crumbs_is_told_as_such() -> None:
    (errors,) = (one for one in examine(CASES["crumbs"], 10.0).findings if one.check == "errors")

    assert errors.what.startswith("4 of 4 requests: an answer in crumbs: ")
    assert errors.action == "look for a proxy that cuts it up"


def test_a_host_without_anybody_listening_is_a_problem() -> None:
    async def work() -> Diagnosis:
        async with HttpClients() as clients:
            account = account_at("http://127.0.0.1:1/api")
            return await examined(account, clients, DoctorClock(), lambda _: None)

    diagnosis = asyncio.run(work())

    (errors,) = (finding for finding in diagnosis.findings if finding.check == "errors")
    assert errors.what.startswith("4 of 4 requests: no connection: connection to 127.0.0.1:1 failed: ")


def test_what_to_do_about_a_proxy_is_said_of_the_proxy() -> None:
    async def work() -> Diagnosis:
        async with HttpClients() as clients:
            account = account_at("https://api.test/api").model_copy(
                update={"proxy_url": SecretStr("http://127.0.0.1:1")}
            )
            return await examined(account, clients, DoctorClock(), lambda _: None)

    (errors,) = (finding for finding in asyncio.run(work()).findings if finding.check == "errors")

    assert "connection to the proxy 127.0.0.1:1 failed" in errors.what
    assert errors.action == "check proxy_url, or the variables HTTPS_PROXY and NO_PROXY"


TEXTS = ("", "12", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "DONE", "pinned", "x" * 99)
FIELDS = (*row(1), "sub_hash_status", "created_at")
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
    st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.builds(
        lambda number, created, status: row(number, created_at=created, status=status),
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

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        status, body, headers = answers[asked % len(answers)]
        asked += 1
        return httpx.Response(status, content=body, headers=headers)

    return service


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ANSWERS, min_size=1, max_size=8))
def test_no_answers_make_the_checks_fail(answers: Any) -> None:
    evidence, _ = examined_service(answering(answers))

    check(diagnose(evidence))
