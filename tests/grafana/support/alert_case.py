"""The problem that an alert is for, as a test needs to know it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from dev.grafana.alert import Alert, Severity
from dev.grafana.panels import UID
from dev.grafana.rules import ALERTS
from tests.grafana.support.exporters import HERE, Exporter, Key
from tests.grafana.support.signals import Signal, Trouble

_MINUTES = {"m": 1, "h": 60}


@dataclass(frozen=True, slots=True)
class Case:
    """A problem that an alert is for. Times are minutes.

    - `signals`: the series that show the problem; if the exporter `vanishes`, it has no others meanwhile.
    - `labels`: the labels of the alert besides those of exporter and account.
    - `value`: the text of the value in the description.
    - `before`: the time without the problem; `detected_after` and `resolved_after`: the time until the
      expression follows the begin and the end of the problem; `every`: the evaluation interval.
    - `blip`: the longest problem that must not fire the alert.
    - `one_is_enough`: whether the alert fires if only one of two replicas has the problem.
    - `variant`: a second kind of problem for the same alert.
    - `severities`: for an alert that has several, those that fire; the case is about the last.
    """

    alert: str
    signals: Mapping[Key, Signal]
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    vanishes: bool = False
    before: int = 3
    detected_after: int = 0
    resolved_after: int = 0
    blip: int | None = None
    one_is_enough: bool = True
    every: int = 1
    thresholds: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    severities: tuple[Severity, ...] = ()

    def __str__(self) -> str:
        """Return the name of the case."""
        return f"{self.alert} {self.variant}".rstrip()

    @property
    def rule(self) -> Alert:
        """The alert itself."""
        return self.rules[-1]

    @property
    def rules(self) -> tuple[Alert, ...]:
        """The alerts of the name that fire."""
        named = [each for each in ALERTS if each.name == self.alert]
        assert self.severities or len(named) == 1
        return tuple(each for each in named if each.severity in (self.severities or (each.severity,)))

    @property
    def matchers(self) -> str:
        """What selects the alert's series."""
        return f'alertname="{self.alert}",severity="{self.rule.severity}"'

    @property
    def is_per_instance(self) -> bool:
        """Whether each replica has its own alert."""
        return "$labels.instance" in self.rule.summary

    @property
    def pending_at(self) -> int:
        """When the expression first returns a result."""
        return self.before + self.detected_after

    @property
    def fires_at(self) -> int:
        """When the alert fires."""
        return self.pending_at + self._wait

    @property
    def longest_blip(self) -> Trouble:
        """The problem that ends just before the alert fires."""
        blip = self.detected_after + self._wait - self.resolved_after if self.blip is None else self.blip
        return Trouble(self.before, self.before + blip)

    @property
    def _wait(self) -> int:
        return int(self.rule.wait[:-1]) * _MINUTES[self.rule.wait[-1]]

    def exporter(self, trouble: Trouble | None = None, place: Mapping[str, str] = HERE) -> Exporter:
        """Return an exporter with the problem, which by default does not end."""
        return Exporter(
            self.signals,
            Trouble(self.before) if trouble is None else trouble,
            vanishes=self.vanishes,
            labels={**HERE, **place},
        )

    def expected(self, exporter: Exporter) -> list[dict[str, Any]]:
        """Return the alerts of the name that fire for an exporter with the problem."""
        return [self._expected(exporter, rule) for rule in self.rules]

    def _expected(self, exporter: Exporter, rule: Alert) -> dict[str, Any]:
        of_job = {name: value for name, value in exporter.labels.items() if name != "instance"}
        labels = {**of_job, "account": exporter.account, **self.labels}
        if not rule.on_account:
            labels = {**(exporter.labels if self.is_per_instance else of_job), **self.labels}
        query = f"?var-account={quote_plus(exporter.account)}" if rule.on_account else ""
        return {
            "exp_labels": {**labels, "severity": rule.severity.value},
            "exp_annotations": {
                "summary": self.summary.format(**labels),
                "description": self._expanded(rule.description, labels),
                "runbook_url": f"/runbooks/{self.alert}",
                "dashboard_url": f"/d/{UID}{query}",
            },
        }

    def _expanded(self, template: str, labels: Mapping[str, str]) -> str:
        """Insert labels and value into a template, as Prometheus does."""
        text = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], template)
        text = re.sub(r"{{ \$value [^}]*}}", self.value, text)
        assert "{{" not in text, text
        return text
