import pytest
from hypothesis import given
from hypothesis import strategies as st

from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import Collector
from pin_exporter.api.request_stats import RequestStats
from pin_exporter.polling.snapshot import AccountSnapshot, Health, PollRecord
from tests.support.samples import FULL, UNTRIED

HEALTH = Health(interval_seconds=60, stale_after_seconds=240)


def succeeded(health: Health, *, at: float, elapsed: float) -> Health:
    attempted = health.attempted(at=at, duration_seconds=1.5)
    return attempted.succeeded(elapsed=elapsed, interval_seconds=60, stale_after_seconds=240)


def failed(health: Health, reason: str, *, at: float = 0.0) -> Health:
    return health.attempted(at=at, duration_seconds=9.0).failed(reason, "it broke")


def snapshot(totals: Health = HEALTH, inventory: Health = HEALTH) -> AccountSnapshot:
    return AccountSnapshot("default", {Collector.TOTALS: totals, Collector.INVENTORY: inventory})


def test_a_success_is_dated_by_its_attempt_and_brings_the_new_interval() -> None:
    attempted = HEALTH.attempted(at=5_000.0, duration_seconds=1.5)
    health = attempted.succeeded(elapsed=70.0, interval_seconds=300, stale_after_seconds=960)
    assert (health.polls, health.duration_seconds) == (1, 1.5)
    assert (health.last_attempt_at, health.last_success_at) == (5_000.0, 5_000.0)
    assert (health.interval_seconds, health.stale_after_seconds) == (300, 960)
    assert sum(health.failures.values()) == 0


def test_a_failure_leaves_the_last_success_as_it_was() -> None:
    good = succeeded(HEALTH, at=5_000.0, elapsed=70.0)
    health = failed(good, "timeout", at=5_060.0)
    assert (health.last_success_at, health.last_success_elapsed) == (5_000.0, 70.0)
    assert (health.last_attempt_at, health.polls, health.duration_seconds) == (5_060.0, 2, 9.0)
    assert (health.reason, health.error) == ("timeout", "it broke")
    assert good.reason is None


def test_a_success_clears_the_error_and_keeps_the_counts() -> None:
    health = succeeded(failed(failed(HEALTH, "tls"), "tls"), at=5_000.0, elapsed=70.0)
    assert (health.reason, health.error) == (None, None)
    assert health.failures == dict.fromkeys(REASONS, 0) | {"tls": 2}


@given(st.lists(st.none() | st.sampled_from(REASONS), max_size=30))
def test_every_attempt_is_either_a_success_or_a_failure_of_one_reason(attempts: list[str | None]) -> None:
    health = HEALTH
    for reason in attempts:
        health = succeeded(health, at=1.0, elapsed=1.0) if reason is None else failed(health, reason)
    assert health.polls == len(attempts)
    assert health.failures == {reason: attempts.count(reason) for reason in REASONS}


@pytest.mark.parametrize(("age", "fresh"), [(0.0, True), (240.0, True), (240.1, False), (1e9, False)])
def test_data_are_fresh_until_they_are_older_than_allowed(age: float, fresh: bool) -> None:
    health = failed(succeeded(HEALTH, at=5_000.0, elapsed=70.0), "timeout")
    assert health.is_fresh(70.0 + age) is fresh
    assert succeeded(HEALTH, at=5_000.0, elapsed=0.0).is_fresh(age) is fresh


def test_an_account_is_up_when_the_newest_totals_poll_succeeded() -> None:
    good, bad = succeeded(HEALTH, at=5_000.0, elapsed=70.0), failed(HEALTH, "timeout")
    assert not snapshot().up
    assert snapshot(good).up
    assert snapshot(good, inventory=bad).up
    assert not snapshot(bad, inventory=good).up
    assert not snapshot(failed(good, "timeout")).up
    assert snapshot(succeeded(bad, at=5_000.0, elapsed=70.0)).up


def test_an_account_was_polled_once_its_totals_were_even_unsuccessfully() -> None:
    bad = failed(HEALTH, "timeout")
    assert not snapshot(inventory=bad).was_polled
    assert snapshot(bad).was_polled
    assert snapshot().with_health(Collector.TOTALS, bad) == snapshot(bad)


def test_the_counts_of_failures_cannot_be_changed_in_place() -> None:
    for counts in (HEALTH.failures, failed(HEALTH, "tls").failures, RequestStats().retries):
        with pytest.raises(TypeError):
            counts["tls"] = 7  # type: ignore[index]


def test_of_the_last_polls_of_each_collector_at_most_50_are_remembered_oldest_first() -> None:
    records = [PollRecord(float(number), 0.5, requests=1) for number in range(60)]
    snapshot = UNTRIED.with_record(Collector.INVENTORY, records[0])
    for record in records:
        snapshot = snapshot.with_record(Collector.TOTALS, record)
    assert snapshot.records == {Collector.TOTALS: tuple(records[10:]), Collector.INVENTORY: (records[0],)}


@pytest.mark.parametrize(
    ("elapsed", "fresh"),
    [(1_000, {"totals", "inventory"}), (1_240.1, {"inventory"}), (1_290.1, set())],
)
def test_each_collectors_data_are_fresh_by_themselves(elapsed: float, fresh: set[str]) -> None:
    assert FULL.fresh(elapsed) == fresh
    assert UNTRIED.fresh(elapsed) == set()
