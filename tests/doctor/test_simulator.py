"""The doctor finds each quirk that the simulator can be told to have, and not where there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from pin_exporter.doctor.findings import Check, Severity
from pin_exporter.doctor.probe import MAX_REQUESTS
from pin_exporter.simulator.app import Simulator
from pin_exporter.simulator.faults import Fault
from tests.support.diagnosis import (
    OK,
    PROBLEM,
    RECORDS,
    SKIPPED,
    WARNING,
    Diagnosed,
    diagnosed_simulator,
)

BUSY = 600.0
"""This many events a minute are about a hundred during a diagnosis."""


@dataclass(frozen=True)
class Quirk:
    """A value of an option, the finding that reports it, and the options that it needs to be seen."""

    value: Any
    check: Check
    severity: Severity
    has: Callable[[Mapping[str, Any]], bool] = lambda _: True
    beside: dict[str, Any] = field(default_factory=dict)

    def is_in(self, diagnosed: Diagnosed) -> bool:
        found = diagnosed.of(self.check)
        return any(one.severity is self.severity and self.has(one.fields) for one in found)


LIMITED = {"too_many_requests_rate": 1.0}
QUIRKS: dict[str, Quirk] = {
    # what the pins are like
    "failed_share": Quirk(0.2, Check.FAILED_PINS, WARNING, lambda f: f["count"] == 60),
    "removed_share": Quirk(0.2, Check.BALANCE_EXHAUSTED, WARNING, lambda f: f["count"] == 20),
    "unknown_share": Quirk(0.1, Check.UNKNOWN_STATUSES, WARNING),
    # how they are listed
    "max_limit": Quirk(40, Check.PAGE_SIZE, WARNING, lambda f: f["works"] == 40),
    "files_offset": Quirk(5, Check.FILES, PROBLEM, lambda f: f["missing"] == 5),
    "size_offset": Quirk(7, Check.SIZE, PROBLEM, lambda f: f["missing_bytes"] == 7),
    "ties_swap": Quirk(True, Check.STABILITY, WARNING, lambda f: f["moved"] > 0, {"tie_share": 0.5}),
    "ignore_offset": Quirk(True, Check.OFFSET, PROBLEM, lambda f: f["ignored"]),
    "ignore_filter": Quirk(True, Check.FOLLOWING, WARNING, beside={"pins": 3_000}),
    "null_share": Quirk(0.2, Check.MALFORMED_ROWS, PROBLEM, lambda f: f["count"] > 0),
    # how they change
    "insert_rate": Quirk(BUSY, Check.CHANGES, OK, lambda f: f["totals"] > 0),
    "exhaust_balance_rate": Quirk(BUSY, Check.BALANCE_EXHAUSTED, WARNING, lambda f: f["count"] > 0),
    "max_pins": Quirk(300, Check.CHANGES, OK, lambda f: f["totals"] == 0, {"insert_rate": BUSY}),
    # what goes wrong
    "latency_seconds": Quirk(1.5, Check.LATENCY, WARNING, lambda f: f["median_seconds"] == 1.5),
    "latency_jitter_seconds": Quirk(1.5, Check.LATENCY, OK, lambda f: f["max_seconds"] > 1.0),
    "requests_per_minute": Quirk(12, Check.RATE_LIMIT, PROBLEM, lambda f: f["before"] == 12),
    "retry_after": Quirk(
        True, Check.RATE_LIMIT, PROBLEM, lambda f: f.get("retry_after_seconds") == 5, LIMITED
    ),
    "too_many_requests_rate": Quirk(1.0, Check.RATE_LIMIT, PROBLEM, lambda f: f["count"] == 2),
    "unauthorized_rate": Quirk(1.0, Check.CREDENTIALS, PROBLEM),
    "forbidden_rate": Quirk(1.0, Check.SCOPE, PROBLEM),
    "not_found_rate": Quirk(1.0, Check.BASE_URL, PROBLEM),
    "duplicate_page_rate": Quirk(1.0, Check.OFFSET, PROBLEM),
    "null_page_rate": Quirk(1.0, Check.FILES, PROBLEM),
    "short_page_rate": Quirk(1.0, Check.FOLLOWING, WARNING, beside={"pins": 3_000}),
}
HARMLESS: dict[str, Any] = {
    "names": "hostile",
    "in_progress_share": 0.2,
    "by_cid_share": 0.5,
    "directory_share": 0.5,
    "duplicate_share": 0.3,
    "tie_share": 0.5,
    "vocabulary": "2023",
    "unknown_word": "teleported",
    "unpinned_rows": "drop",
    "empty_as_null": True,
    "complete_rate": BUSY,
    "fail_rate": BUSY,
    "unpin_rate": BUSY,
    "bulk_unpin_rate": BUSY / 10,
    "bulk_unpin_size": 50,
    "totals_follow_filter": False,
}
"""What makes no difference to the exporter."""
FAILURES: dict[Fault, tuple[str, int | None]] = {
    Fault.SERVER_ERROR: ("server_error", 500),
    Fault.BAD_GATEWAY: ("server_error", 502),
    Fault.UNAUTHORIZED: ("unauthorized", 401),
    Fault.FORBIDDEN: ("forbidden", 403),
    Fault.NOT_FOUND: ("client_error", 404),
    Fault.REDIRECT: ("redirect", 301),
    Fault.ERROR_ENVELOPE: ("malformed", None),
    Fault.TRUNCATED_JSON: ("malformed", None),
    Fault.EMPTY_BODY: ("malformed", None),
    Fault.NOT_JSON: ("malformed", None),
}
"""Reason and status in the finding of each failure."""
WRONG_PAGES = {Fault.DUPLICATE_PAGE, Fault.NULL_PAGE, Fault.SHORT_PAGE}
ON_SOCKETS = {Fault.SLOW_BODY, Fault.BLACK_HOLE, Fault.DROPPED_CONNECTION}
"""Faults of the connection; test_command has such servers."""
ELSEWHERE = ("bill", "gateway_")
"""Options of what is not the list begin so; test_checks_content has the results of a gateway."""


@cache
def without(beside: tuple[tuple[str, Any], ...]) -> Diagnosed:
    return diagnosed_simulator(**dict(beside))


def failures(found: Diagnosed) -> list[tuple[object, object]]:
    return [(one.fields.get("reason"), one.fields.get("status")) for one in found.of(Check.ERRORS)]


def test_every_option_and_fault_of_the_simulator_has_a_case() -> None:
    names = {name for record in RECORDS.values() for name in record.__struct_fields__}
    options = {name for name in names if not name.startswith(ELSEWHERE)}
    always = {f"{fault}_rate" for fault in FAILURES.keys() | ON_SOCKETS}

    assert QUIRKS.keys() | HARMLESS.keys() | always == options
    assert not QUIRKS.keys() & HARMLESS.keys()
    assert FAILURES.keys() | WRONG_PAGES | ON_SOCKETS == set(Fault) - {Fault.TOO_MANY_REQUESTS}


@pytest.mark.parametrize("option", QUIRKS)
def test_a_quirk_is_found_and_not_where_there_is_none(option: str) -> None:
    quirk = QUIRKS[option]
    found = diagnosed_simulator(**{**quirk.beside, option: quirk.value})

    assert quirk.is_in(found), found.diagnosis.findings
    assert not quirk.is_in(without(tuple(quirk.beside.items())))
    assert found.evidence.requests <= MAX_REQUESTS


@pytest.mark.parametrize("option", HARMLESS)
def test_what_makes_no_difference_to_the_exporter_is_no_problem(option: str) -> None:
    found = diagnosed_simulator(**{option: HARMLESS[option]})

    assert found.checks(PROBLEM) + found.checks(WARNING) == []
    assert found.suggested == {}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_single_failure_is_reported_and_hides_nothing(fault: Fault) -> None:
    def prepare(simulator: Simulator) -> None:
        simulator.fail_next("a", fault, skip=5)

    found = diagnosed_simulator(prepare=prepare)

    assert failures(found) == [FAILURES[fault]]
    assert (found.severity(Check.ERRORS), found.evidence.stopped) == (WARNING, None)
    for check in (Check.CREDENTIALS, Check.FILES, Check.SIZE, Check.OFFSET, Check.TOTALS):
        assert found.severity(check) is OK


@pytest.mark.parametrize("fault", [fault for fault in FAILURES if f"{fault}_rate" not in QUIRKS])
def test_a_request_that_always_fails_is_reported_after_four_attempts(fault: Fault) -> None:
    rate: dict[str, Any] = {f"{fault}_rate": 1.0}
    found = diagnosed_simulator(**rate)

    assert failures(found) == [FAILURES[fault]]
    assert (found.severity(Check.ERRORS), found.fields(Check.ERRORS)["count"]) == (PROBLEM, 4)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.UNAUTHORIZED])
def test_failures_of_three_requests_in_ten_hide_little(fault: Fault) -> None:
    rate: dict[str, Any] = {f"{fault}_rate": 0.3}
    found = diagnosed_simulator(**rate)

    assert FAILURES[fault] in failures(found)
    assert found.evidence.requests <= MAX_REQUESTS
    assert found.severity(Check.CREDENTIALS) is OK
    for check in (Check.FILES, Check.OFFSET, Check.PAGE_SIZE):
        assert found.severity(check) in (OK, SKIPPED)
