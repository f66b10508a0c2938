"""A reading of the list that may take several polls, with the time and the requests that went into it."""

from typing import Final

from pin_exporter.inventory.reader import InventoryReader
from pin_exporter.polling.schedule import PollSchedule

_REST_INTERVALS: Final = 2


class PolledReading:
    """Keeps apart for how long a reading was read, and for how long it rested because polls failed.

    Rests make what was read before them that much older at the end. Times are on a monotonic clock, in
    seconds.
    """

    def __init__(self, reading: InventoryReader, now: float) -> None:
        self.reading = reading
        self.pages = 0
        """Pages that were answered, in all polls."""
        self.read_seconds = 0.0
        self.rested_seconds = 0.0
        self._newest = now

    def went_on(self, now: float) -> None:
        """Note that something was read until now."""
        self.read_seconds += now - self._newest
        self._newest = now

    def answered(self, now: float) -> None:
        """Note that a page has come."""
        self.pages += 1
        self.went_on(now)

    def resume(self, cadence: PollSchedule, now: float) -> bool:
        """Go on after a rest; False if so much time was lost that the list is better read anew."""
        interval = cadence.inventory_interval(self.pages, self.read_seconds)
        self.rested_seconds += now - self._newest
        self._newest = now
        return self.rested_seconds <= min(_REST_INTERVALS * interval, cadence.stale_after_seconds(interval))
