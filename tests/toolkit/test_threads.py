import asyncio
import subprocess
import sys

import pytest

from pin_exporter.toolkit.threads import aside


def test_what_comes_of_the_work_comes_of_waiting_for_it() -> None:
    assert asyncio.run(aside(lambda: 42)) == 42
    with pytest.raises(ValueError, match="nonsense"):
        asyncio.run(aside(lambda: int("nonsense")))


def test_the_loop_goes_on_meanwhile() -> None:
    async def work() -> list[str]:
        loop = asyncio.get_running_loop()
        turned = asyncio.Event()
        told = asyncio.run_coroutine_threadsafe
        waiting = asyncio.ensure_future(aside(lambda: told(_after(turned), loop).result(60)))
        turned.set()
        return await waiting

    assert asyncio.run(work()) == ["after"]


async def _after(turned: asyncio.Event) -> list[str]:
    await turned.wait()
    return ["after"]


def test_work_that_nobody_waits_for_any_more_ends_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        go_on, done = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def wait() -> None:
            await go_on.wait()
            loop.call_later(0, done.set)

        told = asyncio.run_coroutine_threadsafe
        waiting = asyncio.ensure_future(aside(lambda: told(wait(), loop).result(60)))
        await asyncio.sleep(0)
        waiting.cancel()
        go_on.set()
        await done.wait()

    asyncio.run(work())
    assert caplog.records == []


def test_work_that_never_ends_does_not_keep_the_process_from_ending() -> None:
    program = """
import asyncio, threading
from pin_exporter.toolkit.threads import aside

async def work():
    waiting = asyncio.ensure_future(aside(threading.Event().wait))
    await asyncio.sleep(0.05)
    waiting.cancel()

asyncio.run(work())
print("ended")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert ended.stdout == b"ended\n"
