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


def test_both_styles_have_the_same_keys_in_the_same_order_and_logfmt_quotes_if_needed() -> None:
    fields: dict[str, object] = {"event": "poll_failed", "account": "a", "error": "it broke", "empty": ""}
    expected = {"ts": "2025-06-15T15:06:40.500+00:00", "level": "warning", "msg": "poll failed", **fields}
    order = ["ts", "level", "event", "msg", "account", "error", "empty"]
    text = line("json", "poll failed", logging.WARNING, **fields)
    assert list(json.loads(text).items()) == [(key, expected[key]) for key in order]
    assert line("logfmt", "poll failed", logging.WARNING, **fields) == (
        'ts=2025-06-15T15:06:40.500+00:00 level=warning event=poll_failed msg="poll failed" '
        'account=a error="it broke" empty=""'
    )


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
def test_a_value_can_be_read_back_and_forges_no_field(value: str) -> None:
    assert json.loads(line("json", "x", value=value))["value"] == value
    quoted = line("logfmt", "x", value=value).partition(" value=")[2]
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


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_decides_what_is_shown_but_not_what_is_counted(level: str, shown: int) -> None:
    levels = ["debug", "info", "warning", "error"]
    with logging_configured(level, "json") as written:
        for each in levels:
            getattr(EventLogger("some_exporter.polling"), each)("poll_failed", "x")
        logging.getLogger("httpx").warning("library")
        (counter,) = (h for h in logging.getLogger().handlers if isinstance(h, LogEventCounter))

    records = [json.loads(text) for text in written.getvalue().splitlines()]
    assert [record["level"] for record in records if record["msg"] == "x"] == levels[-shown:]
    assert ("library" in written.getvalue()) == (level != "error")
    others = {LogEvent(level, OTHER): 1 for level in ("warning", "error")}
    assert +Counter(counter.counts) == {FAILED: 1, **others}


def test_the_counts_of_listed_events_start_at_zero() -> None:
    others = [DROPPED, LogEvent("warning", OTHER), LogEvent("error", OTHER)]
    assert LogEventCounter(LOGGER, [FAILED]).counts == dict.fromkeys([FAILED, *others], 0)


@pytest.mark.parametrize(
    ("level", "event", "logger", "expected"),
    [
        ("WARNING", FAILED.event, "some_exporter.polling", FAILED),
        ("WARNING", FAILED.event, LOGGER, FAILED),
        ("WARNING", "key=1", LOGGER, LogEvent("warning", OTHER)),
        ("ERROR", FAILED.event, LOGGER, LogEvent("error", OTHER)),
        ("WARNING", FAILED.event, "httpx", LogEvent("warning", OTHER)),
        ("WARNING", FAILED.event, "some_exporters", LogEvent("warning", OTHER)),
        ("CRITICAL", "x", LOGGER, LogEvent("error", OTHER)),
    ],
)
def test_an_event_is_counted_by_its_id_or_as_other(
    level: str, event: str, logger: str, expected: LogEvent
) -> None:
    counter = LogEventCounter(LOGGER, [FAILED])
    fields = {"name": logger, "levelno": logging.getLevelNamesMapping()[level], "event": event}
    counter.handle(logging.makeLogRecord(fields))
    assert +Counter(counter.counts) == {expected: 1}


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
