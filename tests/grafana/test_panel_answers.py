"""What the queries of the panels return, from the Prometheus engine and made-up series."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dev.grafana.promql import known_series
from dev.grafana.rules import rules_yaml
from tests.grafana.support.promql import selectors
from tests.grafana.support.promtool import run_tests
from tests.grafana.test_dashboard import DASHBOARD, PANELS, plain

INSTANT = [panel for panel in PANELS if panel["targets"][0]["instant"]]
VARIABLES = {
    "$__range": "1d",
    "$__rate_interval": "4m",
    "$price": "20",
    "$pin_price": "3",
    "$free_pins": "40",
}


def query_of(title: str, ref: str = "A") -> str:
    (panel,) = (panel for panel in PANELS if panel["title"] == title)
    (target,) = (target for target in panel["targets"] if target["refId"] == ref)
    return interpolated(target["expr"])


def interpolated(expression: str, variables: Mapping[str, str] = VARIABLES, **chosen: str) -> str:
    for name in ("job", "instance", "account"):
        expression = expression.replace(f'${name}"', f'{chosen.get(name, ".+")}"')
    for name, value in variables.items():
        expression = expression.replace(name, value)
    return expression


class Scene:
    """Series minute by minute, and what queries return."""

    def __init__(self, name: str = "", interval: int = 1) -> None:
        self.name = name
        self.interval = interval
        self.series: list[dict[str, str]] = []
        self.questions: list[dict[str, Any]] = []

    def add(self, name: str, values: str, **labels: str) -> None:
        of_target = {"job": "aioz-pin", "instance": "one:10242", **labels}
        text = ",".join(f'{label}="{value}"' for label, value in of_target.items())
        self.series.append({"series": f"{name}{{{text}}}", "values": values})

    def expect(self, query: str, minute: int, answer: Mapping[str, float]) -> None:
        samples = [{"labels": labels, "value": value} for labels, value in answer.items()]
        # When a test fails, promtool prints the expression but not the scene.
        named = f"{query} # {self.name}"
        self.questions.append({"expr": named, "eval_time": f"{minute}m", "exp_samples": samples})

    def as_test(self) -> dict[str, Any]:
        return {
            "interval": f"{self.interval}m",
            "input_series": self.series,
            "promql_expr_test": self.questions,
        }

    def check(self, directory: Path) -> None:
        run_tests(directory, [self.as_test()])


def everything(scene: Scene, values: str) -> None:
    """Add the series that the instant queries select, with the labels that they require."""
    wanted = {
        (one.name, tuple((label, value.split("|")[0]) for label, _, value in one.matchers if value[0] != "$"))
        for panel in INSTANT
        for target in panel["targets"]
        for one in selectors(plain(target["expr"]))
    }
    for name, matchers in sorted(wanted):
        labels = dict.fromkeys(known_series().get(name, ()), "1")
        scene.add(name, values, **{**labels, **dict(matchers)})


def test_every_query_returns_something_and_nothing_once_the_exporter_is_stopped(tmp_path: Path) -> None:
    scene = Scene()
    everything(scene, "1+1x60 stale")
    for panel in INSTANT:
        for target in panel["targets"]:
            scene.expect(f"count({interpolated(target['expr'])}) > bool 0", 50, {"{}": 1})
            for minutes in (6, 30, 1200):
                scene.expect(interpolated(target["expr"]), 60 + minutes, {})
    scene.check(tmp_path)


@pytest.mark.parametrize("chosen", [{"job": "other"}, {"instance": "other"}, {"account": "other"}])
def test_nothing_is_returned_for_what_is_not_selected(tmp_path: Path, chosen: dict[str, str]) -> None:
    scene = Scene()
    everything(scene, "1+1x60")
    of_accounts = {"Exporters up", "Exporters"} if "account" in chosen else set()
    for panel in INSTANT:
        for target in panel["targets"] if panel["title"] not in of_accounts else ():
            scene.expect(interpolated(target["expr"], VARIABLES, **chosen), 50, {})
    scene.check(tmp_path)


HEALTHY: dict[str, str] = {
    'aiozpin_exporter_build_info{version="1"}': "1x1500",
    "up": "1x1500",
    'aiozpin_up{account="a"}': "1x1500",
    'aiozpin_last_success_timestamp_seconds{account="a",collector="totals"}': "0+60x1500",
    'aiozpin_last_success_timestamp_seconds{account="a",collector="inventory"}': "0+60x1500",
    'aiozpin_poll_interval_seconds{account="a",collector="totals"}': "60x1500",
    'aiozpin_poll_interval_seconds{account="a",collector="inventory"}': "60x1500",
    'aiozpin_polls_total{account="a",collector="totals"}': "0+1x1500",
    'aiozpin_poll_failures_total{account="a",collector="totals",reason="timeout"}': "0x1500",
    'aiozpin_poll_failures_total{account="a",collector="inventory",reason="inconsistent"}': "0x1500",
    'aiozpin_inventory_consistent{account="a"}': "1x1500",
    'aiozpin_inventory_unaccounted_files{account="a"}': "0x1500",
    'aiozpin_inventory_malformed_pins{account="a"}': "0x1500",
    'aiozpin_files{account="a"}': "100+0.01x1500",
    'aiozpin_size_bytes{account="a"}': "1e9+1e6x1500",
    'aiozpin_pins{account="a",status="pinned",phase="pinned"}': "90x1500",
    'aiozpin_pins{account="a",status="failed",phase="failed"}': "0x1500",
    'aiozpin_pins{account="a",status="queued",phase="in_progress"}': "10x1500",
    'aiozpin_pins{account="a",status="gcDone",phase="removed"}': "0x1500",
    'aiozpin_stored_bytes{account="a",status="pinned",phase="pinned"}': "5e8x1500",
    'aiozpin_stored_bytes{account="a",status="failed",phase="failed"}': "0x1500",
    'aiozpin_unique_cids{account="a"}': "80x1500",
    'aiozpin_duplicate_cid_size_bytes{account="a"}': "1e6x1500",
}
AT = 1500
A, TOTALS = '{account="a"', ',collector="totals"'
CIDS, READ_AT = "aiozpin_expected_cids", "aiozpin_expected_cids_read_timestamp_seconds"
EXPECTED = {
    f"{READ_AT}{A}}}": "0+60x1500",
    f'{CIDS}{A},state="pinned"}}': "8x1500",
    f'{CIDS}{A},state="in_progress"}}': "2x1500",
    **{f'{CIDS}{A},state="{state}"}}': "0x1500" for state in ("failed", "removed", "missing", "unknown")},
    f"aiozpin_unexpected_cids{A}}}": "7x1500",
    f"aiozpin_expected_cids_malformed_lines{A}}}": "0x1500",
}
RETRIEVED_AT = "aiozpin_last_retrieval_timestamp_seconds"
SAMPLED = {
    f"{RETRIEVED_AT}{A}}}": "0+60x1500",
    f"aiozpin_sampled_pins{A}}}": "1440x1500",
    f"aiozpin_unretrievable_cids{A}}}": "0x1500",
    f"aiozpin_retrievable_ratio_lower_bound{A}}}": "0.997x1500",
}
BILLED_AT = "aiozpin_last_billing_timestamp_seconds"
BILLED = {
    f"{BILLED_AT}{A}}}": "0+60x1500",
    f'aiozpin_billing_cost_usd{A},item="storage"}}': "1.5x1500",
    f'aiozpin_billing_cost_usd{A},item="bandwidth"}}': "0.25x1500",
}
# 4 pins above those that are free.
SECOND_ACCOUNT = {'aiozpin_pins{account="b",status="pinned",phase="pinned"}': "44x1500"}


def stale(series: Mapping[str, str], metric: str) -> dict[str, str]:
    """Return the series, those of one metric ending a few minutes before the query."""
    return {name: "1x1497 stale" if name.startswith(f"{metric}{{") else v for name, v in series.items()}


# A panel, what differs from a healthy account, and what the panel then shows.
ANSWERS: list[tuple[str, dict[str, str], float | None]] = [
    ("Data", {}, 0),
    ("Data", {f"aiozpin_last_success_timestamp_seconds{A}{TOTALS}}}": "0+60x1496 89760x9"}, 1),
    ("Data", {f"aiozpin_last_success_timestamp_seconds{A}{TOTALS}}}": "0+60x1497 89820x9"}, 0),
    ("Data", {f"aiozpin_last_success_timestamp_seconds{A}{TOTALS}}}": "0x1500"}, 1),
    ("Data", {'aiozpin_up{account="b"}': "1x1490 stale"}, 2),
    ("Data", {'aiozpin_up{account="b"}': "1x10 stale"}, 0),
    ("Data age", {}, 0),
    ("Data age", {f"aiozpin_last_success_timestamp_seconds{A}{TOTALS}}}": "0+60x1490 89400x10"}, 600),
    ("Data age", {f"aiozpin_last_success_timestamp_seconds{A}{TOTALS}}}": "0x1500"}, 0),
    ("Exporters up", {}, 1),
    ("Exporters up", {"up": "1x1490 0x10"}, None),
    ("Exporters up", {'up{instance="three"}': "0x1500"}, 1),
    ("Failed polls", {}, 0),
    (
        "Failed polls",
        {f'aiozpin_poll_failures_total{A}{TOTALS},reason="timeout"}}': "0+0.5x1500"},
        0.5,
    ),
    ("Failed polls", {f'aiozpin_poll_failures_total{A}{TOTALS},reason="timeout"}}': "0+3x1500"}, 1),
    ("Inventory", {}, 0),
    ("Inventory", {f"aiozpin_inventory_consistent{A}}}": "0x1500"}, 1),
    (
        "Inventory",
        {
            f"aiozpin_inventory_consistent{A}}}": "0x1500",
            f'aiozpin_poll_failures_total{A},collector="inventory",reason="inconsistent"}}': "0+1x1500",
        },
        2,
    ),
    (
        "Inventory",
        {f'aiozpin_poll_failures_total{A},collector="inventory",reason="inconsistent"}}': "0+1x1500"},
        0,
    ),
    ("Count mismatch", {f"aiozpin_inventory_unaccounted_files{A}}}": "-3x1500"}, 3),
    ("Count mismatch", {'aiozpin_inventory_unaccounted_files{account="b"}': "2x1500"}, 2),
    ("Malformed pins", {f"aiozpin_inventory_malformed_pins{A}}}": "4x1500"}, 4),
    ("Failed", {}, 0),
    ("Failed", {f'aiozpin_pins{A},status="failed",phase="failed"}}': "_x1500"}, 0),
    ("Failed", {f'aiozpin_pins{A},status="failed",phase="failed"}}': "7x1500"}, 7),
    ("Failed", {f'aiozpin_pins{A},status="FAILED",phase="failed"}}': "2x1500"}, 2),
    ("Failed", {'aiozpin_pins{account="b",status="failed",phase="failed"}': "3x1500"}, 3),
    ("Removed", {f'aiozpin_pins{A},status="gcDone",phase="removed"}}': "6x1500"}, 6),
    ("Removed", {f'aiozpin_pins{A},status="pinned",phase="removed"}}': "6x1500"}, 6),
    ("In progress", {}, 10),
    ("Oldest pin in progress", {}, 0),
    ("Oldest pin in progress", {f"aiozpin_oldest_unfinished_pin_timestamp_seconds{A}}}": "60x1500"}, 89_940),
    (
        "Oldest pin in progress",
        {'aiozpin_oldest_unfinished_pin_timestamp_seconds{account="b"}': "89940x1500"},
        60,
    ),
    ("Pinned", {}, 0.9),
    (
        "Pinned",
        {
            f'aiozpin_pins{A},status="pinned",phase="pinned"}}': "0x1500",
            f'aiozpin_pins{A},status="queued",phase="in_progress"}}': "0x1500",
        },
        -1,
    ),
    ("Files", {}, 115),
    ("Files", {'aiozpin_files{account="b"}': "5x1500"}, 120),
    ("Size", {}, 2.5e9),
    ("Growth per day", {}, 1.44e9),
    ("Growth per day", {'aiozpin_size_bytes{account="b"}': "9e9-2e6x1500"}, -1.44e9),
    ("Files per day", {}, 14.4),
    ("Days until the size limit", {}, -1),
    ("Days until the size limit", {f"aiozpin_size_limit_bytes{A}}}": "16.9e9x1500"}, 10),
    ("Days until the size limit", {f"aiozpin_size_limit_bytes{A}}}": "2e9x1500"}, 0),
    (
        "Days until the size limit",
        {f"aiozpin_size_limit_bytes{A}}}": "9e9x1500", f"aiozpin_size_bytes{A}}}": "1e9x1500"},
        3650,
    ),
    ("Duplicates", {}, 1e6),
    ("Must be pinned again", {}, -1),
    ("Must be pinned again", EXPECTED, 0),
    ("Must be pinned again", {**EXPECTED, f'{CIDS}{A},state="missing"}}': "2x1500"}, 2),
    ("Must be pinned again", {**EXPECTED, f'{CIDS}{A},state="removed"}}': "1x1500"}, 1),
    ("Must be pinned again", {**EXPECTED, f'{READ_AT}{{account="b"}}': "0+60x1500"}, -2),
    (
        "Must be pinned again",
        {
            **EXPECTED,
            f'{READ_AT}{{account="b"}}': "0+60x1500",
            f'{CIDS}{A},state="failed"}}': "3x1500",
        },
        3,
    ),
    ("Must be pinned again", stale(EXPECTED, CIDS), None),
    ("Expected and pinned", {}, -1),
    ("Expected and pinned", EXPECTED, 0.8),
    ("Expected and pinned", stale(EXPECTED, CIDS), None),
    ("Expected CIDs", {}, -1),
    ("Expected CIDs", EXPECTED, 10),
    ("Unexpected CIDs", {}, -1),
    ("Unexpected CIDs", EXPECTED, 7),
    ("Unexpected CIDs", stale(EXPECTED, "aiozpin_unexpected_cids"), None),
    ("Age of the list", {}, -1),
    ("Age of the list", EXPECTED, 0),
    ("Age of the list", {**EXPECTED, f'{READ_AT}{{account="b"}}': "0+60x1490 89400x10"}, 600),
    ("Age of the list", {**EXPECTED, f'{READ_AT}{{account="b"}}': "0x1500"}, -3),
    ("Malformed lines", {}, -1),
    ("Malformed lines", EXPECTED, 0),
    ("Malformed lines", {**EXPECTED, f"aiozpin_expected_cids_malformed_lines{A}}}": "4x1500"}, 4),
    ("Malformed lines", {**EXPECTED, f'{READ_AT}{{account="b"}}': "0x1500"}, -2),
    ("Sampled pins", {}, -1),
    ("Sampled pins", SAMPLED, 1440),
    ("Sampled pins", stale(SAMPLED, "aiozpin_sampled_pins"), None),
    ("Retrieved", {}, -1),
    ("Retrieved", {**SAMPLED, f"aiozpin_unretrievable_cids{A}}}": "40x1500"}, 1400),
    ("Not retrieved", {}, -1),
    ("Not retrieved", SAMPLED, 0),
    ("Not retrieved", {**SAMPLED, f"aiozpin_unretrievable_cids{A}}}": "40x1500"}, 40),
    ("Not retrieved", {**SAMPLED, f'{RETRIEVED_AT}{{account="b"}}': "0+60x1500"}, -2),
    ("Not retrieved", stale(SAMPLED, "aiozpin_unretrievable_cids"), None),
    ("Retrievable, at least", {}, -1),
    ("Retrievable, at least", SAMPLED, 0.997),
    (
        "Retrievable, at least",
        {**SAMPLED, 'aiozpin_retrievable_ratio_lower_bound{account="b"}': "0.72x1500"},
        0.72,
    ),
    ("Last retrieval", {}, -1),
    ("Last retrieval", {**SAMPLED, f"{RETRIEVED_AT}{A}}}": "0+60x1499 89940"}, 60),
    ("Last retrieval", {**SAMPLED, f"{RETRIEVED_AT}{A}}}": "0x1500"}, -3),
    ("Billed this month", {}, -1),
    ("Billed this month", BILLED, 1.75),
    ("Billed this month", stale(BILLED, "aiozpin_billing_cost_usd"), None),
    ("Age of the bill", {}, -1),
    ("Age of the bill", BILLED, 0),
    ("Age of the bill", {f"{BILLED_AT}{A}}}": "0x1500"}, -3),
    ("Modelled cost per month", {}, 0.2),
    ("Modelled cost per month", {**SECOND_ACCOUNT}, 0.212),
    ("Modelled: storage", {}, 0.05),
    ("Modelled: pins", {}, 0.15),
    ("Modelled: pins", {f'aiozpin_pins{A},status="pinned",phase="pinned"}}': "39x1500"}, 0),
    ("Modelled: pins", {**SECOND_ACCOUNT}, 0.162),
]


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_panel_shows_the_same_with_one_exporter_and_with_two(tmp_path: Path, replicas: int) -> None:
    scenes = []
    for title, changes, answer in ANSWERS:
        scene = Scene(f"{title} with {changes}")
        for instance in ("one", "two")[:replicas]:
            for name, values in {**HEALTHY, **changes}.items():
                add(scene, name, values, instance)
        # Computed values are not exact to the last bit.
        scene.expect(f"round({query_of(title)}, 1e-6)", AT, {} if answer is None else {"{}": answer})
        scenes.append(scene)
    run_tests(tmp_path, [scene.as_test() for scene in scenes])


def add(scene: Scene, series: str, values: str, instance: str) -> None:
    name, _, labels = series.rstrip("}").partition("{")
    text = dict(re.findall(r'(\w+)="([^"]*)"', labels))
    scene.add(name, values, **{"instance": instance, **text})


@pytest.mark.parametrize("price", ["0", "20"])
@pytest.mark.parametrize("pin_price", ["0", "3"])
def test_the_modelled_cost_needs_only_what_has_a_price(tmp_path: Path, price: str, pin_price: str) -> None:
    expression = interpolated(
        next(panel["targets"][0]["expr"] for panel in PANELS if panel["title"] == "Modelled cost per month"),
        {**VARIABLES, "$price": price, "$pin_price": pin_price},
    )
    priced = {"aiozpin_size_bytes": price, "aiozpin_pins": pin_price}
    scenes = []
    for gone in ("", "aiozpin_size_bytes", "aiozpin_pins"):
        scene = Scene(f"without {gone}")
        for name, values in HEALTHY.items():
            metric = name.partition("{")[0]
            ends = metric == gone or (gone == "aiozpin_pins" and metric == "aiozpin_unique_cids")
            add(scene, name, "1x1497 stale" if ends else values, "one")
        cost = round(2.5e9 / 1e12 * float(price) + 50 / 1000 * float(pin_price), 6)
        if price == pin_price == "0":
            cost = -1
        known = priced.get(gone, "0") == "0"
        scene.expect(f"round({expression}, 1e-6)", AT, {"{}": cost} if known else {})
        scenes.append(scene)
    run_tests(tmp_path, [scene.as_test() for scene in scenes])


def test_an_alert_has_one_annotation_at_its_beginning(tmp_path: Path) -> None:
    (annotation,) = (one for one in DASHBOARD["annotations"]["list"] if one["name"] == "Firing alerts")
    assert annotation["useValueForTime"]
    assert annotation["textFormat"] == "{{of}}"
    scene = Scene()
    of_alert = {"alertname": "AIOZPinPinsFailed", "account": "a", "instance": "", "severity": "warning"}
    for name, alert in (("begun", of_alert), ("pending", {**of_alert, "account": "b"})):
        scene.add("ALERTS_FOR_STATE", "600x60", **alert)
        scene.add("ALERTS", "1x60", **alert, alertstate="firing" if name == "begun" else "pending")
    labels = '{alertname="AIOZPinPinsFailed",account="a",job="aioz-pin",severity="warning",of="a "}'
    for minute in (20, 50):
        scene.expect(interpolated(annotation["expr"]), minute, {labels: 600_000})
    scene.check(tmp_path)


def test_half_of_the_exporters_are_up_if_one_of_two_is_down(tmp_path: Path) -> None:
    scene = Scene()
    for name, values in HEALTHY.items():
        add(scene, name, values, "one")
        add(scene, name, "0x1500" if name == "up" else "1x1200 stale", "two")
    scene.expect(query_of("Exporters up"), AT, {"{}": 0.5})
    scene.check(tmp_path)


def test_the_older_pin_counts_if_replicas_disagree(tmp_path: Path) -> None:
    scene = Scene()
    for instance, oldest in (("one", "600x60"), ("two", "60x60")):
        scene.add("aiozpin_oldest_unfinished_pin_timestamp_seconds", oldest, account="a", instance=instance)
    scene.expect(query_of("Oldest pin in progress"), 50, {"{}": 2_940})
    scene.check(tmp_path)


def test_accounts_of_the_same_name_in_two_jobs_are_two_accounts(tmp_path: Path) -> None:
    scene = Scene()
    scene.add("aiozpin_files", "10x60", account="default", namespace="one")
    scene.add("aiozpin_files", "3x60", account="default", namespace="two")
    scene.add("aiozpin_files", "5x60", account="default", namespace="two", job="other")
    scene.expect(query_of("Files"), 50, {"{}": 18})
    scene.check(tmp_path)


@pytest.mark.parametrize("title", ["Pin sizes", "Age of pins in progress"])
def test_buckets_are_merged_however_their_bounds_are_written(title: str, tmp_path: Path) -> None:
    (panel,) = (panel for panel in PANELS if panel["title"] == title)
    (bucket,) = selectors(query_of(title))
    named = [each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]]
    scene = Scene()
    for number, edge in enumerate(named):
        scene.add(bucket.name, f"{number}x60", account="a", le=edge)
        # As node_exporter writes it, which leaves exponents alone.
        scene.add(bucket.name, f"{number}x60", account="b", instance="two", le=edge.removesuffix(".0"))
    answer = {f'{{le="{edge}"}}': 2.0 * number for number, edge in enumerate(named)}
    assert {edge.removesuffix(".0") for edge in named} != {*named}
    scene.expect(query_of(title), 50, answer)
    scene.check(tmp_path)


def test_the_time_since_the_scrape_does_not_count_as_data_age(tmp_path: Path) -> None:
    scene = Scene("a scrape every 4 minutes", interval=4)
    totals = {"account": "a", "collector": "totals"}
    scene.add("up", "1x20")
    scene.add("aiozpin_exporter_build_info", "1x20")
    scene.add("aiozpin_up", "1x20", account="a")
    scene.add("aiozpin_poll_interval_seconds", "15x20", **totals)
    scene.add("aiozpin_last_success_timestamp_seconds", "-10+240x20", **totals)
    recorded = "account_collector:aiozpin_data_age_seconds:min"
    for minute in (60, 61, 62, 63):
        scene.expect('count(ALERTS{alertname="AIOZPinDataStale"})', minute, {})
        scene.expect(query_of("Data"), minute, {"{}": 0})
        scene.expect(query_of("Data age"), minute, {"{}": 10})
        scene.expect(f"sum({recorded})", minute, {"{}": 10})
    (tmp_path / "rules.yml").write_text(rules_yaml(), encoding="utf-8")
    run_tests(tmp_path, [scene.as_test()], rule_files=["rules.yml"])
