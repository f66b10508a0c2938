"""What is found of services that answer in other ways than the simulator can."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import httpx
import pytest

from pin_exporter.config.types import DEFAULT_BASE_URL
from pin_exporter.doctor.advice import suggestions
from pin_exporter.doctor.diagnosis import diagnose
from pin_exporter.doctor.evidence import Evidence, NetworkPath
from pin_exporter.doctor.plan import MAX_REQUESTS
from pin_exporter.doctor.reply import Purpose
from tests.doctor.harness import SETUP, DoctorClock, examined_service, examined_simulation, told
from tests.support.service import API_KEY, SECRET_KEY, page, row

Rows = list[dict[str, object]]
DAY_SECONDS = 86_400


def dated(number: int, **fields: object) -> dict[str, object]:
    return row(
        number, date_pinned=f"{2000 + number // 12}-{number % 12 + 1:02}-01T00:00:00.000000Z", **fields
    )


def listing(
    rows: Rows | None = None, change: Callable[[Rows, httpx.QueryParams], Rows] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """Answer as documented from these rows; `change` alters a page."""
    everything = [dated(number) for number in range(300)] if rows is None else rows

    def answer(request: httpx.Request) -> httpx.Response:
        params = request.url.params
        wanted = {"true": [True], "false": [False]}.get(params["pinned"], [True, False])
        found = [one for one in everything if one["pinned"] in wanted]
        ordered = found[::-1] if params["sortOrder"] == "DESC" else found
        offset = int(params["offset"])
        shown = ordered[offset : offset + int(params.get("limit", 10))]
        if change:
            shown = change(shown, params)
        return httpx.Response(200, content=page(shown, len(found), 100 * len(found)))

    return answer


def has(lines: list[str], start: str) -> bool:
    return any(line.startswith(start) for line in lines)


def found(service: Callable[[httpx.Request], httpx.Response], **setup: Any) -> list[str]:
    return told(examined_service(service, setup=replace(SETUP, **setup))[0])


def test_a_service_as_documented_has_no_problem_but_that_it_is_plain_http() -> None:
    lines = found(listing())

    assert [line for line in lines if line.startswith("problem")] == [
        "problem encryption: keys are sent without encryption: base_url is plain HTTP"
    ]
    assert not [line for line in found(listing(), base_url="https://api.test/api") if "problem" in line]


def test_swapped_keys_are_told_as_such() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        swapped = request.headers["pinning_api_key"] == SECRET_KEY
        return good(request) if swapped else httpx.Response(401)

    evidence, _ = examined_service(service)

    assert has(told(evidence), "problem keys: 401: the key pair is swapped; the other way round it is")
    assert evidence.requests == 5


def test_a_base_url_without_api_is_told_and_suggested() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "api.test"
        if request.url.path == "/api/pinning/pins/":
            return good(request)
        return httpx.Response(200, text="<html>welcome</html>")

    evidence, _ = examined_service(service, setup=replace(SETUP, base_url="https://api.test"))

    expected = "problem base_url: https://api.test is not the API's address, https://api.test/api is"
    assert expected in told(evidence)
    (suggestion,) = suggestions(evidence)
    assert (suggestion.setting, suggestion.value) == ("base_url", "https://api.test/api")


def test_a_base_url_that_is_the_address_of_the_list_is_told() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        return good(request) if request.url.path == "/api/pinning/pins/" else httpx.Response(404)

    setup = replace(SETUP, base_url="https://api.test/api/pinning/pins")
    (suggestion,) = suggestions(examined_service(service, setup=setup)[0])

    assert (suggestion.setting, suggestion.value) == ("base_url", "https://api.test/api")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_an_api_that_is_found_elsewhere_and_refuses_is_found_nevertheless(status: int) -> None:
    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status if request.url.path == "/api/pinning/pins/" else 404)

    (suggestion,) = suggestions(
        examined_service(service, setup=replace(SETUP, base_url="https://api.test"))[0]
    )

    assert (suggestion.setting, suggestion.value) == ("base_url", "https://api.test/api")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_all_requests_is_told_once(status: int) -> None:
    findings = diagnose(examined_service(lambda _: httpx.Response(status))[0]).findings

    told_of = [one for one in findings if one.mark == "problem" and one.check != "encryption"]
    assert len(told_of) == 1, told_of
    assert not any("at times" in one.action for one in findings)


def test_a_base_url_that_is_no_api_at_all_is_told_with_the_right_one() -> None:
    evidence, _ = examined_service(
        lambda _: httpx.Response(404), setup=replace(SETUP, base_url="https://x.test")
    )

    (finding,) = (one for one in diagnose(evidence).findings if one.check == "base_url")
    assert finding.what.endswith("and https://x.test/api is not either")
    assert DEFAULT_BASE_URL in finding.action


@pytest.mark.parametrize(
    ("base_url", "location", "suggested"),
    [
        ("http://api.test/api", "https://api.test/api/pinning/pins/?offset=0", "https://api.test/api"),
        ("http://api.test/api", "https://api.test/v2/pinning/pins", "https://api.test/v2"),
        ("http://API.test:8080/api", "https://api.test:8443/api/pinning/pins/", "https://api.test:8443/api"),
        ("http://[::1]:80/api", "https://[::1]:8443/api/pinning/pins/", "https://[::1]:8443/api"),
        ("http://api.test", "https://api.test/pinning/pins/", "https://api.test"),
        ("http://api.test/api", "https://api.test/login", None),
        ("http://api.test/api", "https://api.test.evil.test/api/pinning/pins/", None),
        ("http://api.test/api", "https://evil.test/api/pinning/pins/", None),
        ("http://api.test/api", "/api/pinning/pins/", None),
        ("http://api.test/api", f"https://{API_KEY}/api/pinning/pins/", None),
        ("http://api.test/api", "https://[redacted]/api/pinning/pins/", None),
        ("https://api.test/api", "https://api.test/v2/pinning/pins/", None),
    ],
)
def test_a_redirect_to_the_list_over_https_on_the_same_host_is_suggested(
    base_url: str, location: str, suggested: str | None
) -> None:
    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(301, headers={"Location": location})

    evidence, _ = examined_service(service, setup=replace(SETUP, base_url=base_url))

    assert has(told(evidence), "problem redirect: 4 of 4 requests were redirected (301) to ")
    assert [(one.setting, one.value) for one in suggestions(evidence)] == (
        [("base_url", suggested)] if suggested else []
    )


@pytest.mark.parametrize(
    ("ahead_seconds", "expected"),
    [
        (0, "ok clock: this machine's clock agrees"),
        (30, "note clock: this machine's clock is 3"),
        (-300, "problem clock: this machine's clock is 300 s ahead of the API's"),
        (400, "problem clock: this machine's clock is 400 s behind the API's"),
    ],
)
def test_a_clock_that_goes_wrong_is_noticed_by_the_date(ahead_seconds: float, expected: str) -> None:
    good = listing()
    started = DoctorClock().wall()

    def service(request: httpx.Request) -> httpx.Response:
        answer = good(request)
        answer.headers["Date"] = formatdate(started + asked * 0.5 + ahead_seconds, usegmt=True)
        return answer

    asked = 0

    def counting(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        answer = service(request)
        asked += 1
        return answer

    assert has(found(counting), expected)


@pytest.mark.parametrize("date", ["", "soon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "0"])
def test_a_date_that_is_none_is_passed_over(date: str) -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        answer = good(request)
        answer.headers["Date"] = date
        return answer

    assert has(found(service), "note clock: the answers carry no Date")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59"}, 40),
        ({"RateLimit-Limit": "30, 30;w=30"}, 40),
        ({"RateLimit-Policy": '"default";q=100;w=120', "RateLimit": '"default";r=50;t=30'}, 33),
        ({"X-RateLimit-Limit-Minute": "90", "X-RateLimit-Limit-Hour": "3600"}, 40),
        ({"X-RateLimit-Limit-Minute": "90", "X-RateLimit-Remaining-Minute": "3"}, 60),
        ({"X-RateLimit-Limit": "600"}, None),
        ({"X-RateLimit-Reset": "60"}, None),
        ({"X-RateLimit-Limit": "many"}, None),
        ({"RateLimit-Policy": '"default";q=0;w=0'}, None),
    ],
)
def test_headers_about_a_limit_are_told_and_obeyed(headers: dict[str, str], allowed: int | None) -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        answer = good(request)
        answer.headers.update(headers)
        return answer

    evidence, _ = examined_service(service)

    assert has(told(evidence), "note rate_headers: the API tells of its limit: ")
    suggested = {one.setting: one.value for one in suggestions(evidence)}
    assert suggested.get("requests_per_minute") == allowed


def test_headers_about_a_limit_are_told_though_the_last_answer_has_none() -> None:
    good, asked = listing(), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked > 8:
            return httpx.Response(502)
        answer = good(request)
        answer.headers["X-RateLimit-Limit"] = "60"
        return answer

    assert has(found(service), "note rate_headers: the API tells of its limit: x-ratelimit-limit: 60")


def test_a_limit_that_is_refused_is_told_with_one_that_works_and_suggested() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        too_many = int(request.url.params.get("limit", 10)) > 200
        return (
            httpx.Response(400, json={"status": "error", "message": "limit"}) if too_many else good(request)
        )

    evidence, _ = examined_service(service, setup=replace(SETUP, page_size=1_000))

    lines = told(evidence)
    assert has(lines, "note limit: a limit of 250 rows does not work (status 400), one of 200 does")
    assert not has(lines, "problem errors")
    assert {one.setting: one.value for one in suggestions(evidence)}["page_size"] == 200


def too_heavy(rows: int) -> Callable[[httpx.Request], httpx.Response]:
    """Answer as a server that cannot do so many rows in time."""
    good = listing([dated(number) for number in range(1_200)])

    def service(request: httpx.Request) -> httpx.Response:
        if int(request.url.params.get("limit", 10)) > rows:
            raise httpx.ReadTimeout("")
        return good(request)

    return service


def test_a_very_large_page_that_fails_is_no_problem() -> None:
    lines = found(too_heavy(1_500), base_url="https://api.test/api")

    assert not has(lines, "problem")
    assert has(lines, "note limit: a limit of 2000 rows does not work (no answer in time), one of 1000 does")


def test_a_page_size_that_takes_too_long_is_told_and_a_smaller_one_suggested() -> None:
    evidence, _ = examined_service(too_heavy(300), setup=replace(SETUP, page_size=1_000))

    assert any(re.match(r"problem errors: 3 of \d+ requests: no answer in", line) for line in told(evidence))
    assert evidence.stopped is None
    assert {one.setting: one.value for one in suggestions(evidence)}["page_size"] == 250


def test_a_server_that_does_few_rows_in_time_is_examined_to_the_end() -> None:
    evidence, _ = examined_service(too_heavy(70), setup=replace(SETUP, page_size=1_000))

    assert evidence.stopped is None
    assert {one.setting: one.value for one in suggestions(evidence)}["page_size"] == 62


def test_faults_that_come_and_go_are_not_taken_for_the_size_of_a_page() -> None:
    good, asked = listing([dated(number) for number in range(50)]), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            raise httpx.ReadTimeout("")
        return good(request)

    evidence, _ = examined_service(service)

    assert not has(told(evidence), "note limit: ")
    assert has(told(evidence), "problem errors: ")


def slow(seconds: float) -> Evidence:
    return examined_simulation(
        latency_seconds=seconds, setup=replace(SETUP, poll_interval=10.0, stale_after=25.0)
    )


def test_answers_that_take_most_of_an_interval_bring_longer_ones() -> None:
    assert {one.setting: one.value for one in suggestions(slow(9.0))} == {
        "poll_interval": "40s",
        "stale_after": "400s",
    }
    assert suggestions(slow(0.1)) == []


def test_an_answer_that_takes_most_of_the_timeout_brings_a_longer_one() -> None:
    evidence = examined_simulation(latency_seconds=4.0, setup=replace(SETUP, request_timeout=5.0))

    assert has(told(evidence), "problem timeout: an answer took 4.0 s, of 5 s that request_timeout allows")
    assert {one.setting: one.value for one in suggestions(evidence)} == {"request_timeout": "12s"}


def test_data_are_kept_longer_where_most_requests_fail() -> None:
    evidence = examined_simulation(server_error_rate=0.6)

    assert {one.setting: one.value for one in suggestions(evidence)} == {"stale_after": "600s"}


def test_a_list_in_any_other_order_is_told() -> None:
    lines = found(listing([dated(number * 97 % 300) for number in range(300)]))
    assert any(re.match("(note|problem) order: ", line) for line in lines)

    backwards = found(listing([dated(299 - number) for number in range(300)]))
    assert has(backwards, "problem order: 100% of the rows are older than those half a page before")


def test_a_few_pins_that_were_done_in_another_order_are_no_problem() -> None:
    lines = found(listing([dated(9), dated(5), dated(1)]), base_url="https://api.test/api")

    assert not has(lines, "problem")
    assert has(lines, "note order: 100% of the rows are older than those half a page before")


def test_an_order_that_is_ignored_is_told() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        url = request.url.copy_set_param("sortOrder", "ASC")
        return listing()(httpx.Request("GET", url))

    assert has(found(service), "note reverse: sortOrder is ignored: the newest first begins as the oldest")


def test_pages_that_do_not_join_are_told() -> None:
    counter = 0

    def shuffled(rows: Rows, params: httpx.QueryParams) -> Rows:
        nonlocal counter
        counter += 1
        return [row(10_000 * counter + number) for number in range(len(rows))]

    lines = found(listing(change=shuffled))

    assert has(lines, "problem offset: the second page does not join the first")


def test_more_rows_than_asked_for_are_told() -> None:
    everything = [dated(number) for number in range(300)]
    lines = found(listing(change=lambda _, params: everything[int(params["offset"]) :]))

    assert has(lines, "problem limit: 300 rows came where 1 were asked for")


def test_totals_that_count_the_page_are_told() -> None:
    good = listing()

    def service(request: httpx.Request) -> httpx.Response:
        rows = json.loads(good(request).content)["data"]["pins"]
        return httpx.Response(200, content=page(rows))

    assert has(found(service), "problem totals_page: totals.files is the number of rows in the page")


def test_a_list_that_goes_on_behind_its_end_is_told() -> None:
    lines = found(listing(change=lambda rows, _: rows or [row(999)]))

    assert has(lines, "problem end: behind the end of the list, at 1300, there are rows")


def test_rows_that_cannot_be_read_are_counted() -> None:
    rows = [dated(number, **({"id": ""} if number == 3 else {})) for number in range(50)]
    lines = found(listing(rows))

    assert any(line.startswith("problem unreadable: ") for line in lines)
    assert has(lines, "note size: totals.size could not be compared")


def test_rows_without_a_date_are_counted() -> None:
    rows = [row(number, date_pinned="yesterday") for number in range(50)]

    lines = found(listing(rows))
    assert has(lines, "note dates: 50 rows have no date_pinned that can be read")
    assert has(lines, "ok order: there are too few dates")
    assert not has(lines, "note ties")


def test_rows_that_do_not_fit_the_filter_are_told() -> None:
    rows = [dated(number, pinned=number % 2 == 0) for number in range(50)]
    good = listing(rows)

    def service(request: httpx.Request) -> httpx.Response:
        url = request.url.copy_set_param("pinned", "all")
        return good(httpx.Request("GET", url))

    lines = found(service)
    assert has(lines, "note filter: 50 rows do not fit the filter")
    assert has(lines, "note totals_filter: totals do not follow the filter: 50 files")


def test_words_of_both_generations_and_strange_ones_are_told_on_one_line() -> None:
    words = ["DONE", "pinned", "\x1b[31mred\n\u2028", API_KEY, *(f"w{number}" for number in range(40))]
    rows = [dated(number, status=words[number % len(words)]) for number in range(100)]
    lines = found(listing(rows))

    assert has(lines, "note vocabulary: the words of 2023 and 2024 are mixed: ")
    (unknown,) = (line for line in lines if line.startswith("note unknown_words: "))
    assert "and 30 more" in unknown
    assert all(line.isprintable() and API_KEY not in line for line in lines)


def test_words_that_both_generations_have_are_told_as_well() -> None:
    lines = found(listing([dated(number, status="failed") for number in range(5)]))

    assert "ok vocabulary: the words are those of both 2023 and 2024: failed (5)" in lines


def test_an_empty_account_is_no_problem() -> None:
    lines = found(listing([]), base_url="https://api.test/api")

    assert not [line for line in lines if line.startswith("problem")]
    assert "ok rows: the list is empty: nothing can be said about rows" in lines
    assert has(lines, "ok walk: an inventory of 0 files takes 1 request of 100 rows, about ")
    assert has(lines, "ok cadence: ")


def test_an_account_of_one_pin_is_no_problem() -> None:
    lines = found(listing([dated(1)]), base_url="https://api.test/api")

    assert not [line for line in lines if line.startswith("problem")]
    assert "ok files: the list ends where totals.files says, at 1" in lines


def test_a_large_account_is_examined_in_no_more_requests() -> None:
    evidence = examined_simulation(pins=30_000, setup=replace(SETUP, page_size=1_000))
    lines = told(evidence)

    assert evidence.requests <= MAX_REQUESTS
    assert has(lines, "ok limit: 10,000 rows came in one page")
    assert has(lines, "ok files: the list ends where totals.files says, at 30000")
    assert has(lines, "ok size: the sizes of all 30000 rows add up")


def test_a_walk_that_takes_longer_than_an_interval_is_noted_and_larger_pages_are_suggested() -> None:
    evidence = examined_simulation(pins=20_000, setup=replace(SETUP, requests_per_minute=60))
    lines = told(evidence)

    assert has(lines, "note cadence: totals every 1 min, inventories every ")
    suggested = {one.setting: one.value for one in suggestions(evidence)}
    assert suggested == {"page_size": 5_000}


FAST: list[dict[str, Any]] = [
    {"pins": 11, "insert_rate": 300.0, "unpin_rate": 300.0, "ties_swap": True},
    {"pins": 5, "unpin_rate": 300.0, "unpinned_rows": "drop"},
    {"pins": 11, "insert_rate": 3.0, "unpin_rate": 300.0, "unpinned_rows": "drop"},
    {"pins": 1, "insert_rate": 60.0, "tie_share": 0.3, "ties_swap": True, "max_limit": 50},
    {"pins": 0, "insert_rate": 60.0, "tie_share": 0.5, "ties_swap": True},
    {"pins": 300, "insert_rate": 300.0, "complete_rate": 300.0, "bulk_unpin_rate": 3.0, "null_share": 0.1},
    {"pins": 300, "insert_rate": 300.0, "unpin_rate": 300.0, "unpinned_rows": "drop", "max_limit": 50},
]


@pytest.mark.parametrize("options", FAST)
def test_a_list_that_changes_fast_is_not_taken_for_one_that_is_wrong(options: dict[str, Any]) -> None:
    lines = told(examined_simulation(setup=replace(SETUP, base_url="https://api.test/api"), **options))

    assert not [line for line in lines if line.startswith("problem")]
    assert has(lines, "note changes: ")


def test_a_list_that_grows_is_not_taken_for_pages_that_are_cut() -> None:
    evidence = examined_simulation(insert_rate=600.0, setup=replace(SETUP, page_size=1_000))

    assert not has(told(evidence), "note limit: pages are cut")
    assert "page_size" not in {one.setting for one in suggestions(evidence)}


def test_a_429_with_a_short_wait_is_waited_out_once() -> None:
    good, limited = listing(), {3}
    asked = 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(429, headers={"Retry-After": "7"}) if asked in limited else good(request)

    evidence, clock = examined_service(service)

    assert evidence.stopped is None
    assert 7.0 in clock.clock.slept
    suggested = {one.setting: one.value for one in suggestions(evidence)}
    assert suggested["requests_per_minute"] == 60


@pytest.mark.parametrize("retry_after", ["60", "3600", formatdate(4_000_000_000, usegmt=True)])
def test_a_429_with_a_long_wait_ends_the_examination(retry_after: str) -> None:
    good, asked = listing(), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(429, headers={"Retry-After": retry_after}) if asked == 6 else good(request)

    evidence, clock = examined_service(service)

    assert (asked, evidence.stopped) == (6, "the API asked for fewer requests")
    assert max(clock.clock.slept) < 10
    assert has(told(evidence), "note complete: the examination ended early: the API asked for fewer requests")


@pytest.mark.parametrize("per_minute", [2, 60, 120, 6_000])
def test_the_pace_is_that_of_the_settings(per_minute: int) -> None:
    evidence, _ = examined_service(listing(), setup=replace(SETUP, requests_per_minute=per_minute))
    began = [reply.began for reply in evidence.replies]

    assert all(later - one >= 60 / per_minute - 1e-6 for one, later in pairwise(began))
    assert began[-1] - began[0] <= 330
    if per_minute == 2:
        assert evidence.stopped == "300 s had passed"


def test_many_failures_in_a_row_end_the_examination_and_say_what_is_not_known() -> None:
    good, asked = listing(), 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return good(request) if asked <= 4 else httpx.Response(503)

    evidence, _ = examined_service(service)

    assert (asked, evidence.stopped) == (10, "6 requests in a row failed")
    assert evidence.unanswered[:3] == (Purpose.NEWEST, Purpose.LAST, Purpose.BEYOND)
    assert has(told(evidence), "note unanswered: without an answer remained: the newest rows, the last rows,")


def test_a_service_that_is_refused_by_the_network_is_asked_four_times() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    lines = found(service)

    assert "problem errors: 4 of 4 requests: no connection: connection to api.test failed: " in "".join(
        line for line in lines if line.startswith("problem errors")
    )
    assert "note keys: no answer tells whether the keys are accepted" in lines
    assert not [line for line in lines if line.split()[1] in ("clock:", "size:", "latency:")]


@pytest.mark.parametrize(("days", "mark"), [(400, "ok"), (29, "note"), (6, "problem"), (-1, "problem")])
def test_a_certificate_that_ends_soon_is_told(days: int, mark: str) -> None:
    path = NetworkPath(
        "api.test", "https", tls="TLSv1.3", issuer="Some CA", expires_at=DAY_SECONDS * days, looked_at=0.0
    )
    evidence, _ = examined_service(
        listing(), setup=replace(SETUP, base_url="https://api.test/api"), path=path
    )

    expected = f"{mark} tls: TLSv1.3, a certificate for api.test, by Some CA, valid for {days} days"
    assert expected in told(evidence)


def paths(**facts: Any) -> list[str]:
    path = NetworkPath("api.test", "https", **facts)
    return told(
        examined_service(listing(), setup=replace(SETUP, base_url="https://api.test/api"), path=path)[0]
    )


def test_a_proxy_a_missing_name_and_a_certificate_not_trusted_are_told() -> None:
    proxied = paths(proxy="http://proxy.test:3128")
    assert "note proxy: api.test is reached through the proxy http://proxy.test:3128" in proxied
    assert not has(proxied, "ok tls")
    assert "problem name: api.test has no address: Name or service not known" in paths(
        resolve_error="Name or service not known"
    )
    assert "ok name: api.test is 192.0.2.1, 2001:db8::1" in paths(addresses=("192.0.2.1", "2001:db8::1"))
    assert "note tls: the certificate could not be looked at: self-signed certificate" in paths(
        tls_error="self-signed certificate"
    )


def test_plain_http_to_this_machine_is_safe_unless_a_proxy_is_in_between() -> None:
    setup = replace(SETUP, base_url="http://127.0.0.1:1/api")

    def told_of(path: NetworkPath) -> list[str]:
        return told(examined_service(listing(), setup=setup, path=path)[0])

    assert not has(told_of(NetworkPath("127.0.0.1", "http")), "problem encryption")
    assert has(told_of(NetworkPath("127.0.0.1", "http", proxy="http://p.test:3128")), "problem encryption")


def everything_of(evidence: Evidence) -> str:
    return repr(diagnose(evidence))


def test_a_refusal_that_repeats_the_keys_shows_neither() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        text = f"\x1b]0;{API_KEY} {SECRET_KEY}\x07"
        return httpx.Response(
            401,
            json={"status": "error", "message": text},
            headers={"Server": f"{SECRET_KEY}", "X-RateLimit-Limit": API_KEY},
        )

    shown = everything_of(examined_service(service)[0])

    assert API_KEY not in shown
    assert SECRET_KEY not in shown
    assert "\\x1b" not in shown
