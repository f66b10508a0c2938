"""The dashboard with stopped exporters, revoked keys and accounts without pins."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from dev.grafana.colors import BAD, GOOD, NO_DATA, WARNING
from tests.grafana.support.display import Shown, stats_shown
from tests.grafana.support.grafana import View, panels_of
from tests.grafana.support.stand import DASHBOARD, UNHURRIED, config_file, look, look_at_graphs, wait_for_calm
from tests.support.processes import (
    RunningPrometheus,
    RunningSimulator,
    exporter,
    prometheus,
    simulator,
    wait_for,
)

pytestmark = pytest.mark.slow

PANELS = panels_of(DASHBOARD)
STATS = [panel for panel in PANELS.values() if panel.kind == "stat"]
JUDGED = [panel.title for panel in STATS if panel.model["options"]["colorMode"] != "none"]
SHARES = "in-progress-share=0.1,failed-share=0.1,removed-share=0.1,duplicate-share=0.1,requests-per-minute=0"
JOBS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "all-stopped": (("kept",), ("kept",)),
    "one-stopped": (("here",), ("gone",)),
    "running": (("fine", "refused", "empty", "strange"),),
}
"""The exporters of each job, by the accounts that they poll."""
OPTIONS = {"empty": "pins=0", "strange": "pins=20,unknown-share=1"}
LIMIT = {"kept": {"size_limit": 10**15}, "fine": {"size_limit": 10**6}}
SHOWN_WITHOUT_DATA = {"Data", "Data age", "Exporters up", "Failed polls"}
"""Stats about the exporter and its polls, which exist even if the data of an account is too old."""


class Stand(NamedTuple):
    simulator: RunningSimulator
    prometheus: RunningPrometheus


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    directory = tmp_path_factory.mktemp("stopped")
    accounts = sorted({name for exporters in JOBS.values() for names in exporters for name in names})
    with ExitStack() as stack:
        options = [f"--account={name}:{OPTIONS.get(name, f'pins=50,{SHARES}')}" for name in accounts]
        simulated = stack.enter_context(simulator(*options))
        running = {
            job: [
                stack.enter_context(exporter({}, f"--config.file={config_file(directory, simulated, given)}"))
                for names in exporters
                for given in [{name: {"stale_after": "8s", **LIMIT.get(name, {})} for name in names}]
            ]
            for job, exporters in JOBS.items()
        }
        targets = {job: [exported.url for exported in some] for job, some in running.items()}
        scraping = stack.enter_context(prometheus(directory, targets, scrape_interval=UNHURRIED))
        wait_for(lambda: len(scraping.query("aiozpin_unique_cids")) == 8, "the first inventories")
        wait_for(lambda: len(scraping.query("increase(aiozpin_polls_total[1h]) > 0")) == 16, "more polls")
        for exported in (*running["all-stopped"], running["one-stopped"][1]):
            exported.process.stop()
        simulated.change("refused", revoked=True)
        wait_for(lambda: len(scraping.query("up == 0")) == 3, "failed scrapes")
        wait_for(
            lambda: not scraping.query('{account="refused",__name__=~"aiozpin_(pins|files)"}'), "old data"
        )
        yield Stand(simulated, scraping)


@pytest.fixture(autouse=True)
def _calm(stand: Stand) -> None:
    wait_for_calm(stand.prometheus, 2)


def test_lines_of_stopped_exporters_end(stand: Stand) -> None:
    view = look_at_graphs(stand.prometheus).choose(job="all-stopped")
    for panel in PANELS.values():
        for answer in view.answers(panel) if not panel.targets[0].is_instant else ():
            if "[" in answer.target.expression:
                continue  # ends when its range does
            ends = {points[-1][0] for points in (series.points for series in answer.series)}
            assert view.end not in ends, panel.title


def test_each_stat_says_no_data_and_is_not_green_for_stopped_exporters(stand: Stand) -> None:
    shown = stats_shown({"": look(stand.prometheus).choose(job="all-stopped")}, STATS)[""]
    assert {title: one.text for title, one in shown.items()} == dict.fromkeys(shown, "NO DATA")
    assert len(shown) == len(STATS)
    assert {shown[title].color for title in JUDGED} == {NO_DATA}
    assert not {one.color for one in shown.values()} & {GOOD, WARNING, BAD}


def test_an_account_whose_data_is_too_old_has_no_data(stand: Stand) -> None:
    view = look(stand.prometheus).choose(job="running")
    refused = view.choose(account="refused")
    assert refused.stat("Data") == view.stat("Data") == 1, "STALE"
    assert view.choose(account=["fine", "empty", "strange"]).stat("Data") == 0
    said = {panel.title for panel in STATS if refused.stat(panel.title) is not None}
    assert said == SHOWN_WITHOUT_DATA
    oldest = view.stat("Data age")
    assert oldest is not None
    assert oldest > 8
    rows = view.table("Accounts", "account")
    assert set(rows["refused",]) == {"Totals age", "Inventory age", "Last poll"}
    assert [rows[name,]["Last poll"] for name in ("refused", "fine")] == [0, 1]


def stats_of(view: View, account: str) -> dict[str, float | None]:
    titles = (
        "Failed",
        "Removed",
        "In progress",
        "Oldest pin in progress",
        "Pinned",
        "Files",
        "Size",
        "Duplicates",
    )
    return {title: view.choose(account=account).stat(title) for title in titles}


def test_an_account_without_pins_has_none_of_each_kind(stand: Stand) -> None:
    view = look(stand.prometheus).choose(job="running")
    assert stats_of(view, "empty") == {
        **dict.fromkeys(("Failed", "Removed", "In progress", "Files", "Size", "Duplicates"), 0),
        "Oldest pin in progress": 0,
        "Pinned": -1,
    }
    row = view.table("Accounts", "account")["empty",]
    assert {row[name] for name in ("Failed", "Removed", "In progress", "Unknown", "Pinned")} == {0}
    assert view.choose(account="empty", price="0.02").stat("Cost per month") == 0


def test_an_account_with_only_unknown_statuses_is_not_shown_as_empty(stand: Stand) -> None:
    view = look(stand.prometheus).choose(job="running")
    stats = stats_of(view, "strange")
    assert [stats[title] for title in ("Failed", "Removed", "In progress", "Pinned")] == [0, 0, 0, 0]
    row = view.table("Accounts", "account")["strange",]
    assert (row["Unknown"], row["Pinned"], row["Failed"]) == (20, 0, 0)


def test_problems_have_texts_and_are_never_green(stand: Stand) -> None:
    view = look(stand.prometheus)
    views = {
        "running": view.choose(job="running"),
        "missing": view.choose(job="one-stopped"),
        "refused": view.choose(account="refused"),
        "strange": view.choose(account="strange"),
    }
    running, missing, refused, strange = stats_shown(views, STATS).values()
    assert running["Data"] == refused["Data"] == Shown("STALE", BAD)
    assert missing["Data"] == Shown("INCOMPLETE", BAD)
    assert (missing["Exporters up"].text, missing["Exporters up"].color) == ("50%", BAD)
    assert running["Days until the size limit"] == Shown("REACHED", BAD)
    assert strange["Pinned"].color == BAD
    assert strange["Data"] == Shown("CURRENT", GOOD)
    without = [title for title in JUDGED if title not in SHOWN_WITHOUT_DATA]
    assert {refused[title] for title in without} == {Shown("NO DATA", NO_DATA)}
