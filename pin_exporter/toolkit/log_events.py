"""Count the warnings and errors of the log, event by event."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

_OURS: Final = "pin_exporter"


class LogEvent(NamedTuple):
    """What stands in the log with a level, such as `warning`, and a fixed message."""

    level: str
    message: str


OTHER: Final = "other"
"""The message under which whatever is not listed is counted: events of libraries, most of all."""
DROPPED: Final = LogEvent("warning", "log lines were dropped: nobody took them")
"""What the writer of the log says of itself, once there is room; counted when it begins."""
LOG_EVENTS: Final = (
    LogEvent("warning", "a changed setting takes effect at the next start"),
    LogEvent("warning", "a certificate file cannot be used; the last ones stay in force"),
    LogEvent("warning", "a key file cannot be read; the last keys stay in force"),
    LogEvent("warning", "inventory published without proof"),
    LogEvent("warning", "keys are sent without encryption: use https"),
    DROPPED,
    LogEvent("warning", "passwords come in without encryption: set tls_server_config, or encrypt in front"),
    LogEvent("warning", "poll failed"),
    LogEvent("warning", "poll still fails"),
    LogEvent("warning", "the web configuration sets neither TLS nor users: all may read"),
    LogEvent("warning", "unknown environment variable"),
    LogEvent("warning", OTHER),
    LogEvent("error", "configuration refused: the one before stays in force"),
    LogEvent("error", "web configuration refused: the one before stays in force"),
    LogEvent("error", OTHER),
)
"""Every warning and error of the package. A test holds the list against the code."""


class LogEventCounter(logging.Handler):
    """Counts events, each of the list from 0 on. What is worse than an error is counted as one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._counts = Counter(dict.fromkeys(LOG_EVENTS, 0))

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        level = "warning" if record.levelno < logging.ERROR else "error"
        # The message before it is filled in: there are few of those.
        event = LogEvent(level, str(record.msg))
        ours = record.name == _OURS or record.name.startswith(f"{_OURS}.")
        self.count(event if ours and event in self._counts else LogEvent(level, OTHER))

    def count(self, event: LogEvent) -> None:
        """Count one event of the list."""
        self._counts[event] += 1

    @property
    def counts(self) -> Mapping[LogEvent, int]:
        """Return how often each event was logged."""
        return self._counts.copy()
