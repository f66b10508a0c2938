"""What the doctor has to say: one finding for each thing that was looked at."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

AGAIN_WHEN_STILL: Final = "run the doctor again when the list changes less"
AGAIN_WHEN_MENDED: Final = "put the problems of this report right, then run the doctor again"


class Mark(StrEnum):
    """How a finding is to be taken: in order, worth knowing, or to be put right."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `check` names what was looked at, `what` says what was seen, `action` what to do about it.

    The texts hold no key and no control characters, whatever the other side sent.
    """

    check: str
    mark: Mark
    what: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting that should differ from what is set now. `value` is written as in the file."""

    setting: str
    value: str | int
    why: str


def ok(check: str, what: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Mark.OK, what)


def note(check: str, what: str, action: str) -> Finding:
    """Return a finding that is worth knowing, with what to do about it, be it nothing."""
    return Finding(check, Mark.NOTE, what, action)


def problem(check: str, what: str, action: str) -> Finding:
    """Return a finding that needs to be put right."""
    return Finding(check, Mark.PROBLEM, what, action)
