"""Write the log: one event a line, logfmt or JSON, keys in a fixed order, to standard error."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from pin_exporter.toolkit.log_events import LogEventCounter
from pin_exporter.toolkit.log_writer import LogWriter

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_STDERR: Final = 2


class EventFormatter(logging.Formatter):
    """Turns a record and its `extra` fields into one line."""

    def __init__(self, style: Literal["logfmt", "json"]) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return `ts`, `level`, `msg`, then the extra fields, then `traceback` if there is one."""
        event = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "msg": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        if self._json:
            return json.dumps(event, default=str)
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in event.items())


def configure_logging(
    level: str, style: Literal["logfmt", "json"], descriptor: int = _STDERR
) -> LogEventCounter:
    """Send everything to standard error. Return what counts warnings and errors, be they shown or not.

    Libraries stay at warnings whatever the level: at lower ones they log URLs and headers.
    """
    counter = LogEventCounter()
    handler = LogWriter(descriptor, counter.count)
    handler.setFormatter(EventFormatter(style))
    chosen = logging.getLevelNamesMapping()[level.upper()]
    handler.setLevel(chosen)
    logging.basicConfig(level=logging.WARNING, handlers=[handler, counter], force=True)
    logging.getLogger("pin_exporter").setLevel(min(chosen, logging.WARNING))
    # What clients send wrong is theirs to know, and would fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return counter


class _PlainFormatter(logging.Formatter):
    """Turns a record into a line as the command line writes them, with what is `extra` in brackets."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        told = ", ".join(f"{key}={_quoted(str(value))}" for key, value in extra.items())
        line = f"pin-exporter: {record.getMessage()}" + (f" ({told})" if told else "")
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


def log_plainly(without: str) -> None:
    """Send warnings to standard error as plain lines, but those of one module."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter())
    handler.addFilter(lambda record: record.name != without)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def tell(line: str) -> None:
    """Write a line for whoever is at the command line; that nobody reads it any more is no failure."""
    try:
        sys.stderr.write(f"pin-exporter: {line}\n")
        sys.stderr.flush()
    except OSError:
        # What is left in the buffer would fail once more when the process ends, and change its status.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _quoted(text: str) -> str:
    plain = text and text.isprintable() and not any(char in ' "=\\' for char in text)
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())
