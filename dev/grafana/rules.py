"""Build the rule file: groups of thresholds, recording rules and alerts.

Prometheus evaluates the rules of a group in order, but groups in any order: a group begins with all that its
alerts use.
"""

import re
from typing import Any, Final, NamedTuple

import promql_parser

from dev.grafana.alert import Alert
from dev.grafana.data_alerts import PIN_ALERTS, SIZE_ALERTS, THERE_ALERTS
from dev.grafana.panels import UID
from dev.grafana.polling_alerts import COUNT_ALERTS, EXPORTER_ALERTS, POLLING_ALERTS
from dev.grafana.recordings import DATA_AGE, FILES, PINS, RECORDINGS, SIZE, STORED_BYTES
from dev.grafana.thresholds import RECORD, THRESHOLDS, Threshold
from dev.yaml_text import yaml_text


class RuleGroup(NamedTuple):
    """A group of rules: the question that its alerts answer, and the series that it records."""

    name: str
    question: str
    records: tuple[str, ...]
    alerts: tuple[Alert, ...]

    @property
    def thresholds(self) -> list[Threshold]:
        """Return the thresholds of its alerts."""
        used = {name for alert in self.alerts for name in re.findall(r'threshold="(\w+)"', alert.expression)}
        return [threshold for threshold in THRESHOLDS if threshold.name in used]


GROUPS: Final = (
    RuleGroup("aioz-pin-pins", "Is the data safely pinned?", (FILES, PINS), PIN_ALERTS),
    RuleGroup("aioz-pin-there", "Is it all still there?", (), THERE_ALERTS),
    RuleGroup(
        "aioz-pin-size", "Does the data fit, and what does it cost?", (SIZE, STORED_BYTES), SIZE_ALERTS
    ),
    RuleGroup("aioz-pin-exporter", "Are the exporters running?", (), EXPORTER_ALERTS),
    RuleGroup("aioz-pin-polls", "Are the numbers current?", (DATA_AGE,), POLLING_ALERTS),
    RuleGroup("aioz-pin-counts", "Is each pin counted exactly once?", (), COUNT_ALERTS),
)
ALERTS: Final = tuple(alert for group in GROUPS for alert in group.alerts)
_HEAD: Final = """\
# Recording and alerting rules for pin-exporter, for the `rule_files` of the Prometheus configuration.
#
# Each group begins with the thresholds of its alerts: change them to your needs, and leave the rest alone.
# `dashboard_url` and `runbook_url` are paths: prepend the URLs of your Grafana and of an exporter.
"""


def rules_yaml() -> str:
    """Return the rule file."""
    written = yaml_text({"groups": [{"name": group.name, "rules": _rules(group)} for group in GROUPS]})
    for group in GROUPS:
        written = written.replace(f"- name: {group.name}\n", f"# {group.question}\n- name: {group.name}\n")
    for threshold in THRESHOLDS:
        line = f"      threshold: {threshold.name}\n"
        written = written.replace(line, f"      threshold: {threshold.name} # {threshold.meaning}\n")
    return _HEAD + written


def _rules(group: RuleGroup) -> list[dict[str, Any]]:
    recordings = [_recording(name, RECORDINGS[name]) for name in group.records]
    return [*map(_constant, group.thresholds), *recordings, *map(_alert, group.alerts)]


def _constant(threshold: Threshold) -> dict[str, Any]:
    return {"record": RECORD, "labels": {"threshold": threshold.name}, "expr": f"vector({threshold.value})"}


def _recording(name: str, expression: str) -> dict[str, Any]:
    return {"record": name, "expr": _pretty(expression)}


def _alert(alert: Alert) -> dict[str, Any]:
    account = "?var-account={{ $labels.account | urlquery }}" if alert.on_account else ""
    return {
        "alert": alert.name,
        "expr": _pretty(alert.expression),
        "for": alert.wait,
        "labels": {"severity": alert.severity.value},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"/runbooks/{alert.name}",
            "dashboard_url": f"/d/{UID}{account}",
        },
    }


def _pretty(expression: str) -> str:
    pretty: str = promql_parser.parse(expression).prettify()
    return pretty + "\n" if "\n" in pretty else pretty
