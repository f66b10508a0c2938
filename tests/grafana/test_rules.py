from collections.abc import Mapping
from pathlib import Path

import pytest

from dev.grafana.recordings import RECORDINGS
from dev.grafana.rules import ALERTS, GROUP, rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from tests.grafana.support.alert_case import Case
from tests.grafana.support.data_cases import DATA_CASES
from tests.grafana.support.exporters import ACCOUNT, GIB, RELOADED, WEB_RELOADED, Exporter, Key, key
from tests.grafana.support.polling_cases import POLLING_CASES
from tests.grafana.support.promtool import Group, changed, run_rules
from tests.grafana.support.scenarios import SCENARIOS
from tests.grafana.support.signals import Signal, Trouble, changes, counts, keeps_up, steady, vanishes

ALL_CASES = (*DATA_CASES, *POLLING_CASES)
CASES = {case.alert: case for case in ALL_CASES if not case.way}
ONE = f'job="pins",account="{ACCOUNT}"'
# What the two replicas of a test show: 7 and 5 failed pins, the rest as in a healthy exporter.
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
def test_an_alert_tells_of_its_trouble_and_of_nothing_else(case: Case, tmp_path: Path) -> None:
    run_rules(tmp_path, [scenario(case) for scenario in SCENARIOS], changed(case.thresholds))


def test_a_recording_gives_one_value_an_account_whatever_the_replicas(tmp_path: Path) -> None:
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


def test_at_the_very_first_evaluation_nothing_is_missing(tmp_path: Path) -> None:
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
        group.expect(
            0, f'count by (alertstate) (ALERTS{{alertname="{name}"}})', {'{alertstate="pending"}': 1}
        )
        group.expect(0, f"count({RECORD})", {"{}": len(THRESHOLDS)})
        groups.append(group)

    run_rules(tmp_path, groups)


def test_the_rules_may_be_loaded_twice(tmp_path: Path) -> None:
    case = CASES["AIOZPinPinsFailed"]
    group = Group("loaded twice", [case.exporter()])
    group.expect(case.fires - 1, 'sum by (alertname) (ALERTS{alertstate="firing"})', {})
    group.expect_firing(case.fires, case.alert)
    # The Prometheus operator gives each copy the label of its namespace.
    labelled = rules_yaml().replace(
        "    labels:\n      threshold:", "    labels:\n      namespace: x\n      threshold:"
    )
    other = labelled.replace(f"- name: {GROUP}\n", "- name: other\n")
    assert other != labelled != rules_yaml()

    run_rules(tmp_path, [group], rules_yaml(), other)


def test_many_are_written_as_people_write_them(tmp_path: Path) -> None:
    case = CASES["AIOZPinPinsFailed"]
    many = Exporter(
        {key("pins", status="failed", phase="failed"): changes(0, 1_234_567)}, Trouble(case.before)
    )
    (told,) = case.told(many)
    told["exp_annotations"]["summary"] = "1234567 pins of account main failed"
    group = Group("many", [many])
    group.expect_alerts(case.fires, case.alert, [told])

    run_rules(tmp_path, [group])


@pytest.mark.parametrize("word", ["unpinOutOfMoney", "UNPINOUTOFMONEY", "unpinoutofmoney"])
def test_lack_of_funds_is_known_in_any_case_of_letters(word: str, tmp_path: Path) -> None:
    group = Group(word, [Exporter({key("pins", status=word, phase="removed"): steady(1)})])
    group.expect_firing(5, "AIOZPinBalanceExhausted")

    run_rules(tmp_path, [group])


def test_a_poll_that_fails_for_another_reason_is_no_refused_key(tmp_path: Path) -> None:
    timeout = key("poll_failures_total", collector="totals", reason="timeout")
    group = Group("another reason", [Exporter({key("up"): steady(0), timeout: counts(1)})])
    group.expect_firing(15, "AIOZPinPollErrorsHigh")

    run_rules(tmp_path, [group])


def test_unreadable_files_of_an_exporter_that_is_gone_are_forgotten(tmp_path: Path) -> None:
    unreadable = key("file_read_failures_total", files="keys")
    group = Group("gone", [Exporter({unreadable: vanishes(counts(1))}, Trouble(50), vanishes=True)])
    told = 'count(ALERTS{alertname="AIOZPinCredentialFilesUnreadable",alertstate="firing"})'
    group.expect(49, told, {"{}": 1})
    group.expect(50, told, {})

    run_rules(tmp_path, [group])


def test_both_configurations_may_be_refused_at_once(tmp_path: Path) -> None:
    group = Group("both", [Exporter({RELOADED: steady(0), WEB_RELOADED: steady(0)})])
    told = 'count by (config) (ALERTS{alertname="AIOZPinConfigReloadFailed",alertstate="firing"})'
    group.expect(5, told, {'{config="config file"}': 1, '{config="web config"}': 1})

    run_rules(tmp_path, [group])


def test_where_there_never_was_an_exporter_that_is_told(tmp_path: Path) -> None:
    group = Group("nowhere", [])
    group.expect(14, 'ALERTS{alertstate="firing"}', {})
    told = {
        "exp_labels": {"severity": "critical"},
        "exp_annotations": {
            **CASES["AIOZPinExporterAbsent"].told(Exporter())[0]["exp_annotations"],
            "summary": "Prometheus has no pin-exporter to scrape",
        },
    }
    group.expect_alerts(15, "AIOZPinExporterAbsent", [told])

    run_rules(tmp_path, [group])
