import pytest

from pin_exporter.toolkit.log_throttle import LogThrottle
from tests.support.clocks import FakeClock


@pytest.mark.parametrize(
    ("new_at", "logged"),
    [
        ({0}, {0: 1, 60: 60, 120: 60}),
        ({0, 3}, {0: 1, 3: 1, 63: 60, 123: 60}),
        (set(), {60: 61, 120: 60}),
    ],
)
def test_a_failure_every_minute_is_logged_when_it_is_new_and_then_hourly_with_a_count(
    new_at: set[int], logged: dict[int, int]
) -> None:
    clock = FakeClock()
    throttle = LogThrottle(clock.elapsed)
    counts = {}
    for minute in range(125):
        counts[minute] = throttle.happened(new=minute in new_at)
        clock.now += 60
    assert {minute: count for minute, count in counts.items() if count is not None} == logged
