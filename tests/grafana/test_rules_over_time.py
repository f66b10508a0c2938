from pathlib import Path

import pytest

from pin_exporter.metrics.account import ACCOUNT_FAMILIES
from tests.grafana.support.exporters import GIB, HERE, UP, Exporter, Key, healthy_account, healthy_target, key
from tests.grafana.support.polling_cases import POLLING_CASES
from tests.grafana.support.promtool import Group, run_rules, with_alerts
from tests.grafana.support.signals import NO_TROUBLE, Signal, Trouble, changes, counts, steady

DAY = 1_440
CASES = {case.alert: case for case in POLLING_CASES}
# What an exporter exposes before its first poll, where it differs from later.
AT_FIRST: dict[str, float | None] = {
    **{family.name: None for family in ACCOUNT_FAMILIES if family.source},
    "aiozpin_up": 0,
    "aiozpin_last_success_timestamp_seconds": 0,
    "aiozpin_last_attempt_timestamp_seconds": 0,
}
POLLS = 'aiozpin_polls_total{job="pins",instance="two",account="main",collector="totals"}'


def growing(minute: int, _trouble: Trouble = NO_TROUBLE) -> float:
    """Return the files of an account: one more every 3 minutes, and 30 deleted at noon."""
    return 1_000 + minute // 3 - (30 if minute >= DAY // 2 else 0)


def nearing_the_limit(minute: int, _trouble: Trouble) -> float:
    """Return a size that is at 83 % of the limit, and reaches it in three days."""
    return (850 + minute / 25) * GIB


def on_a_busy_day() -> dict[Key, Signal]:
    """Return an account that grows and shrinks, with occasional repaired inventories and failures."""

    def now_and_then(minutes: int, usual: float, seldom: float) -> Signal:
        return lambda minute, _trouble: seldom if minute % minutes == minutes - 1 else usual

    def once_in(minutes: int) -> Signal:
        return lambda minute, _trouble: minute // minutes

    return {
        **healthy_account(),
        key("files"): growing,
        key("size_bytes"): lambda minute, _trouble: (840 + growing(minute) / 100) * GIB,
        key("inventory_consistent"): now_and_then(50, 1, 0),
        key("inventory_unaccounted_files"): now_and_then(50, 0, 2),
        key("poll_failures_total", collector="inventory", reason="timeout"): once_in(60),
        key("poll_failures_total", collector="inventory", reason="inconsistent"): once_in(45),
        key("api_requests_total", operation="list", code="429"): once_in(100),
        key("oldest_unfinished_pin_timestamp_seconds"): lambda minute, _trouble: minute // 120 * 7_200,
    }


def exporter(instance: str, *lives: range, listed: range) -> Exporter:
    """Return an exporter that runs during `lives`: counters begin at 0, data exists a minute later.

    While it is `listed` as a target and does not run, scrapes fail.
    """

    def living(each: Key, signal: Signal) -> Signal:
        def value(minute: int, trouble: Trouble) -> float | None:
            life = next((life for life in lives if minute in life), None)
            if life is None:
                return 0 if each == UP and minute in listed else None
            if each.name.endswith("_total"):
                return signal(minute - life.start, trouble)
            if minute > life.start or each in healthy_target() or each.name not in AT_FIRST:
                return signal(minute, trouble)
            return AT_FIRST[each.name]

        return value

    signals = {each: living(each, signal) for each, signal in {**on_a_busy_day(), **healthy_target()}.items()}
    return Exporter(signals, labels={"job": "pins", "instance": instance})


@pytest.mark.slow
def test_no_alert_fires_on_a_day_with_a_deployment_and_a_restart(tmp_path: Path) -> None:
    first = exporter("one", range(480), listed=range(482))
    second = exporter("two", range(483, 960), range(961, DAY + 1), listed=range(483, DAY + 1))
    group = Group("a quiet day", [first, second])
    group.expect(960, 'count(ALERTS{alertname="AIOZPinExporterDown",alertstate="pending"})', {"{}": 1})
    group.expect(DAY, "aiozpin_polls_total{collector='totals'} > 0", {POLLS: DAY - 960})
    group.expect_never(DAY)

    run_rules(tmp_path, [group])


def test_the_alert_on_dropped_files_fires_for_files_lost_while_a_pod_is_replaced(tmp_path: Path) -> None:
    pods = [
        Exporter({key("files"): changes(102, None)}, Trouble(30)),
        Exporter({key("files"): changes(None, 80)}, Trouble(31), labels={**HERE, "instance": "two:10242"}),
    ]
    group = Group("replaced", pods)
    group.expect_firing(41, "AIOZPinFilesDropped")

    run_rules(tmp_path, [group])


def test_the_alert_on_dropped_files_resolves_a_day_after_the_drop(tmp_path: Path) -> None:
    group = Group("history", [Exporter({key("files"): changes(102, 80)}, Trouble(60))], every=15)
    group.expect_firing(DAY + 45, "AIOZPinFilesDropped")
    group.expect_firing(DAY + 75)

    run_rules(tmp_path, [group])


def test_the_size_is_forecast_once_there_is_a_day_of_data(tmp_path: Path) -> None:
    group = Group("a day of data", [Exporter({key("size_bytes"): nearing_the_limit})], every=15)
    states = 'count by (alertstate) (ALERTS{alertname="AIOZPinSizeLimitNearing"})'
    group.expect(DAY - 15, states, {})
    group.expect(DAY, states, {'{alertstate="pending"}': 1})
    group.expect(DAY + 60, states, {'{alertstate="firing"}': 1})

    run_rules(tmp_path, [group])


def test_a_short_gap_in_the_data_does_not_interrupt_the_forecast_a_day_later(tmp_path: Path) -> None:
    def restarted(minute: int, trouble: Trouble) -> float | None:
        return None if minute == 300 else nearing_the_limit(minute, trouble)

    group = Group("a gap", [Exporter({key("size_bytes"): restarted})], every=15)
    group.expect(DAY + 300, 'ALERTS{alertname="AIOZPinSizeLimitNearing",alertstate="pending"}', {})
    group.expect_firing(DAY + 300, "AIOZPinSizeLimitNearing")

    run_rules(tmp_path, [group])


def test_no_alert_fires_without_a_limit(tmp_path: Path) -> None:
    unlimited: dict[Key, Signal] = {
        key("size_limit_bytes"): lambda _minute, _trouble: None,
        key("size_bytes"): nearing_the_limit,
    }
    group = Group("no limit", [Exporter(unlimited)], every=15)
    group.expect_never(DAY + 120)

    run_rules(tmp_path, [group])


def test_the_alert_on_inconsistent_inventories_works_for_rare_inventories(tmp_path: Path) -> None:
    inventory = {"collector": "inventory"}

    def every_forty_minutes(unproven: range) -> dict[Key, Signal]:
        failures = key("poll_failures_total", **inventory, reason="inconsistent")
        return {
            key("poll_interval_seconds", **inventory): steady(2_400),
            key("polls_total", **inventory): lambda minute, _trouble: minute // 40,
            failures: lambda minute, _trouble: sum(1 for number in unproven if number <= minute // 40),
        }

    always = Group("none proven", [Exporter(every_forty_minutes(range(3, 99)))], every=5)
    always.expect_firing(300, "AIOZPinInventoryInconsistent")
    once = Group("one not proven", [Exporter(every_forty_minutes(range(3, 4)))], every=5)
    once.expect_never(300)

    run_rules(tmp_path, [always, once])


@pytest.mark.parametrize("apart", [15, 17, 30, 60])
@pytest.mark.parametrize("alert", ["AIOZPinPollErrorsHigh", "AIOZPinThrottled"])
def test_an_alert_keeps_firing_between_rare_polls(alert: str, apart: int, tmp_path: Path) -> None:
    def since(begins: int) -> Signal:
        return lambda minute, _trouble: max(0, minute // apart - begins // apart)

    totals = {"collector": "totals"}
    polls: dict[Key, Signal] = {
        key("poll_interval_seconds", **totals): steady(60 * apart),
        key("polls_total", **totals): since(0),
        key("poll_failures_total", **totals, reason="timeout"): since(180),
        key("api_requests_total", operation="totals", code="429"): since(180),
        **{key("api_requests_total", operation=o, code="200"): since(0) for o in ("totals", "list")},
    }
    group = Group(f"{alert} every {apart} minutes", [Exporter(polls)])
    group.expect(720, f'sum(changes(ALERTS_FOR_STATE{{alertname="{alert}"}}[7h]))', {"{}": 0})
    group.expect_number_firing(720, alert, 1)

    run_rules(tmp_path, [group], with_alerts(alert))


def test_the_alert_on_a_rejected_key_keeps_firing_between_hourly_polls(tmp_path: Path) -> None:
    alert = "AIOZPinCredentialsRejected"
    polls: dict[Key, Signal] = {
        key("up"): lambda minute, _trouble: 1 if minute < 180 else 0,
        key("poll_interval_seconds", collector="totals"): steady(3_600),
        key("poll_failures_total", collector="totals", reason="unauthorized"): (
            lambda minute, _trouble: max(0, minute // 60 - 2)
        ),
    }
    group = Group("hourly", [Exporter(polls)])
    for minute in range(170, 720, 7):
        group.expect_number_firing(minute, alert, 1 if minute > 180 else 0)

    run_rules(tmp_path, [group], with_alerts(alert))


@pytest.mark.parametrize(("apart", "every"), [(60, 1), (DAY, 10)], ids=["hourly", "daily"])
def test_the_alert_on_unreadable_files_keeps_firing_between_rare_polls_until_one_is_good(
    apart: int, every: int, tmp_path: Path
) -> None:
    alert = "AIOZPinCredentialFilesUnreadable"

    def by_poll(*values: float | None) -> Signal:
        return lambda minute, _trouble: values[min(minute // apart, len(values) - 1)]

    # The second and the third poll use the previous keys. The API rejects these, for the first time.
    polls: dict[Key, Signal] = {
        key("file_read_failures_total", files="keys"): by_poll(0, 1, 2, 2, 2),
        key("api_requests_total", operation="totals", code="200"): by_poll(1, 1, 1, 2, 3),
        key("api_requests_total", operation="totals", code="401"): by_poll(None, 1, 2, 2, 2),
    }
    begins, ends = apart, 3 * apart
    group = Group(f"every {apart} minutes", [Exporter(polls)], every=every)
    for minute in range(0, 5 * apart, 7 * every):
        is_changing = begins <= minute < begins + 30 + every + 10 or ends <= minute < ends + every + 10
        if not is_changing:
            group.expect_number_firing(minute, alert, 1 if begins < minute < ends else 0)

    run_rules(tmp_path, [group], with_alerts(alert))


@pytest.mark.parametrize(
    ("alert", "reason", "minute"),
    [("AIOZPinPollErrorsHigh", "timeout", 75), ("AIOZPinInventoryInconsistent", "inconsistent", 125)],
)
def test_no_more_than_all_polls_fail_if_the_exporter_restarts_again_and_again(
    alert: str, reason: str, minute: int, tmp_path: Path
) -> None:
    # Each scrape sees another process, with a poll more than the one before: as if it was still the same one.
    inventory = {"collector": "inventory"}
    restarting: dict[Key, Signal] = {
        key("polls_total", **inventory): counts(1),
        key("poll_failures_total", **inventory, reason=reason): lambda minute, _: minute % 2 * (minute + 1),
    }
    (expected,) = CASES[alert].expected(Exporter())
    ratio = "sum(increase(aiozpin_poll_failures_total[1h])) > 2 * sum(increase(aiozpin_polls_total[1h]))"
    texts = expected["exp_annotations"]
    for name, text in texts.items():
        texts[name] = text.replace("46%", "100%").replace("90%", "100%")
    group = Group("restarts", [Exporter(restarting)])
    group.expect(minute, f"count({ratio})", {"{}": 1})
    group.expect_alerts(minute, alert, [expected])

    run_rules(tmp_path, [group], with_alerts(alert))


def test_no_alert_fires_for_a_few_failed_polls_after_the_start(tmp_path: Path) -> None:
    failures = key("poll_failures_total", collector="totals", reason="timeout")
    group = Group("a slow start", [Exporter({failures: lambda minute, _trouble: min(minute, 2)})])
    group.expect_never(60)

    run_rules(tmp_path, [group])


def test_the_alert_on_an_absent_exporter_keeps_firing_after_the_day_that_its_expression_looks_back(
    tmp_path: Path,
) -> None:
    group = Group("gone", [Exporter(trouble=Trouble(30), vanishes=True)], every=15)
    group.expect_firing(30 + DAY - 15, "AIOZPinExporterAbsent")
    group.expect_firing(30 + DAY + 30, "AIOZPinExporterAbsent")

    run_rules(tmp_path, [group])
