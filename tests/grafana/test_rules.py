from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dev.grafana.recordings import RECORDINGS
from dev.grafana.rules import ALERTS, rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from tests.grafana.support.alert_case import Case
from tests.grafana.support.data_cases import DATA_CASES
from tests.grafana.support.exporters import ACCOUNT, GIB, RELOADED, WEB_RELOADED, Exporter, Key, key
from tests.grafana.support.polling_cases import POLLING_CASES
from tests.grafana.support.promtool import Group, run_rules, with_alerts, with_thresholds
from tests.grafana.support.scenarios import OF_ONE_ALERT, fires_after_its_wait_and_no_other_alert_does
from tests.grafana.support.signals import Signal, Trouble, changes, counts, keeps_up, steady, vanishes

ALL_CASES = (*DATA_CASES, *POLLING_CASES)
CASES = {case.alert: case for case in ALL_CASES if not case.variant}
ONE = f'job="pins",account="{ACCOUNT}"'
# The replicas of the test report 7 and 5 failed pins; the rest is as in a healthy exporter.
RECORDED: Mapping[str, Mapping[str, float]] = {
    "account:aiozpin_files:max": {"": 102},
    "account:aiozpin_size_bytes:max": {"": 512 * GIB},
    "account_phase:aiozpin_pins:sum": {
        ',phase="pinned"': 99,
        ',phase="in_progress"': 1,
        ',phase="failed"': 7,
        ',phase="removed"': 2,
    },
    "account_phase:aiozpin_stored_bytes:sum": {
        ',phase="pinned"': 99 * GIB,
        ',phase="in_progress"': GIB,
        ',phase="failed"': 0,
        ',phase="removed"': 2 * GIB,
    },
    "account_collector:aiozpin_data_age_seconds:min": {
        ',collector="totals"': 0,
        ',collector="inventory"': 30,
    },
}


def test_each_alert_has_a_case_and_each_case_an_alert() -> None:
    covered = {(case.alert, case.rule.severity) for case in ALL_CASES}
    assert covered == {(alert.name, alert.severity) for alert in ALERTS}


@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_an_alert_fires_for_its_problem_and_for_nothing_else(case: Case, tmp_path: Path) -> None:
    rules = with_thresholds(case.thresholds)
    run_rules(tmp_path, [fires_after_its_wait_and_no_other_alert_does(case)], rules)
    run_rules(tmp_path, [scenario(case) for scenario in OF_ONE_ALERT], with_alerts(case.alert, text=rules))


def test_a_recording_rule_returns_one_value_per_account_whatever_the_replicas(tmp_path: Path) -> None:
    assert set(RECORDED) == set(RECORDINGS)
    failed = key("pins", status="failed", phase="failed")
    inventory = key("last_success_timestamp_seconds", collector="inventory")
    first = Exporter({failed: steady(7), inventory: keeps_up(90)})
    second = Exporter({failed: steady(5), inventory: keeps_up(30)}, labels={"job": "pins", "instance": "two"})
    group = Group("recordings", [first, second])
    for record, samples in RECORDED.items():
        expected = {f"{record}{{{ONE}{labels}}}": value for labels, value in samples.items()}
        group.expect(5, record, expected)

    run_rules(tmp_path, [group])


def test_thresholds_and_recordings_exist_at_the_first_evaluation(tmp_path: Path) -> None:
    at_once: dict[str, Mapping[Key, Signal]] = {
        name: CASES[name].signals
        for name in (
            "AIOZPinBalanceExhausted",
            "AIOZPinPinsFailed",
            "AIOZPinPinsStuck",
            "AIOZPinCountMismatch",
        )
    }
    at_once["AIOZPinSizeLimitNearing"] = {key("size_bytes"): steady(1024 * GIB)}
    groups = []
    for name, signals in at_once.items():
        group = Group(f"{name} at once", [Exporter(signals, Trouble(0))])
        states = f'count by (alertstate) (ALERTS{{alertname="{name}"}})'
        group.expect(0, states, {'{alertstate="pending"}': 1})
        group.expect(0, f"count({RECORD})", {"{}": len(THRESHOLDS)})
        groups.append(group)

    run_rules(tmp_path, groups)


def test_the_rules_may_be_loaded_twice(tmp_path: Path) -> None:
    case = CASES["AIOZPinPinsFailed"]
    group = Group("loaded twice", [case.exporter()])
    group.expect_firing(case.fires_at - 1)
    group.expect_firing(case.fires_at, case.alert)
    # The Prometheus operator adds a namespace label to each copy.
    labelled = rules_yaml().replace(
        "    labels:\n      threshold:", "    labels:\n      namespace: x\n      threshold:"
    )
    other = labelled.replace("- name: aioz-pin", "- name: other")
    assert other != labelled != rules_yaml()

    run_rules(tmp_path, [group], rules_yaml(), other)


def test_a_large_number_is_written_without_an_exponent(tmp_path: Path) -> None:
    case = CASES["AIOZPinPinsFailed"]
    many = Exporter(
        {key("pins", status="failed", phase="failed"): changes(0, 1_234_567)}, Trouble(case.before)
    )
    (expected,) = case.expected(many)
    expected["exp_annotations"]["summary"] = "1234567 pins of account main failed"
    group = Group("many", [many])
    group.expect_alerts(case.fires_at, case.alert, [expected])

    run_rules(tmp_path, [group], with_alerts(case.alert))


def dropped(status: str) -> Mapping[Key, Signal]:
    return {key("pins", status=status, phase="removed"): steady(1)}


@pytest.mark.parametrize(
    ("signals", "minute", "alerts"),
    [
        (dropped("unpinOutOfMoney"), 5, ["AIOZPinBalanceExhausted"]),
        (dropped("UNPINOUTOFMONEY"), 5, ["AIOZPinBalanceExhausted"]),
        (dropped("unpinoutofmoney"), 5, ["AIOZPinBalanceExhausted"]),
        (
            {
                key("up"): steady(0),
                key("poll_failures_total", collector="totals", reason="timeout"): counts(1),
            },
            15,
            ["AIOZPinPollErrorsHigh"],
        ),
        ({RELOADED: steady(0), WEB_RELOADED: steady(0)}, 5, ["AIOZPinConfigReloadFailed"] * 2),
    ],
    ids=["lower and upper case", "upper case", "lower case", "not a rejected key", "both configurations"],
)
def test_these_alerts_fire_and_no_other(
    signals: Mapping[Key, Signal], minute: int, alerts: Sequence[str], tmp_path: Path
) -> None:
    group = Group(f"{alerts}", [Exporter(signals)])
    group.expect_firing(minute, *alerts)

    run_rules(tmp_path, [group])


def test_unreadable_files_of_an_exporter_that_is_gone_no_longer_count(tmp_path: Path) -> None:
    alert = "AIOZPinCredentialFilesUnreadable"
    unreadable = key("file_read_failures_total", files="keys")
    group = Group("gone", [Exporter({unreadable: vanishes(counts(1))}, Trouble(50), vanishes=True)])
    group.expect_number_firing(49, alert, 1)
    group.expect_number_firing(50, alert, 0)

    run_rules(tmp_path, [group], with_alerts(alert))


def test_an_alert_fires_where_there_never_was_an_exporter(tmp_path: Path) -> None:
    alert = "AIOZPinExporterAbsent"
    annotations = CASES[alert].expected(Exporter())[0]["exp_annotations"]
    expected = {
        "exp_labels": {"severity": "critical"},
        "exp_annotations": {**annotations, "summary": "Prometheus has no pin-exporter to scrape"},
    }
    group = Group("nowhere", [])
    group.expect_firing(14)
    group.expect_alerts(15, alert, [expected])

    run_rules(tmp_path, [group])
