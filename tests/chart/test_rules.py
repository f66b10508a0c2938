import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.chart.files import CHART
from tests.chart.helm import CI_VALUES, SECRET, Helm, HelmError, has, only, read_yaml
from tests.support.tools import require_tool

SHIPPED = read_yaml(CHART / "files" / "rules.yml")["groups"]
RULES = [rule for group in SHIPPED for rule in group["rules"]]
ALERTS = {f"{rule['alert']}/{rule['labels']['severity']}": rule for rule in RULES if "alert" in rule}
THRESHOLDS = {
    rule["labels"]["threshold"]: rule for rule in RULES if rule.get("record") == "aiozpin:alert_threshold"
}


def groups(helm: Helm, **values: Any) -> list[dict[str, Any]]:
    """Return the groups of the PrometheusRule with these values for it."""
    objects = helm.template({**SECRET, "prometheusRule": {"enabled": True, **values}})
    found: list[dict[str, Any]] = only(objects, "PrometheusRule")["spec"]["groups"]
    return found


def rules(helm: Helm, **values: Any) -> list[dict[str, Any]]:
    """Return the rules of the shipped groups."""
    return [rule for group in groups(helm, **values)[: len(SHIPPED)] for rule in group["rules"]]


def test_without_changes_the_rules_are_the_shipped_ones(each_helm: Helm) -> None:
    assert groups(each_helm) == SHIPPED


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.name)
def test_prometheus_takes_the_rules(helm: Helm, path: Path, tmp_path: Path) -> None:
    promtool = require_tool("promtool", "prometheus")
    objects = helm.template(read_yaml(path))
    assert has(objects, "PrometheusRule") == ("prometheusRule" in read_yaml(path))
    if has(objects, "PrometheusRule"):
        rendered = tmp_path / "rules.yml"
        rendered.write_text(yaml.safe_dump(only(objects, "PrometheusRule")["spec"]))
        done = subprocess.run(
            [promtool, "check", "rules", str(rendered)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_can_be_disabled_and_no_other_goes_with_it(helm: Helm, name: str) -> None:
    left = rules(helm, alerts={name: {"enabled": False}})
    assert left == [rule for rule in RULES if rule is not ALERTS[name]]


def test_a_group_without_rules_is_left_out(helm: Helm) -> None:
    alerts = {rule["alert"]: {"enabled": False} for rule in ALERTS.values()}
    left = [group["name"] for group in groups(helm, alerts=alerts)]
    recording = [group["name"] for group in SHIPPED if any("record" in rule for rule in group["rules"])]
    assert left == recording != [group["name"] for group in SHIPPED]


def test_a_change_by_name_is_for_all_severities_and_one_by_severity_goes_before_it(helm: Helm) -> None:
    stale = "AIOZPinDataStale"
    assert not [
        rule for rule in rules(helm, alerts={stale: {"enabled": False}}) if rule.get("alert") == stale
    ]
    changes = {stale: {"for": "1h"}, f"{stale}/critical": {"for": "2h", "severity": "page"}}
    changed = [rule for rule in rules(helm, alerts=changes) if rule.get("alert") == stale]
    assert [(rule["for"], rule["labels"]["severity"]) for rule in changed] == [
        ("1h", "warning"),
        ("2h", "page"),
    ]


def test_severity_time_and_labels_of_each_alert_can_be_changed(each_helm: Helm) -> None:
    changes = {
        name: {"severity": f"s{i}", "for": f"{i + 1}h", "labels": {"only": name}}
        for i, name in enumerate(ALERTS)
    }
    changed = [rule for rule in rules(each_helm, alerts=changes) if "alert" in rule]
    for name, rule in zip(ALERTS, changed, strict=True):
        assert rule["for"] == changes[name]["for"]
        assert rule["labels"] == {"severity": changes[name]["severity"], "only": name}
        assert rule["expr"] == ALERTS[name]["expr"]


def test_each_threshold_can_be_changed(each_helm: Helm) -> None:
    numbers: dict[str, float | str] = {name: 1_000_000 + i for i, name in enumerate(THRESHOLDS)}
    numbers["size_limit_level_ratio"] = 0.75
    numbers["no_new_pins_seconds"] = "Inf"
    found = {
        rule["labels"]["threshold"]: rule["expr"]
        for rule in rules(each_helm, thresholds=numbers)
        if rule.get("record") == "aiozpin:alert_threshold"
    }
    assert found == {name: f"vector({number})" for name, number in numbers.items()}


@pytest.mark.parametrize("value", ["https://a.example.com", "https://a.example.com/"])
@pytest.mark.parametrize(("name", "link"), [("grafanaUrl", "dashboard_url"), ("exporterUrl", "runbook_url")])
def test_an_address_goes_before_the_paths_of_links(helm: Helm, name: str, link: str, value: str) -> None:
    alerts = [rule for rule in rules(helm, **{name: value}) if "alert" in rule]
    for shipped, rule in zip(ALERTS.values(), alerts, strict=True):
        assert rule["annotations"][link] == f"https://a.example.com{shipped['annotations'][link]}"


def test_labels_for_all_alerts_leave_recorded_series_alone(helm: Helm) -> None:
    for rule in rules(helm, alertLabels={"team": "storage"}):
        assert ("team" in rule.get("labels", {})) == ("alert" in rule)


def test_an_additional_group_is_not_a_template(each_helm: Helm) -> None:
    annotation = '{{ $labels.account }} {{ printf "%.2f" $value }}'
    ours = {"name": "ours", "rules": [{"alert": "A", "expr": "up", "annotations": {"summary": annotation}}]}
    assert groups(each_helm, additionalGroups=[ours]) == [*SHIPPED, ours]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"alerts": {"AIOZPinBalanceExausted": {"enabled": False}}},
            "unknown alert AIOZPinBalanceExausted; known are ",
        ),
        ({"thresholds": {"stuck": 1}}, "unknown threshold stuck; known are failed_pins, "),
        ({"additionalGroups": [{"name": SHIPPED[0]["name"], "rules": []}]}, "duplicate name"),
        ({"alerts": {"AIOZPinBalanceExhausted": {"severty": "page"}}}, "severty"),
    ],
)
def test_a_change_that_would_change_nothing_is_refused(helm: Helm, values: dict[str, Any], told: str) -> None:
    with pytest.raises(HelmError, match=told):
        groups(helm, **values)
