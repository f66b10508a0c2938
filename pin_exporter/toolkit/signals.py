"""End what is run once, in good order, when a signal asks for it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import uvloop

T = TypeVar("T")
_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def end_on_signals() -> None:
    """Raise SystemExit with 128 and the signal's number: files that are being written can be removed."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in _heeded():
        signal.signal(number, end)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop and return what it returns; a signal cancels it, and then ends as above."""
    received: list[int] = []

    async def main() -> T:
        this = asyncio.current_task()
        assert this is not None  # noqa: S101 - for the type

        def stop(number: int) -> None:
            received.append(number)
            this.cancel()

        for number in _heeded():
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        return await work

    try:
        return uvloop.run(main())
    except asyncio.CancelledError:
        if not received:
            raise
        raise SystemExit(128 + received[0]) from None
    finally:
        # The loop has put the handlers back to those that leave things as they are.
        end_on_signals()


def _heeded() -> list[signal.Signals]:
    """Return the signals that ask to stop, without those that the caller has it ignore, as nohup does."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
