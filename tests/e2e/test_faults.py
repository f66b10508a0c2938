"""The exporter survives an API that fails in every way, and recovers when the API works again."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pin_exporter.api.client import MAX_BODY_BYTES
from tests.e2e.hostile import (
    HostileServer,
    Observer,
    Series,
    Watched,
    failures,
    good,
    listing,
    many_rows,
    new_failures,
    pins,
    refused_connection,
)
from tests.support.processes import RunningExporter, exporter, wait_for
from tests.support.servers import (
    Behaviour,
    answer,
    endless,
    message,
    raw,
    silence,
    then_reset,
    trickle,
)
from tests.support.service import API_KEY, SECRET_KEY, page, row
from tests.test_secrets import leaks

SLOWEST_SECONDS = 20.0
"""A scrape that waits for the API would take as long as a request to a hanging account: 30 s."""
RESIDENT_BYTES = 160 * 2**20
KEYS = {"api_key": API_KEY, "secret_key": SECRET_KEY}
QUICK = {
    "PIN_EXPORTER_POLL_INTERVAL": "1s",
    "PIN_EXPORTER_REQUESTS_PER_MINUTE": "6000",
    "PIN_EXPORTER_REQUEST_TIMEOUT": "3s",
    "PIN_EXPORTER_STALE_AFTER": "1h",
    "PIN_EXPORTER_LOG_LEVEL": "debug",
}
PAGE = page([row(1), row(2)])
ENVELOPE = b'{"status":"error","message":"something is wrong"}'
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
DEEP = b"[" * 10_000 + b"]" * 10_000
GOOD_DATE = datetime(2024, 3, 1, 10, 0, 0, 123_456, tzinfo=UTC).timestamp()
LONG_WORD = "w" * 10_000
MANY = {"objects": b"{}", "pins": b'{"id":"1"}', "odd-pins": b'{"id":"1","size":-1}', "numbers": b"1"}
"""Very short rows, so that many fit into one page."""
OTHER = 'aiozpin_pins{phase="unknown",status="other"}'


FAILURES: dict[str, tuple[str, Behaviour]] = {
    "refused": ("connection", refused_connection),
    "reset-in-mid-body": ("connection", then_reset(message("200 OK", PAGE[:40], length=len(PAGE)))),
    "black-hole": ("timeout", silence),
    "one-byte-a-second": ("timeout", trickle(message("200 OK", PAGE), 1.0)),
    "interim-responses-for-ever": ("malformed", endless(b"", b"HTTP/1.1 100 C\r\n\r\n" * 100)),
    "401": ("unauthorized", answer("401 Unauthorized", ENVELOPE)),
    "redirect-with-keys": ("redirect", answer("302 No", b"", f"Location: https://{API_KEY}.no/{SECRET_KEY}")),
    "403": ("forbidden", answer("403 Forbidden", ENVELOPE)),
    "404": ("client_error", answer("404 Not Found", HTML)),
    "429-for-seconds": ("rate_limited", answer("429 No", b"", "Retry-After: 3600")),
    "502-with-html": ("server_error", answer("502 Bad Gateway", HTML, "Content-Type: text/html")),
    "error-envelope": ("malformed", answer("200 OK", ENVELOPE)),
    "truncated": ("malformed", answer("200 OK", PAGE[:-20])),
    "deep-row": ("malformed", answer("200 OK", PAGE.replace(b'"size"', b'"metadata":' + DEEP + b',"size"'))),
    "invalid-utf-8": ("malformed", answer("200 OK", b'{"status":"\xff\xfe","data":null}')),
}
"""Faults, and the reason for which polls then fail."""

Expected = dict[str, float | None]


def with_size(size: int) -> tuple[Behaviour, Expected]:
    """One of two pins has an impossible size."""
    return listing([row(1), row(2, size=size)]), {
        "aiozpin_files": 2,
        "aiozpin_unique_cids": 1,
        'aiozpin_stored_bytes{phase="pinned",status="pinned"}': 100,
        "aiozpin_inventory_malformed_pins": 1,
        "aiozpin_inventory_unaccounted_files": 1,
    }


def with_date(date: str) -> tuple[Behaviour, Expected]:
    """Two of three pins have an impossible date."""
    rows = [row(1), row(2, date_pinned=date), row(3, date_pinned=date, status="pinning", size=None)]
    return listing(rows), {
        "aiozpin_files": 3,
        "aiozpin_unique_cids": 3,
        'aiozpin_pins{phase="in_progress",status="pinning"}': 1,
        "aiozpin_inventory_malformed_pins": 0,
        "aiozpin_newest_pin_timestamp_seconds": GOOD_DATE,
        "aiozpin_oldest_unfinished_pin_timestamp_seconds": None,
    }


def without_pins(value: bytes) -> tuple[Behaviour, Expected]:
    """There are no pins."""
    return answer("200 OK", b'{"data":{"totals":{"files":0,"size":0},"pins":' + value + b"}}"), {
        "aiozpin_files": 0,
        "aiozpin_size_bytes": 0,
        "aiozpin_unique_cids": 0,
        "aiozpin_newest_pin_timestamp_seconds": None,
        "aiozpin_inventory_consistent": 1,
    }


ODD_DATA: dict[str, tuple[Behaviour, Expected]] = {
    "2-to-the-63-bytes": with_size(2**63),
    "a-googol-bytes": with_size(10**100),
    "negative-size": with_size(-1),
    "year-0": with_date("0000-01-01T00:00:00Z"),
    "year-10000": with_date("10000-01-01T00:00:00Z"),
    "null-pins": without_pins(b"null"),
    "cookie-with-endless-expiry": (
        listing([row(1), row(2)], f"Set-Cookie: a=b; expires={'9' * 4300}"),
        {"aiozpin_files": 2, "aiozpin_unique_cids": 2},
    ),
    "word-of-10-kb": (
        listing([row(1), row(2, status=LONG_WORD, sub_hash_status=LONG_WORD)]),
        {"aiozpin_files": 2, "aiozpin_unique_cids": 2, OTHER: 1},
    ),
}
"""Odd responses, and what the metrics show for them."""


@contextmanager
def running_exporter(
    folder: Path, accounts: list[dict[str, object]], env: dict[str, str] | None = None
) -> Iterator[RunningExporter]:
    """Run the exporter for these accounts; its log must contain neither keys nor tracebacks."""
    config = folder / "config.yml"
    config.write_text(json.dumps({"accounts": accounts}))
    with exporter({**QUICK, "PIN_EXPORTER_CONFIG_FILE": str(config), **(env or {})}) as exported:
        yield exported
        assert exported.process.stop() == 0
        log = "\n".join(exported.process.lines)
        assert "Traceback" not in log
        assert leaks(log) == []


@contextmanager
def watching(exported: RunningExporter, report: list[tuple[str, object]]) -> Iterator[None]:
    """Check that the exporter responds fast, needs little memory and keeps running meanwhile."""
    observer = Observer(exported)
    with observer.observing():
        yield
        wait_for(lambda: observer.scrapes > 1, "scrapes")
    report += [
        ("slowest_response", f"{observer.slowest_seconds:.3f} s for {observer.slowest_path}"),
        ("most_resident_bytes", int(observer.peak_resident_bytes)),
    ]
    assert observer.problems == []
    assert exported.process.popen.poll() is None
    assert observer.slowest_seconds < SLOWEST_SECONDS
    assert observer.peak_resident_bytes < RESIDENT_BYTES
    assert leaks(exported.metrics()) == []


@dataclass(frozen=True)
class Course:
    """One account before, during and after its fault."""

    before: Series
    during: Series
    after: Series


@dataclass(frozen=True)
class Courses:
    """The courses of all accounts, and how the exporter responded meanwhile."""

    by_account: dict[str, Course]
    report: list[tuple[str, object]]


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> Courses:
    """Break and repair one account per fault, all at the same time, to save minutes."""
    names = (*FAILURES, *ODD_DATA)
    report: list[tuple[str, object]] = []

    def shows(name: str, now: Series) -> bool:
        if name in FAILURES:
            return now["aiozpin_up"] == 0
        expected = ODD_DATA[name][1]
        return {series: now.get(series) for series in expected} == expected

    with ExitStack() as stack:
        servers = {name: stack.enter_context(HostileServer(good(100)).running()) for name in names}
        settings: list[dict[str, object]] = [
            {"name": name, "base_url": server.base_url(), **KEYS} for name, server in servers.items()
        ]
        exported = stack.enter_context(running_exporter(tmp_path_factory.mktemp("courses"), settings))
        accounts = {name: Watched(exported, name, server) for name, server in servers.items()}
        stack.enter_context(watching(exported, report))
        before = {name: account.wait_until_well() for name, account in accounts.items()}
        for name, account in accounts.items():
            account.break_by(FAILURES[name][1] if name in FAILURES else ODD_DATA[name][0])
        during = {
            name: account.wait_for(lambda now, name=name: shows(name, now), "the fault")  # type: ignore[misc]
            for name, account in accounts.items()
        }
        for account in accounts.values():
            account.repair()
        after = {name: account.wait_until_well() for name, account in accounts.items()}
    return Courses({name: Course(before[name], during[name], after[name]) for name in names}, report)


def assert_failed(before: Series, during: Series, reason: str) -> None:
    """Check that an account failed for this reason only, and still shows its previous data."""
    assert during["aiozpin_up"] == 0
    assert new_failures(before, during, "totals") == {reason}
    assert new_failures(before, during, "inventory") <= {reason}
    for kept in ("aiozpin_files", "aiozpin_size_bytes", "aiozpin_unique_cids"):
        assert during[kept] == before[kept]
    assert pins(during) == pins(before)
    succeeded = 'aiozpin_last_success_timestamp_seconds{collector="totals"}'
    attempted = 'aiozpin_last_attempt_timestamp_seconds{collector="totals"}'
    assert before[succeeded] <= during[succeeded] < during[attempted]


def fail_and_recover(account: Watched, behaviour: Behaviour, reason: str) -> None:
    """Break one account and repair it."""
    before = account.wait_until_well()
    account.break_by(behaviour)
    try:
        assert_failed(before, account.wait_for(lambda now: now["aiozpin_up"] == 0, "the failure"), reason)
    finally:
        account.recover()


@pytest.mark.parametrize("fault", FAILURES)
def test_a_fault_keeps_the_last_data_until_the_next_good_response(
    courses: Courses, fault: str, request: pytest.FixtureRequest
) -> None:
    request.node.user_properties += courses.report
    course = courses.by_account[fault]
    assert_failed(course.before, course.during, FAILURES[fault][0])
    assert course.after["aiozpin_files"] == course.before["aiozpin_files"] + 1
    assert set(failures(course.after, "totals")) == {FAILURES[fault][0]}


@pytest.mark.parametrize("oddity", ODD_DATA)
def test_odd_data_is_no_failure_and_readable_parts_are_counted(courses: Courses, oddity: str) -> None:
    course = courses.by_account[oddity]
    for now in (course.during, course.after):
        assert now["aiozpin_up"] == 1
        assert failures(now, "totals") == failures(now, "inventory") == {}


@pytest.mark.parametrize("kind", MANY)
def test_a_page_of_a_million_rows_neither_delays_scrapes_nor_fills_the_memory(
    kind: str, request: pytest.FixtureRequest
) -> None:
    with HostileServer(good(100)).running() as server:
        own = {"PIN_EXPORTER_BASE_URL": server.base_url(), "PIN_EXPORTER_REQUEST_TIMEOUT": "30s"}
        keys = {"PIN_EXPORTER_API_KEY": API_KEY, "PIN_EXPORTER_SECRET_KEY": SECRET_KEY}
        with exporter({**QUICK, **own, **keys}) as exported:
            account = Watched(exported, "default", server)
            behaviour = raw(many_rows(MANY[kind], MAX_BODY_BYTES - 100))
            account.wait_until_well()
            with watching(exported, request.node.user_properties):
                fail_and_recover(account, behaviour, "malformed")
