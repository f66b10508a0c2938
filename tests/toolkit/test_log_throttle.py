from pin_exporter.toolkit.log_throttle import LogThrottle
from tests.support.clocks import FakeClock


def test_what_goes_on_is_told_of_as_it_begins_and_then_once_an_hour_with_a_count() -> None:
    clock = FakeClock()
    failure = LogThrottle(clock.elapsed)
    told = []
    for minute in range(125):
        told.append((minute, failure.happened(new=minute == 0)))
        clock.now += 60
    assert [each for each in told if each[1] is not None] == [(0, 1), (60, 60), (120, 60)]


def test_what_begins_anew_is_told_of_at_once_and_counted_anew() -> None:
    clock = FakeClock()
    failure = LogThrottle(clock.elapsed)
    assert [failure.happened(new=new) for new in (True, False, False, True, False)] == [
        1,
        None,
        None,
        1,
        None,
    ]


def test_what_was_told_of_elsewhere_is_told_of_after_an_hour() -> None:
    clock = FakeClock()
    failure = LogThrottle(clock.elapsed)
    assert failure.happened(new=False) is None
    clock.now += 3_600
    assert failure.happened(new=False) == 2
