"""What the alerts make of files that `pin-exporter once` writes every 15 minutes for node_exporter."""

from collections.abc import Mapping
from pathlib import Path

from pin_exporter.api.model import Collector
from tests.grafana.support.exporters import RELOADED, SHARD, TOTAL_SHARDS, Exporter, Key, key
from tests.grafana.support.promtool import Group, run_rules
from tests.grafana.support.signals import NO_TROUBLE, Signal, Trouble, changes, steady

EVERY = 15
BEGINS = 4 * EVERY
ALERTS = 'sum by (alertname) (ALERTS{alertstate="firing"})'


def of_runs(*, stop: bool = False) -> Signal:
    """Return the time of the last run. Those that do not `stop` fail: such a run knows of no success."""

    def value(minute: int, trouble: Trouble) -> float:
        if trouble.is_on(minute) and not stop:
            return 0
        seen = min(minute, trouble.begins - 1) if stop else minute
        return 60 * (seen - seen % EVERY) or 1

    return value


def textfile(trouble: Trouble = NO_TROUBLE, signals: Mapping[Key, Signal] | None = None) -> Exporter:
    """Return what files show: counters of one run each, and nothing of a process that goes on."""
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
    """Return what a file shows when both polls fail for a reason, in run after run."""
    signals: dict[Key, Signal] = {key("up"): changes(1, 0)}
    for collector in Collector:
        signals[key("last_success_timestamp_seconds", collector=collector)] = of_runs()
        signals[key("poll_failures_total", collector=collector, reason=reason)] = changes(0, 1)
    return signals


def test_with_the_interval_of_cron_as_poll_interval_all_is_quiet(tmp_path: Path) -> None:
    group = Group("quiet", [textfile()])
    group.expect_never(8 * EVERY)

    run_rules(tmp_path, [group])


def test_runs_that_stop_are_told_as_data_that_grow_old(tmp_path: Path) -> None:
    group = Group("stops", [textfile(Trouble(BEGINS))])
    stale = BEGINS - EVERY + 3 * EVERY
    group.expect_never(stale)
    group.expect(stale + 4, ALERTS, {'{alertname="AIOZPinDataStale"}': 2})
    very_stale = BEGINS - EVERY + 12 * EVERY
    both = {'{alertname="AIOZPinDataStale"}': 4}
    group.expect(very_stale + 4, ALERTS, both)

    run_rules(tmp_path, [group])


def test_a_key_that_is_refused_in_every_run_is_told_at_once(tmp_path: Path) -> None:
    group = Group("refused", [textfile(Trouble(BEGINS), failing("unauthorized"))])
    group.expect(BEGINS + 4, ALERTS, {'{alertname="AIOZPinCredentialsRejected"}': 1})

    run_rules(tmp_path, [group])


def test_polls_that_fail_are_told_for_a_while_at_first_and_for_good_after_half_an_hour(
    tmp_path: Path,
) -> None:
    group = Group("fails", [textfile(Trouble(BEGINS), failing("timeout"))])
    group.expect(BEGINS + 15, ALERTS, {'{alertname="AIOZPinPollErrorsHigh"}': 2})
    group.expect(BEGINS + 90, ALERTS, {'{alertname="AIOZPinNeverPolled"}': 2})

    run_rules(tmp_path, [group])


def test_a_single_run_that_fails_is_told_for_a_while(tmp_path: Path) -> None:
    group = Group("once", [textfile(Trouble(BEGINS, BEGINS + EVERY), failing("timeout"))])
    group.expect(BEGINS + 15, ALERTS, {'{alertname="AIOZPinPollErrorsHigh"}': 2})
    group.expect(BEGINS + 90, ALERTS, {})

    run_rules(tmp_path, [group])
