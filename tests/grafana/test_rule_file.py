import re
from collections.abc import Mapping
from pathlib import Path

import promql_parser
import pytest
import yaml

from dev.grafana.promql import EXPORTER, known_series
from dev.grafana.recordings import RECORDINGS
from dev.grafana.rules import ALERTS, rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from dev.project import ROOT
from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import VOCABULARIES, Collector, Phase
from tests.grafana.support.promql import Selector, nodes, selectors
from tests.support.tools import run_promtool

RULES = yaml.safe_load(rules_yaml())["groups"][0]["rules"]
NAMED = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES]
OURS = {**dict.fromkeys(RECORDINGS, ("account", "phase", "collector")), RECORD: ("threshold",), "up": ()}
# Labels with a fixed set of values.
VALUES: Mapping[str, set[str]] = {
    "phase": set(Phase),
    "status": {word for words in VOCABULARIES for word in words},
    "collector": set(Collector),
    "reason": set(REASONS),
    "threshold": {threshold.name for threshold in THRESHOLDS},
    "code": {"429"},
    "operation": {collector.operation for collector in Collector},
}

each_rule = pytest.mark.parametrize(("name", "expression"), NAMED, ids=[name for name, _ in NAMED])


def labels_of(selector: Selector) -> set[str]:
    return {*{**known_series(), **OURS}[selector.name], *EXPORTER}


def test_the_published_file_is_what_the_generator_makes() -> None:
    assert (ROOT / "grafana" / "rules.yml").read_bytes() == rules_yaml().encode()


def test_prometheus_finds_no_fault_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")

    run_promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml")


def test_thresholds_come_first_then_recordings_then_alerts() -> None:
    written = [rule.get("alert") or rule["record"] for rule in RULES]

    assert written == [*[RECORD] * len(THRESHOLDS), *RECORDINGS, *(alert.name for alert in ALERTS)]


def test_each_alert_has_all_labels_and_annotations() -> None:
    for rule in RULES:
        if "alert" in rule:
            assert list(rule) == ["alert", "expr", "for", "labels", "annotations"]
            assert list(rule["labels"]) == ["severity"]
            assert list(rule["annotations"]) == ["summary", "description", "runbook_url", "dashboard_url"]


@each_rule
def test_each_series_and_label_in_a_rule_exists(name: str, expression: str) -> None:
    for selector in selectors(expression):
        assert {label for label, _, _ in selector.matchers} <= labels_of(selector), name


@each_rule
def test_each_label_value_in_a_rule_exists(name: str, expression: str) -> None:
    for selector in selectors(expression):
        for label, _, value in selector.matchers:
            words = re.sub(r"^\(\?i:(.*)\)$", r"\1", value).split("|")
            assert {*words} <= VALUES[label], name


@each_rule
def test_a_rule_aggregates_by_labels_that_its_series_have(name: str, expression: str) -> None:
    known = {label for selector in selectors(expression) for label in labels_of(selector)}

    for node in nodes(expression):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            assert {*node.modifier.labels} <= known, name


def test_each_threshold_is_used() -> None:
    found = [selector for _, expression in NAMED for selector in selectors(expression)]

    assert {value for each in found for label, _, value in each.matchers if label == "threshold"} == VALUES[
        "threshold"
    ]
