"""The command line: commands, their flags, and exit statuses."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, NamedTuple, Protocol, cast

from pin_exporter import PROGRAM, __version__
from pin_exporter.config.dotenv import ENV_FILE, load_env_file
from pin_exporter.config.names import unknown_flag, unknown_variables
from pin_exporter.toolkit.errors import ListenError, OutputError, SettingsError, did_you_mean
from pin_exporter.toolkit.files import raise_limit_of_open_files
from pin_exporter.toolkit.logs import configure_plain_logging
from pin_exporter.toolkit.output import print_error

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
_GENERAL_FLAGS: Final = ("-h", "--help", "--version")
_HARMLESS_WORD: Final = re.compile(r"[a-z-]{1,20}")
"""An unknown command that may be repeated: a key would also have digits or capital letters."""


class _CommandModule(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, parsed: argparse.Namespace, /) -> int:
        """Run the command and return the exit status."""


class _Command(NamedTuple):
    """A command, whose module is imported only when it is needed."""

    module_name: str
    help: str
    reads_settings: bool = True

    def module(self) -> _CommandModule:
        return cast(_CommandModule, import_module(f"pin_exporter.{self.module_name}"))


_COMMANDS: Final[Mapping[str, _Command]] = {
    "serve": _Command("commands.serve", "Poll accounts and serve their metrics."),
    "once": _Command("once.command", "Poll accounts once and print their metrics."),
    "simulate": _Command("simulator.command", "Simulate the AIOZ Pin API.", reads_settings=False),
    "demo": _Command("commands.demo", "Serve metrics of simulated accounts, without any setup."),
    "doctor": _Command("doctor.command", "Diagnose accounts, using at most 30 API requests per account."),
    "healthcheck": _Command(
        "commands.healthcheck", "Check whether an exporter is healthy.", reads_settings=False
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    configure_plain_logging(PROGRAM)
    raise_limit_of_open_files()
    command, parsed = _parse(list(sys.argv[1:] if argv is None else argv))
    try:
        if command.reads_settings:
            parsed.env_file = load_env_file(ENV_FILE)
        return command.module().run(parsed)
    except SettingsError as error:
        unknown = (f"{variable}: {problem}" for variable, problem in unknown_variables().items())
        for problem in (*error.problems, *unknown):
            print_error(PROGRAM, problem)
        return 2
    except OutputError as error:
        print_error(PROGRAM, str(error))
        return 2
    except ListenError as error:
        print_error(PROGRAM, str(error))
        return 3


def _parse(arguments: list[str]) -> tuple[_Command, argparse.Namespace]:
    """Return the command and its parsed arguments, or exit with status 2."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _GENERAL_FLAGS):
        arguments = ["serve", *arguments]
    name, *rest = arguments
    if name not in _COMMANDS:
        parser = _general_parser()
        if name in _GENERAL_FLAGS:
            parser.parse_args(arguments)
        named = f" `{name}`{did_you_mean(name, _COMMANDS)}" if _HARMLESS_WORD.fullmatch(name) else ""
        parser.error(f"unknown command{named}; the commands are {', '.join(_COMMANDS)}")
    command = _COMMANDS[name]
    parser = _new_parser(f"{PROGRAM} {name}", command.help)
    command.module().add_arguments(parser)
    parsed, unknown = parser.parse_known_args(rest)
    if unknown:
        # Only the first one and without its value, because what follows may be a key.
        flag = unknown[0].partition("=")[0]
        if flag.startswith("--"):
            known = re.findall(r"^ +(?:-\w, )?(--[a-z.-]+)", parser.format_help(), re.MULTILINE)
            parser.error(unknown_flag(flag, known))
        parser.error(f"unexpected argument; a command must come first: {', '.join(_COMMANDS)}")
    return command, parsed


def _general_parser() -> argparse.ArgumentParser:
    """Return the parser that lists the commands. It imports none of them, which would take time."""
    parser = _new_parser(PROGRAM, _DESCRIPTION)
    parser.epilog = _EPILOG
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        commands.add_parser(name, help=command.help)
    return parser


def _new_parser(program: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        program,
        description=description,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
