"""Run blocking work on a thread that may never end, such as reading a file on a disk that is gone."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T]) -> T:
    """Return the result of the work, or raise its error, or OSError if no thread can be started.

    Unlike with `asyncio.to_thread`, the process can end while the work is still running.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def hand_over(step: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the event loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else step())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the work is awaited
            hand_over(lambda error=error: outcome.set_exception(error))  # type: ignore[misc]
        else:
            hand_over(lambda: outcome.set_result(result))

    try:
        threading.Thread(target=run, name="run_in_thread", daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"cannot start a thread: {error}") from None
    return await outcome
