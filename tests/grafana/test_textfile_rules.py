"""Which alerts fire for textfiles that `pin-exporter once` writes every 15 minutes."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from pin_exporter.api.model import Collector
from tests.grafana.support.exporters import RELOADED, SHARD, TOTAL_SHARDS, Exporter, Key, key
from tests.grafana.support.promtool import Group, run_rules
from tests.grafana.support.signals import NO_TROUBLE, Signal, Trouble, changes, steady

EVERY = 15
BEGINS = 4 * EVERY
ALERTS = 'sum by (alertname) (ALERTS{alertstate="firing"})'


def of_runs(*, stop: bool = False) -> Signal:
    """Return the last success. Runs `stop` or else fail; a failed run has never had a success."""

    def value(minute: int, trouble: Trouble) -> float:
        if trouble.is_on(minute) and not stop:
            return 0
        seen = min(minute, trouble.begins - 1) if stop else minute
        return 60 * (seen - seen % EVERY) or 1

    return value


def textfile(trouble: Trouble = NO_TROUBLE, signals: Mapping[Key, Signal] | None = None) -> Exporter:
    """Return the series of textfiles: counters of a single run, and none of a process."""
    absent = dict.fromkeys((RELOADED, SHARD, TOTAL_SHARDS), _nothing)
    by_collector = {
        key(name, collector=collector): signal
        for collector in Collector
        for name, signal in (
            ("poll_interval_seconds", steady(60 * EVERY)),
            ("polls_total", steady(1)),
            ("last_success_timestamp_seconds", of_runs(stop=True)),
            ("last_attempt_timestamp_seconds", of_runs(stop=True)),
        )
    }
    requests = {
        key("api_requests_total", operation=operation, code="200"): steady(1)
        for operation in ("totals", "list")
    }
    return Exporter({**absent, **by_collector, **requests, **(signals or {})}, trouble)


def _nothing(_minute: int, _trouble: Trouble) -> None:
    return None


def failing(reason: str) -> Mapping[Key, Signal]:
    """Return the series of runs in which both polls fail."""
    signals: dict[Key, Signal] = {key("up"): changes(1, 0)}
    for collector in Collector:
        signals[key("last_success_timestamp_seconds", collector=collector)] = of_runs()
        signals[key("poll_failures_total", collector=collector, reason=reason)] = changes(0, 1)
    return signals


def test_no_alert_fires_if_the_poll_interval_is_that_of_the_runs(tmp_path: Path) -> None:
    group = Group("quiet", [textfile()])
    group.expect_never(8 * EVERY)

    run_rules(tmp_path, [group])


def test_the_data_becomes_stale_if_runs_stop(tmp_path: Path) -> None:
    group = Group("stops", [textfile(Trouble(BEGINS))])
    stale = BEGINS - EVERY + 3 * EVERY
    group.expect_never(stale)
    group.expect(stale + 4, ALERTS, {'{alertname="AIOZPinDataStale"}': 2})
    group.expect(stale + 9 * EVERY + 4, ALERTS, {'{alertname="AIOZPinDataStale"}': 4})

    run_rules(tmp_path, [group])


@pytest.mark.parametrize(
    ("reason", "ends", "expected"),
    [
        ("unauthorized", math.inf, {4: {"AIOZPinCredentialsRejected": 1}}),
        ("timeout", math.inf, {15: {"AIOZPinPollErrorsHigh": 2}, 90: {"AIOZPinNeverPolled": 2}}),
        ("timeout", BEGINS + EVERY, {15: {"AIOZPinPollErrorsHigh": 2}, 90: {}}),
    ],
    ids=["a rejected key", "every run fails", "a single run fails"],
)
def test_runs_that_fail_fire_alerts(
    reason: str, ends: float, expected: Mapping[int, Mapping[str, float]], tmp_path: Path
) -> None:
    group = Group(reason, [textfile(Trouble(BEGINS, ends), failing(reason))])
    for minutes, alerts in expected.items():
        samples = {f'{{alertname="{name}"}}': number for name, number in alerts.items()}
        group.expect(BEGINS + minutes, ALERTS, samples)

    run_rules(tmp_path, [group])
