"""Find pollers that are stuck: no request and no result for longer than anything can take."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pin_exporter.api.model import Collector
from pin_exporter.polling.poller import AccountPoller
from pin_exporter.toolkit.display_text import first_lines

_LOOK_SECONDS: Final = 15.0
_MAX_GAP_SECONDS: Final = 60.0
"""The most that counts of the time between two looks: nothing happens while the machine is suspended."""
_SILENCE_SECONDS: Final = 3_600.0
"""As long as one request may take at most. A restart loses all data, so it is the last resort."""
_INTERVALS: Final = 3
_MAX_PROBLEMS: Final = 10


@dataclass(frozen=True, slots=True)
class _Activity:
    """What a collector had done at the last look, and how long it has done nothing since."""

    done: tuple[int, int]
    silent_seconds: float
    allowed_seconds: float


class Watchdog:
    """Observes the collectors of each account from outside. `elapsed` reads a monotonic clock."""

    def __init__(self, pollers: Callable[[], Iterable[AccountPoller]], elapsed: Callable[[], float]) -> None:
        self._pollers = pollers
        self._elapsed = elapsed
        self._looked_at = elapsed()
        self._activities: dict[tuple[str, Collector], _Activity] = {}

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look regularly, until cancelled."""
        while True:
            self.look()
            await sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Record what each collector has done since the last look."""
        now = self._elapsed()
        gap = min(now - self._looked_at, _MAX_GAP_SECONDS)
        self._looked_at = now
        self._activities = dict(self._observe(gap))

    def problems(self) -> list[str]:
        """Return a line for each collector that is stuck, of ten at most."""
        stuck = [
            f"account {account}: {collector}: no request and no result for {activity.silent_seconds:.0f} s: "
            "restart the exporter"
            for (account, collector), activity in self._activities.items()
            if activity.silent_seconds > activity.allowed_seconds
        ]
        return first_lines(stuck, _MAX_PROBLEMS)

    def _observe(self, gap: float) -> Iterator[tuple[tuple[str, Collector], _Activity]]:
        for poller in self._pollers():
            snapshot = poller.snapshot
            for collector, health in snapshot.health.items():
                key = snapshot.account, collector
                done = health.polls, snapshot.request_stats.requests_for(collector)
                before = self._activities.get(key)
                # While the key is rejected, the inventory waits for the totals; and with many accounts that
                # share a key, a request may wait for hours.
                waits_for_totals = snapshot.is_key_rejected and collector is Collector.INVENTORY
                waits = waits_for_totals or poller.waits_for_budget(collector)
                is_silent = before is not None and before.done == done and not waits
                silent_seconds = before.silent_seconds + gap if before and is_silent else 0.0
                allowed_seconds = _SILENCE_SECONDS + _INTERVALS * health.interval_seconds
                yield key, _Activity(done, silent_seconds, allowed_seconds)
