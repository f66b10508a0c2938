import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pin_exporter
from pin_exporter.metrics.exporter import LOG_EVENTS, ExporterMetrics
from pin_exporter.toolkit.logs import EventLogger, LogEvent, LogEventCounter

PACKAGE = Path(pin_exporter.__file__).parent
LEVELS = {"warning": "warning", "error": "error", "critical": "error"}


def logged_by_the_package() -> Iterator[tuple[str, ast.expr]]:
    """Yield the level and the first argument of each call that logs a warning or an error."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and ast.unparse(node.func.value) == "_log"
            ):
                yield LEVELS[node.func.attr], node.args[0]


def test_the_list_of_events_is_what_the_package_logs() -> None:
    calls = list(logged_by_the_package())

    assert all(isinstance(event, ast.Constant) for _, event in calls)
    assert {LogEvent(level, str(ast.literal_eval(event))) for level, event in calls} == set(LOG_EVENTS)


def test_the_ids_of_events_are_snake_case_and_unique() -> None:
    assert len({event.event for event in LOG_EVENTS}) == len(LOG_EVENTS)
    assert all(event.event.isidentifier() and event.event.islower() for event in LOG_EVENTS)


def test_the_counts_go_out_as_a_counter() -> None:
    counter = LogEventCounter("pin_exporter", LOG_EVENTS)
    registry = ExporterMetrics(log_events=counter).registry
    name = "pin_exporter.polling"
    logging.getLogger(name).addHandler(counter)
    try:
        EventLogger(name).warning("poll_failed", "poll failed", account="a")
    finally:
        logging.getLogger(name).removeHandler(counter)

    def value(event: LogEvent) -> float | None:
        labels = {"level": event.level, "event": event.event}
        return registry.get_sample_value("aiozpin_exporter_log_events_total", labels)

    assert {event: value(event) for event in LOG_EVENTS} == {
        event: float(event.event == "poll_failed") for event in LOG_EVENTS
    }
