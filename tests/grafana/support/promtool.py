"""Try the rules on made-up series, by `promtool test rules`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.grafana.rules import rules_yaml
from tests.grafana.support.exporters import Exporter
from tests.support.tools import run_promtool


@dataclass
class Group:
    """A scene and what is expected of it. Times in minutes; rules are evaluated `every` so many."""

    name: str
    exporters: Sequence[Exporter]
    every: int = 1
    last: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def expect_alerts(self, minute: int, name: str, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Expect exactly these alerts of a name to fire, with their labels and texts."""
        self._see(minute)
        self.alerts.append({"eval_time": f"{minute}m", "alertname": name, "exp_alerts": list(alerts)})

    def expect(self, minute: int, expression: str, samples: Mapping[str, float]) -> None:
        """Expect an expression to give exactly these values, told by their labels."""
        self._see(minute)
        listed = [{"labels": labels, "value": value} for labels, value in samples.items()]
        # promtool tells the expression of what fails, and not the group.
        told = f"{expression} # {self.name}"
        self.samples.append({"expr": told, "eval_time": f"{minute}m", "exp_samples": listed})

    def expect_firing(self, minute: int, *names: str) -> None:
        """Expect these alerts to fire and no other; name one twice if two of its severities fire."""
        self.expect(
            minute,
            'sum by (alertname) (ALERTS{alertstate="firing"})',
            {f'{{alertname="{name}"}}': names.count(name) for name in names},
        )

    def expect_never(self, until: int, matchers: str = "") -> None:
        """Expect no alert with these labels to fire until then; no alert at all when none is given."""
        self.expect(until, f'count_over_time(ALERTS{{alertstate="firing",{matchers}}}[{until + 1}m])', {})

    def _see(self, minute: int) -> None:
        self.last = max(self.last, minute)

    def as_test(self) -> dict[str, Any]:
        """Return the group as promtool reads it."""
        # A sample older than 5 minutes counts no more.
        interval = min(self.every, 5)
        minutes = range(0, self.last + 1, interval)
        return {
            "name": self.name,
            "interval": f"{interval}m",
            "input_series": [each for exporter in self.exporters for each in exporter.series(minutes)],
            "alert_rule_test": self.alerts,
            "promql_expr_test": self.samples,
        }


def changed(thresholds: Mapping[str, str], text: str | None = None) -> str:
    """Return the rules with other thresholds, changed as an operator does it: in the text of the file."""
    text = rules_yaml() if text is None else text
    for name, value in thresholds.items():
        text, number = re.subn(rf"(threshold: {name} .*\n +expr: vector)\(.*\)", rf"\1({value})", text)
        assert number == 1, name
    return text


def run_rules(directory: Path, groups: Iterable[Group], *rules: str) -> None:
    """Fail unless all groups go as expected; the rules are those of the generator unless told."""
    files = {f"rules{number}.yml": text for number, text in enumerate(rules or (rules_yaml(),))}
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    by_pace: dict[int, list[Group]] = {}
    for group in groups:
        by_pace.setdefault(group.every, []).append(group)
    for every, alike in by_pace.items():
        tests = {
            "rule_files": list(files),
            "evaluation_interval": f"{every}m",
            "tests": [group.as_test() for group in alike],
        }
        (directory / f"every{every}m.yml").write_text(json.dumps(tests), encoding="utf-8")
        run_promtool(directory, "test", "rules", f"every{every}m.yml")
