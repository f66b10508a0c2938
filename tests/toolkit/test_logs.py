import gc
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pin_exporter.toolkit.logs import (
    OTHER,
    RECORDS_DROPPED,
    BoundedQueueHandler,
    EventFormatter,
    EventLogger,
    LogEvent,
    LogEventCounter,
    Style,
    configure_logging,
)
from tests.support.processes import PATIENCE_SECONDS, wait_for
from tests.support.streams import Pipe, full_pipe

STYLES: tuple[Style, ...] = ("logfmt", "json")
HOSTILE = 'a "b"=c\\d\n\r\t\x00\x1b[31m\x85\u2028\u2029\ud800 level=error'

FAILED = LogEvent("warning", "poll_failed")
DROPPED = LogEvent("warning", RECORDS_DROPPED)
LOGGER = "some_exporter"
MAX_QUEUED = 50


def line(style: Style, message: str, level: int = logging.INFO, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"msg": message, "levelno": level, "levelname": logging.getLevelName(level)} | extra
    )
    record.created = 1_750_000_000.5
    return EventFormatter(style).format(record)


@contextmanager
def logging_configured(level: str, style: Style = "logfmt") -> Iterator[io.StringIO]:
    """Configure logging for a block, at the end of which the yielded text holds what was written."""
    root, ours = logging.getLogger(), logging.getLogger(LOGGER)
    handlers, root_level, our_level = root.handlers[:], root.level, ours.level
    root.handlers[:] = []  # or they would be closed
    written = io.StringIO()
    with TemporaryFile() as file:
        try:
            configure_logging(LOGGER, [FAILED], level, style, file.fileno())
            yield written
        finally:
            for handler in root.handlers:
                handler.close()
            file.seek(0)
            written.write(file.read().decode())
            root.handlers[:] = handlers
            root.setLevel(root_level)
            ours.setLevel(our_level)


def test_logfmt_has_time_level_and_message_first_and_quotes_if_needed() -> None:
    assert line(
        "logfmt",
        "poll failed",
        logging.WARNING,
        event="poll_failed",
        account="a",
        error="it broke",
        empty="",
    ) == (
        'ts=2025-06-15T15:06:40.500+00:00 level=warning event=poll_failed msg="poll failed" '
        'account=a error="it broke" empty=""'
    )


def test_json_has_the_same_keys_in_the_same_order() -> None:
    text = line("json", "poll failed", logging.WARNING, event="poll_failed", account="a", code=5)

    assert list(json.loads(text).items()) == [
        ("ts", "2025-06-15T15:06:40.500+00:00"),
        ("level", "warning"),
        ("event", "poll_failed"),
        ("msg", "poll failed"),
        ("account", "a"),
        ("code", 5),
    ]


@pytest.mark.parametrize("style", STYLES)
@given(message=st.text(), value=st.text())
@example(message=HOSTILE, value=HOSTILE)
def test_an_event_is_one_printable_line(style: Style, message: str, value: str) -> None:
    text = line(style, message, value=value)

    assert len(text.splitlines()) == 1
    assert text.isprintable()
    text.encode()  # a lone surrogate cannot be written


@given(value=st.text())
@example(value=HOSTILE)
def test_json_can_be_read_back(value: str) -> None:
    assert json.loads(line("json", "x", value=value))["value"] == value


@given(value=st.text())
@example(value=HOSTILE)
def test_no_value_can_forge_a_field_of_logfmt(value: str) -> None:
    text = line("logfmt", "x", value=value)

    quoted = text.partition(" value=")[2]
    assert quoted == value or json.loads(quoted) == value
    assert quoted != value or not re.search(r'[\s="\\]', value)


@pytest.mark.parametrize("style", STYLES)
def test_a_traceback_stays_on_the_line_of_its_event(style: Style) -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        text = line(style, "a bug", exc_info=sys.exc_info())

    assert len(text.splitlines()) == 1
    assert "traceback" in text
    assert "RuntimeError: first\\nsecond" in text


@pytest.mark.parametrize("style", STYLES)
def test_values_that_json_does_not_support_are_written_as_text(style: Style) -> None:
    assert "ValueError" in line(style, "x", error=ValueError, value={1})


def test_libraries_log_warnings_only() -> None:
    with logging_configured("debug") as written:
        for library in ("httpx", "httpcore.http11", "uvicorn", "uvicorn.error", "asyncio", "some.other"):
            logging.getLogger(library).info("GET https://api.test/ key=x")
            logging.getLogger(library).debug("key=x")
        logging.getLogger("httpx").warning("heard")
        logging.getLogger("some_exporter.poller").debug("ours")

    assert [text.split("msg=")[1] for text in written.getvalue().splitlines()] == ["heard", "ours"]


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides_what_is_shown(level: str, shown: list[str]) -> None:
    with logging_configured(level) as written:
        for each in ("debug", "info", "warning", "error"):
            logging.getLogger("some_exporter.poller").log(logging.getLevelNamesMapping()[each.upper()], "x")
        logging.getLogger("httpx").warning("library")

    text = written.getvalue()
    assert re.findall(r"level=(\w+) msg=x$", text, re.MULTILINE) == shown
    assert ("msg=library" in text) == (level != "error")


def test_warnings_are_counted_even_where_the_level_does_not_show_them() -> None:
    with logging_configured("error") as written:
        EventLogger("some_exporter.polling").warning("poll_failed", "poll failed")
        logging.getLogger("httpx").warning("x")
        (counter,) = (h for h in logging.getLogger().handlers if isinstance(h, LogEventCounter))

    assert written.getvalue() == ""
    assert +Counter(counter.counts) == {FAILED: 1, ("warning", OTHER): 1}


def test_every_line_of_a_json_log_is_an_object() -> None:
    with logging_configured("info", "json") as written:
        EventLogger(LOGGER).info("first", "x", account=HOSTILE)
        EventLogger(LOGGER).error("second", "x")

    assert [json.loads(text)["event"] for text in written.getvalue().splitlines()] == ["first", "second"]


def counted(level: int, event: str, logger: str = "some_exporter.polling") -> list[LogEvent]:
    """Return the events that a record is counted as."""
    counter = LogEventCounter(LOGGER, [FAILED])
    record = logging.LogRecord(logger, level, __file__, 1, "x", (), None)
    record.event = event
    if record.levelno >= counter.level:
        counter.handle(record)
    return [event for event, count in counter.counts.items() for _ in range(count)]


def test_the_counts_of_listed_events_start_at_zero() -> None:
    others = [DROPPED, LogEvent("warning", OTHER), LogEvent("error", OTHER)]
    assert LogEventCounter(LOGGER, [FAILED]).counts == dict.fromkeys([FAILED, *others], 0)


@pytest.mark.parametrize(
    ("level", "event", "logger", "expected"),
    [
        (logging.WARNING, FAILED.event, "some_exporter.polling", FAILED),
        (logging.WARNING, FAILED.event, LOGGER, FAILED),
        (logging.WARNING, "key=1", LOGGER, LogEvent("warning", OTHER)),
        (logging.ERROR, FAILED.event, LOGGER, LogEvent("error", OTHER)),
        (logging.WARNING, FAILED.event, "httpx", LogEvent("warning", OTHER)),
        (logging.WARNING, FAILED.event, "some_exporters", LogEvent("warning", OTHER)),
        (logging.CRITICAL, "x", LOGGER, LogEvent("error", OTHER)),
    ],
)
def test_an_event_is_counted_by_its_id_or_as_other(
    level: int, event: str, logger: str, expected: LogEvent
) -> None:
    assert counted(level, event, logger) == [expected]


def test_less_than_a_warning_is_not_counted() -> None:
    assert counted(logging.INFO, FAILED.event) == []


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with full_pipe() as opened:
        yield opened


def handler_to(
    descriptor: int,
    counter: LogEventCounter | None = None,
    *,
    flush_timeout_seconds: float = PATIENCE_SECONDS,
) -> tuple[BoundedQueueHandler, logging.Logger]:
    handler = BoundedQueueHandler(
        descriptor,
        counter or LogEventCounter(LOGGER, ()),
        max_queued=MAX_QUEUED,
        flush_timeout_seconds=flush_timeout_seconds,
    )
    handler.setFormatter(EventFormatter("logfmt"))
    logger = logging.Logger(LOGGER)
    logger.addHandler(handler)
    return handler, logger


def test_a_reader_that_stalls_blocks_nothing_and_learns_how_many_records_were_dropped(pipe: Pipe) -> None:
    counter = LogEventCounter(LOGGER, ())
    handler, logger = handler_to(pipe.writing, counter)
    logger.info("0")
    wait_for(lambda: handler.queued == 0, "the thread to be stuck")
    for number in range(1, MAX_QUEUED + 8):
        logger.info("%d", number)
    assert counter.counts[DROPPED] == 7
    pipe.empty()
    wait_for(lambda: handler.queued == 0, "the thread to go on")
    logger.info("later")
    handler.close()
    lines = os.read(pipe.reading, 65_536).decode().splitlines()
    *first, dropped, last = lines
    assert [line.partition("msg=")[2] for line in first] == [str(number) for number in range(MAX_QUEUED + 1)]
    assert f"level=warning event={RECORDS_DROPPED} " in dropped
    assert dropped.endswith(" records=7")
    assert last.endswith("msg=later")


def test_a_reader_that_stalls_does_not_delay_the_end(pipe: Pipe) -> None:
    handler, logger = handler_to(pipe.writing, flush_timeout_seconds=0.05)
    logger.info("never read")
    handler.close()
    pipe.empty()


def test_only_lines_written_while_the_reader_is_gone_are_lost(pipe: Pipe) -> None:
    handler, logger = handler_to(pipe.writing)
    os.close(pipe.reading)
    logger.info("lost")
    wait_for(lambda: handler.queued == 0, "the line to be lost")
    pipe.reading, other = os.pipe()
    os.dup2(other, pipe.writing)
    os.close(other)
    logger.info("found")
    handler.close()
    assert os.read(pipe.reading, 65_536).endswith(b"msg=found\n")


def test_the_garbage_collector_may_log_in_the_middle_of_a_record(pipe: Pipe) -> None:
    handler, logger = handler_to(pipe.writing)

    class Logging:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            logger.info("collected")

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Logging()
            logger.info("said")
    finally:
        gc.set_threshold(*before)
    gc.collect()
    pipe.empty()
    handler.close()


@pytest.mark.parametrize(
    "ends", ["sys.exit(3)", "raise RuntimeError", "os.kill(os.getpid(), signal.SIGTERM)"]
)
def test_no_line_is_lost_however_the_process_ends(ends: str) -> None:
    program = f"""
import logging, os, signal, sys
from pin_exporter.toolkit.logs import configure_logging
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
configure_logging("some_exporter", (), "info", "logfmt")
for number in range(900):
    logging.getLogger("some_exporter").info("line %d.", number)
{ends}
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_SECONDS, check=False, text=True
    )
    lines = ended.stderr.splitlines()
    assert [line.partition("msg=")[2] for line in lines[:900]] == [f'"line {n}."' for n in range(900)]
    assert ["event=internal_error" in line for line in lines[900:]] == [True] * ends.startswith("raise")


PRINTING = """
import asyncio, logging, sys, threading, time, warnings
from pin_exporter.toolkit.logs import configure_logging

class Broken:
    def __del__(self):
        raise ValueError("in a finalizer")

async def fail():
    raise ValueError("in a task")

async def main():
    warnings.simplefilter("always")
    warnings.warn("a warning\\n of two lines")
    Broken()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_exception_handler({"message": "from the event loop"})
    logging.getLogger("library").error("%d", "no number")
    logging.getLogger("library").error("x", extra={"field": Unprintable()})

class Unprintable:
    def __str__(self):
        raise ValueError("in a field")

configure_logging("some_exporter", (), "info", sys.argv[1])
asyncio.run(main())
raise RuntimeError("at the end")
"""
PRINTED = (
    *("a warning", "in a finalizer", "ZeroDivisionError", "in a task", "from the event loop"),
    "event=internal_error",
)


def test_what_python_and_libraries_would_print_is_a_line_of_the_log() -> None:
    command = [sys.executable, "-c", PRINTING, "logfmt"]
    ended = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False, text=True)
    lines = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert not [line for line in lines if not line.startswith("ts=")]
    assert [sum(text in line for line in lines) for text in PRINTED] == [1] * len(PRINTED)
    assert len(lines) == len(PRINTED)


def test_what_python_and_libraries_would_print_blocks_nothing_if_nobody_reads_it(pipe: Pipe) -> None:
    with subprocess.Popen([sys.executable, "-c", PRINTING, "json"], stderr=pipe.writing) as process:
        try:
            assert process.wait(PATIENCE_SECONDS) == 1
        finally:
            process.kill()


@pytest.mark.parametrize("action", ["error", "always", "default"])
def test_no_warning_is_shown_or_ends_the_program(action: str) -> None:
    program = """
import sys, warnings
from pin_exporter import __main__
from pin_exporter.commands import cli
cli.main = lambda: warnings.warn("unimportant") or 7
sys.exit(__main__.main())
"""
    ended = subprocess.run(
        [sys.executable, "-W", action, "-c", program],
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, b"", b"")
