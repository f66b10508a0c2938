import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from dev.grafana.rules import rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from tests.grafana.support.exporters import Exporter, Key, key
from tests.grafana.support.promtool import Group, changed, run_rules
from tests.grafana.support.signals import Signal, Trouble, keeps_up
from tests.grafana.support.threshold_cases import MOVED, NOTHING_NEW, Moved

YEAR_SECONDS = 365 * 86_400


def scene(moved: Moved, name: str, signals: Mapping[Key, Signal], *, fires: bool) -> Group:
    """Return what comes of the series, with a trouble from the third minute on."""
    group = Group(f"{moved.threshold}: {name}", [Exporter(signals, Trouble(2))], every=moved.every)
    expected = {"{}": 1.0} if fires else {}
    selector = f'ALERTS{{alertname="{moved.alert}",severity=~"{moved.severity}",alertstate="firing"}}'
    group.expect(moved.until, f"count({selector})", expected)
    return group


def test_each_threshold_has_a_case_and_each_case_a_threshold() -> None:
    assert sorted(moved.threshold for moved in (*MOVED, NOTHING_NEW)) == sorted(t.name for t in THRESHOLDS)


def test_as_delivered_the_alerts_fire_for_all_that_the_cases_put_up_with(tmp_path: Path) -> None:
    groups = [scene(moved, "as delivered", moved.below, fires=True) for moved in MOVED]

    run_rules(tmp_path, groups)


def test_as_delivered_no_alert_fires_however_long_nothing_new_is_pinned(tmp_path: Path) -> None:
    newest = key("newest_pin_timestamp_seconds")

    run_rules(tmp_path, [scene(NOTHING_NEW, "off", {newest: keeps_up(20 * YEAR_SECONDS)}, fires=False)])


@pytest.mark.parametrize("moved", [*MOVED, NOTHING_NEW], ids=lambda moved: moved.threshold)
def test_a_threshold_that_is_changed_in_the_file_moves_its_alert(moved: Moved, tmp_path: Path) -> None:
    below = scene(moved, "below", moved.below, fires=False)
    above = scene(moved, "above", moved.above, fires=True)

    run_rules(tmp_path, [below, above], changed({moved.threshold: moved.value}))


def test_nothing_else_changes_with_a_threshold_and_the_file_stays_readable() -> None:
    before, edited = rules_yaml(), changed({"stale_warning_intervals": "7"})

    lines = zip(before.splitlines(), edited.splitlines(), strict=True)
    assert [line for line in lines if line[0] != line[1]] == [("    expr: vector(3)", "    expr: vector(7)")]
    assert yaml.safe_load(edited)["groups"][0]["rules"][0]["expr"] == "vector(7)"


def test_each_threshold_says_in_the_file_what_it_means() -> None:
    written = re.findall(
        rf"  - record: {RECORD}\n    labels:\n      threshold: (\w+) # (.+)\n    expr: vector\((.+)\)\n",
        rules_yaml(),
    )

    assert written == [(threshold.name, threshold.meaning, threshold.value) for threshold in THRESHOLDS]
