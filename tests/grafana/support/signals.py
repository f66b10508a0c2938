"""The values of made-up series over time: healthy, then with a problem, then healthy again."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem that begins in one minute and ends before another."""

    begins: float = math.inf
    ends: float = math.inf

    def is_on(self, minute: int) -> bool:
        return self.begins <= minute < self.ends

    def lasted(self, minute: int) -> float:
        """Return how many minutes the problem has lasted, this one included."""
        return 0 if minute < self.begins else min(minute, self.ends - 1) - self.begins + 1


NO_TROUBLE = Trouble()
Signal = Callable[[int, Trouble], float | None]
"""Return the value in a minute; None if the series does not exist."""


def steady(value: float) -> Signal:
    return lambda _minute, _trouble: value


def changes(good: float | None, bad: float | None, after: float | None = None) -> Signal:
    """Return a gauge that is `bad` during the problem; `after` is the value after it, by default `good`."""

    def value(minute: int, trouble: Trouble) -> float | None:
        if trouble.is_on(minute):
            return bad
        return after if after is not None and minute >= trouble.ends else good

    return value


def counts(good: float, bad: float | None = None) -> Signal:
    """Return a counter with its growth per minute; `bad` is by default as `good`."""

    def value(minute: int, trouble: Trouble) -> float:
        lasted = trouble.lasted(minute)
        return good * (minute + 1 - lasted) + (good if bad is None else bad) * lasted

    return value


def keeps_up(behind_seconds: float = 0.0, *, stops: bool = False) -> Signal:
    """Return a timestamp that follows the time, and `stops` during the problem if set."""

    def value(minute: int, trouble: Trouble) -> float:
        seen = trouble.begins - 1 if stops and trouble.is_on(minute) else minute
        # The value 0 means never, but these tests begin in minute 0.
        return 60 * seen - behind_seconds or 1

    return value


def vanishes(signal: Signal) -> Signal:
    """Return a series that does not exist during the problem."""
    return lambda minute, trouble: None if trouble.is_on(minute) else signal(minute, trouble)


def values(signal: Signal, trouble: Trouble, minutes: range) -> str:
    """Write the values for promtool; a series that ends becomes stale at once, as after a scrape."""
    written: list[str] = []
    for minute in minutes:
        value = signal(minute, trouble)
        if value is not None:
            written.append(f"{value:.15g}")
        else:
            written.append("stale" if written and written[-1] not in ("_", "stale") else "_")
    return " ".join(written)
