"""How often to poll, and how old data may get; pure."""

import math
from dataclasses import dataclass, replace
from typing import Final

from pin_exporter.polling.snapshot import Health

_STALE_INTERVALS: Final = 3
_STALE_SLACK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """When to poll. Durations in seconds.

    `stale_after` None means three intervals and a minute. `walk_requests_per_minute` is this account's part
    of the request budget for walks.
    """

    poll_interval: float
    stale_after: float | None
    walk_requests_per_minute: float

    def health(self, interval: float) -> Health:
        """Return the health of a collector with this interval before its first poll."""
        return Health(interval, self.stale_after_seconds(interval))

    def taken_over(self, health: Health, *, stretched: bool) -> Health:
        """Return the health of a collector that polled at another cadence before.

        An interval that was `stretched` stays until the next success tells how long it has to be now.
        """
        interval = max(self.poll_interval, health.interval_seconds) if stretched else self.poll_interval
        return replace(
            health, interval_seconds=interval, stale_after_seconds=self.stale_after_seconds(interval)
        )

    def inventory_interval(self, requests: int, duration_seconds: float) -> float:
        """Return how often a walk can be made that took so many requests and so long, within the budget."""
        affordable = 60 * requests / self.walk_requests_per_minute
        return max(self.poll_interval, math.ceil(affordable), math.ceil(duration_seconds))

    def stale_after_seconds(self, interval: float) -> float:
        """Return the age at which data of a collector with this interval are no longer shown.

        A configured age gives way to an interval that had to be stretched beyond it: data that vanish between
        any two polls help nobody.
        """
        if self.stale_after is None:
            return _STALE_INTERVALS * interval + _STALE_SLACK_SECONDS
        return max(self.stale_after, 2 * interval if interval > self.poll_interval else 0.0)
