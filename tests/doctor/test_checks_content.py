from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check
from tests.support.diagnosis import (
    OK,
    PROBLEM,
    SKIPPED,
    WARNING,
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


def test_a_list_much_shorter_than_totals_files_is_a_problem() -> None:
    rows = [row(number) for number in range(300)]

    def service(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        return httpx.Response(200, content=page(rows[offset : offset + limit], 1_000_000, 5))

    found = diagnosed(service)

    assert Check.FILES in found.problems
    assert found.fields(Check.FILES)["missing"] == 50


def test_unreadable_rows_are_counted_on_one_page() -> None:
    found = diagnosed(listing(dated(n, **({"id": ""} if n % 5 == 0 else {})) for n in range(50)))

    assert found.fields(Check.MALFORMED_ROWS)["count"] == 10
    assert found.severity(Check.SIZE) is SKIPPED


def test_rows_without_a_date_are_counted() -> None:
    found = diagnosed(listing(row(n, date_pinned="yesterday") for n in range(50)))

    assert (found.severity(Check.DATES), found.fields(Check.DATES)["count"]) == (WARNING, 50)


def test_statuses_are_listed_on_one_line_without_keys() -> None:
    statuses = ["DONE", "pinned", "\x1b[31mred\n\u2028", API_KEY, *(f"w{n}" for n in range(40))]
    found = diagnosed(listing(dated(n, status=statuses[n % len(statuses)]) for n in range(100)))

    assert found.fields(Check.STATUSES)["count"] == 44
    assert found.fields(Check.UNKNOWN_STATUSES)["count"] == 42
    (unknown,) = found.of(Check.UNKNOWN_STATUSES)
    assert "30 more" in unknown.message
    assert unknown.message.isprintable()
    assert API_KEY not in repr(found.diagnosis)


def test_servers_that_disagree_are_not_taken_for_one_list_that_changes() -> None:
    servers = listing(1_500), listing(1_200)
    found = diagnosed(in_turn(lambda n: servers[n % 2]), page_size=1_000)

    assert Check.CHANGES in found.problems


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
