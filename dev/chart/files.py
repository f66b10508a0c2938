"""Which files of the chart are generated, and what is in them."""

from pathlib import Path
from typing import Final

from dev.chart.metadata import chart_yaml
from dev.chart.readme import readme_md
from dev.chart.schema import schema_json
from dev.chart.values import read_values
from dev.project import ROOT

CHART: Final[Path] = ROOT / "helm" / "pin-exporter"
COPIES: Final = {
    "files/dashboard.json": ROOT / "grafana" / "dashboard.json",
    "files/rules.yml": ROOT / "grafana" / "rules.yml",
    "LICENSE": ROOT / "LICENSE",
}
"""Files of the chart that are copies, since a chart cannot hold what lies outside its directory."""


def generated() -> dict[str, str]:
    """Return the generated files by their names within the chart."""
    values = read_values(CHART / "values.yaml")
    return {
        "Chart.yaml": chart_yaml(),
        "README.md": readme_md((CHART / "README.md").read_text(encoding="utf-8"), values),
        "values.schema.json": schema_json(values),
        **{name: source.read_text(encoding="utf-8") for name, source in COPIES.items()},
    }
