"""Run `pin-exporter once`: poll every account once, write the result, say what failed."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pin_exporter import PROGRAM
from pin_exporter.api.transport import HttpClients
from pin_exporter.config.accounts import shard_of, usable_accounts, warn_of_exposed_keys
from pin_exporter.config.loader import load_settings
from pin_exporter.once.polling import poll_all
from pin_exporter.once.progress import show_progress
from pin_exporter.once.result import FORMATS, failures, remarks, result
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

_EPILOG = """\
Accounts, keys and request rates are configured as for serve. Failed polls are reported on standard error.
exit statuses: 0 everything polled and consistent, 1 something failed or is missing, 2 wrong settings or an
output that cannot be written, 129, 130 and 143 ended by SIGHUP, SIGINT and SIGTERM
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's own flags."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=next(iter(FORMATS)),
        help="Output format: metrics in the text format, a JSON object, or a table. (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=_output_file,
        help="Write to a file, atomically and readable by others; - is standard output. (default: -)",
    )
    parser.epilog = _EPILOG


def _output_file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty: name a file, or leave the flag out")
    return Path(text)


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
    warn_of_exposed_keys(settings, accounts)
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
