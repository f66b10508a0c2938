"""How values go over time in made-up series: well, then badly during a trouble, then well again."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """Trouble from one minute until before another."""

    begins: float = math.inf
    ends: float = math.inf

    def is_on(self, minute: int) -> bool:
        return self.begins <= minute < self.ends

    def lasted(self, minute: int) -> float:
        """Return the minutes of trouble until this one, this one included."""
        return 0 if minute < self.begins else min(minute, self.ends - 1) - self.begins + 1


NO_TROUBLE = Trouble()
Signal = Callable[[int, Trouble], float | None]
"""The value at a minute; None where there is no series."""


def steady(value: float) -> Signal:
    return lambda _minute, _trouble: value


def changes(good: float | None, bad: float | None, after: float | None = None) -> Signal:
    """Return a gauge; `after` is what stays when the trouble is over, `good` unless told."""

    def value(minute: int, trouble: Trouble) -> float | None:
        if trouble.is_on(minute):
            return bad
        return after if after is not None and minute >= trouble.ends else good

    return value


def counts(good: float, bad: float | None = None) -> Signal:
    """Return a counter that grows by so much a minute; `bad` is as `good` unless told."""

    def value(minute: int, trouble: Trouble) -> float:
        lasted = trouble.lasted(minute)
        return good * (minute + 1 - lasted) + (good if bad is None else bad) * lasted

    return value


def keeps_up(behind_seconds: float = 0.0, *, stops: bool = False) -> Signal:
    """Return a timestamp that follows the time; one that `stops` stands still during the trouble."""

    def value(minute: int, trouble: Trouble) -> float:
        seen = trouble.begins - 1 if stops and trouble.is_on(minute) else minute
        # 0 means never, and the first minute of these tests is minute 0.
        return 60 * seen - behind_seconds or 1

    return value


def vanishes(signal: Signal) -> Signal:
    """Leave a series out during the trouble."""
    return lambda minute, trouble: None if trouble.is_on(minute) else signal(minute, trouble)


def values(signal: Signal, trouble: Trouble, minutes: range) -> str:
    """Write the values as promtool reads them; a series that ends does so at once, as after a scrape."""
    written: list[str] = []
    for minute in minutes:
        value = signal(minute, trouble)
        if value is not None:
            written.append(f"{value:.15g}")
        else:
            written.append("stale" if written and written[-1] not in ("_", "stale") else "_")
    return " ".join(written)
