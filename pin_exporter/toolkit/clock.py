"""Time, passed in wherever it is needed, so that tests bring their own."""

import asyncio
import time
from typing import Final, Protocol

_SLICE_SECONDS: Final = 10.0
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """A source of time and of waiting."""

    def wall(self) -> float:
        """Return Unix seconds. May jump; only for what is shown to people and to Prometheus."""

    def elapsed(self) -> float:
        """Return seconds that only grow, from an arbitrary start. For intervals, ages and deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Wait; at once for zero or less."""


class SystemClock:
    """The machine's clock. `elapsed` goes on while the machine is suspended, where Linux can tell."""

    def wall(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def elapsed(self) -> float:
        """Return seconds since boot, suspension included."""
        return time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait in slices: the loop's own timer stands still during a suspension, `elapsed` does not."""
        due = self.elapsed() + seconds
        while (left := due - self.elapsed()) > 0:  # noqa: ASYNC110 - time is the event
            await asyncio.sleep(min(left, _SLICE_SECONDS))
