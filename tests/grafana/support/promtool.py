"""Run the rules on made-up series with `promtool test rules`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dev.grafana.rules import rules_yaml
from tests.grafana.support.exporters import Exporter
from tests.support.tools import run_promtool


@dataclass
class Group:
    """Exporters, and what the rules make of them. Times are minutes; rules are evaluated `every` so many."""

    name: str
    exporters: Sequence[Exporter]
    every: int = 1
    last: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def expect_alerts(self, minute: int, name: str, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Expect exactly these alerts of a name to fire, with their labels and annotations."""
        self.last = max(self.last, minute)
        self.alerts.append({"eval_time": f"{minute}m", "alertname": name, "exp_alerts": list(alerts)})

    def expect(self, minute: int, expression: str, samples: Mapping[str, float]) -> None:
        """Expect an expression to return exactly these values, by their labels."""
        self.last = max(self.last, minute)
        expected = [{"labels": labels, "value": value} for labels, value in samples.items()]
        # When a test fails, promtool prints the expression but not the group.
        named = f"{expression} # {self.name}"
        self.samples.append({"expr": named, "eval_time": f"{minute}m", "exp_samples": expected})

    def expect_number_firing(self, minute: int, alert: str, number: int) -> None:
        """Expect so many alerts of a name to fire."""
        expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
        self.expect(minute, expression, {"{}": number} if number else {})

    def expect_firing(self, minute: int, *names: str) -> None:
        """Expect these alerts to fire and no other; name one twice if two of its severities fire."""
        self.expect(
            minute,
            'sum by (alertname) (ALERTS{alertstate="firing"})',
            {f'{{alertname="{name}"}}': names.count(name) for name in names},
        )

    def expect_never(self, until: int, matchers: str = "") -> None:
        """Expect no alert with these labels to fire until then; no alert at all without labels."""
        self.expect(until, f'count_over_time(ALERTS{{alertstate="firing",{matchers}}}[{until + 1}m])', {})

    def as_test(self) -> dict[str, Any]:
        """Return the group in the format of promtool."""
        # Prometheus ignores samples that are older than 5 minutes.
        interval = min(self.every, 5)
        minutes = range(0, self.last + 1, interval)
        return {
            "name": self.name,
            "interval": f"{interval}m",
            "input_series": [each for exporter in self.exporters for each in exporter.series(minutes)],
            "alert_rule_test": self.alerts,
            "promql_expr_test": self.samples,
        }


def with_thresholds(thresholds: Mapping[str, str], text: str | None = None) -> str:
    """Return the rules with other thresholds, changed as an operator does: in the text of the file."""
    text = rules_yaml() if text is None else text
    for name, value in thresholds.items():
        text, number = re.subn(rf"(threshold: {name} .*\n +expr: vector)\(.*\)", rf"\1({value})", text)
        assert number == 1, name
    return text


def with_alerts(*names: str, text: str | None = None) -> str:
    """Return the rules without all other alerts, which promtool evaluates in a fraction of the time."""
    content = yaml.safe_load(rules_yaml() if text is None else text)
    for group in content["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") in (None, *names)]
    return yaml.safe_dump(content)


def run_rules(directory: Path, groups: Iterable[Group], *rules: str) -> None:
    """Fail unless all groups go as expected, with the generated rules unless others are given."""
    files = {f"rules{number}.yml": text for number, text in enumerate(rules or (rules_yaml(),))}
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    by_interval: dict[int, list[Group]] = {}
    for group in groups:
        by_interval.setdefault(group.every, []).append(group)
    for every, alike in by_interval.items():
        run_tests(directory, [group.as_test() for group in alike], rule_files=list(files), every=every)


def run_tests(
    directory: Path, tests: Sequence[Mapping[str, Any]], rule_files: Sequence[str] = (), every: int = 1
) -> None:
    """Fail unless tests in the format of promtool succeed."""
    names = [
        group["name"]
        for name in rule_files
        for group in yaml.safe_load((directory / name).read_text(encoding="utf-8"))["groups"]
    ]
    content = {"rule_files": rule_files, "evaluation_interval": f"{every}m", "tests": tests}
    # Prometheus evaluates groups in any order.
    content["group_eval_order"] = names[::-1]
    (directory / "tests.yml").write_text(json.dumps(content), encoding="utf-8")
    run_promtool(directory, "test", "rules", "tests.yml")
