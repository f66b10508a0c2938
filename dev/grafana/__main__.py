"""Write the files of `grafana/`: `make grafana`."""

from dev.grafana.dashboard import dashboard_json
from dev.grafana.rules import rules_yaml
from dev.project import ROOT

(ROOT / "grafana" / "dashboard.json").write_text(dashboard_json(), encoding="utf-8")
(ROOT / "grafana" / "rules.yml").write_text(rules_yaml(), encoding="utf-8")
