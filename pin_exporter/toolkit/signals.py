"""Stop short-lived commands cleanly on SIGHUP, SIGINT and SIGTERM."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import uvloop

T = TypeVar("T")
_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def exit_on_signals() -> None:
    """Raise SystemExit with 128 + the signal's number, so that files being written are removed."""

    def exit_process(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in _handled_signals():
        signal.signal(number, exit_process)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new event loop and return its result.

    A signal cancels it and then raises SystemExit as `exit_on_signals` does.
    """
    received: list[int] = []

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type

        def stop(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in _handled_signals():
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        return await work

    try:
        return uvloop.run(main())
    except asyncio.CancelledError:
        if not received:
            raise
        raise SystemExit(128 + received[0]) from None
    finally:
        # The event loop has replaced the handlers by the default ones.
        exit_on_signals()


def _handled_signals() -> list[signal.Signals]:
    """Return the signals that stop the process, without those it was started to ignore, as by nohup."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
