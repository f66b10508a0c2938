import signal
import subprocess
import sys

import pytest

from tests.support.processes import PATIENCE_SECONDS

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PROGRAM = """
import asyncio, os, signal, sys
from pin_exporter.toolkit.signals import exit_on_signals, run_until_stopped

number, action, moment = int(sys.argv[1]), sys.argv[2], sys.argv[3]
signal.signal(number, signal.SIG_IGN if action == "ignore" else signal.SIG_DFL)

def send(now):
    if now == moment:
        os.kill(os.getpid(), number)

async def work():
    try:
        send("during")
        if moment == "during" and action == "stop":
            await asyncio.Event().wait()
        return "result"
    finally:
        print("cleaned up")

try:
    exit_on_signals()
    send("before")
    print(run_until_stopped(work()))
    send("after")
finally:
    print("left")
"""
WHOLE = ["cleaned up", "result", "left"]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("action", "moment", "output"),
    [
        ("stop", "before", ["left"]),
        ("stop", "during", ["cleaned up", "left"]),
        ("stop", "after", WHOLE),
        ("ignore", "before", WHOLE),
        ("ignore", "during", WHOLE),
        ("ignore", "after", WHOLE),
    ],
)
def test_a_signal_stops_the_work_cleanly_unless_the_process_was_started_to_ignore_it(
    number: signal.Signals, action: str, moment: str, output: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number)), action, moment],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.stdout.split("\n")[:-1] == output
    assert (ended.returncode, ended.stderr) == (128 + number if action == "stop" else 0, "")
