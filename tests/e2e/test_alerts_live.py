"""The rules with Prometheus and real exporters: each account has one problem, and only its alerts fire."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dev.grafana.rules import ALERTS
from tests.grafana.support.promtool import with_thresholds
from tests.grafana.support.stand import RULES, UNHURRIED, config_file, wait_for_calm
from tests.support.processes import (
    RunningPrometheus,
    RunningSimulator,
    exporter,
    prometheus,
    simulator,
    wait_for,
)

# On a slow machine, three intervals of a second are short. Few requests are made in the test.
THRESHOLDS = {"stale_warning_intervals": "15", "stale_critical_intervals": "20", "rate_limited_ratio": "0.02"}
MIX = "by-cid-share=0.3,duplicate-share=0.1,directory-share=0.1"
FAILING = {"AIOZPinPollErrorsHigh", "AIOZPinDataStale warning", "AIOZPinDataStale critical"}
NEVER = {"AIOZPinPollErrorsHigh", "AIOZPinNeverPolled"}
REFUSED = {"AIOZPinCredentialsRejected"}
ONE_429_IN_TEN = {"fault": "too_many_requests", "skip": 9}

pytestmark = pytest.mark.slow


class Scene(NamedTuple):
    """An account at first, what then happens to it, and the alerts that fire in the end."""

    begins: str = MIX
    happens: Mapping[str, Any] = {}
    fires: set[str] = set()  # noqa: RUF012 - nobody changes it
    setting: Mapping[str, object] = {}


SCENES: Mapping[str, Scene] = {
    "well-2023": Scene(f"vocabulary=2023,removed-share=0.1,{MIX}"),
    "well-2024": Scene(f"vocabulary=2024,{MIX}", {"insert": 5, "unpin": 5}, setting={"size_limit": "1PB"}),
    "growing": Scene(f"insert-rate=60,complete-rate=60,{MIX}"),
    "empty": Scene("pins=0,empty-as-null=true"),
    "revoked": Scene(happens={"revoked": True}, fires=REFUSED | FAILING),
    "forbidden": Scene(happens={"faults": {"forbidden_rate": 1}}, fires=REFUSED | FAILING),
    "never-allowed": Scene("unauthorized-rate=1", fires=REFUSED | NEVER),
    "broken": Scene(happens={"faults": {"server_error_rate": 1}}, fires=FAILING),
    "never-whole": Scene("not-json-rate=1", fires=NEVER),
    "poor": Scene(happens={"exhaust_balance": 3}, fires={"AIOZPinBalanceExhausted"}),
    "failing-2023": Scene("vocabulary=2023", {"insert": 4, "fail": 3}, {"AIOZPinPinsFailed"}),
    "failing-2024": Scene("vocabulary=2024", {"insert": 4, "fail": 3}, {"AIOZPinPinsFailed"}),
    "strange": Scene("unknown-share=0.1", fires={"AIOZPinUnknownStatus"}),
    "stuck-2023": Scene("vocabulary=2023,in-progress-share=0.1", fires={"AIOZPinPinsStuck"}),
    "stuck-2024": Scene("vocabulary=2024,in-progress-share=0.1", fires={"AIOZPinPinsStuck"}),
    "dropping": Scene("unpinned-rows=drop", {"unpin": 30}, {"AIOZPinFilesDropped"}),
    "dropping-little": Scene("unpinned-rows=drop", {"unpin": 5}),
    "full": Scene(fires={"AIOZPinSizeLimitNearing"}, setting={"size_limit": "1MB"}),
    "disagreeing": Scene(happens={"behaviour": {"files_offset": 2}}, fires={"AIOZPinCountMismatch"}),
    "throttled": Scene(happens={"next": [ONE_429_IN_TEN] * 100}, fires={"AIOZPinThrottled"}),
}
RESTORED, STOPPED = "restored", "stopped"
"""An account whose key is revoked for a while, and one whose exporter is stopped."""


class Stand(NamedTuple):
    prometheus: RunningPrometheus
    before: Mapping[str, set[str]]
    stopped_instance: str


def hastened(directory: Path) -> Path:
    """Write the rules with alerts that fire at once, and with a few other thresholds."""
    rules = with_thresholds(THRESHOLDS, RULES.read_text(encoding="utf-8"))
    path = directory / "rules.yml"
    path.write_text(re.sub(r"(?m)^( +for:) \w+$", r"\1 0s", rules))
    return path


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    directory = tmp_path_factory.mktemp("alerts")
    begins = {name: scene.begins for name, scene in SCENES.items()} | {RESTORED: MIX}
    options = [f"--account={name}:pins=100,requests-per-minute=0,{text}" for name, text in begins.items()]
    options.append(f"--account={STOPPED}:pins=10,failed-share=0.5")
    with ExitStack() as stack:
        simulated = stack.enter_context(simulator(*options))
        settings = {name: SCENES[name].setting if name in SCENES else {} for name in begins}
        config = config_file(directory, simulated, settings, poll_interval="1s")
        running = stack.enter_context(exporter({}, f"--config.file={config}"))
        config = config_file(directory, simulated, {STOPPED: {}}, poll_interval="1s")
        stopped = stack.enter_context(exporter({}, f"--config.file={config}"))
        targets = {"running": [running.url], "stopped": [stopped.url]}
        scraping = stack.enter_context(
            prometheus(
                directory,
                targets,
                rules=hastened(directory),
                watches_itself=True,
                scrape_interval=UNHURRIED,
            )
        )
        wait_until_firing(scraping, lambda name, scene: scene.fires if not scene.happens else set())
        wait_for_calm(scraping, 2)
        before = firing(scraping)
        for name, scene in SCENES.items():
            simulated.change(name, **scene.happens)
        stopped.process.stop()
        lose_and_restore_a_key(simulated, scraping)
        wait_until_firing(scraping, lambda name, scene: scene.fires)
        yield Stand(scraping, before, stopped.url.removeprefix("http://"))


@pytest.fixture(autouse=True)
def _calm(stand: Stand) -> None:
    wait_for_calm(stand.prometheus, 1)


def wait_until_firing(scraping: RunningPrometheus, expected: Callable[[str, Scene], set[str]]) -> None:
    """Wait for polls of all accounts and for all expected alerts; the tests report which do not fire."""

    def are_firing() -> bool:
        # There are no inventories while a key is rejected.
        polled = scraping.values('aiozpin_polls_total{collector="inventory"} > 3', "account")
        now = firing(scraping)
        return {(name,) for name in SCENES if name != "never-allowed"} <= polled.keys() and all(
            expected(name, scene) <= now[name] for name, scene in SCENES.items()
        )

    with suppress(AssertionError):
        wait_for(are_firing, "the alerts")


def lose_and_restore_a_key(simulated: RunningSimulator, scraping: RunningPrometheus) -> None:
    simulated.change(RESTORED, revoked=True)
    wait_for(lambda: firing(scraping)[RESTORED] >= REFUSED, "the alert on the key")
    simulated.change(RESTORED, revoked=False)
    wait_for(lambda: scraping.query(f'aiozpin_up{{account="{RESTORED}"}} == 1'), "polls that succeed again")


def firing(scraping: RunningPrometheus) -> defaultdict[str, set[str]]:
    """Return the names of the firing alerts by account."""
    alerts: defaultdict[str, set[str]] = defaultdict(set)
    for alert in scraping.ask("alerts")["alerts"]:
        if alert["state"] == "firing":
            alerts[alert["labels"].get("account", "")].add(name_of(alert["labels"]))
    return alerts


def name_of(labels: Mapping[str, str]) -> str:
    """Return the name of an alert, with its severity if the name has several."""
    name = labels["alertname"]
    several = sum(alert.name == name for alert in ALERTS) > 1
    return f"{name} {labels['severity']}" if several else name


@pytest.mark.parametrize("name", SCENES)
def test_the_alerts_for_the_problem_of_an_account_fire_and_no_other(stand: Stand, name: str) -> None:
    assert firing(stand.prometheus)[name] == SCENES[name].fires


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.happens])
def test_no_alert_fires_before_the_problem(stand: Stand, name: str) -> None:
    assert stand.before[name] == set()


def test_only_the_alert_on_the_exporter_fires_if_it_is_stopped(stand: Stand) -> None:
    assert stand.before[STOPPED] == {"AIOZPinPinsFailed"}
    now = firing(stand.prometheus)
    assert now[STOPPED] == set()
    assert now[""] == {"AIOZPinExporterDown"}
    assert stand.before[""] == set()
    down = stand.prometheus.query('ALERTS{alertname="AIOZPinExporterDown"}')
    assert [(one["metric"]["job"], one["metric"]["instance"]) for one in down] == [
        ("stopped", stand.stopped_instance)
    ]


def test_the_alert_on_a_key_resolves_when_the_key_works_again(stand: Stand) -> None:
    # The share of failed polls of the last hour may still be high.
    assert firing(stand.prometheus)[RESTORED] <= {"AIOZPinPollErrorsHigh"}


def test_no_alert_fires_for_another_job(stand: Stand) -> None:
    alerts = stand.prometheus.ask("alerts")["alerts"]
    assert {alert["labels"]["job"] for alert in alerts} == {"running", "stopped"}


def test_each_alert_has_its_severity_and_names_its_account_or_exporter(stand: Stand) -> None:
    known = {(alert.name, alert.severity.value): alert for alert in ALERTS}
    for alert in stand.prometheus.ask("alerts")["alerts"]:
        labels, annotations = alert["labels"], alert["annotations"]
        expected = known[labels["alertname"], labels["severity"]]
        assert labels["account" if expected.on_account else "instance"] in annotations["summary"]
        assert not any("<no value>" in text or "{{" in text for text in annotations.values())


def test_the_alert_on_an_absent_exporter_fires_without_an_exporter(tmp_path: Path) -> None:
    with prometheus(tmp_path, {}, rules=hastened(tmp_path), watches_itself=True) as scraping:
        wait_for(lambda: scraping.query("up"), "a scrape")
        wait_for(lambda: firing(scraping) == {"": {"AIOZPinExporterAbsent"}}, "the alert")
