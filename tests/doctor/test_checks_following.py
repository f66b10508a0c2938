from typing import Any

import httpx
import pytest

from pin_exporter.doctor.findings import Check
from pin_exporter.simulator.app import Simulator
from pin_exporter.simulator.faults import Fault
from tests.support.diagnosis import (
    ACCOUNT,
    OK,
    PROBLEM,
    SKIPPED,
    WARNING,
    Diagnosed,
    Service,
    dated,
    diagnosed,
    diagnosed_simulator,
    in_turn,
    listing,
    with_parameters,
)
from tests.support.samples import varied
from tests.support.service import page

REQUESTS = 34
"""To read 3,000 pins in full."""
SOME: dict[str, Any] = {"in_progress_share": 0.01}
NOT_PINNED = 5
"""The number of the request for what is not pinned."""


def following(found: Diagnosed) -> str:
    (finding,) = found.of(Check.FOLLOWING)
    return finding.message


@pytest.mark.parametrize(
    ("pins", "options", "mode", "requests"),
    [
        (100, {}, "full", 1),
        (400, {}, "full", 5),
        (500, {}, "full", 6),
        (501, {}, "followed", 3),
        (3_000, {}, "followed", 3),
        (3_000, {"in_progress_share": 0.05}, "followed", 4),
        (3_000, {"removed_share": 0.05, "unpinned_rows": "drop"}, "followed", 3),
        (3_000, {"max_limit": 40}, "followed", 3),
        (3_000, {"in_progress_share": 0.5}, "full", REQUESTS),
    ],
)
def test_an_account_is_followed_if_that_takes_fewer_requests(
    pins: int, options: dict[str, Any], mode: str, requests: int
) -> None:
    found = diagnosed_simulator(pins=pins, **options)

    assert found.severity(Check.FOLLOWING) is OK
    assert (found.fields(Check.FOLLOWING)["mode"], found.fields(Check.FOLLOWING)["requests"]) == (
        mode,
        requests,
    )


def test_an_account_that_is_configured_to_be_read_in_full_is_not_followed() -> None:
    found = diagnosed_simulator(pins=3_000, account=varied(ACCOUNT, inventory="full"))

    assert found.severity(Check.FOLLOWING) is OK
    assert found.fields(Check.FOLLOWING) == {"mode": "full", "requests": REQUESTS}


def test_what_following_costs_is_said() -> None:
    expected = f"this account can be followed: about 3 to 5 requests an inventory instead of {REQUESTS}"

    assert following(diagnosed_simulator(pins=3_000)) == expected


@pytest.mark.parametrize(
    ("options", "obstacle"),
    [
        ({"ignore_filter": True}, "ignores the filter"),
        ({"ignore_filter": True, "totals_follow_filter": False}, "ignores the filter"),
        ({"totals_follow_filter": False}, "add up to 6,000 files"),
        ({**SOME, "totals_follow_filter": False}, "count 3,000 files, but there are 30 rows"),
        ({**SOME, "files_offset": -20}, "count 10 files, but there are 30 rows"),
        ({**SOME, "size_offset": 7}, "say 7 bytes"),
        ({"in_progress_share": 0.05, "size_offset": 7}, "add up to"),
        ({"null_share": 0.2}, "could not be parsed"),
        ({"ties_swap": True, "tie_share": 0.5}, "in another order"),
        ({"ignore_offset": True}, "ignores offset"),
    ],
)
def test_a_list_that_cannot_be_proven_is_not_followed(options: dict[str, Any], obstacle: str) -> None:
    found = diagnosed_simulator(pins=3_000, **options)

    assert obstacle in following(found)
    assert (found.severity(Check.FOLLOWING), found.fields(Check.FOLLOWING)["mode"]) == (WARNING, "full")


@pytest.mark.parametrize(
    ("fault", "skip", "count", "obstacle"),
    [
        (Fault.NULL_PAGE, 3, 1, "of pinned=all is empty"),
        (Fault.NULL_PAGE, NOT_PINNED, 1, "offset 0 of pinned=false is empty"),
        (Fault.SHORT_PAGE, NOT_PINNED, 1, "count 30 files, but there are 15 rows"),
        (Fault.SHORT_PAGE, 2, 1, "became shorter: 50 rows instead of 100"),
    ],
)
def test_a_page_without_some_of_its_rows_is_an_obstacle(
    fault: Fault, skip: int, count: int, obstacle: str
) -> None:
    def prepare(simulator: Simulator) -> None:
        simulator.fail_next("a", fault, count, skip=skip)

    assert obstacle in following(diagnosed_simulator(pins=3_000, prepare=prepare, **SOME))


def test_a_limit_that_shrinks_is_an_obstacle() -> None:
    good = listing(3_000)
    less = with_parameters(good, limit=lambda limit: min(limit, 40))

    assert "became shorter: 40" in following(diagnosed(in_turn(lambda n: good if n < 4 else less)))


def filtered(service: Service, pinned: str = "false") -> Service:
    """Respond to requests with a filter by another service."""
    good = listing(3_000)
    return lambda request: service(request) if request.url.params["pinned"] == pinned else good(request)


def test_a_filter_that_is_rejected_is_an_obstacle_and_no_error() -> None:
    found = diagnosed(filtered(lambda _: httpx.Response(400)))

    assert "rejects pinned=false" in following(found)
    assert found.severity(Check.ERRORS) is OK


def test_the_other_filter_is_not_needed() -> None:
    found = diagnosed(filtered(lambda _: httpx.Response(400), "true"))

    assert found.fields(Check.FOLLOWING)["mode"] == "followed"
    assert found.severity(Check.ERRORS) is OK


def test_rows_without_pinned_are_told_apart_by_their_status() -> None:
    rows = [dated(number, pinned=None, status="DONE") for number in range(5)]

    assert "ignores the filter" in following(
        diagnosed(filtered(lambda _: httpx.Response(200, content=page(rows))))
    )


def test_a_filter_without_a_response_leaves_it_open() -> None:
    found = diagnosed(filtered(lambda _: httpx.Response(503)))

    assert found.severity(Check.FOLLOWING) is SKIPPED


@pytest.mark.parametrize("unpinned_rows", ["keep", "drop"])
def test_a_list_that_changes_is_no_obstacle(unpinned_rows: str) -> None:
    churn: dict[str, Any] = {"insert_rate": 300.0, "complete_rate": 300.0, "unpin_rate": 300.0}
    found = diagnosed_simulator(pins=3_000, unpinned_rows=unpinned_rows, **churn, **SOME)

    assert found.fields(Check.CHANGES)["totals"] > 0
    assert found.fields(Check.FOLLOWING)["mode"] == "followed"
    assert PROBLEM not in {one.severity for one in found.diagnosis.findings}
