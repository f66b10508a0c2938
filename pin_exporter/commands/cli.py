"""The command line: commands, their flags, and exit statuses."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from pin_exporter import PROGRAM, __version__
from pin_exporter.commands import healthcheck
from pin_exporter.commands.serve import check_config, run_serve
from pin_exporter.config.dotenv import load_env_file
from pin_exporter.config.names import (
    add_setting_flags,
    flags_given,
    unknown_flag,
    unknown_variable_problems,
)
from pin_exporter.toolkit.errors import ListenError, OutputError, SettingsError, did_you_mean
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.output import print_error, write_standard_output

_log = EventLogger("pin_exporter")

_DESCRIPTION: Final = "Prometheus exporter for AIOZ Pin, the paid IPFS pinning service."
_EPILOG: Final = """\
`pin-exporter` without a command means `pin-exporter serve`.

exit status:
  0    success; serve and demo: stopped by SIGINT or SIGTERM
  1    an internal error; doctor: problems found; once: a poll failed or an inventory is incomplete;
       healthcheck: not healthy
  2    invalid settings or arguments; once, doctor: the output cannot be written
  3    serve, demo: an address cannot be listened on
  129, 130, 143
       once, doctor, healthcheck, --config.check: ended by SIGHUP, SIGINT or SIGTERM
"""
_SERVE_EPILOG: Final = """\
Every setting can also be given in the environment or in a config file; docs/configuration.md lists them. Keys
are never flags, because all users of a machine can see those: set PIN_EXPORTER_API_KEY and
PIN_EXPORTER_SECRET_KEY, or PIN_EXPORTER_API_KEY_FILE and PIN_EXPORTER_SECRET_KEY_FILE.
"""
_GENERAL_FLAGS: Final = ("-h", "--help", "--version")
_HARMLESS_WORD: Final = re.compile(r"[a-z-]{1,20}")
"""An unknown command that may be repeated: a key would also have digits or capital letters."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parsed = _parse(list(sys.argv[1:] if argv is None else argv))
    try:
        return _COMMANDS[parsed.command].run(parsed)
    except SettingsError as error:
        return _report(2, [*error.problems, *unknown_variable_problems()])
    except OutputError as error:
        return _report(2, [str(error)])
    except ListenError as error:
        return _report(3, [str(error)])
    except ExceptionGroup as group:
        _log.critical("internal_error", "exiting after an internal error", group)
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Return the parsed arguments, or exit with status 2."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _GENERAL_FLAGS):
        arguments = ["serve", *arguments]
    first = arguments[0]
    if first not in (*_COMMANDS, *_GENERAL_FLAGS):
        named = f" `{first}`{did_you_mean(first, _COMMANDS)}" if _HARMLESS_WORD.fullmatch(first) else ""
        _parser("serve").error(f"unknown command{named}; the commands are {', '.join(_COMMANDS)}")
    parser = _parser(first)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        # Only the first one and without its value, because what follows may be a key.
        flag = unknown[0].partition("=")[0]
        if flag.startswith("--"):
            parser.error(unknown_flag(flag, _flags_of(parsed.command)))
        parser.error(f"unexpected argument; a command must come first: {', '.join(_COMMANDS)}")
    return parsed


def _report(status: int, problems: Iterable[str]) -> int:
    for problem in problems:
        print_error(PROGRAM, problem)
    return status


def _serve(parsed: argparse.Namespace) -> int:
    load_env_file(Path(".env"))
    flags = flags_given(parsed)
    if parsed.config_check:
        lines = check_config(flags)
        _report(0, unknown_variable_problems())
        with suppress(BrokenPipeError):
            write_standard_output("".join(f"{line}\n" for line in lines))
        return 0
    run_serve(flags)
    return 0


def _demo(parsed: argparse.Namespace) -> int:
    from pin_exporter.commands.demo import run_demo  # noqa: PLC0415 - imports the simulator

    load_env_file(Path(".env"))
    run_demo(flags_given(parsed))
    return 0


def _once(parsed: argparse.Namespace) -> int:
    from pin_exporter.once.command import run_once  # noqa: PLC0415 - needed by this command only

    load_env_file(Path(".env"))
    status = run_once(flags_given(parsed), output_format=parsed.format, output=parsed.output)
    return _report(status, unknown_variable_problems())


def _doctor(parsed: argparse.Namespace) -> int:
    from pin_exporter.doctor.command import run_doctor  # noqa: PLC0415 - needed by this command only

    load_env_file(Path(".env"))
    status = run_doctor(
        flags_given(parsed), name=parsed.doctor_account, json=parsed.json, verbose=parsed.verbose
    )
    return _report(status, unknown_variable_problems())


def _simulate(parsed: argparse.Namespace) -> int:
    from pin_exporter.simulator.command import run  # noqa: PLC0415 - needed by this command only

    return run(parsed)


def _add_serve_flags(parser: argparse.ArgumentParser) -> None:
    add_setting_flags(parser)
    parser.add_argument(
        "--config.check",
        action="store_true",
        dest="config_check",
        help="Check the settings and exit with status 0 or 2.",
    )
    parser.epilog = _SERVE_EPILOG


def _add_demo_flags(parser: argparse.ArgumentParser) -> None:
    names = ("web_listen_address", "web_config_file", "web_telemetry_path", "log_level", "log_format")
    add_setting_flags(parser, names)


def _add_once_flags(parser: argparse.ArgumentParser) -> None:
    from pin_exporter.once.command import add_flags  # noqa: PLC0415 - needed by this command only

    add_setting_flags(parser, ("config_file", "shard", "total_shards"))
    add_flags(parser)


def _add_doctor_flags(parser: argparse.ArgumentParser) -> None:
    from pin_exporter.doctor.command import add_flags  # noqa: PLC0415 - needed by this command only

    add_setting_flags(parser, ("config_file",))
    add_flags(parser)


def _add_simulate_flags(parser: argparse.ArgumentParser) -> None:
    from pin_exporter.simulator.command import add_arguments  # noqa: PLC0415 - needed by this command only

    add_arguments(parser)


class _Command(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_COMMANDS: Final[Mapping[str, _Command]] = {
    "serve": _Command("Poll accounts and serve their metrics.", _add_serve_flags, _serve),
    "once": _Command("Poll accounts once and print their metrics.", _add_once_flags, _once),
    "simulate": _Command("Simulate the AIOZ Pin API.", _add_simulate_flags, _simulate),
    "demo": _Command("Serve metrics of made-up accounts, without any setup.", _add_demo_flags, _demo),
    "doctor": _Command(
        "Diagnose accounts, using at most 30 API requests per account.", _add_doctor_flags, _doctor
    ),
    "healthcheck": _Command(healthcheck.DESCRIPTION, healthcheck.add_arguments, healthcheck.run),
}


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Return the parser. Only the chosen command has its arguments: the others would take time to import."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
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
            command.add_arguments(subparser)
    return parser


def _flags_of(command: str) -> list[str]:
    parser = argparse.ArgumentParser()
    _COMMANDS[command].add_arguments(parser)
    return re.findall(r"^ +(?:-\w, )?(--[a-z.-]+)", parser.format_help(), re.MULTILINE)
