"""Run `pin-exporter once`: poll every account once, write the result, say what failed."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import uvloop

from pin_exporter.accounts import Account, shard_of
from pin_exporter.clock import Clock, SystemClock
from pin_exporter.configured import usable_accounts, warn_of_plain_http
from pin_exporter.http_clients import HttpClients
from pin_exporter.load_settings import load_settings
from pin_exporter.logs import log_plainly, tell
from pin_exporter.once.output import check_output, check_standard_output, write_file, write_standard_output
from pin_exporter.once.polling import Polled, poll_all
from pin_exporter.once.progress import is_watched, show_progress
from pin_exporter.once.result import failures, remarks, result
from pin_exporter.poll_log import POLL_LOG
from pin_exporter.poller import AccountPoller
from pin_exporter.report_parts import Now

_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def run_once(flags: Mapping[str, object], *, form: str, output: Path | None) -> int:
    """Return 0 if every poll succeeded and every inventory is proven and lacks nothing, else 1.

    `flags` are settings given as such. Raises SettingsError, OutputError, and an exception group for a bug.
    A signal that asks to stop ends it with 128 and its number, returned or raised.
    """
    _end_on_signals()
    log_plainly(without=POLL_LOG)
    output = None if output == Path("-") else output
    settings = load_settings(flags)
    clients = HttpClients()
    accounts = usable_accounts(settings, clients, shard_of(settings))
    if output:
        check_output(output)
    else:
        check_standard_output()
    warn_of_plain_http(accounts)
    clock = SystemClock()
    if not accounts:
        tell("no account belongs to this shard: there is nothing to poll")
    received: list[int] = []
    try:
        polled = uvloop.run(_polled(accounts, clients, clock, received))
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    # The loop has put the handlers back to those that leave things as they are.
    _end_on_signals()
    failed = list(failures(polled))
    for line in (*failed, *remarks(polled)):
        tell(line)
    text = result(polled, form, Now(clock.elapsed(), clock.wall()))
    if output:
        write_file(output, text)
    else:
        write_standard_output(text)
    return int(bool(failed))


async def _polled(
    accounts: Sequence[Account], clients: HttpClients, clock: Clock, received: list[int]
) -> list[Polled]:
    """Poll until done, or until cancelled by a signal, whose number is put among those `received`."""
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - for the type

    def stop(number: int) -> None:
        received.append(number)
        this.cancel()

    for number in _heeded():
        asyncio.get_running_loop().add_signal_handler(number, stop, number)

    def watch(pollers: Sequence[AccountPoller]) -> asyncio.Task[None]:
        return asyncio.create_task(show_progress(pollers, clock))

    return await poll_all(accounts, clients, clock, watch if is_watched() else None)


def _end_on_signals() -> None:
    """End by an exception, which lets files that are being written be removed."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in _heeded():
        signal.signal(number, end)


def _heeded() -> list[signal.Signals]:
    """Return the signals that ask to stop, without those that the caller has it ignore, as nohup does."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
