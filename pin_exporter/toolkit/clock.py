"""Time and waiting as an object that is passed in, so that tests can bring their own."""

import asyncio
import time
from typing import Final, Protocol

_MAX_SLEEP_SECONDS: Final = 10.0
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """A source of time."""

    def wall(self) -> float:
        """Return Unix seconds. They may jump: use them only to show dates to people and Prometheus."""

    def elapsed(self) -> float:
        """Return monotonic seconds since an arbitrary start, for intervals, ages and deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Wait; return at once for zero or less."""


class SystemClock:
    """The system's clock. On Linux, `elapsed` and `sleep` count the time the machine was suspended."""

    def wall(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def elapsed(self) -> float:
        """Return seconds since boot."""
        return time.clock_gettime(_CLOCK)

    async def sleep(self, seconds: float) -> None:
        """Wait in slices, because the event loop's own timer stops while the machine is suspended."""
        due = self.elapsed() + seconds
        while (left := due - self.elapsed()) > 0:  # noqa: ASYNC110 - time is the event
            await asyncio.sleep(min(left, _MAX_SLEEP_SECONDS))
