import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from dev.grafana.colors import NO_DATA
from dev.grafana.dashboard import dashboard_json
from dev.grafana.promql import ACCOUNT, EXPORTER, known_series
from dev.grafana.rules import rules_yaml
from dev.project import DOCUMENTS, ROOT
from pin_exporter.metrics import PREFIX
from pin_exporter.metrics.account import ACCOUNT_FAMILIES
from pin_exporter.toolkit.exposition.family import Type
from tests.grafana.support.promql import nodes, selectors

PUBLISHED = (ROOT / "grafana" / "dashboard.json").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads(PUBLISHED)
ALERT = ("alertname", "alertstate", "account")
SINGLE_VALUES = {"stat", "bargauge", "table"}
DATA = {family.name: family for family in ACCOUNT_FAMILIES if family.source}
# Metrics without a panel or a rule, and why.
NOT_SHOWN = {
    "aiozpin_api_request_duration_seconds_count": "requests are counted by their code",
    "aiozpin_api_request_duration_seconds_sum": "percentiles say more than a mean",
    "aiozpin_expected_cids_read_failures_total": "the age of the list says more",
    "aiozpin_exporter_log_events_total": "the log has more details, and failed polls have a panel",
    "aiozpin_inventory_audited_pins_total": "the age of the last full inventory says more",
    "aiozpin_last_attempt_timestamp_seconds": "the runbook on stale data uses it",
    "aiozpin_retrieval_duration_seconds_count": "attempts are counted by their result",
    "aiozpin_retrieval_duration_seconds_sum": "percentiles say more than a mean",
    "process_max_fds": "one number that does not change",
    "process_virtual_memory_bytes": "virtual memory is free",
    "python_gc_collections_total": "for development of the exporter",
    "python_gc_objects_collected_total": "for development of the exporter",
    "python_gc_objects_uncollectable_total": "for development of the exporter",
    "python_info": "the version is in build_info, too",
}


def all_panels() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        yield panel
        yield from panel.get("panels", ())


PANELS = [panel for panel in all_panels() if panel["type"] != "row"]
STATS = [panel for panel in PANELS if panel["type"] == "stat"]
QUERIES = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]


def plain(expression: str) -> str:
    """Replace variables, which the parser does not know."""
    replaced = re.sub(r"\[\$__\w+\]", "[5m]", expression)
    for name in ("price", "pin_price", "free_pins"):
        replaced = replaced.replace(f"${name}", "1")
    return re.sub(r"\$__\w+", "5m", replaced)


def expressions() -> Iterator[tuple[str, str]]:
    for title, target in QUERIES:
        yield title, plain(target["expr"])
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], plain(annotation["expr"])


EXPRESSIONS = list(expressions())
SELECTORS = [(title, selector) for title, expression in EXPRESSIONS for selector in selectors(expression)]


def test_the_published_file_is_what_the_generator_makes() -> None:
    assert dashboard_json() == PUBLISHED, "run make grafana"


def test_it_can_be_imported_and_provisioned_as_it_is() -> None:
    assert DASHBOARD["uid"] == "aiozpin-overview"
    assert DASHBOARD["id"] is None
    assert DASHBOARD["schemaVersion"] == 42
    assert DASHBOARD["__inputs"] == []
    assert DASHBOARD["editable"] is False
    assert DASHBOARD["graphTooltip"] == 1, "a shared crosshair"
    assert DASHBOARD["refresh"] == "1m"
    assert DASHBOARD["time"] == {"from": "now-24h", "to": "now"}


def test_each_variable_narrows_the_next_and_offers_all_values() -> None:
    source, *choices, price, pin_price, free_pins = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert [choice["name"] for choice in choices] == ["job", "instance", "account"]
    for index, choice in enumerate(choices):
        assert choice["multi"]
        assert choice["includeAll"]
        assert choice["allValue"] == ".+"
        assert choice["refresh"] == 2, "refreshed when the time range changes"
        assert choice["current"] == {"text": "All", "value": "$__all"}
        assert choice["query"].endswith(f", {choice['name']})")
        earlier = [earlier["name"] for earlier in choices[:index]]
        assert re.findall(r"(\w+)=~\"\$\1\"", choice["query"]) == earlier
        (selector,) = selectors(re.fullmatch(r"label_values\((.+), \w+\)", choice["query"])[1])  # type: ignore[index]
        assert selector.name in known_series()
    entered = [(one["name"], one["type"], one["query"]) for one in (price, pin_price, free_pins)]
    assert entered == [(name, "textbox", "0") for name in ("price", "pin_price", "free_pins")]


def test_links_lead_to_documents_that_exist() -> None:
    assert [link["title"] for link in DASHBOARD["links"]] == ["Documentation", "Runbooks"]
    for link in DASHBOARD["links"]:
        assert link["url"].startswith(DOCUMENTS)
        assert (ROOT / "docs" / link["url"].removeprefix(f"{DOCUMENTS}/")).exists(), link["url"]
        assert link["targetBlank"]


def test_rows_go_from_general_to_specific_and_the_last_two_are_collapsed() -> None:
    rows = [panel for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert [(row["title"], row["collapsed"]) for row in rows] == [
        ("Can I trust these numbers?", False),
        ("Is my data safely pinned?", False),
        ("Is it all still there?", False),
        ("How fast does my data grow?", False),
        ("What does it cost?", False),
        ("AIOZ Pin API", True),
        ("Exporter process", True),
    ]


def test_panels_have_unique_ids_and_titles() -> None:
    ids = [panel["id"] for panel in all_panels()]
    assert len(ids) == len(set(ids))
    assert 0 not in ids
    titles = [panel["title"] for panel in PANELS]
    assert len(titles) == len(set(titles))


def test_panels_fill_the_grid_without_overlaps_or_holes() -> None:
    places = [panel["gridPos"] for panel in all_panels()]
    covered = Counter(
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    height = max(place["y"] + place["h"] for place in places)
    assert covered == {(x, y): 1 for x in range(24) for y in range(height)}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_explains_itself_and_has_a_unit(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 10
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["interval"] == "1m"
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGHIJK"[: len(panel["targets"])])
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


# Panels whose unit is not that of their first metric: shares, texts and computed values.
COMPUTED = {
    "Data": "none",
    "Exporters up": "percentunit",
    "Failed polls": "percentunit",
    "Pinned": "percentunit",
    "Days until the size limit": "none",
    "Expected and pinned": "percentunit",
    "Retrievable, at least": "percentunit",
    "Retrieval attempts by result": "short",
    "Modelled cost per month": "none",
    "Modelled: storage": "none",
    "Modelled: pins": "none",
    "Billed this month": "currencyUSD",
    "Billed cost by item": "currencyUSD",
    "Age of pins in progress": "short",
    "Pin sizes": "short",
    "Requests per minute": "reqpm",
    "Throttling and retries": "percentunit",
    "CPU": "percentunit",
    "Rejected per minute": "cpm",
    "Files per day": "locale",
    "Accounts": "none",
    "Accounts by status": "none",
    "Exporters": "none",
}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_the_unit_of_its_metric(panel: dict[str, Any]) -> None:
    first = selectors(plain(panel["targets"][0]["expr"]))[0].name
    units = {"s"} if re.search("_seconds(_bucket)?$", first) else {"locale", "none", "short"}
    if re.search("_bytes(_total)?$", first):
        units = {"binBps" if first.endswith("_total") else "bytes"}
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in ({COMPUTED[panel["title"]]} if panel["title"] in COMPUTED else units)


def test_single_values_use_instant_queries_and_lines_range_queries() -> None:
    for panel in PANELS:
        instant = panel["type"] in SINGLE_VALUES
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (instant, not instant), panel["title"]


@pytest.mark.parametrize("panel", STATS, ids=lambda panel: panel["title"])
def test_each_stat_without_data_has_its_own_text_and_color(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["noValue"] == "NO DATA"
    special = [mapping["options"] for mapping in defaults["mappings"] if mapping["type"] == "special"]
    assert [(one["match"], one["result"]["text"], one["result"]["color"]) for one in special] == [
        ("null+nan", "NO DATA", NO_DATA)
    ]
    assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]
    first, *steps = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert first is None
    assert steps == sorted(steps)


def test_no_legend_shows_the_last_value_of_what_is_gone() -> None:
    for panel in PANELS:
        assert not panel["options"].get("legend", {}).get("calcs"), panel["title"]


def test_each_selector_uses_known_metrics_and_the_variables() -> None:
    known = {"up": (), "ALERTS": ALERT, "ALERTS_FOR_STATE": ALERT, **known_series()}
    for title, selector in SELECTORS:
        labels = known[selector.name]
        narrowed = {name: value for name, _, value in selector.matchers}
        empty = "|" if selector.name.startswith("ALERTS") else ""
        chosen = {"job": f"{empty}$job", "instance": f"{empty}$instance"}
        if "account" in labels:
            chosen["account"] = f"{empty}$account"
        assert {name: narrowed.get(name) for name in chosen} == chosen, title
        assert all(operator == "Re" for name, operator, _ in selector.matchers if name in chosen), title
        assert set(narrowed) <= {"job", "instance", *labels}, title


def test_replicas_are_reduced_to_one_before_sums() -> None:
    for title, selector in SELECTORS:
        if selector.name not in DATA:
            continue
        innermost = selector.aggregation
        if innermost is None:
            guards = [node for node in selector.around if isinstance(node, promql_parser.BinaryExpr)]
            assert any("on ()" in str(guard.modifier) or str(guard.op) == "and" for guard in guards), title
            continue
        assert str(innermost.op) in {"max", "min", "group"}, title
        labels = set(innermost.modifier.labels)
        assert set(ACCOUNT) <= labels, title
        assert "instance" not in labels, title


def test_series_that_every_process_has_are_limited_to_exporters() -> None:
    for title, expression in EXPRESSIONS:
        foreign = [s for s in selectors(expression) if s.name == "up" or s.name.startswith("process_")]
        for selector in foreign:
            guards = [
                n for n in selector.around if isinstance(n, promql_parser.BinaryExpr) and str(n.op) == "and"
            ]
            assert guards, title
            assert f"({', '.join(EXPORTER)})" in expression
            assert PREFIX + "exporter_build_info" in {s.name for s in selectors(guards[-1].prettify())}, title


def test_no_panel_depends_on_a_single_status() -> None:
    by_word = [(title, s) for title, s in SELECTORS if any(name == "status" for name, _, _ in s.matchers)]
    assert not by_word


def test_every_metric_is_in_a_panel_a_rule_or_the_list_of_exceptions() -> None:
    in_panels = {selector.name for _, selector in SELECTORS}
    in_rules = set(re.findall(r"\w+", rules_yaml())) & set(known_series())
    missing = set(known_series()) - in_panels - in_rules
    assert missing - set(NOT_SHOWN) == set(), "show these in a panel or a rule, or list them in NOT_SHOWN"
    assert set(NOT_SHOWN) - missing == set(), "these are shown or do not exist: remove them from NOT_SHOWN"


def test_gauge_histograms_are_never_rated() -> None:
    present = {f.name + "_bucket" for f in ACCOUNT_FAMILIES if f.type is Type.GAUGE_HISTOGRAM}
    for _, selector in SELECTORS:
        if selector.name in present:
            called = {node.func.name for node in selector.around if isinstance(node, promql_parser.Call)}
            assert called <= {"label_replace"}


def test_counters_are_always_rated() -> None:
    for _, selector in SELECTORS:
        if selector.name.endswith("_total"):
            calls = [node.func.name for node in selector.around if isinstance(node, promql_parser.Call)]
            assert {"rate", "increase"} & set(calls), selector.name


def test_legends_use_labels_that_the_results_have() -> None:
    for title, target in QUERIES:
        wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert wanted <= labels_of(plain(target["expr"])), title


def labels_of(expression: str) -> set[str]:
    """Return the labels of the result, from the outermost aggregation or selector."""
    for node in nodes(expression):
        if isinstance(node, promql_parser.AggregateExpr):
            return set(node.modifier.labels) if node.modifier else set()
        if isinstance(node, promql_parser.VectorSelector):
            return {"job", "instance", *known_series()[node.name or ""]}
    return set()
