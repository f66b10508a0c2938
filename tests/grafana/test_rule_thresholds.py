"""Each threshold, changed in the file, moves its alert: values just below and just above it."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from dev.grafana.rules import rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from tests.grafana.support.exporters import GIB, Exporter, Key, key
from tests.grafana.support.promtool import Group, run_rules, with_alerts, with_thresholds
from tests.grafana.support.signals import Signal, Trouble, changes, counts, keeps_up, steady

DAY_SECONDS = 86_400
Signals = Mapping[Key, Signal]


class ThresholdCase(NamedTuple):
    """Another value of a threshold, and what `signals` returns just `below` and just `above` it.

    Times are minutes: the alert is checked at `until`, rules are evaluated `every` so many.
    """

    threshold: str
    value: str
    alert: str
    signals: Callable[[float], Signals]
    below: float
    above: float
    until: int
    every: int = 1
    severity: str = ".+"


def last_success(seconds_ago: float) -> Signals:
    return {key("last_success_timestamp_seconds", collector="totals"): keeps_up(seconds_ago)}


def failures(reason: str, a_minute: float) -> Signals:
    return {key("poll_failures_total", collector="inventory", reason=reason): counts(a_minute)}


def rate_limited_requests(a_minute: float) -> Signals:
    return {key("api_requests_total", operation="list", code="429"): counts(a_minute)}


def pins(status: str, phase: str, number: float) -> Signals:
    return {key("pins", status=status, phase=phase): steady(number)}


def oldest_unfinished(days_ago: float) -> Signals:
    return {key("oldest_unfinished_pin_timestamp_seconds"): keeps_up(days_ago * DAY_SECONDS)}


def newest(hours_ago: float) -> Signals:
    return {key("newest_pin_timestamp_seconds"): keeps_up(hours_ago * 3_600)}


def dropping_to(files: float) -> Signals:
    return {key("files"): changes(102, files)}


def growing_from(gib: float) -> Signals:
    """Return a size that grows by 14.4 GiB a day, so that 14 days bring it about 200 GiB."""

    def size(minute: int, _trouble: Trouble) -> float:
        return (gib + minute / 100) * GIB

    return {key("size_bytes"): size}


def mismatch(malformed: float) -> Signals:
    return {
        key("inventory_unaccounted_files"): steady(-3),
        key("inventory_malformed_pins"): steady(malformed),
    }


def missing(number: float) -> Signals:
    return {key("expected_cids", state="missing"): steady(number)}


def unretrievable(number: float) -> Signals:
    return {key("unretrievable_cids"): steady(number)}


def cost(usd: float) -> Signals:
    return {key("billing_cost_usd", item="storage"): steady(usd)}


STALE, NEAR_LIMIT = "AIOZPinDataStale", "AIOZPinSizeLimitNearing"
FAILED, EXHAUSTED = partial(pins, "failed", "failed"), partial(pins, "unpinOutOfMoney", "removed")
TIMEOUTS, INCONSISTENT = partial(failures, "timeout"), partial(failures, "inconsistent")
NO_NEW_PINS = ThresholdCase("no_new_pins_seconds", "21600", "AIOZPinNoNewPins", newest, 6, 6.1, 20)
COST = ThresholdCase("month_cost_usd", "25", "AIOZPinCostHigh", cost, 25, 26, 70)
OFF = (NO_NEW_PINS, COST)
"""Their alerts are off by default."""
CASES = (
    ThresholdCase("stale_warning_intervals", "5", STALE, last_success, 300, 330, 20),
    ThresholdCase(
        "stale_critical_intervals", "20", STALE, last_success, 1_200, 1_230, 40, severity="critical"
    ),
    ThresholdCase("poll_failure_ratio", "0.5", "AIOZPinPollErrorsHigh", TIMEOUTS, 0.45, 0.55, 30),
    ThresholdCase(
        "inconsistent_ratio", "0.8", "AIOZPinInventoryInconsistent", INCONSISTENT, 0.75, 0.85, 90, 5
    ),
    # 0.4 of 2.4 requests are a sixth of them.
    ThresholdCase("rate_limited_ratio", "0.2", "AIOZPinThrottled", rate_limited_requests, 0.4, 0.6, 30),
    ThresholdCase("failed_pins", "5", "AIOZPinPinsFailed", FAILED, 5, 6, 20),
    ThresholdCase("balance_exhausted_pins", "5", "AIOZPinBalanceExhausted", EXHAUSTED, 5, 6, 10),
    ThresholdCase("stuck_seconds", "864000", "AIOZPinPinsStuck", oldest_unfinished, 10, 10.1, 20),
    ThresholdCase("dropped_files_ratio", "0.5", "AIOZPinFilesDropped", dropping_to, 51, 50, 20),
    ThresholdCase("size_limit_level_ratio", "0.95", NEAR_LIMIT, growing_from, 950, 960, 1_530, 15),
    ThresholdCase("size_limit_forecast_seconds", "604800", NEAR_LIMIT, growing_from, 900, 920, 1_530, 15),
    ThresholdCase("count_mismatch_files", "3", "AIOZPinCountMismatch", mismatch, 3, 4, 90, 5),
    ThresholdCase("missing_cids", "5", "AIOZPinExpectedMissing", missing, 5, 6, 20),
    ThresholdCase("unretrievable_cids", "5", "AIOZPinRetrievalFailing", unretrievable, 5, 6, 20),
    *OFF,
)


def check(case: ThresholdCase, rules: str, directory: Path, *expected: tuple[float, bool]) -> None:
    """Check whether the alert fires for each value, with a problem from the third minute on."""
    groups = []
    for value, fires in expected:
        group = Group(case.threshold, [Exporter(case.signals(value), Trouble(2))], every=case.every)
        selector = f'ALERTS{{alertname="{case.alert}",severity=~"{case.severity}",alertstate="firing"}}'
        group.expect(case.until, f"count({selector})", {"{}": 1.0} if fires else {})
        groups.append(group)
    run_rules(directory, groups, with_alerts(case.alert, text=rules))


def test_each_threshold_has_a_case_and_each_case_a_threshold() -> None:
    assert sorted(case.threshold for case in CASES) == sorted(t.name for t in THRESHOLDS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.threshold)
def test_a_threshold_that_is_changed_in_the_file_moves_its_alert(case: ThresholdCase, tmp_path: Path) -> None:
    rules = with_thresholds({case.threshold: case.value})
    check(case, rules, tmp_path, (case.below, False), (case.above, True))
    # With the default threshold, what is tolerated above fires; unless the alert is off by default.
    check(case, rules_yaml(), tmp_path, (case.below, case not in OFF))


def test_by_default_no_alert_fires_however_old_the_newest_pin_is(tmp_path: Path) -> None:
    check(NO_NEW_PINS, rules_yaml(), tmp_path, (20 * 365 * 24, False))


def test_each_threshold_has_its_meaning_as_a_comment_in_the_file() -> None:
    written = re.findall(
        rf"  - record: {RECORD}\n    labels:\n      threshold: (\w+) # (.+)\n    expr: vector\((.+)\)\n",
        rules_yaml(),
    )

    assert written == [(threshold.name, threshold.meaning, threshold.value) for threshold in THRESHOLDS]
