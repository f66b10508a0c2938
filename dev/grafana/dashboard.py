"""Build the dashboard: rows, variables, annotations and links."""

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dev.grafana.colors import BAD, NEUTRAL
from dev.grafana.panels import SOURCE, UID
from dev.grafana.promql import only_exporters, selected
from dev.grafana.rows import api, completeness, cost, exporter, growth, pins, trust
from dev.project import DOCUMENTS

_OPEN_ROWS: Final = (trust, pins, completeness, growth, cost)
_COLLAPSED_ROWS: Final = (api, exporter)
# Alerts on accounts have no instance label, and alerts on exporters have no account label.
_OF_SELECTION: Final = 'alertname=~"AIOZPin.+",job=~"|$job",instance=~"|$instance",account=~"|$account"'
# The value is when the condition of the alert began to hold. The text is made here, because Grafana prints
# the name of a missing label.
_FIRING: Final = (
    f"label_join(1000 * ALERTS_FOR_STATE{{{_OF_SELECTION}}} and ignoring (alertstate) "
    f'ALERTS{{alertstate="firing",{_OF_SELECTION}}}, "of", " ", "account", "instance")'
)
# Keys that the SDK writes although they are not set. Some have another meaning in older versions of Grafana.
_UNUSED_KEYS: Final = {
    "variable": ("auto", "auto_count", "auto_min", "allowCustomValue", "skipUrlSync"),
    "annotation": ("builtIn", "placement"),
    "link": ("placement",),
    "panel": ("repeatDirection", "transparent"),
}


def dashboard_json() -> str:
    """Return the JSON of the dashboard, for import and for provisioning."""
    built: dict[str, Any] = json.loads(JSONEncoder().encode(_dashboard().build()))
    return json.dumps(_without_unused_keys(built), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard() -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard("AIOZ Pin")
        .uid(UID)
        .description(
            "State of AIOZ Pin accounts: whether the data is current, what is pinned, failed or missing, "
            "growth, cost, API and exporter."
        )
        .tags(["aioz-pin", "ipfs", "pinning"])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .refresh("1m")
        .timezone("browser")
        .variables(_variables())
        .annotations(_annotations())
        .links(_links())
    )
    for row in _OPEN_ROWS:
        built = built.with_row(dashboard.Row(row.TITLE))
        for panel in row.panels():
            built = built.with_panel(panel)
    for row in _COLLAPSED_ROWS:
        collapsed = dashboard.Row(row.TITLE).collapsed(collapsed=True)
        for panel in row.panels():
            collapsed = collapsed.with_panel(panel)
        built = built.with_row(collapsed)
    return built


def _variables() -> list[Any]:
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    prices = [
        dashboard.TextBoxVariable(name).label(label).default_value("0")
        for name, label in (
            ("price", "Price per TB and month"),
            ("pin_price", "Price per 1,000 pins"),
            ("free_pins", "Free pins"),
        )
    ]
    job = _query_variable("job", "Job", "aiozpin_exporter_build_info")
    instance = _query_variable("instance", "Exporter", 'aiozpin_exporter_build_info{job=~"$job"}')
    account = _query_variable("account", "Account", 'aiozpin_up{job=~"$job",instance=~"$instance"}')
    return [source, job, instance, account, *prices]


def _query_variable(name: str, label: str, selector: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({selector}, {name})")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(model.VariableOption(text="All", value="$__all"))
    )


def _annotations() -> list[Any]:
    started = (
        dashboard.AnnotationQuery()
        .name("Exporter restarts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(NEUTRAL)
        .expr("1000 * " + only_exporters(selected("process_start_time_seconds")))
        .use_value_for_time(use_value_for_time=True)
        .title_format("Exporter started")
        .text_format("{{instance}}")
        .step("60s")
    )
    firing = (
        dashboard.AnnotationQuery()
        .name("Firing alerts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(BAD)
        .expr(_FIRING)
        .use_value_for_time(use_value_for_time=True)
        .title_format("{{alertname}}")
        .text_format("{{of}}")
        .step("60s")
    )
    return [started, firing]


def _links() -> list[Any]:
    return [_link("Documentation", f"{DOCUMENTS}/metrics.md"), _link("Runbooks", f"{DOCUMENTS}/runbooks")]


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .icon("doc")
        .url(url)
        .target_blank(target_blank=True)
    )


def _without_unused_keys(built: dict[str, Any]) -> dict[str, Any]:
    panels = [inner for outer in built["panels"] for inner in (outer, *outer.get("panels", ()))]
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    for kind, items in {
        "variable": built["templating"]["list"],
        "annotation": built["annotations"]["list"],
        "link": built["links"],
        "panel": panels,
    }.items():
        for item in items:
            for key in _UNUSED_KEYS[kind]:
                item.pop(key, None)
    return {"__inputs": [], "id": None, "version": 1, **built}
