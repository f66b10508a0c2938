"""Put the dashboard together: five rows, what can be chosen at the top, annotations and links."""

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dev.grafana import api, growth, process, safety, trust
from dev.grafana.colours import BAD, NEUTRAL
from dev.grafana.panels import SOURCE, UID
from dev.grafana.project import DOCUMENTS
from dev.grafana.series import of_exporters, shown

_OPEN_ROWS: Final = (trust, safety, growth)
_FOLDED_ROWS: Final = (api, process)
# An alert on an account knows no exporter, and one on an exporter no account.
_FIRING: Final = (
    'ALERTS{alertname=~"AIOZPin.+",alertstate="firing",'
    'job=~"|$job",instance=~"|$instance",account=~"|$account"}'
)
# Keys that the SDK writes and that stand for nothing here, or mean something else in older Grafanas.
_NOT_OURS: Final = {
    "variable": ("auto", "auto_count", "auto_min", "allowCustomValue", "skipUrlSync"),
    "annotation": ("builtIn", "placement"),
    "link": ("placement",),
    "panel": ("repeatDirection", "transparent"),
}


def dashboard_json() -> str:
    """Return the dashboard as Grafana imports it and provisions it, ending in a newline."""
    built: dict[str, Any] = json.loads(JSONEncoder().encode(_dashboard().build()))
    return json.dumps(_cleaned(built), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard() -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard("AIOZ Pin")
        .uid(UID)
        .description("Is it all still pinned, is anything failing, how fast does it grow, can I believe it?")
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
    for row in _FOLDED_ROWS:
        folded = dashboard.Row(row.TITLE).collapsed(collapsed=True)
        for panel in row.panels():
            folded = folded.with_panel(panel)
        built = built.with_row(folded)
    return built


def _variables() -> list[Any]:
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    price = dashboard.TextBoxVariable("price").label("Price of a GB and month").default_value("0")
    job = _choice("job", "Job", "aiozpin_exporter_build_info")
    instance = _choice("instance", "Exporter", 'aiozpin_exporter_build_info{job=~"$job"}')
    account = _choice("account", "Account", 'aiozpin_up{job=~"$job",instance=~"$instance"}')
    return [source, job, instance, account, price]


def _choice(label: str, title: str, found_in: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(label)
        .label(title)
        .datasource(SOURCE)
        .query(f"label_values({found_in}, {label})")
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
        .expr("1000 * " + of_exporters(shown("process_start_time_seconds")))
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
        .title_format("{{alertname}}")
        .text_format("{{account}} {{instance}}")
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


def _cleaned(built: dict[str, Any]) -> dict[str, Any]:
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
            for key in _NOT_OURS[kind]:
                item.pop(key, None)
    return {"__inputs": [], "id": None, "version": 1, **built}
