"""The doctor finds each quirk that the simulator can be told to have, and not where there is none."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pin_exporter.doctor.advice import suggestions
from pin_exporter.doctor.diagnosis import diagnose
from pin_exporter.doctor.plan import MAX_REQUESTS
from pin_exporter.simulator import Fault, Simulator
from pin_exporter.simulator.options import options_of
from tests.doctor.harness import RECORDS, examined_simulation, loaded, told

BUSY = 600.0
"""So many events a minute are some hundred during an examination."""


@dataclass(frozen=True)
class Quirk:
    """A value of an option, what else has to be so that it can be seen, and the finding that tells of it."""

    value: Any
    finding: str
    beside: dict[str, Any] = field(default_factory=dict)
    pins: int = 300
    on_sockets: bool = False


QUIRKS: dict[str, Quirk] = {
    # what the pins are like
    "in_progress_share": Quirk(0.2, r"composition: .* [1-9]\d* in progress"),
    "failed_share": Quirk(0.2, r"note failed: 60 of 300 pins seen have failed"),
    "removed_share": Quirk(0.2, r"note unpinned: unpinned rows stay listed: 60 of 300"),
    "unknown_share": Quirk(0.1, r"note unknown_words: .*quantumEntangled \(30\)"),
    "by_cid_share": Quirk(0.5, r"composition: .* [1-9]\d* added by CID"),
    "directory_share": Quirk(0.5, r"composition: .* [1-9]\d* directories"),
    "duplicate_share": Quirk(0.3, r"composition: .* [1-9]\d* with the CID of another"),
    "tie_share": Quirk(0.5, r"note ties: [1-9]\d* of 300 rows", {"include_created_at": True}),
    # how they are shown
    "vocabulary": Quirk("2023", r"vocabulary: the words are those of 2023: DONE \(300\)"),
    "unknown_word": Quirk("teleported", r"unknown_words: .*teleported \(30\)", {"unknown_share": 0.1}),
    "unpinned_rows": Quirk("drop", r"ok unpinned: no unpinned row is listed", {"removed_share": 0.2}),
    "empty_as_null": Quirk(True, r"note end: an empty page is written as null"),
    "default_limit": Quirk(25, r"note default_limit: without a limit a page has 25 rows"),
    "max_limit": Quirk(40, r"note limit: pages are cut at 40 rows"),
    "totals_follow_filter": Quirk(
        False, r"note totals_filter: totals do not follow", {"in_progress_share": 0.2}
    ),
    "files_offset": Quirk(5, r"problem files: the list ends 5 rows before totals.files"),
    "size_offset": Quirk(7, r"problem size: the rows add up to \d+ bytes, totals.size says \d+"),
    "ties_swap": Quirk(True, r"note stability: the same request twice gives \d+ rows in", {"tie_share": 0.5}),
    "ignore_offset": Quirk(True, r"problem offset: offset is ignored"),
    "size_as_string": Quirk(True, r"note sizes: sizes are written as text in \d+ of \d+ rows of a page"),
    "null_share": Quirk(0.2, r"note nulls: [1-9]\d* of \d+ rows of a page are null"),
    "include_created_at": Quirk(True, r"note created_at: rows carry created_at"),
    # how they change
    "insert_rate": Quirk(BUSY, r"note changes: .*files went from 300 to \d+.* \d+ new pins"),
    "complete_rate": Quirk(BUSY, r"note changes: .*\d+ pins finished", {"in_progress_share": 0.5}),
    "fail_rate": Quirk(BUSY, r"note changes: .*\d+ pins failed", {"in_progress_share": 0.5}),
    "unpin_rate": Quirk(BUSY, r"note changes: .*\d+ pins unpinned"),
    "bulk_unpin_rate": Quirk(BUSY / 10, r"note changes: .*\d+ pins unpinned"),
    "bulk_unpin_size": Quirk(
        50, r"changes: .*\b[1-9]\d\d pins unpinned", {"bulk_unpin_rate": 20.0}, pins=1_000
    ),
    "balance_exhausted_rate": Quirk(BUSY, r"problem out_of_money: \d+ pins dropped within \d+ s because"),
    "max_pins": Quirk(300, r"ok changes: nothing changed", {"insert_rate": BUSY}),
    # what goes wrong
    "latency_seconds": Quirk(1.5, r"note latency: short answers take 1.50 s"),
    "latency_jitter_seconds": Quirk(2.0, r"note jitter: the time of short answers varies by"),
    "requests_per_minute": Quirk(12, r"problem rate_limit: 429, .* the first after 12 requests within 6 s"),
    "retry_after": Quirk("date", r"Retry-After, a date, asks for", {"too_many_requests_rate": 1.0}),
    "retry_after_seconds": Quirk(11, r"seconds, asks for 11 s", {"too_many_requests_rate": 1.0}),
    "redirect_location": Quirk(
        "http://other.invalid/x", r"redirected \(301\) to http://other.invalid/x", {"redirect_rate": 1.0}
    ),
    "too_many_requests_rate": Quirk(1.0, r"problem rate_limit: 429, too many requests: 2 of 2"),
    "server_error_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: status 500: internal server error"),
    "bad_gateway_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: status 502 with HTML"),
    "unauthorized_rate": Quirk(1.0, r"problem keys: 401: the key pair is not accepted, nor is it the other"),
    "forbidden_rate": Quirk(1.0, r"problem scope: 403: the key may not list pins \(the key lacks the scope"),
    "not_found_rate": Quirk(1.0, r"problem base_url: 404: .* is not the API's address"),
    "conflict_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: status 409: conflict"),
    "redirect_rate": Quirk(1.0, r"problem redirect: 4 of 4 requests were redirected \(301\) to http://else"),
    "error_envelope_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: 200 with an error in it: .*wrong"),
    "truncated_json_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: 200 with JSON that is cut off"),
    "empty_body_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: 200 with an empty body"),
    "not_json_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: 200 with HTML"),
    "slow_body_rate": Quirk(
        1.0, r"problem errors: 4 of 4 requests: an answer that does not end in time", on_sockets=True
    ),
    "black_hole_rate": Quirk(1.0, r"problem errors: 4 of 4 requests: no answer in time", on_sockets=True),
    "dropped_connection_rate": Quirk(
        1.0, r"problem errors: 4 of 4 requests: a connection dropped in mid-answer", on_sockets=True
    ),
    "duplicate_page_rate": Quirk(1.0, r"problem repeats: \d+ of \d+ requests .* page of the request before"),
}
AT_TIMES = {
    "too_many_requests": r"problem rate_limit: 429, too many requests: \d+ of",
    "server_error": r"errors: \d+ of \d+ requests: status 500",
    "bad_gateway": r"errors: \d+ of \d+ requests: status 502 with HTML",
    "unauthorized": r"errors: \d+ of \d+ requests: status 401",
    "forbidden": r"errors: \d+ of \d+ requests: status 403",
    "not_found": r"errors: \d+ of \d+ requests: status 404",
    "conflict": r"errors: \d+ of \d+ requests: status 409",
    "redirect": r"problem redirect: \d+ of \d+ requests were redirected",
    "error_envelope": r"errors: \d+ of \d+ requests: 200 with an error in it",
    "truncated_json": r"errors: \d+ of \d+ requests: 200 with JSON that is cut off",
    "empty_body": r"errors: \d+ of \d+ requests: 200 with an empty body",
    "not_json": r"errors: \d+ of \d+ requests: 200 with HTML",
    "slow_body": r"errors: \d+ of \d+ requests: an answer that does not end in time",
    "black_hole": r"errors: \d+ of \d+ requests: no answer in time",
    "dropped_connection": r"errors: \d+ of \d+ requests: a connection dropped in mid-answer",
    "duplicate_page": r"problem repeats: \d+ of \d+ requests were answered with the page of",
}
"""What is told of a fault that comes and goes."""
SOCKETS = {"slow_body", "black_hole", "dropped_connection"}
TIMEOUTS = {"slow_body_rate": 1.0, "black_hole_rate": 0.3}
"""The head of a slow body has to come in time, on a busy machine as well; of a black hole nothing comes."""


@cache
def without(pins: int, beside: tuple[tuple[str, Any], ...]) -> list[str]:
    return told(examined_simulation(pins=pins, **dict(beside)))


def seen(lines: list[str], finding: str) -> bool:
    return any(re.search(finding, line) for line in lines)


def test_every_option_of_the_simulator_has_a_case() -> None:
    options = {name for record in RECORDS.values() for name in options_of(record)}
    assert QUIRKS.keys() == options - {"names"}, "what owners call their pins is no quirk of the API"


def test_every_fault_has_a_case() -> None:
    assert AT_TIMES.keys() == {fault.value for fault in Fault}


@pytest.mark.parametrize("option", QUIRKS)
def test_a_quirk_is_found_and_not_where_there_is_none(option: str, tmp_path: Path) -> None:
    quirk = QUIRKS[option]
    # Where every answer is late, a short patience cannot spoil one that is in time.
    evidence = examined_simulation(
        pins=quirk.pins,
        on_sockets=quirk.on_sockets,
        timeout_seconds=TIMEOUTS.get(option, 30.0),
        **{**quirk.beside, option: quirk.value},
    )
    lines = told(evidence)

    assert seen(lines, quirk.finding), "\n".join(lines)
    assert all(finding.action or finding.mark == "ok" for finding in diagnose(evidence).findings)
    assert not seen(without(quirk.pins, tuple(quirk.beside.items())), quirk.finding)
    assert evidence.requests <= MAX_REQUESTS
    suggested = suggestions(evidence)
    assert {one.setting for one in suggested} <= loaded(suggested, tmp_path).keys()


def one_of(fault: Fault) -> Any:
    def prepare(simulator: Simulator) -> None:
        simulator.fail_next("a", fault, skip=5)

    return prepare


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_that_happens_once_is_found_and_ends_nothing(fault: Fault) -> None:
    evidence = examined_simulation(
        on_sockets=fault in SOCKETS,
        timeout_seconds=1.0 if fault in SOCKETS else 30.0,
        prepare=one_of(fault),
    )
    lines = told(evidence)

    assert seen(lines, AT_TIMES[fault]), "\n".join(lines)
    assert evidence.stopped is None
    for expected in ("ok keys:", "ok files:", "ok totals_filter:", "ok size:", "ok offset:"):
        assert seen(lines, expected), "\n".join(lines)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in SOCKETS])
def test_a_fault_of_three_requests_in_ten_is_found_and_little_else_is_lost(fault: Fault) -> None:
    rates: dict[str, Any] = {f"{fault}_rate": 0.3}
    evidence = examined_simulation(**rates)
    lines = told(evidence)

    assert seen(lines, AT_TIMES[fault]), "\n".join(lines)
    assert evidence.requests <= MAX_REQUESTS
    assert seen(lines, "ok keys:")
    if fault is not Fault.TOO_MANY_REQUESTS:
        assert seen(lines, "ok files:"), "\n".join(lines)
        assert not seen(lines, "offset is ignored|pages are cut|does not join|there are rows")
