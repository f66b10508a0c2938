import re
from collections.abc import Mapping
from pathlib import Path

import promql_parser
import yaml

from dev.grafana.promql import EXPORTER, known_series
from dev.grafana.recordings import RECORDINGS
from dev.grafana.rules import ALERTS, rules_yaml
from dev.grafana.thresholds import RECORD, THRESHOLDS
from dev.project import ROOT
from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import VOCABULARIES, Collector, Phase
from pin_exporter.inventory.expected import ExpectedState
from pin_exporter.retrieval.samples import Result
from tests.grafana.support.promql import Selector, nodes, selectors
from tests.support.tools import run_promtool

MAX_RULES = 20
"""How many rules of a group Mimir and Cortex accept by default."""
GROUPS = yaml.safe_load(rules_yaml())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
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
    "state": set(ExpectedState),
    "result": set(Result),
}


def labels_of(selector: Selector) -> set[str]:
    return {*{**known_series(), **OURS}[selector.name], *EXPORTER}


def recorded(selector: Selector) -> str:
    """Return what a selector selects: a series, or a threshold."""
    return next((value for label, _, value in selector.matchers if label == "threshold"), selector.name)


def test_the_published_file_is_what_the_generator_makes() -> None:
    assert (ROOT / "grafana" / "rules.yml").read_bytes() == rules_yaml().encode(), "run `make grafana`"


def test_prometheus_finds_no_fault_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")

    run_promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml")


def test_mimir_and_cortex_accept_each_group() -> None:
    assert all(len(group["rules"]) <= MAX_RULES for group in GROUPS)
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)


def test_each_group_first_makes_what_its_alerts_use_and_nothing_is_made_twice() -> None:
    made_anywhere: list[str] = []
    for group in GROUPS:
        made: list[str] = []
        for rule in group["rules"]:
            used = {recorded(each) for each in selectors(rule["expr"])}
            assert used & {*RECORDINGS, *VALUES["threshold"]} <= {*made}, rule
            if "record" in rule:
                made.append(rule.get("labels", {}).get("threshold", rule["record"]))
        order = [(rule.get("record") != RECORD, "alert" in rule) for rule in group["rules"]]
        assert order == sorted(order), "thresholds, then recordings, then alerts"
        made_anywhere += made
    assert sorted(made_anywhere) == sorted([*RECORDINGS, *VALUES["threshold"]])
    assert [rule["alert"] for rule in RULES if "alert" in rule] == [alert.name for alert in ALERTS]


def test_each_alert_has_all_labels_and_annotations() -> None:
    for rule in RULES:
        if "alert" in rule:
            assert list(rule) == ["alert", "expr", "for", "labels", "annotations"]
            assert list(rule["labels"]) == ["severity"]
            assert list(rule["annotations"]) == ["summary", "description", "runbook_url", "dashboard_url"]


def test_each_series_label_and_label_value_in_a_rule_exists() -> None:
    for name, expression in NAMED:
        for selector in selectors(expression):
            assert {label for label, _, _ in selector.matchers} <= labels_of(selector), name
            for label, _, value in selector.matchers:
                words = re.sub(r"^\(\?i:(.*)\)$", r"\1", value).split("|")
                assert {*words} <= VALUES[label], name


def test_a_rule_aggregates_by_labels_that_its_series_have() -> None:
    for name, expression in NAMED:
        known = {label for selector in selectors(expression) for label in labels_of(selector)}
        for node in nodes(expression):
            if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
                assert {*node.modifier.labels} <= known, name


def test_each_threshold_is_used() -> None:
    used = {recorded(each) for _, expression in NAMED for each in selectors(expression)}

    assert used >= VALUES["threshold"]
