import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from dev.grafana.rules import rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from tests.grafana.support.exporters import Exporter, Key, key
from tests.grafana.support.promtool import Group, run_rules, with_alerts, with_thresholds
from tests.grafana.support.signals import Signal, Trouble, keeps_up
from tests.grafana.support.threshold_cases import NO_NEW_PINS, THRESHOLD_CASES, ThresholdCase

YEAR_SECONDS = 365 * 86_400
ALL_CASES = (*THRESHOLD_CASES, NO_NEW_PINS)


def check(
    case: ThresholdCase, rules: str, directory: Path, *expected: tuple[Mapping[Key, Signal], bool]
) -> None:
    """Check that the alert fires or not for the series, with a problem from the third minute on."""
    groups = []
    for signals, fires in expected:
        group = Group(case.threshold, [Exporter(signals, Trouble(2))], every=case.every)
        selector = f'ALERTS{{alertname="{case.alert}",severity=~"{case.severity}",alertstate="firing"}}'
        group.expect(case.until, f"count({selector})", {"{}": 1.0} if fires else {})
        groups.append(group)
    run_rules(directory, groups, with_alerts(case.alert, text=rules))


def test_each_threshold_has_a_case_and_each_case_a_threshold() -> None:
    assert sorted(case.threshold for case in ALL_CASES) == sorted(t.name for t in THRESHOLDS)


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.threshold)
def test_a_threshold_that_is_changed_in_the_file_moves_its_alert(case: ThresholdCase, tmp_path: Path) -> None:
    rules = with_thresholds({case.threshold: case.value})
    check(case, rules, tmp_path, (case.below, False), (case.above, True))
    # With the default threshold, what is tolerated above fires; this alert is off by default.
    check(case, rules_yaml(), tmp_path, (case.below, case is not NO_NEW_PINS))


def test_by_default_no_alert_fires_however_old_the_newest_pin_is(tmp_path: Path) -> None:
    newest = key("newest_pin_timestamp_seconds")
    check(NO_NEW_PINS, rules_yaml(), tmp_path, ({newest: keeps_up(20 * YEAR_SECONDS)}, False))


def test_changing_a_threshold_changes_nothing_else_and_keeps_the_file_valid() -> None:
    before, edited = rules_yaml(), with_thresholds({"stale_warning_intervals": "7"})

    lines = zip(before.splitlines(), edited.splitlines(), strict=True)
    assert [line for line in lines if line[0] != line[1]] == [("    expr: vector(3)", "    expr: vector(7)")]


def test_each_threshold_has_its_meaning_as_a_comment_in_the_file() -> None:
    written = re.findall(
        rf"  - record: {RECORD}\n    labels:\n      threshold: (\w+) # (.+)\n    expr: vector\((.+)\)\n",
        rules_yaml(),
    )

    assert written == [(threshold.name, threshold.meaning, threshold.value) for threshold in THRESHOLDS]
