"""Errors that end a command with a line for the operator, and how to word them.

ExporterError
├── SettingsError    the settings are invalid: every problem, one line each
├── ListenError      an address cannot be listened on
└── OutputError      the output of a command cannot be written
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from pin_exporter.toolkit.display_text import first_lines

_MAX_PROBLEMS_IN_TEXT: Final = 10
_MAX_COMPARED_LENGTH: Final = 80


class ExporterError(Exception):
    """Base of all errors that are raised on purpose."""


class SettingsError(ExporterError):
    """The settings are invalid. `problems` has one line for each problem, without secrets.

    The text of the error is one line with the first of them, as a mistake may be repeated a thousand times.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(first_lines(problems, _MAX_PROBLEMS_IN_TEXT)))
        self.problems = tuple(problems)


class ListenError(ExporterError):
    """An address cannot be listened on, usually because another process does."""


class OutputError(ExporterError):
    """The output of a command cannot be written. Its text is one line."""


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Return `: did you mean NAME?` with the known name that is most like a misspelt one, or nothing.

    `prefix` is shown before the known name, and not compared.
    """
    close = difflib.get_close_matches(name[:_MAX_COMPARED_LENGTH], [*known], n=1)
    return f": did you mean {prefix}{close[0]}?" if close else ""
