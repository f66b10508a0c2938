"""Structured logging: each event has an id, is one line of logfmt or JSON, and is written without blocking.

The id of an event is stable, and metrics count by it; its message may change at any time.
"""

import json
import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple

Style = Literal["logfmt", "json"]

OTHER: Final = "other"
"""The id under which all events are counted that are not listed, such as those of libraries."""
RECORDS_DROPPED: Final = "log_records_dropped"
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
    "event",
}
_STDERR: Final = 2
_MAX_QUEUED_RECORDS: Final = 1_000
_FLUSH_TIMEOUT_SECONDS: Final = 1.0


class EventLogger:
    """Logs events: each has a snake_case id, a message for people, and fields with stable names."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, message: str, **fields: object) -> None:
        """Log an event that only helps to debug."""
        self._log(logging.DEBUG, event, message, fields)

    def info(self, event: str, message: str, **fields: object) -> None:
        """Log an event that needs no attention."""
        self._log(logging.INFO, event, message, fields)

    def warning(self, event: str, message: str, **fields: object) -> None:
        """Log an event that may need attention."""
        self._log(logging.WARNING, event, message, fields)

    def error(self, event: str, message: str, **fields: object) -> None:
        """Log an event that needs attention."""
        self._log(logging.ERROR, event, message, fields)

    def _log(self, level: int, event: str, message: str, fields: Mapping[str, object]) -> None:
        self._logger.log(level, message, extra={"event": event, **fields})


class EventFormatter(logging.Formatter):
    """Formats a record as one line: `ts`, `level`, `event`, `msg`, its fields, then any `traceback`."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break."""
        event = getattr(record, "event", None)
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **({"event": event} if event else {}),
            "msg": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str) if self._json else _logfmt(line)


class PlainFormatter(logging.Formatter):
    """Formats a record as `PROGRAM: message (key=value, …)`, as the command line prints errors."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the traceback if there is one."""
        fields = ", ".join(f"{key}={_quoted(str(value))}" for key, value in _fields(record).items())
        line = f"{self._program}: {record.getMessage()}" + (f" ({fields})" if fields else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class LogEvent(NamedTuple):
    """An event that is counted: its level, `warning` or `error`, and its id."""

    level: str
    event: str


_DROPPED: Final = LogEvent("warning", RECORDS_DROPPED)


class LogEventCounter(logging.Handler):
    """Counts the warnings and errors of a logger and its children, by event; listed events start at 0.

    All others are counted as `other`. Everything worse than an error is counted as an error.
    """

    def __init__(self, logger: str, events: Iterable[LogEvent]) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger
        others = (LogEvent("warning", OTHER), LogEvent("error", OTHER))
        self._counts = Counter(dict.fromkeys((*events, _DROPPED, *others), 0))

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        level = "warning" if record.levelno < logging.ERROR else "error"
        event = LogEvent(level, str(getattr(record, "event", OTHER)))
        is_ours = f"{record.name}.".startswith(f"{self._logger}.")
        self._counts[event if is_ours and event in self._counts else LogEvent(level, OTHER)] += 1

    def count_dropped(self) -> None:
        """Count a record that was dropped because the queue was full."""
        self._counts[_DROPPED] += 1

    @property
    def counts(self) -> Mapping[LogEvent, int]:
        """How often each event was logged."""
        return self._counts.copy()


class BoundedQueueHandler(QueueHandler):
    """Formats records and queues them for a thread that writes them. Records that find no room are dropped.

    Drops are counted. If nobody reads the log, only that thread is blocked.
    """

    def __init__(
        self,
        descriptor: int,
        counter: LogEventCounter,
        *,
        max_queued: int = _MAX_QUEUED_RECORDS,
        flush_timeout_seconds: float = _FLUSH_TIMEOUT_SECONDS,
    ) -> None:
        # A SimpleQueue, because the garbage collector may log in the middle of a put.
        self._records: SimpleQueue[logging.LogRecord] = SimpleQueue()
        super().__init__(self._records)
        self._counter = counter
        self._max_queued = max_queued
        self._flush_timeout_seconds = flush_timeout_seconds
        self._dropped = 0
        self._writer = _Writer(self._records, descriptor)
        self._writer.start()

    @property
    def queued(self) -> int:
        """How many records wait to be written."""
        return self._records.qsize()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a formatted record, or drop it."""
        if self.queued >= self._max_queued:
            self._counter.count_dropped()
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            fields = {"event": RECORDS_DROPPED, "records": dropped, "levelno": logging.WARNING}
            message = "log records were dropped because standard error was not read fast enough"
            record_of_drops = logging.makeLogRecord({"msg": message, "levelname": "WARNING", **fields})
            self._records.put(self.prepare(record_of_drops))
        self._records.put(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides
        """Count a record that cannot be formatted, where the library would write to standard error."""
        self._counter.count_dropped()

    def close(self) -> None:
        """Stop the thread after everything is written, or after a timeout."""
        self._writer.stop_within(self._flush_timeout_seconds)
        super().close()


class _Writer(QueueListener):
    """Writes queued records to a file descriptor, on a daemon thread.

    It uses neither `sys.stderr` nor a handler: at exit, Python would wait for their locks, forever if a write
    is blocked.
    """

    def __init__(self, records: SimpleQueue[logging.LogRecord], descriptor: int) -> None:
        super().__init__(records)
        self._descriptor = descriptor

    def start(self) -> None:
        """Start the thread with all signals blocked, as they are for the main thread."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def handle(self, record: logging.LogRecord) -> None:
        """Write one line."""
        rest = f"{record.getMessage()}\n".encode(errors="backslashreplace")
        with suppress(OSError):  # the reader is gone, or the disk is full
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def stop_within(self, seconds: float) -> None:
        """Tell the thread to end, and wait for it, at most for so many seconds."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self.enqueue_sentinel()
            thread.join(seconds)


def configure_logging(
    logger: str, events: Iterable[LogEvent], level: str, style: Style, descriptor: int = _STDERR
) -> LogEventCounter:
    """Write events to standard error, and return the counter of warnings and errors.

    `level` applies to a logger and its children, and to nothing that is counted. Libraries log warnings only:
    at lower levels they log URLs and headers.
    """
    counter = LogEventCounter(logger, events)
    handler = BoundedQueueHandler(descriptor, counter)
    handler.setFormatter(EventFormatter(style))
    chosen = logging.getLevelNamesMapping()[level.upper()]
    handler.setLevel(chosen)
    logging.basicConfig(level=logging.WARNING, handlers=[handler, counter], force=True)
    logging.getLogger(logger).setLevel(min(chosen, logging.WARNING))
    # It warns of every invalid request, with which clients could fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    _log_what_python_would_print()
    return counter


def configure_plain_logging(program: str, *, without: str | None = None) -> None:
    """Print warnings as the command line prints errors, except those of the logger `without`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter(program))
    handler.addFilter(lambda record: record.name != without)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _log_what_python_would_print()


def _log_what_python_would_print() -> None:
    """Log warnings and exceptions that nobody handles: writing them to standard error could block."""
    logger = logging.getLogger("python")

    def end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        message, event = "exiting after an internal error", {"event": "internal_error"}
        logger.critical(message, exc_info=(kind, error, traceback), extra=event)

    def ignore(ignored: Any) -> None:
        exc_info = (ignored.exc_type, ignored.exc_value, ignored.exc_traceback)
        logger.error("an exception was ignored", exc_info=exc_info)

    logging.captureWarnings(capture=True)
    sys.excepthook = end
    sys.unraisablehook = threading.excepthook = ignore


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD_ATTRIBUTES}


def _logfmt(line: Mapping[str, object]) -> str:
    return " ".join(f"{key}={_quoted(str(value))}" for key, value in line.items())


def _quoted(text: str) -> str:
    plain = text and text.isprintable() and not any(char in ' "=\\' for char in text)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
