from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check, Severity
from tests.support.diagnosis import (
    OK,
    PROBLEM,
    SKIPPED,
    WARNING,
    Rows,
    Service,
    dated,
    diagnosed,
    diagnosed_simulator,
    in_turn,
    listing,
    of_the_page,
    too_slow_above,
    with_parameters,
)
from tests.support.service import row

MANY = listing(1_500)
BEFORE, AFTER = listing(), listing(dated(number) for number in range(1, 300))


def rejecting(parameter: str, most: int) -> Service:
    return lambda request: httpx.Response(400) if int(request.url.params[parameter]) > most else MANY(request)


def shuffled() -> Service:
    """Respond to each request with other rows."""
    return in_turn(lambda n: listing(row(10_000 * n + number) for number in range(300)))


def rotated() -> Service:
    """Respond with the same rows, in another order each time."""
    rows = [row(number) for number in range(300)]
    return in_turn(lambda n: listing(rows[70 * n % 300 :] + rows[: 70 * n % 300]))


def nulls() -> Service:
    """Respond with null in the place of every tenth row."""

    def change(rows: Rows, _: httpx.QueryParams) -> Rows:
        return [None if int(str(one["size"])) % 10 == 0 else one for one in rows]  # type: ignore[misc]

    return listing((dated(n, size=n) for n in range(1_500)), change)


def by_minute(minutes: list[int]) -> Service:
    return listing(
        row(place, date_pinned=f"2024-01-01T{minute // 60:02}:{minute % 60:02}:00.000000Z")
        for place, minute in enumerate(minutes)
    )


@pytest.mark.parametrize("most", [10, 62, 100, 200, 500])
def test_the_largest_limit_that_is_not_rejected_is_found_and_suggested(most: int) -> None:
    found = diagnosed(rejecting("limit", most), page_size=1_000)

    assert (found.severity(Check.PAGE_SIZE), found.fields(Check.PAGE_SIZE)["works"]) == (WARNING, most)
    assert found.suggested == {"page_size": most}
    assert found.problems == []
    assert found.evidence.stopped is None


@pytest.mark.parametrize(("most", "suggested"), [(300, 250), (70, 62)])
def test_a_smaller_page_size_is_suggested_if_the_configured_one_is_too_slow(
    most: int, suggested: int
) -> None:
    found = diagnosed(too_slow_above(most), page_size=1_000)

    assert found.fields(Check.ERRORS)["reason"] == "timeout"
    assert found.evidence.stopped is None
    assert found.suggested["page_size"] == suggested


@pytest.mark.parametrize(
    ("service", "page_size", "severity", "fields", "problems"),
    [
        (too_slow_above(1_500), 100, OK, {"works": 1_000}, []),  # a very large page is no use
        (rejecting("limit", 5), 1_000, PROBLEM, {"works": 1}, [Check.PAGE_SIZE]),
        (with_parameters(MANY, limit=lambda n: 10 if n > 500 else n), 1_000, WARNING, {"works": 100}, []),
        (
            with_parameters(MANY, limit=lambda _: 1_200),
            1_000,
            PROBLEM,
            {"limit": 1, "rows": 1_200},
            [Check.PAGE_SIZE],
        ),
        (
            in_turn(lambda n: httpx.ReadTimeout("") if n % 3 == 2 else listing(50)),
            100,
            OK,
            {"works": 50},
            [Check.ERRORS],
        ),
        (nulls(), 100, OK, {"works": 1_500}, [Check.MALFORMED_ROWS]),
    ],
    ids=["too slow", "rejected", "ignored if large", "ignored", "random timeouts", "nulls"],
)
def test_the_page_size_that_works_is_found(
    service: Service, page_size: int, severity: Severity, fields: dict[str, Any], problems: list[Check]
) -> None:
    found = diagnosed(service, page_size=page_size)

    assert (found.severity(Check.PAGE_SIZE), found.fields(Check.PAGE_SIZE)) == (severity, fields)
    assert found.problems == problems


def test_pages_that_are_cut_to_page_size_are_no_reason_to_change_it() -> None:
    found = diagnosed_simulator(max_limit=100)

    assert (found.severity(Check.PAGE_SIZE), found.fields(Check.PAGE_SIZE)["works"]) == (OK, 100)
    assert found.suggested == {}


def test_a_list_that_grows_is_not_taken_for_pages_that_are_cut() -> None:
    found = diagnosed_simulator(insert_rate=600.0)

    assert found.severity(Check.PAGE_SIZE) in (OK, None)
    assert "page_size" not in found.suggested


@pytest.mark.parametrize(
    ("service", "problems"),
    [
        (with_parameters(MANY, offset=lambda _: 0), {Check.OFFSET, Check.FILES}),
        (with_parameters(MANY, offset=lambda offset: min(offset, 1_400)), {Check.FILES}),
        (rejecting("offset", 1_000), {Check.OFFSET}),
        (rejecting("offset", 1_500), set()),
        (of_the_page(listing(3_000)), {Check.TOTALS}),
    ],
    ids=["ignored", "limited", "rejected", "rejected beyond the list", "totals of the page"],
)
def test_an_offset_that_is_not_honoured_is_a_problem(service: Service, problems: set[Check]) -> None:
    found = diagnosed(service, page_size=1_000)

    assert {*found.problems} == problems
    assert found.severity(Check.INCOMPLETE) is None
    assert (found.severity(Check.INVENTORY_COST) is None) is (Check.TOTALS in problems)


@pytest.mark.parametrize(
    ("service", "check", "severity"),
    [
        (shuffled(), Check.OFFSET, PROBLEM),
        (rotated(), Check.OFFSET, SKIPPED),
        (in_turn(lambda n: BEFORE if n < 2 else AFTER), Check.STABILITY, SKIPPED),
        (nulls(), Check.OFFSET, OK),
        (by_minute(list(range(1_000))), Check.ORDER, OK),
        (by_minute([n * 7_919 % 997 for n in range(997)]), Check.ORDER, PROBLEM),
        (listing(dated(299 - number) for number in range(300)), Check.ORDER, PROBLEM),
        # A few pins may have been finished in another order than they were created.
        (listing(dated(number) for number in [*range(280, 300), *range(280)]), Check.ORDER, OK),
        (listing([dated(9), dated(5), dated(1)]), Check.ORDER, SKIPPED),
        (listing(row(number, date_pinned="yesterday") for number in range(50)), Check.ORDER, SKIPPED),
    ],
)
def test_the_order_of_rows_is_checked(service: Service, check: Check, severity: Severity) -> None:
    assert diagnosed(service, page_size=1_000).severity(check) is severity
