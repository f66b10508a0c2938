"""Decide when a failure that repeats is told of: as it begins, and then once an hour with a count."""

from collections.abc import Callable
from typing import Final

TOLD_EVERY_SECONDS: Final = 3_600.0


class LogThrottle:
    """One failure that may go on. `elapsed` reads the clock."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._told_at: float | None = None
        self._since_told = 0

    def happened(self, *, new: bool) -> int | None:
        """Count it; return how often it has happened since it was told of last, 1 for a `new` one.

        None when it need not be told of again: it goes on, and the hour is not over.
        """
        now = self._elapsed()
        self._since_told = 1 if new else self._since_told + 1
        if self._told_at is None:
            self._told_at = now
        if not new and now - self._told_at < TOLD_EVERY_SECONDS:
            return None
        times, self._told_at, self._since_told = self._since_told, now, 0
        return times
