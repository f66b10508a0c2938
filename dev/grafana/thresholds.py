"""The numbers in the alerts that an operator may want to change: the first rules of each group."""

from dataclasses import dataclass
from typing import Final

RECORD: Final = "aiozpin:alert_threshold"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that alerts compare with, in PromQL; `Inf` is never reached."""

    name: str
    value: str
    meaning: str


THRESHOLDS: Final = (
    Threshold("failed_pins", "0", "tolerated number of failed pins"),
    Threshold(
        "balance_exhausted_pins", "0", "tolerated number of pins removed because the balance is exhausted"
    ),
    Threshold("stuck_seconds", "604800", "tolerated age of a pin in progress (7 days)"),
    Threshold(
        "dropped_files_ratio", "0.1", "tolerated drop, as a ratio of the most files within the last day"
    ),
    Threshold("no_new_pins_seconds", "Inf", "tolerated age of the newest pin; Inf turns the alert off"),
    Threshold("missing_cids", "0", "tolerated number of expected CIDs that must be pinned again"),
    Threshold("unretrievable_cids", "0", "tolerated number of sampled CIDs that could not be retrieved"),
    Threshold("month_cost_usd", "Inf", "tolerated cost of this month in US dollars; Inf turns the alert off"),
    Threshold("size_limit_level_ratio", "0.8", "no forecast below this ratio of the size limit"),
    Threshold("size_limit_forecast_seconds", "1209600", "how far ahead the size is forecast (14 days)"),
    Threshold("stale_warning_intervals", "3", "poll intervals without a success until the warning"),
    Threshold("stale_critical_intervals", "12", "poll intervals without a success until the critical alert"),
    Threshold("poll_failure_ratio", "0.25", "tolerated ratio of failed polls"),
    Threshold("rate_limited_ratio", "0.05", "tolerated ratio of API requests answered with 429"),
    Threshold("inconsistent_ratio", "0.5", "tolerated ratio of inconsistent inventories"),
    Threshold("count_mismatch_files", "0", "tolerated difference between reported and counted files"),
)
_NAMES: Final = frozenset(threshold.name for threshold in THRESHOLDS)


def threshold(name: str) -> str:
    """Return the expression of a threshold, a scalar.

    Without `max`, `scalar` would be NaN where the rules are loaded twice, and no alert would fire.
    """
    if name not in _NAMES:
        raise KeyError(name)
    return f'scalar(max({RECORD}{{threshold="{name}"}}))'
