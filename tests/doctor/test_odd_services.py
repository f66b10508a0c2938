"""Findings about services whose answers are odd in ways that look like something else."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from pin_exporter.doctor.advice import suggestions
from pin_exporter.doctor.diagnosis import diagnose
from pin_exporter.doctor.findings import Mark
from tests.doctor.harness import SETUP, DoctorClock, examined_service, examined_simulation, told
from tests.doctor.test_findings import Rows, dated, found, has, listing
from tests.support.service import page, row

Service = Callable[[httpx.Request], httpx.Response]
SAFE = replace(SETUP, base_url="https://api.test/api", page_size=1_000)
MANY = [dated(number) for number in range(1_500)]


def problems(service: Service) -> list[str]:
    findings = diagnose(examined_service(service, setup=SAFE)[0]).findings
    return [finding.check for finding in findings if finding.mark is Mark.PROBLEM]


def suggested(service: Service) -> dict[str, str | int]:
    return {one.setting: one.value for one in suggestions(examined_service(service, setup=SAFE)[0])}


def asked_instead(good: Service, change: Callable[[httpx.URL], httpx.URL]) -> Service:
    """Answer another request than the one that was made."""
    return lambda request: good(httpx.Request("GET", change(request.url)))


def without(good: Service, parameter: str, value: object) -> Service:
    return asked_instead(good, lambda url: url.copy_set_param(parameter, value))


def refusing(good: Service, is_key_rejected: Callable[[httpx.QueryParams], bool]) -> Service:
    return lambda request: httpx.Response(400) if is_key_rejected(request.url.params) else good(request)


def limit_of(params: httpx.QueryParams) -> int:
    return int(params.get("limit", 10))


@pytest.mark.parametrize("most", [10, 20, 50, 62, 100, 200, 250, 500])
def test_the_largest_limit_that_is_not_refused_is_found_and_suggested(most: int) -> None:
    service = refusing(listing(MANY), lambda params: limit_of(params) > most)
    evidence, _ = examined_service(service, setup=SAFE)

    assert {one.setting: one.value for one in suggestions(evidence)} == {"page_size": most}
    assert any(f"one of {most} does" in line for line in told(evidence))
    assert (evidence.stopped, evidence.unanswered) == (None, ())


def test_limits_that_are_all_refused_are_a_problem() -> None:
    service = refusing(listing(MANY), lambda params: limit_of(params) > 5)
    evidence, _ = examined_service(service, setup=SAFE)

    assert has(told(evidence), "problem limit: a limit of 10 rows does not work (status 400), one of 1 does")
    assert not has(told(evidence), "problem offset")
    assert suggestions(evidence) == []


def test_a_limit_that_is_passed_over_for_being_too_large_is_told() -> None:
    def usual_where_too_large(url: httpx.URL) -> httpx.URL:
        return url.copy_set_param("limit", 10) if limit_of(url.params) > 500 else url

    service = asked_instead(listing(MANY), usual_where_too_large)

    assert has(found(service, page_size=1_000), "note limit: a limit of 1000 brings 10 rows, one of 100 ")
    assert suggested(service) == {"page_size": 100}


def test_a_limit_that_is_not_honoured_is_not_taken_for_repeats() -> None:
    assert problems(without(listing(MANY), "limit", 1_200)) == ["limit"]


def test_an_offset_that_is_refused_is_a_problem() -> None:
    service = refusing(listing(MANY), lambda params: int(params["offset"]) > 1_000)

    lines = found(service, page_size=1_000)
    assert has(lines, "problem offset: the page at 1450 is refused (status 400)")
    assert not has(lines, "problem errors")
    assert not has(lines, "note unanswered")


def test_a_refusal_behind_the_end_of_the_list_is_none() -> None:
    service = refusing(listing(MANY), lambda params: int(params["offset"]) > 1_500)

    assert problems(service) == []
    assert has(found(service, page_size=1_000), "note end: the page at 2500 is refused (status 400)")


def test_other_refusals_are_errors() -> None:
    service = refusing(listing(MANY), lambda params: params["sortOrder"] == "DESC")

    assert any(": status 400" in line for line in found(service, page_size=1_000) if "errors: " in line)


@pytest.mark.parametrize(("order", "wrong"), [("ASC", []), ("DESC", ["order"])])
def test_an_order_that_is_ignored_is_not_taken_for_repeats(order: str, wrong: list[str]) -> None:
    service = without(listing(MANY), "sortOrder", order)

    assert problems(service) == wrong
    assert has(found(service), "note reverse: sortOrder is ignored")


def at_minutes(minutes: list[int]) -> Rows:
    return [
        row(place, date_pinned=f"2024-01-01T{minute // 60:02}:{minute % 60:02}:00.000000Z")
        for place, minute in enumerate(minutes)
    ]


def test_an_order_is_seen_though_each_row_is_close_to_the_next() -> None:
    service = listing(at_minutes(list(range(1_000))))

    assert has(found(service, page_size=1_000), "ok order: rows come oldest first")


def test_no_order_at_all_is_a_problem() -> None:
    assert problems(listing(at_minutes([n * 7_919 % 997 for n in range(997)]))) == ["order"]


def test_rows_that_are_in_another_order_each_time_do_not_tell_whether_pages_join() -> None:
    rows = [row(number, date_pinned="2024-01-01T00:00:00.000000Z") for number in range(300)]
    turn = 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal turn
        turn += 70
        return listing(rows[turn % 300 :] + rows[: turn % 300])(request)

    assert "offset" not in problems(service)


def test_an_offset_that_is_ignored_does_not_tell_where_the_list_ends() -> None:
    assert problems(without(listing(MANY), "offset", 0)) == ["offset", "end"]


def test_an_offset_that_is_held_within_the_list_does_not_tell_where_it_ends() -> None:
    def held(url: httpx.URL) -> httpx.URL:
        offset = min(int(url.params["offset"]), len(MANY) - limit_of(url.params))
        return url.copy_set_param("offset", max(0, offset))

    assert problems(asked_instead(listing(MANY), held)) == ["end"]


def test_totals_of_the_page_are_not_taken_for_changes_nor_for_the_end_of_the_list() -> None:
    good = listing([dated(number) for number in range(3_000)])

    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=page(json.loads(good(request).content)["data"]["pins"]))

    lines = found(service, base_url="https://api.test/api")
    assert [line.split()[1] for line in lines if line.startswith("problem")] == ["totals_page:"]
    for check in ("changes", "totals_filter", "reverse", "walk"):
        assert not any(f"note {check}: " in line or f"ok {check}: an" in line for line in lines), lines


def test_a_list_much_shorter_than_its_totals_is_not_taken_for_repeats() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, content=page(json.loads(good(request).content)["data"]["pins"], 1_000_000, 5)
        )

    good = listing()
    assert "repeats" not in problems(service)
    assert has(found(service), "problem files: the list ends at least 50 rows before totals.files")


def test_nulls_in_the_place_of_rows_are_no_shorter_pages() -> None:
    def gaps(rows: Rows, params: httpx.QueryParams) -> Any:
        return [None if int(str(one["size"])) % 10 == 0 else one for one in rows]

    rows = [dated(number, size=number) for number in range(1_500)]
    service = listing(rows, gaps)
    lines = found(service, base_url="https://api.test/api")

    (nulls,) = (one for one in diagnose(examined_service(service)[0]).findings if one.check == "nulls")
    assert "aiozpin_inventory_malformed_pins" in nulls.action
    assert not has(lines, "problem")
    assert not has(lines, "note limit")
    assert has(lines, "ok default_limit")
    assert has(lines, "ok offset")
    assert has(lines, "note nulls: 150 of 1,500 rows of a page are null")


def test_odd_rows_are_counted_within_one_page() -> None:
    rows = [dated(number, **({"id": ""} if number % 5 == 0 else {})) for number in range(50)]

    assert has(found(listing(rows)), "problem unreadable: 10 of 50 rows of a page cannot be read")


def test_unpinned_rows_that_only_a_filter_shows_do_not_stay_listed() -> None:
    rows = [dated(number, pinned=number % 3 > 0) for number in range(300)]

    def pinned_alone(url: httpx.URL) -> httpx.URL:
        return url.copy_set_param("pinned", "true") if url.params["pinned"] == "all" else url

    lines = found(asked_instead(listing(rows), pinned_alone))

    assert has(lines, "ok unpinned: unpinned rows come with pinned=false alone: 100 such")


def test_two_servers_with_different_lists_are_not_taken_for_one_that_changes() -> None:
    servers, asked = (listing(MANY), listing(MANY[:1_200])), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return servers[asked % 2](request)

    assert "changes" in problems(service)
    assert has(found(service), "problem changes: totals go back and forth: within ")


def test_what_is_only_down_now_brings_no_other_settings() -> None:
    good, asked = listing(MANY), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return good(request) if asked <= 5 else httpx.Response(503)

    assert suggested(service) == {}


def dated_by(date_of: Callable[[int, float], str]) -> Service:
    """Answer with the Date that comes of how many were asked before, and of the time at the beginning."""
    good, started, asked = listing(), DoctorClock().wall(), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        answer = good(request)
        answer.headers["Date"] = date_of(asked, started + asked * 0.5)
        asked += 1
        return answer

    return service


@pytest.mark.parametrize("zone", ["-0000", ""])
def test_a_date_without_a_zone_is_no_wrong_clock(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        lines = found(dated_by(lambda _, now: formatdate(now).replace("-0000", zone)))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert has(lines, "ok clock: ")


def test_one_server_with_a_wrong_clock_is_no_wrong_clock_here() -> None:
    lines = found(dated_by(lambda asked, now: formatdate(now + 7_200 * (asked % 2), usegmt=True)))

    assert has(lines, "ok clock: ")


def test_a_304_is_no_redirect() -> None:
    assert problems(lambda _: httpx.Response(304)) == ["errors"]


def test_what_to_do_is_not_lost_behind_long_words() -> None:
    def service(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("x" * 300)

    findings = diagnose(examined_service(service, setup=SAFE)[0]).findings

    (errors,) = (finding for finding in findings if finding.check == "errors")
    assert errors.action == "check base_url, DNS, firewalls and proxy variables"


def test_the_simulators_faults_do_not_hide_an_order_that_is_honoured() -> None:
    lines = told(examined_simulation(duplicate_page_rate=0.3))

    assert has(lines, "problem repeats: ")
    assert has(lines, "ok reverse: ")


def test_a_repeat_of_the_whole_list_is_not_taken_for_a_limit_that_is_not_honoured() -> None:
    lines = told(examined_simulation(duplicate_page_rate=0.5, pins=20))

    assert has(lines, "problem repeats: ")
    assert not any(" limit: " in line for line in lines if not line.startswith("ok"))
