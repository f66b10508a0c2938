"""A case for each threshold: values just below and just above which its alert fires."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.grafana.support.exporters import GIB, Key, key
from tests.grafana.support.signals import Signal, Trouble, changes, counts, keeps_up, steady

_DAY_SECONDS: Final = 86_400


class ThresholdCase(NamedTuple):
    """Another value of a threshold, and series just `below` and just `above` it.

    Times are minutes: the alert is checked at `until`, rules are evaluated `every` so many.
    """

    threshold: str
    value: str
    alert: str
    below: Mapping[Key, Signal]
    above: Mapping[Key, Signal]
    until: int
    every: int = 1
    severity: str = ".+"


def _last_success(seconds_ago: float) -> dict[Key, Signal]:
    return {key("last_success_timestamp_seconds", collector="totals"): keeps_up(seconds_ago)}


def _failures(reason: str, a_minute: float) -> dict[Key, Signal]:
    return {key("poll_failures_total", collector="inventory", reason=reason): counts(a_minute)}


def _rate_limited_requests(a_minute: float) -> dict[Key, Signal]:
    return {key("api_requests_total", operation="list", code="429"): counts(a_minute)}


def _pins(status: str, phase: str, number: int) -> dict[Key, Signal]:
    return {key("pins", status=status, phase=phase): steady(number)}


def _growing_from(gib: int) -> dict[Key, Signal]:
    """Return a size that grows by 14.4 GiB a day, so that 14 days bring it about 200 GiB."""

    def size(minute: int, _trouble: Trouble) -> float:
        return (gib + minute / 100) * GIB

    return {key("size_bytes"): size}


THRESHOLD_CASES: Final = (
    ThresholdCase(
        "stale_warning_intervals", "5", "AIOZPinDataStale", _last_success(300), _last_success(330), 20
    ),
    ThresholdCase(
        "stale_critical_intervals",
        "20",
        "AIOZPinDataStale",
        _last_success(1_200),
        _last_success(1_230),
        40,
        severity="critical",
    ),
    ThresholdCase(
        "poll_failure_ratio",
        "0.5",
        "AIOZPinPollErrorsHigh",
        _failures("timeout", 0.45),
        _failures("timeout", 0.55),
        30,
    ),
    ThresholdCase(
        "inconsistent_ratio",
        "0.8",
        "AIOZPinInventoryInconsistent",
        _failures("inconsistent", 0.75),
        _failures("inconsistent", 0.85),
        90,
        every=5,
    ),
    # 0.4 of 2.4 requests are a sixth of them.
    ThresholdCase(
        "rate_limited_ratio",
        "0.2",
        "AIOZPinThrottled",
        _rate_limited_requests(0.4),
        _rate_limited_requests(0.6),
        30,
    ),
    ThresholdCase(
        "failed_pins",
        "5",
        "AIOZPinPinsFailed",
        _pins("failed", "failed", 5),
        _pins("failed", "failed", 6),
        20,
    ),
    ThresholdCase(
        "balance_exhausted_pins",
        "5",
        "AIOZPinBalanceExhausted",
        _pins("unpinOutOfMoney", "removed", 5),
        _pins("unpinOutOfMoney", "removed", 6),
        10,
    ),
    ThresholdCase(
        "stuck_seconds",
        "864000",
        "AIOZPinPinsStuck",
        {key("oldest_unfinished_pin_timestamp_seconds"): keeps_up(10 * _DAY_SECONDS)},
        {key("oldest_unfinished_pin_timestamp_seconds"): keeps_up(10.1 * _DAY_SECONDS)},
        20,
    ),
    ThresholdCase(
        "dropped_files_ratio",
        "0.5",
        "AIOZPinFilesDropped",
        {key("files"): changes(102, 51)},
        {key("files"): changes(102, 50)},
        20,
    ),
    ThresholdCase(
        "size_limit_level_ratio",
        "0.95",
        "AIOZPinSizeLimitNearing",
        _growing_from(950),
        _growing_from(960),
        1_530,
        every=15,
    ),
    ThresholdCase(
        "size_limit_forecast_seconds",
        "604800",
        "AIOZPinSizeLimitNearing",
        _growing_from(900),
        _growing_from(920),
        1_530,
        every=15,
    ),
    ThresholdCase(
        "count_mismatch_files",
        "3",
        "AIOZPinCountMismatch",
        {key("inventory_unaccounted_files"): steady(-3), key("inventory_malformed_pins"): steady(3)},
        {key("inventory_unaccounted_files"): steady(-3), key("inventory_malformed_pins"): steady(4)},
        90,
        every=5,
    ),
)
NO_NEW_PINS: Final = ThresholdCase(
    "no_new_pins_seconds",
    "21600",
    "AIOZPinNoNewPins",
    {key("newest_pin_timestamp_seconds"): keeps_up(6 * 3_600)},
    {key("newest_pin_timestamp_seconds"): keeps_up(6.1 * 3_600)},
    20,
)
