"""Tell which pollers do nothing any more: no request and no result for longer than anything can take."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from pin_exporter.polling.snapshot import AccountSnapshot, Collector
from pin_exporter.toolkit.display_text import first_lines

_LOOK_SECONDS: Final = 15.0
_LONGEST_GAP_SECONDS: Final = 60.0
"""What is counted of the time between two looks: while the machine is suspended, nobody does anything."""
_SILENCE_SECONDS: Final = 3_600.0
"""As long as a single request may take at most. A restart costs what is known, so it is a last resort."""
_INTERVALS: Final = 3
_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a collector had done when it was looked at, and how long that has been all."""

    done: tuple[int, int]
    silent_seconds: float
    allowed_seconds: float


class Polled(Protocol):
    """An account that is polled, as `AccountPoller` does."""

    snapshot: AccountSnapshot

    def waits_for_budget(self, collector: Collector) -> bool:
        """Return whether a request waits until others have made theirs."""


class Watchdog:
    """Looks from outside at what each account's collectors do. `elapsed` reads a clock that only grows."""

    def __init__(self, pollers: Callable[[], Iterable[Polled]], elapsed: Callable[[], float]) -> None:
        self._pollers = pollers
        self._elapsed = elapsed
        self._looked_at = elapsed()
        self._seen: dict[tuple[str, Collector], _Seen] = {}

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._look()
            await sleep(_LOOK_SECONDS)

    def problems(self) -> list[str]:
        """Return a line for each collector that is stuck, of ten at most."""
        stuck = [
            f"account {account}: {collector}: no request and no result for {seen.silent_seconds:.0f} s: "
            "restart the exporter"
            for (account, collector), seen in self._seen.items()
            if seen.silent_seconds > seen.allowed_seconds
        ]
        return first_lines(stuck, _MOST_TOLD)

    def _look(self) -> None:
        now = self._elapsed()
        gap = min(now - self._looked_at, _LONGEST_GAP_SECONDS)
        self._looked_at = now
        self._seen = dict(self._seen_now(gap))

    def _seen_now(self, gap: float) -> Iterator[tuple[tuple[str, Collector], _Seen]]:
        for poller in self._pollers():
            snapshot = poller.snapshot
            for collector, health in snapshot.health.items():
                key = snapshot.account, collector
                done = health.polls, snapshot.traffic.requests_for(collector.operation)
                before = self._seen.get(key)
                # While the key is refused, the inventory waits for the totals. And many accounts with one key
                # may wait for hours.
                waits_for_totals = snapshot.is_key_rejected and collector is Collector.INVENTORY
                waits = waits_for_totals or poller.waits_for_budget(collector)
                is_silent = before is not None and before.done == done and not waits
                silent_seconds = before.silent_seconds + gap if before and is_silent else 0.0
                allowed_seconds = _SILENCE_SECONDS + _INTERVALS * health.interval_seconds
                yield key, _Seen(done, silent_seconds, allowed_seconds)
