"""What a test has to know about an alert: what brings it about, and what it then says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from dev.grafana.alert import Alert, Severity
from dev.grafana.panels import UID
from dev.grafana.rules import ALERTS
from dev.project import DOCUMENTS
from tests.grafana.support.exporters import HERE, Exporter, Key
from tests.grafana.support.signals import Signal, Trouble

_MINUTES = {"m": 1, "h": 60}


@dataclass(frozen=True, slots=True)
class Case:
    """The trouble that an alert is there for. Times are minutes.

    `signals` are the series that show the trouble; an exporter that `vanishes` shows no others meanwhile.
    `labels` are the alert's beside those of exporter and account, `shown` what its description makes of the
    value. `before`: how long all is well first; `noticed_after`: how long the trouble has to last before the
    expression sees it; `forgotten_after`: how long after its end the expression still does; `every`: from
    evaluation to evaluation. `blip` is the longest trouble that nobody hears of, `along` names alerts that
    fire for the same trouble, and `one_is_enough` says whether the trouble of one replica counts while
    another sees none. An alert with two ways to it has two cases; `way` names the second. `severities`, for
    an alert that has several, are those that fire; the case is about the last.
    """

    alert: str
    signals: Mapping[Key, Signal]
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    vanishes: bool = False
    before: int = 3
    noticed_after: int = 0
    forgotten_after: int = 0
    blip: int | None = None
    along: tuple[str, ...] = ()
    one_is_enough: bool = True
    every: int = 1
    thresholds: Mapping[str, str] = field(default_factory=dict)
    way: str = ""
    severities: tuple[Severity, ...] = ()

    def __str__(self) -> str:
        """Name the case as failures tell it."""
        return f"{self.alert} {self.way}".rstrip()

    @property
    def rule(self) -> Alert:
        """The alert itself."""
        return self.rules[-1]

    @property
    def rules(self) -> tuple[Alert, ...]:
        """The alerts of the name that fire for the trouble."""
        named = [each for each in ALERTS if each.name == self.alert]
        assert self.severities or len(named) == 1
        return tuple(each for each in named if each.severity in (self.severities or (each.severity,)))

    @property
    def matchers(self) -> str:
        """What selects the alert's series."""
        return f'alertname="{self.alert}",severity="{self.rule.severity}"'

    @property
    def on_instance(self) -> bool:
        """Whether each replica has an alert of its own."""
        return "$labels.instance" in self.rule.summary

    @property
    def wait(self) -> int:
        """How long it has to be true until it fires."""
        return int(self.rule.wait[:-1]) * _MINUTES[self.rule.wait[-1]]

    @property
    def due(self) -> int:
        """When the expression is true for the first time."""
        return self.before + self.noticed_after

    @property
    def fires(self) -> int:
        """When the alert fires."""
        return self.due + self.wait

    @property
    def longest_blip(self) -> Trouble:
        """The trouble that ends just in time."""
        blip = self.noticed_after + self.wait - self.forgotten_after if self.blip is None else self.blip
        return Trouble(self.before, self.before + blip)

    def exporter(self, trouble: Trouble | None = None, place: Mapping[str, str] = HERE) -> Exporter:
        """Return an exporter with the trouble, lasting unless told."""
        return Exporter(
            self.signals,
            Trouble(self.before) if trouble is None else trouble,
            vanishes=self.vanishes,
            labels={**HERE, **place},
        )

    def told(self, exporter: Exporter) -> list[dict[str, Any]]:
        """Return the alerts of the name that the trouble of this exporter brings about."""
        return [self._told(exporter, rule) for rule in self.rules]

    def _told(self, exporter: Exporter, rule: Alert) -> dict[str, Any]:
        kept = {name: value for name, value in exporter.labels.items() if name != "instance"}
        labels = {**kept, "account": exporter.account, **self.labels}
        if not self.rule.on_account:
            labels = {**(exporter.labels if self.on_instance else kept), **self.labels}
        query = f"?var-account={quote_plus(exporter.account)}" if self.rule.on_account else ""
        return {
            "exp_labels": {**labels, "severity": rule.severity.value},
            "exp_annotations": {
                "summary": self.summary.format(**labels),
                "description": self._expanded(rule.description, labels),
                "runbook_url": f"{DOCUMENTS}/runbooks/{self.alert}.md",
                "dashboard_url": f"/d/{UID}{query}",
            },
        }

    def _expanded(self, template: str, labels: Mapping[str, str]) -> str:
        """Put labels and value into a text as Prometheus does."""
        text = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], template)
        text = re.sub(r"{{ \$value [^}]*}}", self.shown, text)
        assert "{{" not in text, text
        return text
