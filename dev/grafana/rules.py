"""Build the rule file: thresholds, recording rules and alerts, in one group and in this order.

Prometheus evaluates the rules of a group in order, so each rule sees the results of those above it.
"""

from typing import Any, Final

import promql_parser

from dev.grafana.alert import Alert
from dev.grafana.data_alerts import DATA_ALERTS
from dev.grafana.panels import UID
from dev.grafana.polling_alerts import POLLING_ALERTS
from dev.grafana.recordings import RECORDINGS
from dev.grafana.thresholds import RECORD, THRESHOLDS, Threshold
from dev.project import DOCUMENTS
from dev.yaml_text import yaml_text

ALERTS: Final = (*DATA_ALERTS, *POLLING_ALERTS)
GROUP: Final = "aioz-pin"
_HEAD: Final = """\
# Recording and alerting rules for pin-exporter, for the `rule_files` of the Prometheus configuration.
#
# Change the thresholds below to your needs, and leave the rest alone. Each alert has a runbook.
# `dashboard_url` is a path: prepend the URL of your Grafana.
"""


def rules_yaml() -> str:
    """Return the rule file."""
    rules = [*map(_constant, THRESHOLDS), *(_recording(*item) for item in RECORDINGS.items())]
    rules += [_alert(alert) for alert in ALERTS]
    written = yaml_text({"groups": [{"name": GROUP, "rules": rules}]})
    for threshold in THRESHOLDS:
        line = f"      threshold: {threshold.name}\n"
        written = written.replace(line, f"      threshold: {threshold.name} # {threshold.meaning}\n")
    return _HEAD + written


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
            "runbook_url": f"{DOCUMENTS}/runbooks/{alert.name}.md",
            "dashboard_url": f"/d/{UID}{account}",
        },
    }


def _pretty(expression: str) -> str:
    pretty: str = promql_parser.parse(expression).prettify()
    return pretty + "\n" if "\n" in pretty else pretty
