"""Read the file `.env` of the working directory into the environment, if it can be trusted."""

import os
import stat
from io import StringIO
from pathlib import Path
from typing import Final, NamedTuple

from dotenv.parser import parse_stream

from pin_exporter import PROGRAM
from pin_exporter.config.names import is_ours
from pin_exporter.toolkit.display_text import first_lines
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.files import open_regular
from pin_exporter.toolkit.output import print_error

ENV_FILE: Final = Path(".env")
_MAX_BYTES: Final = 64 * 2**10
_MAX_PROBLEMS: Final = 10


class EnvFile(NamedTuple):
    """What was read: the variables that the file has set.

    `is_exposed` means that every user of the machine can read it, `has_problems` that something in it, or all
    of it, has no effect.
    """

    variables: frozenset[str] = frozenset()
    is_exposed: bool = False
    has_problems: bool = False


NO_ENV_FILE: Final = EnvFile()


def load_env_file(path: Path) -> EnvFile:
    """Set the `PIN_EXPORTER_` variables of a file, if there is one, that are not set yet.

    No value is expanded. Anyone may have put the file into the working directory, so it must belong to this
    user or root. Prints which lines have no effect. Raises SettingsError with one line for a file that must
    not or cannot be used. Neither shows anything of its content.
    """
    try:
        link = path.lstat()
    except FileNotFoundError:
        return NO_ENV_FILE
    except OSError as error:
        print_error(PROGRAM, f"{path}: not looked for in the working directory: {error.strerror}")
        return EnvFile(has_problems=True)
    try:
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            content = file.read(_MAX_BYTES + 1)
    except IsADirectoryError:
        print_error(PROGRAM, f"{path}: has no effect: it is a directory")
        return EnvFile(has_problems=True)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    if any(status.st_uid not in (0, os.geteuid()) for status in (link, found)):
        raise SettingsError([f"{path}: belongs to another user: remove it, or start in another directory"])
    if _is_writable_by_others(found):
        raise SettingsError([f"{path}: other users can change it: chmod 600"])
    if len(content) > _MAX_BYTES:
        raise SettingsError([f"{path}: is larger than {_MAX_BYTES} bytes"])
    try:
        text = content.decode("utf-8-sig")
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise SettingsError([f"{path}: is not UTF-8 text: write lines NAME=value"])
    return _set_variables(path, text, is_exposed=bool(found.st_mode & stat.S_IROTH))


def _set_variables(path: Path, text: str, *, is_exposed: bool) -> EnvFile:
    before = {name.upper() for name in os.environ}
    given: dict[str, str] = {}
    problems = []
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            problems.append(f"{path}:{binding.original.line}: has no effect: write NAME=value")
        elif binding.key and is_ours(binding.key):
            given[binding.key.upper()] = binding.value or ""
    for problem in first_lines(problems, _MAX_PROBLEMS):
        print_error(PROGRAM, problem)
    variables = given.keys() - before
    os.environ.update({name: given[name] for name in variables})
    return EnvFile(frozenset(variables), is_exposed, bool(problems))


def _is_writable_by_others(found: os.stat_result) -> bool:
    # A file of the user's own group: on many systems, nobody else is in it.
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()
    return bool(by_group or found.st_mode & stat.S_IWOTH)
