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
    asked_instead,
    dated,
    diagnosed,
    diagnosed_simulator,
    in_turn,
    listing,
    of_the_page,
)
from tests.support.service import row

MANY = listing(1_500)


def rejecting(good: Service, parameter: str, most: int) -> Service:
    return lambda request: httpx.Response(400) if int(request.url.params[parameter]) > most else good(request)


def too_slow(most: int) -> Service:
    """Answer as a server that cannot send more rows in time."""
    good = listing(1_200)

    def service(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["limit"]) > most:
            raise httpx.ReadTimeout("")
        return good(request)

    return service


@pytest.mark.parametrize("most", [10, 62, 100, 200, 500])
def test_the_largest_limit_that_is_not_rejected_is_found_and_suggested(most: int) -> None:
    found = diagnosed(rejecting(MANY, "limit", most), page_size=1_000)

    assert (found.severity(Check.PAGE_SIZE), found.fields(Check.PAGE_SIZE)["works"]) == (WARNING, most)
    assert found.suggested == {"page_size": most}
    assert found.problems == []
    assert found.evidence.stopped is None


def test_pages_that_are_cut_to_page_size_are_no_reason_to_change_it() -> None:
    found = diagnosed_simulator(max_limit=100)

    assert (found.severity(Check.PAGE_SIZE), found.fields(Check.PAGE_SIZE)["works"]) == (OK, 100)
    assert found.suggested == {}


def test_limits_that_are_all_rejected_are_a_problem() -> None:
    found = diagnosed(rejecting(MANY, "limit", 5), page_size=1_000)

    assert Check.PAGE_SIZE in found.problems
    assert Check.OFFSET not in found.problems
    assert found.suggested == {}


def test_a_very_large_page_that_is_too_slow_is_no_problem() -> None:
    found = diagnosed(too_slow(1_500))

    assert found.checks(PROBLEM) + found.checks(WARNING) == []
    assert found.fields(Check.PAGE_SIZE)["works"] == 1_000


@pytest.mark.parametrize(("most", "suggested"), [(300, 250), (70, 62)])
def test_a_smaller_page_size_is_suggested_if_the_configured_one_is_too_slow(
    most: int, suggested: int
) -> None:
    found = diagnosed(too_slow(most), page_size=1_000)

    assert found.fields(Check.ERRORS)["reason"] == "timeout"
    assert found.evidence.stopped is None
    assert found.suggested["page_size"] == suggested


def test_random_timeouts_are_not_taken_for_a_limit() -> None:
    good = listing(50)
    found = diagnosed(in_turn(lambda n: httpx.ReadTimeout("") if n % 3 == 2 else good))

    assert found.severity(Check.PAGE_SIZE) is OK
    assert found.problems == [Check.ERRORS]


def test_a_limit_that_is_ignored_for_being_too_large_is_found() -> None:
    service = asked_instead(MANY, limit=lambda limit: 10 if limit > 500 else limit)
    found = diagnosed(service, page_size=1_000)

    assert (found.severity(Check.PAGE_SIZE), found.suggested) == (WARNING, {"page_size": 100})


def test_more_rows_than_asked_for_are_a_problem() -> None:
    found = diagnosed(asked_instead(MANY, limit=lambda _: 1_200), page_size=1_000)

    assert found.problems == [Check.PAGE_SIZE]
    assert dict(found.fields(Check.PAGE_SIZE)) == {"limit": 1, "rows": 1_200}


def test_a_list_that_grows_is_not_taken_for_pages_that_are_cut() -> None:
    found = diagnosed_simulator(insert_rate=600.0)

    assert found.severity(Check.PAGE_SIZE) in (OK, None)
    assert "page_size" not in found.suggested


def test_pages_that_do_not_overlap_are_a_problem() -> None:
    count = 0

    def shuffled(rows: Rows, _: httpx.QueryParams) -> Rows:
        nonlocal count
        count += 1
        return [row(10_000 * count + number) for number in range(len(rows))]

    assert diagnosed(listing(change=shuffled)).severity(Check.OFFSET) is PROBLEM


@pytest.mark.parametrize(
    ("service", "problems"),
    [
        (asked_instead(MANY, offset=lambda _: 0), {Check.OFFSET, Check.FILES}),
        (asked_instead(MANY, offset=lambda offset: min(offset, 1_400)), {Check.FILES}),
        (rejecting(MANY, "offset", 1_000), {Check.OFFSET}),
        (rejecting(MANY, "offset", 1_500), set()),
    ],
)
def test_an_offset_that_is_not_honoured_is_a_problem(service: Service, problems: set[Check]) -> None:
    found = diagnosed(service, page_size=1_000)

    assert {*found.problems} == problems
    assert found.severity(Check.INCOMPLETE) is None


def test_rows_in_another_order_each_time_do_not_say_whether_pages_overlap() -> None:
    rows = [row(number) for number in range(300)]
    service = in_turn(lambda n: listing(rows[70 * n % 300 :] + rows[: 70 * n % 300]))
    found = diagnosed(service, page_size=1_000)

    assert found.severity(Check.OFFSET) is not PROBLEM


def test_a_list_that_changes_between_two_requests_is_not_taken_for_an_unstable_one() -> None:
    before, after = listing(), listing(dated(number) for number in range(1, 300))
    found = diagnosed(in_turn(lambda n: before if n < 2 else after))

    assert found.severity(Check.STABILITY) is SKIPPED


def by_minute(minutes: list[int]) -> Service:
    return listing(
        row(place, date_pinned=f"2024-01-01T{minute // 60:02}:{minute % 60:02}:00.000000Z")
        for place, minute in enumerate(minutes)
    )


@pytest.mark.parametrize(
    ("service", "severity"),
    [
        (by_minute(list(range(1_000))), OK),
        (by_minute([n * 7_919 % 997 for n in range(997)]), PROBLEM),
        (listing(dated(299 - number) for number in range(300)), PROBLEM),
        # A few pins may have been finished in another order than they were created.
        (listing(dated(number) for number in [*range(280, 300), *range(280)]), OK),
        (listing([dated(9), dated(5), dated(1)]), SKIPPED),
        (listing(row(number, date_pinned="yesterday") for number in range(50)), SKIPPED),
    ],
)
def test_the_order_is_checked_by_the_dates(service: Service, severity: Severity) -> None:
    assert diagnosed(service, page_size=1_000).severity(Check.ORDER) is severity


def test_totals_of_the_page_say_nothing_of_the_end_of_the_list() -> None:
    found = diagnosed(of_the_page(listing(3_000)))

    assert found.problems == [Check.TOTALS]
    for check in (Check.FILES, Check.INVENTORY_COST):
        assert found.severity(check) is None


def test_nulls_in_the_place_of_rows_are_no_shorter_pages() -> None:
    def some_are_null(rows: Rows, _: httpx.QueryParams) -> Rows:
        return [None if int(str(one["size"])) % 10 == 0 else one for one in rows]  # type: ignore[misc]

    found = diagnosed(listing((dated(n, size=n) for n in range(1_500)), some_are_null))

    assert found.problems == [Check.MALFORMED_ROWS]
    assert found.fields(Check.MALFORMED_ROWS)["count"] == 150
    assert (found.severity(Check.PAGE_SIZE), found.severity(Check.OFFSET)) == (OK, OK)
