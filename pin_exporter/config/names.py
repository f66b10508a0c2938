"""Names of settings: as flags, as environment variables, and what was meant by a misspelt one."""

import argparse
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pin_exporter.config.settings import ENV_PREFIX, Flag, Settings
from pin_exporter.toolkit.errors import SettingsError, did_you_mean

FILE_SETTINGS: Final = frozenset(
    name for name, field in Settings.model_fields.items() if Path in get_args(field.annotation)
)
"""Settings that name a file."""
_SERVICE_VARIABLE: Final = re.compile(r"_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")


def flag_of(name: str) -> Flag | None:
    """Return a setting's flag, or None if it cannot be given as one."""
    return next((mark for mark in Settings.model_fields[name].metadata if isinstance(mark, Flag)), None)


FLAGS: Final = {name: flag for name in Settings.model_fields if (flag := flag_of(name))}
"""The flags, by the names of their settings."""


def variable_of(name: str) -> str:
    """Return a setting's environment variable."""
    return ENV_PREFIX + name.upper()


def default_of(name: str) -> str:
    """Return a setting's default as a person writes it; empty if there is none."""
    default = Settings.model_fields[name].default
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):  # all are durations
        return f"{default:g}s"
    return ", ".join(default) if isinstance(default, tuple) else str(default)


def add_setting_flags(
    parser: argparse.ArgumentParser,
    names: Iterable[str] = FLAGS,
    *,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add the flags of settings. What is not given is no attribute of the namespace.

    `defaults` are the command's own, to be shown in the help.
    """
    for name in names:
        field, flag = Settings.model_fields[name], FLAGS[name]
        default = defaults.get(name) or default_of(name)
        more = f"default: {default}; {variable_of(name)}" if default else variable_of(name)
        options: dict[str, Any] = {"action": "store_true"}
        if flag.metavar:
            is_list = isinstance(field.default, tuple)
            options = {"action": "append" if is_list else "store", "metavar": flag.metavar}
        parser.add_argument(
            flag.name,
            dest=name,
            default=argparse.SUPPRESS,
            help=f"{field.description} ({more})".replace("`", ""),
            **options,
        )


def flags_given(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the settings given as flags, by name. Raises SettingsError for an empty name of a file."""
    given = {name: value for name, value in vars(parsed).items() if name in FLAGS}
    empty = [FLAGS[name].name for name, value in given.items() if name in FILE_SETTINGS and value == ""]
    if empty:
        raise SettingsError([f"{flag}: is empty: name a file, or leave the flag out" for flag in empty])
    # Each value of a repeated flag may hold commas as well.
    return {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}


def unknown_flag(flag: str, known: Collection[str]) -> str:
    """Return what is wrong with a flag that is not among those known, and what may be meant."""
    setting = flag.removeprefix("--").replace(".", "_").replace("-", "_")
    if setting in Settings.model_fields and (setting not in FLAGS or FLAGS[setting].name not in known):
        return f"unknown flag {flag}: set {variable_of(setting)} in the environment instead"
    hint = did_you_mean(FLAGS[setting].name if setting in FLAGS else flag, known)
    return f"unknown flag {flag}{hint or ': settings without a flag are environment variables'}"


def variables_in_use() -> list[str]:
    """Return the environment variables that set something."""
    return [name for name in map(variable_of, Settings.model_fields) if os.environ.get(name)]


def unknown_variables() -> list[str]:
    """Return the environment variables with our prefix that set nothing, most likely misspelt.

    Kubernetes sets some for a Service called pin-exporter; those are left out.
    """
    known = {variable_of(name) for name in (*Settings.model_fields, "build_revision")}
    return sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(ENV_PREFIX) and name not in known and not _is_kubernetes(name, value)
    )


def unknown_variable_problems() -> list[str]:
    """Return a line for each environment variable with our prefix that sets nothing."""
    problems = []
    for variable in unknown_variables():
        known = [name.upper() for name in Settings.model_fields]
        hint = did_you_mean(variable.removeprefix(ENV_PREFIX), known, prefix=ENV_PREFIX)
        problems.append(f"{variable}: is not a setting and has no effect{hint}")
    return problems


def _is_kubernetes(name: str, value: str) -> bool:
    return bool(_SERVICE_VARIABLE.search(name)) or (name.endswith("_PORT") and "://" in value)
