from email.utils import formatdate
from itertools import pairwise

import httpx
import pytest

from pin_exporter.doctor.findings import Check
from pin_exporter.doctor.probe import Stop
from tests.support.diagnosis import WARNING, diagnosed, in_turn, listing


@pytest.mark.parametrize(("retry_after", "seconds"), [("7", 7.0), ("0", 5.0), ("soon", 5.0)])
def test_a_429_with_a_short_wait_is_waited_for_once(retry_after: str, seconds: float) -> None:
    good = listing()
    found = diagnosed(
        in_turn(lambda n: httpx.Response(429, headers={"Retry-After": retry_after}) if n == 2 else good)
    )

    assert found.evidence.stopped is None
    assert seconds in found.clock.clock.slept


@pytest.mark.parametrize("retry_after", ["60", "3600", formatdate(4_000_000_000, usegmt=True)])
def test_a_429_with_a_long_wait_ends_the_diagnosis(retry_after: str) -> None:
    good = listing()
    limited = httpx.Response(429, headers={"Retry-After": retry_after})
    found = diagnosed(in_turn(lambda n: limited if n == 5 else good))

    assert (found.evidence.requests, found.evidence.stopped) == (6, Stop.RATE_LIMITED)
    assert max(found.clock.clock.slept) < 10
    assert found.severity(Check.INCOMPLETE) is WARNING


@pytest.mark.parametrize("per_minute", [2, 60, 120, 6_000])
def test_the_rate_is_requests_per_minute(per_minute: int) -> None:
    evidence = diagnosed(listing(), requests_per_minute=per_minute).evidence
    began = [reply.began for reply in evidence.replies]

    assert all(later - one >= 60 / per_minute - 1e-6 for one, later in pairwise(began))
    assert began[-1] - began[0] <= 330
    assert evidence.stopped == (Stop.MAX_SECONDS if per_minute == 2 else None)


def test_many_failures_in_a_row_end_the_diagnosis() -> None:
    good = listing()
    found = diagnosed(in_turn(lambda n: good if n < 4 else httpx.Response(503)))

    assert (found.evidence.requests, found.evidence.stopped) == (10, Stop.FAILURES)
    assert found.severity(Check.INCOMPLETE) is WARNING
