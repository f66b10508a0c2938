import ast
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import pin_exporter
from pin_exporter.metrics.exporter import ExporterMetrics
from pin_exporter.toolkit.log_events import DROPPED, LOG_EVENTS, OTHER, LogEvent, LogEventCounter

PACKAGE = Path(pin_exporter.__file__).parent
FAILED = LogEvent("warning", "poll failed")
WARNED = {"warning": "warning", "error": "error", "exception": "error"}


def warnings_of_the_package() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in the package that logs a warning or an error, with its level."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in WARNED
                and ast.unparse(node.func.value) == "_log"
            ):
                yield WARNED[node.func.attr], node


def counted(
    level: int, message: str, *args: object, logger: str = "pin_exporter.polling.poller"
) -> list[LogEvent]:
    """Return what an event is counted as."""
    counter = LogEventCounter()
    counter.handle(logging.LogRecord(logger, level, __file__, 1, message, args, None))
    return [event for event, count in counter.counts.items() for _ in range(count)]


def test_every_warning_and_error_has_a_fixed_message_and_is_in_the_list() -> None:
    calls = list(warnings_of_the_package())
    messages = [call.args[0].value for _, call in calls if isinstance(call.args[0], ast.Constant)]

    assert len(messages) == len(calls), "details belong into extra"
    logged = {(level, message) for (level, _), message in zip(calls, messages, strict=True)}
    assert logged | {DROPPED} == {event for event in LOG_EVENTS if event.message != OTHER}


def test_every_event_of_the_list_is_there_once_and_counted_from_zero() -> None:
    assert LogEventCounter().counts == Counter(dict.fromkeys(LOG_EVENTS, 0))
    assert len(set(LOG_EVENTS)) == len(LOG_EVENTS)


def test_an_event_of_the_list_is_counted_as_itself() -> None:
    assert counted(logging.WARNING, FAILED.message) == [FAILED]


@pytest.mark.parametrize(
    ("level", "message", "logger", "expected"),
    [
        (logging.WARNING, "key=1", "pin_exporter.polling.poller", "warning"),
        (logging.ERROR, FAILED.message, "pin_exporter.polling.poller", "error"),
        (logging.WARNING, FAILED.message, "httpx", "warning"),
        (logging.WARNING, FAILED.message, "pin_exporters", "warning"),
        (logging.ERROR, "Task exception was never retrieved", "asyncio", "error"),
        (logging.CRITICAL, "x", "pin_exporter", "error"),
    ],
)
def test_what_is_not_in_the_list_is_other(level: int, message: str, logger: str, expected: str) -> None:
    assert counted(level, message, logger=logger) == [LogEvent(expected, OTHER)]


def test_what_is_less_than_a_warning_is_not_counted() -> None:
    logger = logging.Logger("pin_exporter", logging.DEBUG)
    counter = LogEventCounter()
    logger.addHandler(counter)

    logger.info("poll succeeded")
    logger.warning(FAILED.message)

    assert +Counter(counter.counts) == {FAILED: 1}


def test_the_counts_go_out_as_a_counter() -> None:
    counter = LogEventCounter()
    registry = ExporterMetrics(log_events=counter).registry
    counter.handle(logging.LogRecord("pin_exporter", logging.WARNING, __file__, 1, FAILED.message, (), None))

    def value(event: LogEvent) -> float | None:
        labels = {"level": event.level, "event": event.message}
        return registry.get_sample_value("aiozpin_exporter_log_events_total", labels)

    assert {event: value(event) for event in LOG_EVENTS} == {
        event: float(event == FAILED) for event in LOG_EVENTS
    }
