"""Errors that are raised on purpose and are not about the service that is polled.

ExporterError
├── SettingsError         wrong settings: every problem, one line each
├── ListenError           an address cannot be listened on
└── OutputError           the result of a command cannot be written
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

_MAX_PROBLEMS_IN_TEXT: Final = 10
_MAX_COMPARED_LENGTH: Final = 80


class ExporterError(Exception):
    """Base of every error that is raised on purpose."""


class SettingsError(ExporterError):
    """The settings are wrong; `problems` holds one line for each problem, free of secrets.

    Its text is one line with the first of them: thousands of accounts can share a mistake.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - _MAX_PROBLEMS_IN_TEXT
        shown = [*problems[:_MAX_PROBLEMS_IN_TEXT], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("; ".join(shown))
        self.problems = tuple(problems)


class ListenError(ExporterError):
    """An address cannot be listened on, usually because another process listens there."""


class OutputError(ExporterError):
    """The output of a command cannot be written. Its text is one line."""


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Return `: did you mean NAME?` with the known name that is most like a misspelt one, or nothing.

    `prefix` is shown before the known name, and not compared.
    """
    close = difflib.get_close_matches(name[:_MAX_COMPARED_LENGTH], [*known], n=1)
    return f": did you mean {prefix}{close[0]}?" if close else ""
