"""Run on a thread what may take its time, or never end: a file can be a pipe, or on a disk that is gone."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Return what the work returns, or raise what it raises.

    Unlike the loop's own threads, this one does not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(step: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else step())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for who waits
            tell(lambda error=error: outcome.set_exception(error))  # type: ignore[misc]
        else:
            tell(lambda: outcome.set_result(result))

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await outcome
