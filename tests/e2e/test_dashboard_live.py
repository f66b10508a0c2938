"""The dashboard with Prometheus and two exporters of the same three accounts."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.grafana.support.grafana import Panel, View, choices, panels_of, single, steps_of_buckets
from tests.grafana.support.stand import (
    DASHBOARD,
    RULES,
    UNHURRIED,
    Counted,
    config_file,
    count,
    look,
    look_at_graphs,
    wait_for_calm,
)
from tests.support.processes import (
    RunningPrometheus,
    RunningSimulator,
    exporter,
    prometheus,
    simulator,
    wait_for,
)

SHARES = "failed-share=0.03,in-progress-share=0.05,removed-share=0.06,by-cid-share=0.3,duplicate-share=0.1"
FREE = "directory-share=0.2,requests-per-minute=0"
ACCOUNTS: Mapping[str, str] = {
    "busy": f"pins=300,vocabulary=mixed,insert-rate=240,complete-rate=120,unpin-rate=60,{SHARES},{FREE}",
    "classic": f"pins=500,vocabulary=2023,unknown-share=0.02,{SHARES},{FREE}",
    "modern": f"pins=700,vocabulary=2024,unknown-share=0.01,{SHARES},{FREE}",
}
QUIET = {"insert_rate": 0, "complete_rate": 0, "unpin_rate": 0}
LIMIT = 10**15
PANELS = panels_of(DASHBOARD)
# Queries without a result: those that need more history (see test_dashboard_history.py), and the limit, which
# only one account has.
NEED_HISTORY = {"Growth per day A", "Files per day A", "Size, limit and forecast B"}
# No account of the stand has a list, a gateway or a bill, and no inventory falls back.
WITHOUT_SETTING = {
    "Expected CIDs by state A",
    "Retrieval attempts by result A",
    *(f"Retrieval duration {ref}" for ref in "ABC"),
    "Billed cost by item A",
    "Billed usage A",
    "Failures to read the bill A",
    "Inventory fallbacks by reason A",
}
OF_THE_LIMITED = {"Size, limit and forecast C"}
LIMITED = "modern"


class Stand(NamedTuple):
    simulator: RunningSimulator
    prometheus: RunningPrometheus
    instances: list[str]
    truth: Mapping[str, Counted]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    directory = tmp_path_factory.mktemp("dashboard")
    with ExitStack() as stack:
        options = [f"--account={name}:{text}" for name, text in ACCOUNTS.items()]
        simulated = stack.enter_context(simulator(*options))
        accounts: dict[str, dict[str, object]] = {name: {} for name in ACCOUNTS}
        accounts[LIMITED]["size_limit"] = LIMIT
        config = config_file(directory, simulated, accounts)
        replicas = [stack.enter_context(exporter({}, f"--config.file={config}")) for _ in range(2)]
        urls = [replica.url for replica in replicas]
        scraping = stack.enter_context(
            prometheus(directory, urls, rules=RULES, watches_itself=True, scrape_interval=UNHURRIED)
        )
        wait_for(lambda: len(scraping.query("aiozpin_inventory_consistent")) == 6, "the first inventories")
        make_trouble(simulated, scraping)
        for name in ACCOUNTS:
            simulated.change(name, churn=QUIET)
        truth = {name: count(simulated, name) for name in ACCOUNTS}
        wait_for(lambda: is_counted(scraping, truth), "the exact counts")
        yield Stand(simulated, scraping, [url.removeprefix("http://") for url in urls], truth)


@pytest.fixture(autouse=True)
def _calm(stand: Stand) -> None:
    wait_for_calm(stand.prometheus, 2)


def make_trouble(simulated: RunningSimulator, scraping: RunningPrometheus) -> None:
    """Make polls of every account fail and be retried, for the panels that show it."""

    def has_happened() -> bool:
        counters = ("aiozpin_poll_failures_total", "aiozpin_api_retries_total")
        seen = [scraping.values(f"{counter} > 0", "account", "instance") for counter in counters]
        return all(len(pairs) == 2 * len(ACCOUNTS) for pairs in seen)

    for rate in (0.3, 0):
        for name in ACCOUNTS:
            simulated.change(name, faults={"not_found_rate": rate, "bad_gateway_rate": rate})
        wait_for(has_happened, "failures and retries")


def is_counted(scraping: RunningPrometheus, truth: Mapping[str, Counted]) -> bool:
    """Return whether both exporters report each pin in its phase, in consistent inventories."""
    by = ("account", "instance", "phase")
    shown = scraping.values(f"sum by ({','.join(by)}) (aiozpin_pins) > 0", *by)
    files = scraping.values("aiozpin_files", "account", "instance")
    expected = {(name, i, p): n for name, i in files for p, n in truth[name].phases.items()}
    totals = {(name, instance): len(truth[name].rows) for name, instance in files}
    proven = scraping.query("aiozpin_inventory_consistent == 1")
    return shown == expected and files == totals and len(proven) == len(files) == 2 * len(ACCOUNTS)


def view_of(panel: Panel, scraping: RunningPrometheus) -> View:
    return look(scraping) if panel.targets[0].is_instant else look_at_graphs(scraping)


def chosen_accounts(chosen: Mapping[str, Any]) -> list[str]:
    accounts = chosen.get("account", sorted(ACCOUNTS))
    return [accounts] if isinstance(accounts, str) else accounts


def test_each_variable_offers_exactly_the_existing_values(stand: Stand) -> None:
    view = look(stand.prometheus)
    assert view.options("job") == ["aioz-pin"], "not the job of Prometheus itself"
    assert view.options("instance") == sorted(stand.instances)
    assert view.options("account") == sorted(ACCOUNTS)
    assert view.choose(instance=stand.instances[0]).options("account") == sorted(ACCOUNTS)
    assert view.choose(job="prometheus").options("account") == []


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_each_query_returns_data_whatever_is_selected(stand: Stand, panel: Panel) -> None:
    view = view_of(panel, stand.prometheus)
    for chosen in choices(view, ["job", "instance", "account"]):
        for answer in view.choose(**chosen).answers(panel):
            name = f"{panel.title} {answer.target.ref}"
            never = name in NEED_HISTORY | WITHOUT_SETTING
            if never or (name in OF_THE_LIMITED and LIMITED not in chosen_accounts(chosen)):
                assert not answer.series, f"{name} has an answer, take it off the list"
                continue
            assert answer.series, f"{name} is empty for {chosen}"
            numbers = [value for series in answer.series for _, value in series.points]
            assert any(map(math.isfinite, numbers)), f"{name} has no number for {chosen}"
            for series in answer.series:
                assert all(series.labels.get(label) for label in answer.target.legend_labels), series.labels
                assert series.labels.get("job", "aioz-pin") == "aioz-pin", "another job's series"
                assert series.labels.get("instance", stand.instances[0]) in stand.instances


@pytest.mark.parametrize("annotation", DASHBOARD["annotations"]["list"], ids=lambda one: one["name"])
def test_annotations_have_valid_queries(stand: Stand, annotation: Mapping[str, Any]) -> None:
    view = look_at_graphs(stand.prometheus)
    panel = panels_of({"panels": [{"title": "", "type": "", "targets": [{"refId": "A", **annotation}]}]})[""]
    for chosen in choices(view, ["job", "instance", "account"]):
        (answer,) = view.choose(**chosen).answers(panel)
        if annotation["name"] == "Exporter restarts":
            one = isinstance(chosen.get("instance"), str)
            assert len(answer.series) == (1 if one else 2)


def test_stats_are_exact_and_count_replicas_once(stand: Stand) -> None:
    view = look(stand.prometheus)
    for chosen in choices(view, ["job", "instance", "account"]):
        seen = view.choose(**chosen, price="250")
        counted = [stand.truth[name] for name in chosen_accounts(chosen)]
        phases = sum((one.phases for one in counted), Counter[str]())
        size = sum(one.size for one in counted)
        expected = {
            "Data": 0,
            "Days until the size limit": -2 if LIMITED in chosen_accounts(chosen) else -1,
            "Exporters up": 1,
            "Inventory": 0,
            "Count mismatch": 0,
            "Malformed pins": 0,
            "Failed": phases["failed"],
            "Removed": phases["removed"],
            "In progress": phases["in_progress"],
            "Pinned": phases["pinned"] / phases.total(),
            "Files": phases.total(),
            "Size": size,
            "Duplicates": sum(one.duplicate_size for one in counted),
            "Modelled cost per month": size / 1e12 * 250,
        }
        assert {title: seen.stat(title) for title in expected} == pytest.approx(expected), chosen


def test_the_stats_on_polling_are_plausible(stand: Stand) -> None:
    view = look(stand.prometheus)
    oldest, failed, longest = (
        view.stat(title) for title in ("Data age", "Failed polls", "Oldest pin in progress")
    )
    assert oldest is not None
    assert 0 <= oldest < 60
    assert failed is not None
    assert 0 < failed < 1, "there were a few failures"
    assert longest is not None
    assert longest > 86_400, "the simulator's pins were made over two years"


def test_the_tables_have_a_row_per_account_and_status_with_exact_numbers(stand: Stand) -> None:
    view = look(stand.prometheus)
    accounts = view.table("Accounts", "job", "account")
    statuses = view.table("Accounts by status", "account", "status", "phase")
    expected: dict[tuple[str, ...], dict[str, float]] = {}
    for name, counted in stand.truth.items():
        row = accounts.pop(("aioz-pin", name))
        phases = counted.phases
        columns = ("Failed", "Removed", "Pinned", "Unknown")
        assert {column: row[column] for column in columns} == {c: phases[c.lower()] for c in columns}
        assert row["In progress"] == phases["in_progress"]
        assert (row["Files"], row["Size"], row["Last poll"]) == (phases.total(), counted.size, 1)
        # Prometheus dates a sample by the start of its scrape: a poll that ends while the scrape is being
        # answered is a little younger than its sample.
        assert min(row["Totals age"], row["Inventory age"]) > -1
        assert max(row["Totals age"], row["Inventory age"]) < 60
        expected |= {(name, *key): pins for key, pins in counted.by_status().items()}
    assert accounts == {}
    assert statuses == expected


def test_the_bars_are_the_distribution_of_sizes_and_ages(stand: Stand) -> None:
    view = look(stand.prometheus)
    rows = [row for counted in stand.truth.values() for row in counted.rows]
    (sizes,) = view.answers(PANELS["Pin sizes"])
    bars = steps_of_buckets(sizes.series)
    bounds = sorted(bars)
    everything = Counted(rows)
    assert bars == {
        bound: everything.up_to(bound, above) for bound, above in zip(bounds, [-1.0, *bounds], strict=False)
    }
    (ages,) = view.answers(PANELS["Age of pins in progress"])
    assert sum(steps_of_buckets(ages.series).values()) == everything.phases["in_progress"]


def test_the_graphs_end_with_the_exact_numbers(stand: Stand) -> None:
    view = look_at_graphs(stand.prometheus)
    everything = Counted([row for counted in stand.truth.values() for row in counted.rows])
    by_phase = {phase: line.last for phase, line in view.lines("Pins by phase").items() if line.last}
    assert by_phase == everything.phases
    by_word = {name: line.last for name, line in view.lines("Pins by status").items()}
    expected = {f"{status} ({phase})": n["Pins"] for (status, phase), n in everything.by_status().items()}
    assert by_word.items() >= expected.items()
    kinds = Counter(
        f"{'cid' if row['is_pin_by_hash'] else 'upload'} {'directory' if row['is_dir'] else 'file'}"
        for row in everything.rows
    )
    assert {name: line.last for name, line in view.lines("Pins by kind").items()} == kinds
    sub_hashes = Counter(row.get("sub_hash_status", "none") for row in everything.rows)
    shown = {name: line.last for name, line in view.lines("Pins by sub-hash status").items() if line.last}
    assert shown == sub_hashes
    assert view.lines("Size, limit and forecast", "C")["modern limit"].last == LIMIT
    unique = view.lines("Pins and unique CIDs", "B")["unique CIDs"].last
    cids = [{row["cid"] for row in counted.rows} for counted in stand.truth.values()]
    assert unique == sum(map(len, cids))


def test_no_other_job_is_among_the_exporters(stand: Stand) -> None:
    assert stand.prometheus.values('up{job="prometheus"}', "job") == {("prometheus",): 1}
    assert {key for (key,) in look(stand.prometheus).table("Exporters", "instance")} == set(stand.instances)
    for title in ("CPU", "Memory", "Open files"):
        assert set(look_at_graphs(stand.prometheus).lines(title)) == set(stand.instances), title
    foreign = look(stand.prometheus).choose(job="prometheus")
    for panel in PANELS.values():
        assert all(single(a) is None for a in foreign.answers(panel) if panel.kind == "stat"), panel.title
