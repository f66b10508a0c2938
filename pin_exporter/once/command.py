"""Run `pin-exporter once`: poll every account once, write the result, say what failed."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pin_exporter import PROGRAM
from pin_exporter.api.transport import HttpClients
from pin_exporter.config.accounts import shard_of, usable_accounts, warn_of_plain_http
from pin_exporter.config.loader import load_settings
from pin_exporter.once.polling import poll_all
from pin_exporter.once.progress import show_progress
from pin_exporter.once.result import failures, remarks, result
from pin_exporter.polling.poll_log import POLL_LOG
from pin_exporter.polling.poller import AccountPoller
from pin_exporter.status.report import Now
from pin_exporter.toolkit.clock import SystemClock
from pin_exporter.toolkit.logs import configure_plain_logging
from pin_exporter.toolkit.output import (
    check_file,
    check_standard_output,
    is_terminal,
    print_error,
    write_file,
    write_standard_output,
)
from pin_exporter.toolkit.signals import exit_on_signals, run_until_stopped


def run_once(flags: Mapping[str, object], *, form: str, output: Path | None) -> int:
    """Return 0 if every poll succeeded and every inventory is proven and lacks nothing, else 1.

    `flags` are settings given as such. Raises SettingsError, OutputError, and an exception group for a bug.
    A signal that asks to stop ends it by SystemExit, with 128 and its number.
    """
    exit_on_signals()
    configure_plain_logging(PROGRAM, without=POLL_LOG)
    output = None if output == Path("-") else output
    settings = load_settings(flags)
    clients = HttpClients()
    accounts = usable_accounts(settings, clients, shard_of(settings))
    if output:
        check_file(output)
    else:
        check_standard_output()
    warn_of_plain_http(accounts)
    clock = SystemClock()
    if not accounts:
        print_error(PROGRAM, "no account belongs to this shard: there is nothing to poll")

    def watch(pollers: Sequence[AccountPoller]) -> asyncio.Task[None]:
        return asyncio.create_task(show_progress(pollers, clock))

    polled = run_until_stopped(poll_all(accounts, clients, clock, watch if is_terminal(sys.stderr) else None))
    failed = list(failures(polled))
    for line in (*failed, *remarks(polled)):
        print_error(PROGRAM, line)
    text = result(polled, form, Now(clock.elapsed(), clock.wall()))
    if output:
        write_file(output, text)
    else:
        with suppress(BrokenPipeError):  # the reader has seen enough
            write_standard_output(text)
    return int(bool(failed))
