"""The command line's flags for settings: each has the setting's name, description and variable."""

import argparse
from collections.abc import Collection
from typing import Any, Final

from pin_exporter.config.names import flag_of, variable_of
from pin_exporter.config.settings import Settings
from pin_exporter.toolkit.errors import SettingsError, did_you_mean

FORMAT_NAMES: Final = ("prometheus", "json", "table")
"""What once can write; beginning with what it writes unless told otherwise."""
_FILES: Final = {
    **{name: flag_of(name) for name in ("config_file", "web_config_file")},
    "output": "--output",
}
_SERVE_EPILOG: Final = """\
Every setting, these flags included, can be given in the environment as PIN_EXPORTER_<NAME>; README.md lists
them. The keys are never flags, which others could read in the process list: set PIN_EXPORTER_API_KEY and
PIN_EXPORTER_SECRET_KEY, or PIN_EXPORTER_API_KEY_FILE and PIN_EXPORTER_SECRET_KEY_FILE.
"""
_ONCE_EPILOG: Final = """\
Accounts, keys and requests a minute are set as for serve; what failed is said on standard error, a line for
each poll.
exit statuses: 0 everything polled and proven, 1 not everything, 2 wrong settings or an output that cannot be
written, 129, 130 and 143 hung up, interrupted and terminated
"""


def add_serve_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of serve."""
    add_flag(parser, "config_file", "FILE")
    parser.add_argument(
        "--config.check", action="store_true", dest="config_check", help="Check settings, and exit."
    )
    add_flag(parser, "shard", "NUMBER")
    add_flag(parser, "total_shards", "NUMBER")
    _add_switch(parser, "web_enable_lifecycle")
    add_shared_flags(parser)
    parser.epilog = _SERVE_EPILOG


def add_once_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of once."""
    add_flag(parser, "config_file", "FILE")
    add_flag(parser, "shard", "NUMBER")
    add_flag(parser, "total_shards", "NUMBER")
    parser.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        default=FORMAT_NAMES[0],
        help="What to write: metrics in the text format, one JSON object, or a table for people.",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="Put it in a file, at once as a whole, for others to read; `-` is standard output.",
    )
    parser.epilog = _ONCE_EPILOG


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags for serving and logging."""
    add_flag(parser, "web_listen_address", "ADDRESS", action="append")
    add_flag(parser, "web_config_file", "FILE")
    add_flag(parser, "web_telemetry_path", "PATH")
    add_flag(parser, "log_level", "LEVEL")
    add_flag(parser, "log_format", "FORMAT")


def add_flag(parser: argparse.ArgumentParser, name: str, metavar: str, action: str = "store") -> None:
    """Add the flag of a setting; without it, the namespace has no such attribute."""
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


def flags_given(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the settings given as flags, by name. Raises SettingsError for an empty name of a file."""
    empty = [flag for name, flag in _FILES.items() if vars(parsed).get(name) == ""]
    if empty:
        raise SettingsError([f"{flag}: is empty: name a file, or leave it out" for flag in empty])
    given = {name: value for name, value in vars(parsed).items() if name in Settings.model_fields}
    if addresses := given.get("web_listen_address"):
        given["web_listen_address"] = ",".join(addresses)  # each of them may hold commas as well
    return given


def unknown_flag(flag: str, known: Collection[str]) -> str:
    """Say of a flag that is not among those known what else would do."""
    setting = flag.removeprefix("--").replace(".", "_").replace("-", "_")
    is_setting = setting in Settings.model_fields
    if is_setting and flag_of(setting) not in known:
        return (
            f"unknown flag {flag}: the setting is {variable_of(setting)} in the environment, not a flag here"
        )
    hint = did_you_mean(flag_of(setting) if is_setting else flag, known)
    return f"unknown flag {flag}{hint or ': settings without a flag are environment variables'}"
