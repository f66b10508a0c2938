"""Tell the log of an account's polls: of what changes, and once an hour of what goes on failing."""

from collections.abc import Callable
from typing import Final

from pin_exporter.api.errors import PollError
from pin_exporter.polling.snapshot import Collector, Health
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

POLL_LOG: Final = __name__
"""The name of the logger that is told of polls."""
_log = EventLogger(POLL_LOG)


class PollLog:
    """The log of one account. `elapsed` reads the clock."""

    def __init__(self, account: str, elapsed: Callable[[], float]) -> None:
        self._account = account
        self._elapsed = elapsed
        self._failures: dict[Collector, dict[str, LogThrottle]] = {collector: {} for collector in Collector}
        self._unproven = LogThrottle(elapsed)

    def succeeded(self, collector: Collector, before: Health, duration_seconds: float) -> None:
        """Tell of a success after a failure, or of the first; `before` is the health until now."""
        told = {"account": self._account, "collector": collector.value}
        if before.reason is not None or before.last_success_elapsed is None:
            _log.info("poll_succeeded", "poll succeeded", **told)
        _log.debug("poll_completed", "poll completed", **told, duration_seconds=round(duration_seconds, 3))

    def failed(self, collector: Collector, before: Health, error: PollError) -> None:
        """Tell of a failure that is new, or has come back for an hour since it was told of.

        New is a reason that was not there since the last success: outages often have several in turn.
        """
        told = {
            "account": self._account,
            "collector": collector.value,
            "reason": error.reason,
            "error": str(error),
        }
        failures = self._failures[collector]
        if before.reason is None:
            failures.clear()
        is_new = error.reason not in failures and error.reason != before.reason  # known before a reload
        times = failures.setdefault(error.reason, LogThrottle(self._elapsed)).happened(new=is_new)
        if is_new:
            _log.warning("poll_failed", "poll failed", **told)
        elif times is not None:
            _log.warning("poll_still_failing", "poll is still failing", **told, times=times)

    def published_without_proof(self, *, again: bool) -> None:
        """Tell of an inventory that is shown though it could not be proven, hourly while that goes on.

        `again` says that the one before could not be proven either.
        """
        times = self._unproven.happened(new=not again)
        if times is not None:
            _log.warning(
                "inventory_unproven",
                "published an inventory that could not be proven consistent",
                account=self._account,
                times=times,
            )
