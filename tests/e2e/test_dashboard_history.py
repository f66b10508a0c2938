"""The dashboard with a made-up month of data, so that growth, forecast and cost are known."""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dev.grafana.colors import BAD, GOOD, NO_DATA, WARNING
from tests.grafana.support.display import Shown, stats_shown
from tests.grafana.support.grafana import View, panels_of
from tests.grafana.support.stand import DASHBOARD
from tests.support.processes import prometheus
from tests.support.tools import require_tool

pytestmark = pytest.mark.slow

HOUR, DAY = 3_600, 86_400
STEP = 600
PANELS = panels_of(DASHBOARD)
POD, NEW_POD, REPLICA = "pod-1:10242", "pod-2:10242", "replica:10242"


class Account(NamedTuple):
    """An account at the end of the month, and its growth per day."""

    size: float
    size_a_day: float
    files: float
    files_a_day: float
    limit: float | None = None
    ended_before: float = 0.0


ACCOUNTS = {
    "linear": Account(2e12, 40e9, 50_000, 1_000, limit=2e12 + 12.2 * 40e9),
    "flat": Account(5e12, 0, 7_000, 0, limit=6e12),
    "shrinking": Account(3e12, -1e9, 9_000, -10, limit=2.9e12),
    "boundless": Account(1e12, 10e9, 20_000, 200),
    "closed": Account(8e12, 500e9, 1e6, 90_000, limit=9e12, ended_before=2 * HOUR),
}
"""`closed` is no longer monitored and must not be in any sum."""


class Line(NamedTuple):
    """A series over a time range, with its value as a function of time."""

    name: str
    labels: str
    value: Callable[[float], float]
    start: float
    end: float
    step: int = STEP


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    directory = tmp_path_factory.mktemp("history")
    end = (time.time() // HOUR - 3) * HOUR
    import_blocks(directory, [*lines_of_accounts(end), *lines_of_the_last_hours(end)])
    with prometheus(directory, {}, "--storage.tsdb.retention.time=90d") as scraping:
        yield View(DASHBOARD, scraping, end - DAY, end)


def lines_of_accounts(end: float) -> Iterator[Line]:
    """Yield the series of two replicas: one whose pod was replaced, and one that is late."""
    start, replaced = end - 30 * DAY, end - 3 * DAY
    spans = {POD: (start, replaced - 3 * HOUR), NEW_POD: (replaced, end), REPLICA: (start, end)}
    for instance, (first, last) in spans.items():
        lag = STEP if instance == REPLICA else 0
        for name, account in ACCOUNTS.items():
            until = min(last, end - account.ended_before)
            labels = f'account="{name}",instance="{instance}"'
            for metric, value in values_of(account, end + lag).items():
                yield Line(metric, labels, value, first, until)


def values_of(account: Account, end: float) -> dict[str, Callable[[float], float]]:
    """Return an account's metrics as functions of time."""

    def straight(at_the_end: float, a_day: float) -> Callable[[float], float]:
        return lambda at: at_the_end + (at - end) / DAY * a_day

    values = {
        "aiozpin_size_bytes": straight(account.size, account.size_a_day),
        "aiozpin_files": straight(account.files, account.files_a_day),
        "aiozpin_up": straight(1, 0),
    }
    limit = {} if account.limit is None else {"aiozpin_size_limit_bytes": straight(account.limit, 0)}
    return values | limit


def lines_of_the_last_hours(end: float) -> Iterator[Line]:
    """Yield counters, scraped once a minute at half past."""
    for instance in (NEW_POD, REPLICA):
        span = (end - 3 * HOUR - 30, end - 30, 60)
        of_account = f'account="flat",instance="{instance}"'
        request = f'{of_account},operation="list",code="200"'
        yield Line("aiozpin_api_requests_total", request, lambda at: (at - end) / 6 + 1e6, *span)
        yield Line("aiozpin_api_response_bytes_total", of_account, lambda at: (at - end) * 100 + 1e9, *span)
        yield Line("aiozpin_exporter_build_info", f'instance="{instance}",version="1"', lambda _: 1, *span)
        of_process = f'instance="{instance}"'
        yield Line("process_cpu_seconds_total", of_process, lambda at: (at - end) / 20 + 1e6, *span)


def import_blocks(directory: Path, lines: Iterable[Line]) -> None:
    """Write the lines into the storage of Prometheus."""
    promtool = require_tool("promtool", "prometheus")
    text = directory / "history.txt"
    with text.open("w", encoding="utf-8") as file:
        for line in lines:
            series = f'{line.name}{{job="aioz-pin",namespace="pins",{line.labels}}}'
            for at in range(int(line.start), int(line.end) + 1, line.step):
                file.write(f"{series} {line.value(at):.3f} {at}\n")
        file.write("# EOF\n")
    # The default, blocks of two hours, takes minutes.
    arguments = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1080h", "-q"]
    done = subprocess.run(
        [promtool, *arguments, text, directory / "data"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def summed(what: Callable[[Account], float]) -> float:
    return sum(what(account) for account in ACCOUNTS.values() if not account.ended_before)


def test_growth_is_that_of_the_accounts_that_are_still_monitored(view: View) -> None:
    assert view.stat("Size") == pytest.approx(summed(lambda account: account.size))
    assert view.stat("Growth per day") == pytest.approx(summed(lambda account: account.size_a_day), rel=0.01)
    assert view.stat("Files per day") == pytest.approx(summed(lambda account: account.files_a_day), rel=0.01)


@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        ("linear", 12.2),
        ("flat", 3650),
        ("shrinking", 0),
        ("boundless", -1),
        (["linear", "flat", "boundless"], 12.2),
        (["flat", "shrinking"], 0),
        ("$__all", 0),
        ("closed", None),
    ],
)
def test_the_days_until_the_limit_are_those_of_the_first_account_to_reach_it(
    view: View, chosen: str | list[str], days: float | None
) -> None:
    expected = None if days is None else pytest.approx(days, rel=0.01)
    assert view.choose(account=chosen).stat("Days until the size limit") == expected


@pytest.mark.parametrize("instance", [NEW_POD, REPLICA])
def test_one_replica_alone_gives_the_same_answers(view: View, instance: str) -> None:
    alone = view.choose(instance=instance, account=["linear", "boundless"])
    assert alone.stat("Growth per day") == pytest.approx(50e9, rel=0.01)
    assert alone.stat("Size") == pytest.approx(3e12, rel=0.001)


def test_the_forecast_is_the_size_two_weeks_later(view: View) -> None:
    month = View(view.dashboard, view.prometheus, view.end - 29 * DAY, view.end)
    sizes = month.lines("Size, limit and forecast", "A")
    forecasts = month.lines("Size, limit and forecast", "B")
    for name in ("linear", "flat", "shrinking", "boundless"):
        came_true = dict(sizes[name].points)
        known = [
            (at, value) for at, value in forecasts[f"{name} in 14 days"].points if at > view.end - 22 * DAY
        ]
        pairs = [(value, came_true[at + 14 * DAY]) for at, value in known if at + 14 * DAY in came_true]
        assert len(pairs) > 100
        assert all(value == pytest.approx(later, rel=0.005) for value, later in pairs), name
        account = ACCOUNTS[name]
        at, forecast = known[-1]
        assert at == view.end
        assert forecast == pytest.approx(account.size + 14 * account.size_a_day, rel=0.005)
    assert month.lines("Size, limit and forecast", "C")["linear limit"].last == ACCOUNTS["linear"].limit


def test_the_line_of_an_account_that_is_no_longer_monitored_ends(view: View) -> None:
    sizes = view.lines("Size, limit and forecast", "A")
    assert sizes["linear"].points[-1][0] == view.end
    assert sizes["closed"].points[-1][0] == pytest.approx(view.end - 2 * HOUR, abs=600)


@pytest.mark.parametrize("price", ["20", "4000"])
def test_the_cost_is_the_size_times_the_price(view: View, price: str) -> None:
    expected = summed(lambda account: account.size) / 1e12 * float(price)
    assert view.choose(price=price).stat("Modelled cost per month") == pytest.approx(expected)


@pytest.mark.parametrize("price", ["", "0"])
def test_without_a_price_there_is_no_cost(view: View, price: str) -> None:
    assert view.choose(price=price).stat("Modelled cost per month") == -1, "ENTER A PRICE"


def test_the_data_is_incomplete_if_an_account_is_missing(view: View) -> None:
    assert view.stat("Data") == 2, "INCOMPLETE"


def test_graphs_of_rates_have_no_holes_with_one_scrape_per_minute(
    view: View,
) -> None:
    for hours in (1, 24, 7 * 24):
        seen = View(view.dashboard, view.prometheus, view.end - hours * HOUR, view.end)
        assert seen.lines("Requests per minute")["list 200"].last == pytest.approx(20, rel=0.01)
        assert seen.lines("Received bytes")["flat"].last == pytest.approx(200, rel=0.01)
        assert seen.lines("CPU")[REPLICA].last == pytest.approx(0.05, rel=0.01)
    hour = View(view.dashboard, view.prometheus, view.end - HOUR, view.end)
    assert len(hour.lines("Requests per minute")["list 200"].points) == 61, "without a hole"


@pytest.mark.parametrize("days", [1, 7, 29, 365])
def test_no_graph_queries_more_points_than_prometheus_returns(view: View, days: int) -> None:
    seen = View(view.dashboard, view.prometheus, view.end - days * DAY, view.end)
    for panel in PANELS.values():
        seen.answers(panel)


def test_stats_have_texts_and_units(view: View) -> None:
    titles = (
        "Growth per day",
        "Files per day",
        "Days until the size limit",
        "Modelled cost per month",
        "Size",
    )
    panels = [PANELS[title] for title in titles]
    shown, priced = stats_shown({0: view, 1: view.choose(price="20")}, panels).values()
    assert {title: one.text for title, one in shown.items()} == {
        "Growth per day": "45.6 GiB",
        "Files per day": "1,190",
        "Days until the size limit": "REACHED",
        "Modelled cost per month": "ENTER A PRICE",
        "Size": "10.0 TiB",
    }
    assert shown["Days until the size limit"].color == BAD
    assert priced["Modelled cost per month"].text == "220.00"


def test_the_days_until_the_limit_have_texts_and_colors(view: View) -> None:
    title = "Days until the size limit"
    expected = {
        "linear": Shown("12.2", WARNING),
        "flat": Shown("OVER 10 YEARS", GOOD),
        "shrinking": Shown("REACHED", BAD),
        "boundless": Shown("NO LIMIT SET", NO_DATA),
        "closed": Shown("NO DATA", NO_DATA),
    }
    views = {name: view.choose(account=name) for name in expected}
    shown = stats_shown(views, [PANELS[title]])
    assert {name: stats[title] for name, stats in shown.items()} == expected


def test_each_stat_says_no_data_in_its_own_color_where_there_is_no_exporter(view: View) -> None:
    stats = [panel for panel in PANELS.values() if panel.kind == "stat"]
    shown = stats_shown({"": view.choose(job="none")}, stats)[""]
    assert {title: one.text for title, one in shown.items()} == dict.fromkeys(shown, "NO DATA")
    assert len(shown) == len(stats)
    judged = [panel.title for panel in stats if panel.model["options"]["colorMode"] != "none"]
    assert {shown[title].color for title in judged} == {NO_DATA}
