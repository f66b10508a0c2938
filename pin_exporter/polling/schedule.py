"""How often to poll, and how old data may get; pure."""

import math
from dataclasses import dataclass, replace
from typing import Final

from pin_exporter.polling.snapshot import Health

_STALE_INTERVALS: Final = 3
_STALE_SPARE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """When to poll. Durations in seconds.

    `stale_after` None means three intervals and a minute. `inventory_requests_per_minute` is this account's
    share of the request budget for inventories.
    """

    poll_interval: float
    stale_after: float | None
    inventory_requests_per_minute: float

    def first_health(self) -> Health:
        """Return the health of a collector before its first poll."""
        return Health(self.poll_interval, self.stale_after_seconds(self.poll_interval))

    def rescheduled(self, health: Health, *, stretched: bool) -> Health:
        """Return the health of a collector that was polled on another schedule before.

        A `stretched` interval stays until the next success shows how long it must be now.
        """
        interval = max(self.poll_interval, health.interval_seconds) if stretched else self.poll_interval
        return replace(
            health, interval_seconds=interval, stale_after_seconds=self.stale_after_seconds(interval)
        )

    def inventory_interval(self, requests: int, duration_seconds: float) -> float:
        """Return how often an inventory that took so many requests and so long can be read."""
        affordable = 60 * requests / self.inventory_requests_per_minute
        return max(self.poll_interval, math.ceil(affordable), math.ceil(duration_seconds))

    def stale_after_seconds(self, interval: float) -> float:
        """Return the age at which data of a collector with this interval are no longer shown.

        At least two intervals if the interval is stretched, whatever is configured: otherwise the data would
        disappear between polls.
        """
        if self.stale_after is None:
            return _STALE_INTERVALS * interval + _STALE_SPARE_SECONDS
        return max(self.stale_after, 2 * interval) if interval > self.poll_interval else self.stale_after
