import json
from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check, Severity
from pin_exporter.doctor.probe import MAX_REQUESTS
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
