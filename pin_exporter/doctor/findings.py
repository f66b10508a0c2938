"""Findings: the result of each check, with a stable id, a severity and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Field = str | int | float | bool

RUN_AGAIN: Final = "run the doctor again when the list changes less"


class Check(StrEnum):
    """The ids of the checks, in the order of the report; docs/doctor.md has a table of them."""

    PROXY = "proxy"
    DNS = "dns"
    TLS = "tls"
    ENCRYPTION = "encryption"
    CLOCK = "clock"
    BASE_URL = "base_url"
    CREDENTIALS = "credentials"
    SCOPE = "scope"
    ERRORS = "errors"
    RATE_LIMIT = "rate_limit"
    LATENCY = "latency"
    TIMEOUT = "timeout"
    PAGE_SIZE = "page_size"
    OFFSET = "offset"
    STABILITY = "stability"
    ORDER = "order"
    TOTALS = "totals"
    FILES = "files"
    SIZE = "size"
    MALFORMED_ROWS = "malformed_rows"
    DATES = "dates"
    STATUSES = "statuses"
    UNKNOWN_STATUSES = "unknown_statuses"
    FAILED_PINS = "failed_pins"
    BALANCE_EXHAUSTED = "balance_exhausted"
    CHANGES = "changes"
    GATEWAY = "gateway"
    FOLLOWING = "following"
    INVENTORY_COST = "inventory_cost"
    INVENTORY_INTERVAL = "inventory_interval"
    INCOMPLETE = "incomplete"


class Severity(StrEnum):
    """How serious a finding is. A skipped check could not be made and says why."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `message` says what was found, `action` what to do about it.

    `fields` are the facts behind the message, for programs. A check can have several findings. No text holds
    a key or a control character, whatever the server sent.
    """

    check: Check
    severity: Severity
    message: str
    action: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting to change; `value` is written as in the config file."""

    setting: str
    value: str | int
    reason: str


def ok(check: Check, message: str, **fields: Field) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(check, Severity.OK, message, "", fields)


def skipped(check: Check, message: str, action: str = "", **fields: Field) -> Finding:
    """Return the finding of a check that could not be made."""
    return Finding(check, Severity.SKIPPED, message, action, fields)


def warning(check: Check, message: str, action: str, **fields: Field) -> Finding:
    """Return a finding to look at; the exporter works nevertheless."""
    return Finding(check, Severity.WARNING, message, action, fields)


def problem(check: Check, message: str, action: str, **fields: Field) -> Finding:
    """Return a finding that has to be fixed."""
    return Finding(check, Severity.PROBLEM, message, action, fields)
