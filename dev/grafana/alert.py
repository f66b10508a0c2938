"""What an alert is."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgent an alert is: now, in working hours, or when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert; `on_account` says whether it has a label `account`.

    `wait` is how long it has to last, as Prometheus writes durations. `summary` and `description` are
    templates of Prometheus.
    """

    name: str
    expression: str
    wait: str
    severity: Severity
    summary: str
    description: str
    on_account: bool = True
