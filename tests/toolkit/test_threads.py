import asyncio
import subprocess
import sys
import threading

import pytest

from pin_exporter.toolkit.threads import run_in_thread
from tests.support.processes import PATIENCE_SECONDS


def test_the_result_or_the_error_of_the_work_is_handed_over() -> None:
    assert asyncio.run(run_in_thread(lambda: 42)) == 42
    with pytest.raises(ValueError, match="nonsense"):
        asyncio.run(run_in_thread(lambda: int("nonsense")))


def test_the_event_loop_continues_meanwhile() -> None:
    async def main() -> bool:
        go_on = threading.Event()
        work = asyncio.ensure_future(run_in_thread(lambda: go_on.wait(PATIENCE_SECONDS)))
        await asyncio.sleep(0)
        go_on.set()
        return await work

    assert asyncio.run(main())


def test_cancelled_work_ends_silently(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        go_on, done = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            await go_on.wait()
            loop.call_later(0, done.set)

        work = asyncio.ensure_future(
            run_in_thread(lambda: asyncio.run_coroutine_threadsafe(wait(), loop).result(PATIENCE_SECONDS))
        )
        await asyncio.sleep(0)
        work.cancel()
        go_on.set()
        await done.wait()

    asyncio.run(main())
    assert caplog.records == []


def test_the_process_ends_although_the_work_does_not() -> None:
    program = """
import asyncio, threading
from pin_exporter.toolkit.threads import run_in_thread

async def main():
    work = asyncio.ensure_future(run_in_thread(threading.Event().wait))
    await asyncio.sleep(0.05)
    work.cancel()

asyncio.run(main())
print("ended")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert ended.stdout == b"ended\n"
