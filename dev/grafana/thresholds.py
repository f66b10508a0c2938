"""The numbers of the alerts that an operator may want to change: the first rules of the file."""

from dataclasses import dataclass
from typing import Final

RECORD: Final = "aiozpin:alert_threshold"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that alerts compare with, as PromQL writes it; `Inf` is never reached."""

    name: str
    value: str
    meaning: str


THRESHOLDS: Final = (
    Threshold("stale_warning_intervals", "3", "poll intervals without success until data count as stale"),
    Threshold("stale_critical_intervals", "12", "poll intervals without success until that is critical"),
    Threshold("poll_failure_ratio", "0.25", "share of polls that may fail"),
    Threshold("inconsistent_ratio", "0.5", "share of inventories that may fail to be proven"),
    Threshold("rate_limited_ratio", "0.05", "share of API requests that may be answered with 429"),
    Threshold("failed_pins", "0", "failed pins that are put up with"),
    Threshold("balance_exhausted_pins", "0", "pins dropped for lack of funds that are put up with"),
    Threshold("stuck_seconds", "604800", "time that a pin may be in progress (7 days)"),
    Threshold("dropped_files_ratio", "0.1", "share of the files of the last day that may be gone"),
    Threshold(
        "no_new_pins_seconds", "Inf", "time that may pass without a new pin; Inf switches the alert off"
    ),
    Threshold("size_limit_level_ratio", "0.8", "share of the size limit below which no forecast is made"),
    Threshold("size_limit_forecast_seconds", "1209600", "how far ahead the size is forecast (14 days)"),
    Threshold("count_mismatch_files", "0", "files that reported and counted numbers may differ by"),
)
_NAMES: Final = frozenset(threshold.name for threshold in THRESHOLDS)


def threshold(name: str) -> str:
    """Return the expression for a threshold, a scalar.

    `max` keeps it a single number where the rules are loaded twice: `scalar` of two series is no number,
    and an alert that compares with that never fires.
    """
    if name not in _NAMES:
        raise KeyError(name)
    return f'scalar(max({RECORD}{{threshold="{name}"}}))'
