import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from pin_exporter.doctor.evidence import FetchedSample
from pin_exporter.doctor.findings import Check, Severity
from pin_exporter.doctor.probe import MAX_REQUESTS
from pin_exporter.retrieval.samples import Attempt, Result
from tests.support.diagnosis import (
    OK,
    PROBLEM,
    SKIPPED,
    WARNING,
    Service,
    dated,
    diagnosed,
    diagnosed_simulator,
    in_turn,
    listing,
)
from tests.support.service import API_KEY, page, row


@pytest.mark.parametrize(
    ("result", "severity"),
    [
        (Result.OK, OK),
        (Result.CORRUPT, PROBLEM),
        (Result.ERROR, PROBLEM),
        (Result.FORBIDDEN, PROBLEM),
        (Result.NOT_FOUND, WARNING),
        (Result.TIMEOUT, WARNING),
        (Result.RATE_LIMITED, WARNING),
        (Result.UNVERIFIABLE, WARNING),
        (None, SKIPPED),
    ],
)
def test_the_gateway_is_judged_by_one_sample(result: Result | None, severity: Severity) -> None:
    found = diagnosed(listing(5), gateway_url="https://gateway.test")
    sample = FetchedSample("Qm\x1b" + "x" * 999, Attempt(result, "says why")) if result else None
    found = replace(found, evidence=replace(found.evidence, sample=sample))

    (finding,) = found.of(Check.GATEWAY)
    assert finding.severity is severity
    assert finding.message.isprintable()
    assert len(finding.message) < 300
    assert ("says why" in finding.message) is (severity in (WARNING, PROBLEM))
    assert diagnosed(listing(5)).of(Check.GATEWAY) == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((), None), (("failed", "pinning", "gcDone"), None), (("failed", "pinned"), "cid-1")],
)
def test_the_sample_is_a_pin_that_is_pinned(statuses: tuple[str, ...], expected: str | None) -> None:
    rows = [
        dated(number, cid=f"cid-{number}", status=status, pinned=status == "pinned")
        for number, status in enumerate(statuses)
    ]
    assert diagnosed(listing(rows)).evidence.pinned_cid() == expected


@pytest.mark.parametrize("pins", [0, 1, 300])
def test_an_account_of_any_size_is_no_problem(pins: int) -> None:
    found = diagnosed(listing(pins))

    assert found.checks(PROBLEM) + found.checks(WARNING) == []
    for check in (Check.FILES, Check.SIZE, Check.INVENTORY_COST):
        assert found.severity(check) is OK


def test_a_large_account_is_read_to_its_end() -> None:
    found = diagnosed_simulator(pins=30_000)

    for check in (Check.FILES, Check.SIZE):
        assert found.severity(check) is OK
    assert found.fields(Check.PAGE_SIZE)["works"] == 10_000
    assert found.evidence.requests <= MAX_REQUESTS


def much_shorter(request: httpx.Request) -> httpx.Response:
    """Respond with 300 rows, and totals that count many more."""
    shown = json.loads(listing()(request).content)["data"]["pins"]
    return httpx.Response(200, content=page(shown, 1_000_000, 5))


UNREADABLE = listing(dated(n, **({"id": ""} if n % 5 == 0 else {})) for n in range(50))
SERVERS = listing(1_500), listing(1_200)


@pytest.mark.parametrize(
    ("service", "check", "severity", "fields"),
    [
        (much_shorter, Check.FILES, PROBLEM, {"missing": 50}),
        (in_turn(lambda n: listing(300 if n < 4 else 200)), Check.FILES, SKIPPED, {}),
        (in_turn(lambda n: listing(300 if n < 4 else 500)), Check.FILES, SKIPPED, {}),
        (UNREADABLE, Check.MALFORMED_ROWS, PROBLEM, {"count": 10}),
        (UNREADABLE, Check.SIZE, SKIPPED, {}),
        (listing(row(n, date_pinned="yesterday") for n in range(50)), Check.DATES, WARNING, {"count": 50}),
        (in_turn(lambda n: SERVERS[n % 2]), Check.CHANGES, PROBLEM, {"totals": 21}),
    ],
)
def test_a_list_that_is_not_as_documented_is_reported(
    service: Service, check: Check, severity: Severity, fields: dict[str, int]
) -> None:
    found = diagnosed(service)

    assert (found.severity(check), found.fields(check)) == (severity, fields)


def test_statuses_are_listed_on_one_line_without_keys() -> None:
    statuses = ["DONE", "pinned", "\x1b[31mred\n\u2028", API_KEY, *(f"w{n}" for n in range(40))]
    found = diagnosed(listing(dated(n, status=statuses[n % len(statuses)]) for n in range(100)))

    assert found.fields(Check.STATUSES)["count"] == 44
    assert found.fields(Check.UNKNOWN_STATUSES)["count"] == 42
    (unknown,) = found.of(Check.UNKNOWN_STATUSES)
    assert "30 more" in unknown.message
    assert unknown.message.isprintable()
    assert API_KEY not in repr(found.diagnosis)


FAST: list[dict[str, Any]] = [
    {"pins": 11, "insert_rate": 300.0, "unpin_rate": 300.0, "ties_swap": True},
    {"pins": 5, "unpin_rate": 300.0, "unpinned_rows": "drop"},
    {"pins": 11, "insert_rate": 3.0, "unpin_rate": 300.0, "unpinned_rows": "drop"},
    {"pins": 1, "insert_rate": 60.0, "tie_share": 0.3, "ties_swap": True, "max_limit": 50},
    {"pins": 0, "insert_rate": 60.0, "tie_share": 0.5, "ties_swap": True},
    {"pins": 300, "insert_rate": 300.0, "complete_rate": 300.0, "bulk_unpin_rate": 3.0},
    {"pins": 300, "insert_rate": 300.0, "unpin_rate": 300.0, "unpinned_rows": "drop", "max_limit": 50},
]


@pytest.mark.parametrize("options", FAST)
def test_a_list_that_changes_fast_is_not_taken_for_a_wrong_one(options: dict[str, Any]) -> None:
    found = diagnosed_simulator(**options)

    assert found.problems == []
    assert found.fields(Check.CHANGES)["totals"] > 0
