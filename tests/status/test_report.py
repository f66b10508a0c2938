import dataclasses
from dataclasses import replace

import pytest

from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.inventory.counter import Inventory, PinTotals
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import CollectorReport, Now, Problem, account_report
from pin_exporter.toolkit.exposition.encoder import Format
from tests.metrics.golden import rendered
from tests.support.samples import COUNTED, FULL, HOSTILE_WORD, INVENTORY, NOW_ELAPSED, TOTALS_HEALTH, UNTRIED

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)


def at(elapsed: float) -> Now:
    return Now(elapsed, NOW.wall)


def collector(name: Collector, snapshot: AccountSnapshot = FULL, now: Now = NOW) -> CollectorReport:
    (found,) = (each for each in account_report(snapshot, now).collectors if each.collector is name)
    return found


def counting(inventory: Inventory, verdict: Verdict = Verdict.CONSISTENT, files: int = 7) -> AccountSnapshot:
    """Return a healthy account with this inventory; `files` is what the API reports at its end."""
    counted = replace(COUNTED, verdict=verdict, reported=Totals(files, 1), inventory=inventory)
    return replace(FULL, health=dict.fromkeys(Collector, TOTALS_HEALTH), counted=counted)


GOOD = replace(INVENTORY, by_status={("DONE", Phase.PINNED): PinTotals(7, 1)}, malformed=0)
HEALTHY = counting(GOOD)


def with_pins(*pins: tuple[str, Phase, int]) -> AccountSnapshot:
    by_status = {(status, phase): PinTotals(number, number * 10) for status, phase, number in pins}
    return counting(replace(GOOD, by_status=by_status))


def test_a_report_has_all_that_was_polled() -> None:
    made = account_report(FULL, NOW)
    assert (made.account, made.up, made.files, made.size_bytes) == ("archive", True, 10, 400_005_120)
    assert made.size_limit_bytes == 1_000_000_000
    inventory = made.inventory
    assert inventory is not None
    assert (inventory.pins, inventory.size_bytes, inventory.verdict) == (7, 400_005_120, Verdict.REPAIRED)
    assert (inventory.unaccounted_files, inventory.malformed_pins) == (3, 2)
    assert [dataclasses.astuple(each) for each in inventory.phases] == [
        (Phase.PINNED, 4, 4 / 7, 400_001_024),
        (Phase.IN_PROGRESS, 2, 2 / 7, 0),
        (Phase.FAILED, 0, 0, 0),
        (Phase.REMOVED, 0, 0, 0),
        (Phase.UNKNOWN, 1, 1 / 7, 4_096),
    ]
    # Statuses without a pin are left out, the others are ordered by phase and number.
    assert [dataclasses.astuple(each) for each in inventory.statuses] == [
        ("DONE", Phase.PINNED, 4, 400_001_024),
        ("PENDING", Phase.IN_PROGRESS, 2, 0),
        (HOSTILE_WORD, Phase.UNKNOWN, 1, 4_096),
    ]
    assert [dataclasses.astuple(each) for each in inventory.sub_hash_statuses] == [("none", 5), ("DONE", 2)]


def test_pins_removed_for_an_exhausted_balance_are_counted_in_upper_and_lower_case() -> None:
    removed = with_pins(
        ("unpinOutOfMoney", Phase.REMOVED, 3),
        ("UNPINOUTOFMONEY", Phase.REMOVED, 2),
        ("unpinNormally", Phase.REMOVED, 5),
    )
    inventory = account_report(removed, NOW).inventory
    assert inventory is not None
    assert inventory.balance_exhausted_pins == 5
    assert [each.pins for each in inventory.statuses] == [5, 3, 2]


def exposed(snapshot: AccountSnapshot, elapsed: float) -> dict[str, float]:
    lines = rendered(Format.TEXT, [snapshot], elapsed).split("\n")
    samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


@pytest.mark.parametrize("elapsed", [1_000.0, 1_240.0, 1_240.001, 1_290.0, 1_290.001, 9_999.0])
@pytest.mark.parametrize("snapshot", [FULL, UNTRIED, replace(FULL, totals=None), replace(FULL, counted=None)])
def test_a_report_has_the_numbers_that_the_metrics_show_at_the_same_moment(
    snapshot: AccountSnapshot, elapsed: float
) -> None:
    made, shown = account_report(snapshot, at(elapsed)), exposed(snapshot, elapsed)
    account = f'{{account="{snapshot.account}"'
    assert made.files == shown.get(f"aiozpin_files{account}}}")
    assert made.size_bytes == shown.get(f"aiozpin_size_bytes{account}}}")
    assert made.size_limit_bytes == shown.get(f"aiozpin_size_limit_bytes{account}}}")
    assert made.up == shown[f"aiozpin_up{account}}}"]
    pins = {name: value for name, value in shown.items() if name.startswith("aiozpin_pins{")}
    assert (made.inventory is None) == (not pins)
    if made.inventory:
        assert made.inventory.pins == sum(pins.values())
        assert made.inventory.unaccounted_files == shown[f"aiozpin_inventory_unaccounted_files{account}}}"]
        for each in made.inventory.phases:
            phase = [value for name, value in pins.items() if f'phase="{each.phase}"' in name]
            assert each.pins == sum(phase)
    for one in made.collectors:
        rest = f'{account},collector="{one.collector}"}}'
        assert (one.last_success_at or 0) == shown[f"aiozpin_last_success_timestamp_seconds{rest}"]
        assert (one.last_attempt_at or 0) == shown[f"aiozpin_last_attempt_timestamp_seconds{rest}"]
        assert one.interval_seconds == shown[f"aiozpin_poll_interval_seconds{rest}"]


def test_the_age_of_data_is_taken_from_the_clock_that_decides_whether_they_are_fresh() -> None:
    late = Now(1_100.0, wall=0.0)
    made = collector(Collector.INVENTORY, now=late)
    assert (made.age_seconds, made.fresh, made.stale_after_seconds) == (230.0, True, 420)
    assert (made.reason, made.error) == ("timeout", "the API took too long")


def test_before_the_first_poll_nothing_is_known_and_a_success_at_unix_time_0_is_one() -> None:
    made = collector(Collector.TOTALS, UNTRIED)
    assert (made.last_success_at, made.last_attempt_at, made.age_seconds) == (None, None, None)
    assert (made.fresh, made.reason) == (False, None)
    health = replace(TOTALS_HEALTH, last_success_at=0.0)
    assert collector(Collector.TOTALS, FULL.with_health(Collector.TOTALS, health)).last_success_at == 0.0


@pytest.mark.parametrize(
    ("name", "snapshot", "elapsed", "alert"),
    [
        (Collector.INVENTORY, FULL, 1_010.0, "AIOZPinPollErrorsHigh"),
        (Collector.TOTALS, FULL, 1_010.0, None),
        (Collector.TOTALS, FULL, 5_000.0, "AIOZPinDataStale"),
        (Collector.TOTALS, UNTRIED, 1_010.0, None),
    ],
)
def test_a_collector_has_the_runbook_of_its_failure_or_of_stale_data(
    name: Collector, snapshot: AccountSnapshot, elapsed: float, alert: str | None
) -> None:
    assert collector(name, snapshot, at(elapsed)).runbook == alert


def problems(snapshot: AccountSnapshot, now: Now = NOW) -> tuple[Problem, ...]:
    return account_report(snapshot, now).problems


FAILED, REMOVED = Phase.FAILED, Phase.REMOVED
STUCK_1, STUCK_12, NOT_STUCK = (0, 0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 10, 2), (9, 9, 9, 9, 9, 0, 0)


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (HEALTHY, []),
        (with_pins(("gone", REMOVED, 3)), []),
        (with_pins(("queued", Phase.IN_PROGRESS, 3)), []),
        (counting(replace(GOOD, pins=0, by_status={}), files=0), []),
        (with_pins(("failed", FAILED, 1)), ["warning AIOZPinPinsFailed: 1 pin has failed"]),
        (with_pins(("failed", FAILED, 1_200)), ["warning AIOZPinPinsFailed: 1,200 pins have failed"]),
        (
            with_pins(("unpinOutOfMoney", REMOVED, 2)),
            ["critical AIOZPinBalanceExhausted: 2 pins have been removed"],
        ),
        (with_pins(("new", Phase.UNKNOWN, 3)), ["info AIOZPinUnknownStatus: 3 pins have a status"]),
        (counting(replace(GOOD, age_counts=NOT_STUCK)), []),
        (counting(replace(GOOD, age_counts=STUCK_1)), ["warning AIOZPinPinsStuck: 1 pin has been"]),
        (counting(replace(GOOD, age_counts=STUCK_12)), ["warning AIOZPinPinsStuck: 12 pins have been"]),
        (counting(GOOD, Verdict.INCONSISTENT), ["warning AIOZPinInventoryInconsistent: "]),
        (counting(GOOD, files=9), ["warning AIOZPinCountMismatch: The API reports 2 files more"]),
        (counting(GOOD, files=4), ["warning AIOZPinCountMismatch: The API reports 3 files fewer"]),
        (counting(GOOD, Verdict.REPAIRED, files=9), ["info AIOZPinCountMismatch: The API reports 2"]),
        (counting(replace(GOOD, malformed=4)), ["warning AIOZPinCountMismatch: 4 rows"]),
        (replace(HEALTHY, size_limit_bytes=None), []),
        (replace(HEALTHY, size_limit_bytes=400_005_120), []),
        (replace(HEALTHY, size_limit_bytes=400_005_119), ["warning AIOZPinSizeLimitNearing: The size"]),
        # The most serious comes first.
        (
            with_pins(("new", Phase.UNKNOWN, 1), ("failed", FAILED, 1), ("unpinOutOfMoney", REMOVED, 1)),
            [
                "critical AIOZPinBalanceExhausted: ",
                "warning AIOZPinPinsFailed: ",
                "info AIOZPinUnknownStatus: ",
            ],
        ),
    ],
)
def test_problems_of_the_data_have_a_level_a_runbook_and_their_numbers(
    snapshot: AccountSnapshot, expected: list[str]
) -> None:
    found = [f"{each.level} {each.runbook}: {each.text}" for each in problems(snapshot)]
    wanted = [line.split(": ", 1) for line in expected]
    assert len(found) == len(wanted)
    for line, (head, text) in zip(found, wanted, strict=True):
        level, alert = head.split()
        assert line.startswith(f"{level} {alert}: {text}")


@pytest.mark.parametrize(
    ("reason", "elapsed", "level", "outcome"),
    [
        ("timeout", 1_030, "warning", "files and size shown are 30 s old."),
        ("timeout", 1_250, "critical", "4 min 10 s ago, so files and size are not shown."),
        # A rejected key is critical at once.
        ("unauthorized", 1_030, "critical", "files and size shown are 30 s old."),
        ("forbidden", 1_030, "critical", "files and size shown are 30 s old."),
    ],
)
def test_a_failed_poll_is_a_warning_while_its_data_are_fresh(
    reason: str, elapsed: float, level: str, outcome: str
) -> None:
    failed = HEALTHY.with_health(Collector.TOTALS, TOTALS_HEALTH.failed(reason, "what <happened>"))
    first = problems(failed, at(elapsed))[0]
    assert first.level == level
    assert f"({reason})" in first.text
    assert first.text.endswith(outcome)
    assert first.error == "what <happened>"
    assert "happened" not in first.text


def test_missing_and_stale_data_have_a_level_and_a_reason() -> None:
    failed = UNTRIED.with_health(Collector.TOTALS, UNTRIED.health[Collector.TOTALS].failed("tls", "x"))
    first = problems(failed)[0]
    assert (first.level, "none has succeeded yet" in first.text) == ("critical", True)
    totals, inventory = problems(HEALTHY, at(2_000))
    assert (totals.level, inventory.level) == ("critical", "critical")
    assert "16 min 40 s ago" in totals.text
    assert totals.runbook == inventory.runbook == "AIOZPinDataStale"
    assert [(each.level, each.runbook) for each in problems(UNTRIED)] == [("info", None)] * 2


@pytest.mark.parametrize(
    ("other", "errors"), [("the same", ["the same", None]), ("more", ["the same", "more"])]
)
def test_an_error_of_both_collectors_is_shown_once(other: str, errors: list[str | None]) -> None:
    snapshot = HEALTHY.with_health(Collector.TOTALS, TOTALS_HEALTH.failed("tls", "the same"))
    snapshot = snapshot.with_health(Collector.INVENTORY, TOTALS_HEALTH.failed("tls", other))
    assert [each.error for each in problems(snapshot)] == errors
