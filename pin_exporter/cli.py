"""The command line: read flags and settings, put the parts together, run them, return an exit status."""

import argparse
import difflib
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from dotenv import load_dotenv

from pin_exporter import __version__, healthcheck
from pin_exporter.configured import check_settings, run_as_configured
from pin_exporter.errors import ListenError, SettingsError
from pin_exporter.load_settings import (
    flag_of,
    load_web_settings,
    unknown_variables,
    variable_of,
)
from pin_exporter.logs import configure_logging
from pin_exporter.settings import Settings

_log = logging.getLogger("pin_exporter")


_DESCRIPTION: Final = "Prometheus exporter for AIOZ Pin, the paid IPFS pinning service."
_EPILOG: Final = """\
Without a command, serve is meant: see `pin-exporter serve --help` for its flags.

exit statuses: 0 stopped as asked, 1 a bug, 2 wrong settings or flags, 3 an address that cannot be listened on
(healthcheck: 0 healthy, 1 not, 2 wrong flags)
"""
_SERVE_EPILOG: Final = """\
Every setting, these flags included, can be given in the environment as PIN_EXPORTER_<NAME>; README.md lists
them. The keys are never flags, which others could read in the process list: set PIN_EXPORTER_API_KEY and
PIN_EXPORTER_SECRET_KEY, or PIN_EXPORTER_API_KEY_FILE and PIN_EXPORTER_SECRET_KEY_FILE.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in _COMMANDS:
        _parser("serve").error(f"unknown command: there are {', '.join(_COMMANDS)}")
    if not arguments or arguments[0] not in (*_COMMANDS, "-h", "--help", "--version"):
        arguments.insert(0, "serve")
    parser = _parser(arguments[0])
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        # The first alone and without its value: what follows it may be a key.
        flag = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(flag, map(flag_of, Settings.model_fields), n=1)
        meant = (
            f": did you mean {close[0]}?" if close else ": settings without a flag are environment variables"
        )
        parser.error(f"unknown flag {flag}{meant}" if flag.startswith("--") else "an argument without a flag")
    try:
        return _COMMANDS[parsed.command].run(parsed)
    except SettingsError as error:
        return _fail(2, [*error.problems, *_unknown_variables()])
    except ListenError as error:
        return _fail(3, [str(error)])
    except ExceptionGroup as group:
        _log.critical("a bug ended the exporter", exc_info=group)
        return 1


def _serve(parsed: argparse.Namespace) -> int:
    # What is set already wins over the file.
    load_dotenv(Path(".env"))
    flags = _flags_given(parsed)
    if parsed.config_check:
        accounts = check_settings(flags)
        _fail(0, _unknown_variables())
        sys.stdout.write(f"the settings are good; accounts: {', '.join(accounts)}\n")
        return 0
    run_as_configured(flags)
    return 0


def _demo(parsed: argparse.Namespace) -> int:
    from pin_exporter.demo import run_demo  # noqa: PLC0415 - the simulator only where it is wanted

    settings = load_web_settings(_flags_given(parsed))
    log_events = configure_logging(settings.log_level, settings.log_format)
    run_demo(settings.web_listen_address, settings.web_telemetry_path, log_events)
    return 0


def _simulate(parsed: argparse.Namespace) -> int:
    from pin_exporter.simulator.command import run  # noqa: PLC0415 - the simulator only where it is wanted

    return run(parsed)


def _add_serve_flags(parser: argparse.ArgumentParser) -> None:
    _add_flag(parser, "config_file", "FILE")
    parser.add_argument(
        "--config.check", action="store_true", dest="config_check", help="Check settings, and exit."
    )
    _add_switch(parser, "web_enable_lifecycle")
    _add_shared_flags(parser)
    parser.epilog = _SERVE_EPILOG


def _add_shared_flags(parser: argparse.ArgumentParser) -> None:
    _add_flag(parser, "web_listen_address", "ADDRESS", action="append")
    _add_flag(parser, "web_telemetry_path", "PATH")
    _add_flag(parser, "log_level", "LEVEL")
    _add_flag(parser, "log_format", "FORMAT")


def _add_simulate_flags(parser: argparse.ArgumentParser) -> None:
    from pin_exporter.simulator.command import add_arguments  # noqa: PLC0415 - as above

    add_arguments(parser)


def _add_flag(parser: argparse.ArgumentParser, name: str, metavar: str, action: str = "store") -> None:
    description = Settings.model_fields[name].description
    parser.add_argument(
        flag_of(name),
        action=action,
        dest=name,
        metavar=metavar,
        default=argparse.SUPPRESS,
        help=f"{description} ({variable_of(name)})",
    )


def _add_switch(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        flag_of(name),
        action="store_true",
        dest=name,
        default=argparse.SUPPRESS,
        help=f"{Settings.model_fields[name].description} ({variable_of(name)})",
    )


def _flags_given(parsed: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(parsed).items() if name in Settings.model_fields}


class _Command(NamedTuple):
    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_COMMANDS: Final[Mapping[str, _Command]] = {
    "serve": _Command("Poll the accounts and serve their metrics.", _add_serve_flags, _serve),
    "simulate": _Command("Simulate the AIOZ Pin API.", _add_simulate_flags, _simulate),
    "demo": _Command("Serve made-up accounts from the simulator, to look around.", _add_shared_flags, _demo),
    "healthcheck": _Command(
        "Ask the exporter that runs here whether it is healthy.", healthcheck.add_flags, healthcheck.run
    ),
}


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Return the parser, with only the chosen command's flags: the simulator's take time to import."""
    parser = argparse.ArgumentParser(
        "pin-exporter",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pin-exporter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.help,
            description=command.help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            command.add_flags(subparser)
    return parser


def _unknown_variables() -> list[str]:
    return [f"{variable}: is not a setting and has no effect" for variable in unknown_variables()]


def _fail(status: int, problems: Iterable[str]) -> int:
    for problem in problems:
        sys.stderr.write(f"pin-exporter: {problem}\n")
    return status
