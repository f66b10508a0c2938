"""Findings about services whose answers are odd in ways that look like something else."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import httpx
import pytest

from pin_exporter.doctor.diagnosis import diagnose
from pin_exporter.doctor.findings import Mark
from tests.doctor.harness import SETUP, DoctorClock, examined_service
from tests.doctor.test_findings import dated, found, has, listing

Service = Callable[[httpx.Request], httpx.Response]
SAFE = replace(SETUP, base_url="https://api.test/api", page_size=1_000)
MANY = [dated(number) for number in range(1_500)]


def problems(service: Service) -> list[str]:
    findings = diagnose(examined_service(service, setup=SAFE)[0]).findings
    return [finding.check for finding in findings if finding.mark is Mark.PROBLEM]


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
