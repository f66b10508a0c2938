"""Who reads the log may stop doing so; on real pipes and in real processes."""

import gc
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pin_exporter.toolkit import log_writer
from pin_exporter.toolkit.log_events import DROPPED, LogEventCounter
from pin_exporter.toolkit.log_writer import LogWriter
from pin_exporter.toolkit.logs import EventFormatter
from tests.support.processes import PATIENCE_SECONDS, wait_for
from tests.support.stalled import Pipe, full_pipe

MOST = 50


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with full_pipe() as opened:
        yield opened


def writer_to(descriptor: int, counter: LogEventCounter | None = None) -> tuple[LogWriter, logging.Logger]:
    writer = LogWriter(descriptor, (counter or LogEventCounter()).count)
    writer.setFormatter(EventFormatter("logfmt"))
    logger = logging.Logger("pin_exporter.test")
    logger.addHandler(writer)
    return writer, logger


def test_a_reader_that_stalls_holds_up_nobody_and_is_told_how_much_was_dropped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_MOST_LINES", MOST)
    counter = LogEventCounter()
    writer, logger = writer_to(pipe.writing, counter)
    logger.info("0")
    wait_for(writer._lines.empty, "the thread to be stuck")
    for number in range(1, MOST + 8):
        logger.info("%d", number)
    assert counter.counts[DROPPED] == 1, "nobody may ever read of it"
    pipe.empty()
    writer.flush()
    logger.info("later")
    writer.flush()
    messages = [line.partition("msg=")[2] for line in os.read(pipe.reading, 65_536).decode().splitlines()]
    writer.close()
    dropped = '"log lines were dropped: nobody took them" lines=7'
    assert messages == [*(str(number) for number in range(MOST + 1)), dropped, "later"]


def test_a_reader_that_stalls_is_not_waited_for_at_the_end(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_PATIENCE_SECONDS", 0.05)
    writer, logger = writer_to(pipe.writing)
    logger.info("never read")
    writer.flush()
    pipe.empty()
    writer.close()


def test_a_reader_that_is_gone_takes_no_line_with_it_but_its_own(pipe: Pipe) -> None:
    writer, logger = writer_to(pipe.writing)
    os.close(pipe.reading)
    logger.info("lost")
    writer.flush()
    pipe.reading, other = os.pipe()
    os.dup2(other, pipe.writing)
    os.close(other)
    logger.info("found")
    writer.flush()
    writer.close()
    assert os.read(pipe.reading, 65_536).endswith(b"msg=found\n")


def test_what_the_garbage_collector_has_to_tell_may_come_at_any_time(pipe: Pipe) -> None:
    writer, logger = writer_to(pipe.writing)

    class Telling:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            logger.info("collected")

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Telling()
            logger.info("said")
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert writer._lines.qsize() >= 399
    pipe.empty()
    writer.close()


@pytest.mark.parametrize(
    "ends", ["sys.exit(3)", "raise RuntimeError", "os.kill(os.getpid(), signal.SIGTERM)"]
)
def test_whatever_ends_the_process_no_line_is_lost_and_all_are_in_order(ends: str) -> None:
    program = f"""
import logging, os, signal, sys
from pin_exporter.toolkit.logs import configure_logging
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
configure_logging("info", "logfmt")
for number in range(900):
    logging.getLogger("pin_exporter").info("line %d.", number)
{ends}
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_SECONDS, check=False, text=True
    )
    # Where the interpreter writes a traceback, that may come in between.
    assert re.findall(r'msg="line (\d+)\."', ended.stderr) == [str(number) for number in range(900)]
