"""Run `pin-exporter once`: poll all accounts, write the result, report what failed."""

import argparse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pin_exporter import PROGRAM
from pin_exporter.api.pool import HttpClients
from pin_exporter.config.accounts import shard_of, usable_accounts, warn_of_exposed_keys
from pin_exporter.config.dotenv import NO_ENV_FILE, EnvFile
from pin_exporter.config.loader import load_with_sources
from pin_exporter.config.names import add_setting_flags, flags_given, unknown_variables
from pin_exporter.once.output import FORMATS, failures, result
from pin_exporter.once.polling import poll_all
from pin_exporter.polling.poll_log import POLL_LOG
from pin_exporter.status.report import Now
from pin_exporter.toolkit.clock import SystemClock
from pin_exporter.toolkit.files import max_connection_files
from pin_exporter.toolkit.logs import configure_plain_logging
from pin_exporter.toolkit.output import (
    ProgressLine,
    check_file,
    check_standard_output,
    print_error,
    write_file,
    write_standard_output,
)
from pin_exporter.toolkit.signals import exit_on_signals, run_until_stopped

_EPILOG = """\
Accounts, keys and request rates are configured as for serve. Failed polls are reported on standard error.
exit status: 0 everything polled and complete, 1 something failed or is missing, 2 invalid configuration or
output error, 129, 130 and 143 stopped by SIGHUP, SIGINT and SIGTERM
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_setting_flags(parser, ("config_file", "shard", "total_shards"))
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=next(iter(FORMATS)),
        help="Output format: metrics in the text format, a JSON object, a table, or the expected CIDs that "
        "must be pinned again, one per line. (default: %(default)s)",
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


def run(parsed: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    status = run_once(flags_given(parsed), parsed.env_file, output_format=parsed.format, output=parsed.output)
    for variable, problem in unknown_variables().items():
        print_error(PROGRAM, f"{variable}: {problem}")
    return status


def run_once(
    flags: Mapping[str, object],
    env_file: EnvFile = NO_ENV_FILE,
    *,
    output_format: str,
    output: Path | None,
) -> int:
    """Return 0 if every poll succeeded and every inventory is consistent and complete, else 1.

    `flags` are settings given on the command line; without `output`, the result goes to standard output.
    Raises SettingsError, OutputError, an exception group for a bug, and SystemExit when stopped by a signal.
    """
    exit_on_signals()
    configure_plain_logging(PROGRAM, without=POLL_LOG)
    output = None if output == Path("-") else output
    settings, sources = load_with_sources(flags, env_file)
    clients = HttpClients(max_connections=max_connection_files())
    accounts = usable_accounts(settings, sources, clients, shard_of(settings))
    if output:
        check_file(output)
    else:
        check_standard_output()
    warn_of_exposed_keys(settings, sources, accounts)
    if not accounts:
        print_error(PROGRAM, "no account belongs to this shard: nothing is polled")
    clock = SystemClock()
    polled = run_until_stopped(poll_all(accounts, clients, clock, ProgressLine()))
    failed = list(failures(polled))
    for line in failed:
        print_error(PROGRAM, line)
    content = result(polled, output_format, Now(clock.elapsed(), clock.wall()))
    if output:
        write_file(output, content)
    else:
        with suppress(BrokenPipeError):  # the reader has closed the pipe
            write_standard_output(content)
    return int(bool(failed))
