import io
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pin_exporter.toolkit.log_events import OTHER, LogEventCounter
from pin_exporter.toolkit.logs import EventFormatter, configure_logging

STYLES: tuple[Literal["logfmt"], Literal["json"]] = ("logfmt", "json")
HOSTILE = 'a "b"=c\\d\n\r\t\x00\x1b[31m\x85\u2028\u2029\ud800 level=error'

Style = Literal["logfmt", "json"]


def line(style: Style, message: str, level: int = logging.INFO, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"msg": message, "levelno": level, "levelname": logging.getLevelName(level)} | extra
    )
    record.created = 1_750_000_000.5
    return EventFormatter(style).format(record)


@contextmanager
def logging_configured(level: str, style: Style = "logfmt") -> Iterator[io.StringIO]:
    """Configure logging for a while, and put everything back as it was; by then, what is yielded holds it."""
    root, ours = logging.getLogger(), logging.getLogger("pin_exporter")
    handlers, root_level, our_level = root.handlers[:], root.level, ours.level
    root.handlers[:] = []  # or they would be closed
    written = io.StringIO()
    with TemporaryFile() as file:
        try:
            configure_logging(level, style, file.fileno())
            yield written
        finally:
            for handler in root.handlers:
                handler.flush()
                handler.close()
            file.seek(0)
            written.write(file.read().decode())
            root.handlers[:] = handlers
            root.setLevel(root_level)
            ours.setLevel(our_level)


def test_logfmt_has_time_level_and_message_first_and_quotes_what_needs_it() -> None:
    assert line(
        "logfmt", "poll failed", logging.WARNING, account="a", error="it broke", code=5, empty=""
    ) == (
        'ts=2025-06-15T15:06:40.500+00:00 level=warning msg="poll failed" '
        'account=a error="it broke" code=5 empty=""'
    )


def test_json_has_the_same_keys_in_the_same_order() -> None:
    text = line("json", "poll failed", logging.WARNING, account="a", code=5)

    assert list(json.loads(text).items()) == [
        ("ts", "2025-06-15T15:06:40.500+00:00"),
        ("level", "warning"),
        ("msg", "poll failed"),
        ("account", "a"),
        ("code", 5),
    ]


@pytest.mark.parametrize("style", STYLES)
@given(message=st.text(), value=st.text())
@example(message=HOSTILE, value=HOSTILE)
def test_one_event_is_one_line_whatever_it_says(style: Style, message: str, value: str) -> None:
    text = line(style, message, value=value)

    assert len(text.splitlines()) == 1
    assert text.isprintable()
    text.encode()  # a lone surrogate cannot be written


@given(value=st.text())
@example(value=HOSTILE)
def test_json_gives_back_what_was_logged(value: str) -> None:
    assert json.loads(line("json", "x", value=value))["value"] == value


@given(value=st.text())
@example(value=HOSTILE)
def test_logfmt_cannot_be_made_to_show_a_key_that_was_not_logged(value: str) -> None:
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
def test_values_that_json_does_not_know_are_written_as_text(style: Style) -> None:
    assert "ValueError" in line(style, "x", error=ValueError, value={1})


def test_libraries_stay_quiet_at_debug() -> None:
    with logging_configured("debug") as written:
        for library in ("httpx", "httpcore.http11", "uvicorn", "uvicorn.error", "asyncio", "some.other"):
            logging.getLogger(library).info("GET https://api.test/ key=x")
            logging.getLogger(library).debug("key=x")
        logging.getLogger("httpx").warning("heard")
        logging.getLogger("pin_exporter.polling.poller").debug("ours")

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
            logging.getLogger("pin_exporter.polling.poller").log(
                logging.getLevelNamesMapping()[each.upper()], "x"
            )
        logging.getLogger("httpx").warning("library")

    text = written.getvalue()
    assert re.findall(r"level=(\w+) msg=x$", text, re.MULTILINE) == shown
    assert ("msg=library" in text) == (level != "error")


def test_warnings_are_counted_even_where_the_level_does_not_show_them() -> None:
    with logging_configured("error") as written:
        logging.getLogger("pin_exporter.polling.poll_log").warning("poll failed")
        logging.getLogger("httpx").warning("x")
        (counter,) = (h for h in logging.getLogger().handlers if isinstance(h, LogEventCounter))

    assert written.getvalue() == ""
    assert +Counter(counter.counts) == {("warning", "poll failed"): 1, ("warning", OTHER): 1}


def test_every_line_of_a_json_log_is_an_object() -> None:
    with logging_configured("info", "json") as written:
        logging.getLogger("pin_exporter").info("first", extra={"account": HOSTILE})
        logging.getLogger("pin_exporter").error("second")

    assert [json.loads(text)["msg"] for text in written.getvalue().splitlines()] == ["first", "second"]
