"""The log of an account's polls: what changes is logged at once, what keeps failing once an hour."""

from collections.abc import Callable
from typing import Final

from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Collector
from pin_exporter.inventory.follow import Surprise
from pin_exporter.polling.snapshot import Health
from pin_exporter.toolkit.log_throttle import LogThrottle
from pin_exporter.toolkit.logs import EventLogger

POLL_LOG: Final = __name__
"""The name of the logger for polls."""
_log = EventLogger(POLL_LOG)


class PollLog:
    """The log of one account. `elapsed` reads the clock."""

    def __init__(self, account: str, elapsed: Callable[[], float]) -> None:
        self._account = account
        self._elapsed = elapsed
        self._failures: dict[Collector, dict[str, LogThrottle]] = {collector: {} for collector in Collector}
        self._unproven = LogThrottle(elapsed)

    def succeeded(self, collector: Collector, before: Health, duration_seconds: float) -> None:
        """Log the first success and one after a failure; `before` is the health before the poll."""
        fields = {"account": self._account, "collector": collector.value}
        if before.reason is not None or before.last_success_elapsed is None:
            _log.info("poll_succeeded", "poll succeeded", **fields)
        _log.debug("poll_completed", "poll completed", **fields, duration_seconds=round(duration_seconds, 3))

    def failed(self, collector: Collector, before: Health, error: PollError) -> None:
        """Log a failure with a new reason, and each hour one that continues.

        New is a reason that did not occur since the last success: in an outage, several often alternate.
        """
        failures = self._failures[collector]
        if before.reason is None:
            failures.clear()
        is_new = error.reason not in failures and error.reason != before.reason  # known before a reload
        times = failures.setdefault(error.reason, LogThrottle(self._elapsed)).happened(new=is_new)
        fields = {
            "account": self._account,
            "collector": collector.value,
            "reason": error.reason,
            "error": str(error),
        }
        if is_new:
            _log.warning("poll_failed", "poll failed", **fields)
        elif times is not None:
            _log.warning("poll_still_failing", "poll is still failing", **fields, times=times)

    def fell_back(self, surprise: Surprise) -> None:
        """Log why a list that was followed must be read whole."""
        _log.info(
            "inventory_full",
            "the list of pins could not be followed; reading all of it",
            account=self._account,
            reason=surprise.value,
        )

    def published_without_proof(self, *, again: bool) -> None:
        """Log that an inventory is shown without proof, hourly while that continues.

        `again` means that this applies to the previous inventory too.
        """
        times = self._unproven.happened(new=not again)
        if times is not None:
            _log.warning(
                "inventory_unproven",
                "published an inventory that could not be proven consistent",
                account=self._account,
                times=times,
            )
