"""Limit how often a repeated failure is logged: when it starts, then once an hour with a count."""

from collections.abc import Callable
from typing import Final

_LOG_INTERVAL_SECONDS: Final = 3_600.0


class LogThrottle:
    """Counts one kind of failure. `elapsed` reads a monotonic clock in seconds."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._logged_at: float | None = None
        self._count = 0

    def happened(self, *, new: bool) -> int | None:
        """Count a failure; return the number of failures to log now, or None if it is not time to log.

        A `new` failure is always logged. One that was logged elsewhere first is logged after an hour.
        """
        now = self._elapsed()
        self._count = 1 if new else self._count + 1
        if self._logged_at is None:
            self._logged_at = now
        if not new and now - self._logged_at < _LOG_INTERVAL_SECONDS:
            return None
        count, self._logged_at, self._count = self._count, now, 0
        return count
