"""An alert and its severity."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgent an alert is: act now, in working hours, or when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `wait` is its `for`, `summary` and `description` are Prometheus templates.

    `on_account` says whether it has an `account` label.
    """

    name: str
    expression: str
    wait: str
    severity: Severity
    summary: str
    description: str
    on_account: bool = True
