"""Write the log on a thread of its own, so that nobody waits for whoever reads it."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Final

from pin_exporter.toolkit.log_events import DROPPED, LogEvent

_MOST_LINES: Final = 1_000
_PATIENCE_SECONDS: Final = 1.0

_Lines = SimpleQueue[str | threading.Event | None]


class LogWriter(QueueHandler):
    """Writes lines to a file descriptor, in order, and drops those that find too many waiting.

    `count` is told when that begins, for nobody may ever read of it.
    """

    def __init__(self, descriptor: int, count: Callable[[LogEvent], None]) -> None:
        # No other queue may be put into by what the garbage collector ends in the middle of a put.
        self._lines: _Lines = SimpleQueue()
        super().__init__(self._lines)
        self._count = count
        self._dropped = 0
        work = (self._lines, descriptor)
        self._thread = threading.Thread(target=_write_all, args=work, name="log", daemon=True)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> str:
        """Return the line, as things are when it is logged."""
        return self.format(record)

    def enqueue(self, record: object) -> None:
        """Take in a line, if there is room."""
        if self._lines.qsize() >= _MOST_LINES:
            if not self._dropped:
                self._count(DROPPED)
            self._dropped += 1
            return
        self._tell_of_dropped()
        self._lines.put(str(record))

    def flush(self) -> None:
        """Wait until all is written, but no longer than a moment. The process does so when it ends."""
        if self._thread.is_alive():
            self._tell_of_dropped()
            self._lines.put(written := threading.Event())
            written.wait(_PATIENCE_SECONDS)

    def close(self) -> None:
        """Have the thread end, once all is written."""
        self._lines.put(None)
        super().close()

    def _tell_of_dropped(self) -> None:
        """Say so where the lines would stand."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            told = {"levelno": logging.WARNING, "levelname": "WARNING", "lines": dropped}
            record = logging.makeLogRecord({"msg": DROPPED.message} | told)
            self._lines.put(self.format(record))


def _write_all(lines: _Lines, descriptor: int) -> None:
    """Write until told to end. Not by `sys.stderr`: Python would abort at its end while that is stuck."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # or those held would come through here
    while (line := lines.get()) is not None:
        if isinstance(line, threading.Event):
            line.set()
            continue
        rest = f"{line}\n".encode(errors="backslashreplace")
        with suppress(OSError):  # nobody reads it any more, or the disk is full
            while rest:
                rest = rest[os.write(descriptor, rest) :]
