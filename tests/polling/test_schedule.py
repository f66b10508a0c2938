import pytest

from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import Health


def schedule(stale_after: float | None = None) -> PollSchedule:
    return PollSchedule(60.0, stale_after, inventory_requests_per_minute=60.0)


@pytest.mark.parametrize(
    ("requests", "duration", "interval"),
    [
        (1, 0.0, 60),
        (60, 60.0, 60),
        (61, 0.0, 61),
        (1_010, 0.0, 1_010),
        (1, 60.5, 61),
        (90, 95.0, 95),
    ],
)
def test_an_inventory_is_read_as_often_as_the_budget_and_its_duration_allow(
    requests: int, duration: float, interval: float
) -> None:
    assert schedule().inventory_interval(requests, duration) == interval


@pytest.mark.parametrize(
    ("stale_after", "interval", "seconds"),
    [(None, 60.0, 240), (None, 300.0, 960), (100.0, 60.0, 100), (100.0, 61.0, 122), (500.0, 61.0, 500)],
)
def test_data_are_stale_when_configured_but_not_before_two_stretched_intervals(
    stale_after: float | None, interval: float, seconds: float
) -> None:
    assert schedule(stale_after).stale_after_seconds(interval) == seconds


@pytest.mark.parametrize(
    ("before", "stretched", "interval"), [(30, False, 60), (300, False, 60), (30, True, 60), (300, True, 300)]
)
def test_a_stretched_interval_is_kept_until_the_next_success(
    before: float, stretched: bool, interval: float
) -> None:
    health = schedule().rescheduled(Health(before, 1.0, polls=3), stretched=stretched)
    assert health == Health(interval, 3 * interval + 60, polls=3)
    assert schedule().first_health() == Health(60, 240)
