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
_LIKE_OURS: Final = re.compile(
    r"PIN[^A-Z]?EXPORT[A-Z]*_*|AIOZ_(?:PIN_)?(?=\w*KEY)|PIN(?:NING)?_(?=(?:API|SECRET)_KEY)", re.IGNORECASE
)
"""The prefix of our variables, and what people write instead of it."""
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


def is_ours(variable: str) -> bool:
    """Return whether an environment variable is meant for this program, even if its name is misspelt."""
    return bool(_LIKE_OURS.match(variable)) and not _SERVICE_VARIABLE.search(variable)


def variables_in_use() -> list[str]:
    """Return the environment variables that set something."""
    given = {name.upper() for name, value in os.environ.items() if value}
    return [name for name in map(variable_of, Settings.model_fields) if name in given]


def unknown_variables() -> dict[str, str]:
    """Return the environment variables that seem to be ours and set nothing, with what is wrong with each.

    Kubernetes sets some for a Service called pin-exporter; those are left out.
    """
    names = [name.upper() for name in Settings.model_fields]
    known = {ENV_PREFIX + name for name in (*names, "BUILD_REVISION")}
    problems = {}
    for variable in sorted(name for name in _our_variables() if name.upper() not in known):
        hint = did_you_mean(_LIKE_OURS.sub("", variable).upper(), names, prefix=ENV_PREFIX)
        problems[variable] = f"is not a setting and has no effect{hint}"
    return problems


def is_configured(flags: Collection[str]) -> bool:
    """Return whether a flag or a variable, misspelt or empty, is about more than serving and logging."""
    variables = (_LIKE_OURS.sub("", name).lower() for name in _our_variables())
    return not all(
        name.startswith(("web_", "log_")) or name == "build_revision" for name in (*flags, *variables)
    )


def _our_variables() -> list[str]:
    return [
        name
        for name, value in os.environ.items()
        if is_ours(name) and not (name.upper().endswith("_PORT") and "://" in value)  # Kubernetes
    ]
