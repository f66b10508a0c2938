import asyncio
import dataclasses
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from pin_exporter.api.model import Collector, Phase, Totals, Verdict
from pin_exporter.inventory.counter import PinTotals
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import AccountReport, account_report, report
from pin_exporter.status.report_parts import CollectorReport, Now
from pin_exporter.status.runbooks import runbook_url
from pin_exporter.toolkit.exposition.renderer import Format, Renderer
from tests.support.clocks import FakeClock
from tests.support.samples import COUNTED, FULL, HOSTILE_WORD, INVENTORY, NOW_ELAPSED, TOTALS_HEALTH, UNTRIED

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)


def at(elapsed: float) -> Now:
    return Now(elapsed, NOW.wall)


def reported(snapshot: AccountSnapshot = FULL, now: Now = NOW) -> AccountReport:
    return account_report(snapshot, now)


def collector(name: Collector, snapshot: AccountSnapshot = FULL, now: Now = NOW) -> CollectorReport:
    (found,) = (each for each in reported(snapshot, now).collectors if each.collector is name)
    return found


def exposed(snapshot: AccountSnapshot, elapsed: float) -> dict[str, float]:
    clock = FakeClock(elapsed=elapsed)
    exposition = Renderer(lambda: [snapshot], CollectorRegistry(), clock.elapsed)
    text = asyncio.run(exposition.render(Format.TEXT)).decode()
    lines = (line.rpartition(" ") for line in text.split("\n") if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_an_account_is_told_with_all_that_was_read() -> None:
    told = reported()
    assert (told.account, told.up, told.files, told.size_bytes) == ("archive", True, 10, 400_005_120)
    assert told.size_limit_bytes == 1_000_000_000
    inventory = told.inventory
    assert inventory is not None
    assert (inventory.pins, inventory.size_bytes, inventory.verdict) == (7, 400_005_120, Verdict.REPAIRED)
    assert (inventory.unaccounted, inventory.malformed, inventory.out_of_money_pins) == (3, 2, 0)
    assert [(each.phase, each.pins, each.share) for each in inventory.phases] == [
        (Phase.PINNED, 4, 4 / 7),
        (Phase.IN_PROGRESS, 2, 2 / 7),
        (Phase.FAILED, 0, 0),
        (Phase.REMOVED, 0, 0),
        (Phase.UNKNOWN, 1, 1 / 7),
    ]
    assert [each.size_bytes for each in inventory.phases] == [400_001_024, 0, 0, 0, 4_096]


def test_statuses_without_a_pin_are_left_out_and_the_others_stand_by_phase_and_number() -> None:
    inventory = reported().inventory
    assert inventory is not None
    assert [(each.status, each.phase, each.pins) for each in inventory.statuses] == [
        ("DONE", Phase.PINNED, 4),
        ("PENDING", Phase.IN_PROGRESS, 2),
        (HOSTILE_WORD, Phase.UNKNOWN, 1),
    ]
    assert [(each.sub_hash_status, each.pins) for each in inventory.sub_hash_statuses] == [
        ("none", 5),
        ("DONE", 2),
    ]


def test_an_empty_account_has_shares_of_0() -> None:
    empty = replace(INVENTORY, pins=0, by_status={}, by_sub_hash_status={})
    inventory = reported(replace(FULL, counted=replace(COUNTED, inventory=empty))).inventory
    assert inventory is not None
    assert {each.share for each in inventory.phases} == {0.0}
    assert len(inventory.phases) == 5


def test_pins_dropped_for_lack_of_money_are_counted_by_their_word_in_any_case() -> None:
    by_status = {
        ("unpinOutOfMoney", Phase.REMOVED): PinTotals(3, 30),
        ("UNPINOUTOFMONEY", Phase.REMOVED): PinTotals(2, 20),
        ("unpinNormally", Phase.REMOVED): PinTotals(5, 50),
    }
    counted = replace(COUNTED, inventory=replace(INVENTORY, pins=10, by_status=by_status))
    inventory = reported(replace(FULL, counted=counted)).inventory
    assert inventory is not None
    assert inventory.out_of_money_pins == 5


@pytest.mark.parametrize("elapsed", [1_000.0, 1_240.0, 1_240.001, 1_290.0, 1_290.001, 9_999.0])
@pytest.mark.parametrize("snapshot", [FULL, UNTRIED, replace(FULL, totals=None), replace(FULL, counted=None)])
def test_a_number_is_told_exactly_when_the_metrics_show_it_and_is_the_same(
    snapshot: AccountSnapshot, elapsed: float
) -> None:
    told, shown = reported(snapshot, at(elapsed)), exposed(snapshot, elapsed)
    account = f'{{account="{snapshot.account}"'
    assert told.files == shown.get(f"aiozpin_files{account}}}")
    assert told.size_bytes == shown.get(f"aiozpin_size_bytes{account}}}")
    assert told.size_limit_bytes == shown.get(f"aiozpin_size_limit_bytes{account}}}")
    assert told.up == shown[f"aiozpin_up{account}}}"]
    pins = {name: value for name, value in shown.items() if name.startswith("aiozpin_pins{")}
    assert (told.inventory is None) == (not pins)
    if told.inventory:
        assert told.inventory.pins == sum(pins.values())
        assert told.inventory.unaccounted == shown[f"aiozpin_inventory_unaccounted_files{account}}}"]
        for each in told.inventory.phases:
            phase = [value for name, value in pins.items() if f'phase="{each.phase}"' in name]
            assert each.pins == sum(phase)
    for one in told.collectors:
        rest = f'{account},collector="{one.collector}"}}'
        assert (one.last_success_at or 0) == shown[f"aiozpin_last_success_timestamp_seconds{rest}"]
        assert (one.last_attempt_at or 0) == shown[f"aiozpin_last_attempt_timestamp_seconds{rest}"]
        assert one.interval_seconds == shown[f"aiozpin_poll_interval_seconds{rest}"]


def test_a_collector_is_told_with_its_age_on_the_clock_that_decides_whether_data_are_shown() -> None:
    late = Now(1_100.0, wall=0.0)
    told = collector(Collector.INVENTORY, now=late)
    assert (told.age_seconds, told.fresh, told.stale_after_seconds) == (230.0, True, 420)
    assert (told.reason, told.error) == ("timeout", "the API took too long")
    assert told.runbook_url == runbook_url("AIOZPinPollErrorsHigh")
    assert collector(Collector.TOTALS, now=late).runbook_url is None


def test_stale_data_without_a_failure_lead_to_their_own_runbook() -> None:
    told = collector(Collector.TOTALS, now=at(5_000))
    assert (told.fresh, told.age_seconds) == (False, 4_000)
    assert told.runbook_url == runbook_url("AIOZPinDataStale")


def test_before_the_first_poll_nothing_is_known_and_nothing_is_wrong_yet() -> None:
    told = collector(Collector.TOTALS, UNTRIED)
    assert dataclasses.astuple(told)[1:4] == (None, None, None)
    assert (told.fresh, told.reason, told.runbook_url) == (False, None, None)


def test_a_success_at_unix_time_0_is_a_success() -> None:
    health = replace(TOTALS_HEALTH, last_success_at=0.0)
    assert collector(Collector.TOTALS, FULL.with_health(Collector.TOTALS, health)).last_success_at == 0.0


def test_a_report_is_json_without_anything_to_be_done() -> None:
    told = report([FULL, UNTRIED], NOW, "1.2.3")
    read: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(told), allow_nan=False))
    assert (read["version"], read["generated_at"]) == ("1.2.3", NOW.wall)
    first, second = read["accounts"]
    assert first["inventory"]["phases"][0] == {
        "phase": "pinned",
        "pins": 4,
        "share": pytest.approx(4 / 7),
        "size_bytes": 400_001_024,
    }
    assert (second["files"], second["inventory"]) == (None, None)


def notices(snapshot: AccountSnapshot, now: Now = NOW) -> list[str]:
    return [f"{each.level}: {each.text}" for each in reported(snapshot, now).notices]


WELL = replace(
    FULL,
    health=dict.fromkeys(Collector, TOTALS_HEALTH),
    counted=replace(
        COUNTED,
        verdict=Verdict.CONSISTENT,
        reported=Totals(7, 1),
        inventory=replace(INVENTORY, by_status={("DONE", Phase.PINNED): PinTotals(7, 1)}, malformed=0),
    ),
)


def with_statuses(**pins: int) -> AccountSnapshot:
    by_status = {
        (word, Phase.REMOVED if "unpin" in word else Phase[word.upper()]): PinTotals(number, 0)
        for word, number in pins.items()
    }
    assert WELL.counted is not None
    inventory = replace(WELL.counted.inventory, by_status=by_status)
    return replace(WELL, counted=replace(WELL.counted, inventory=inventory))


def test_of_an_account_that_is_well_there_is_nothing_to_say() -> None:
    assert notices(WELL) == []


@pytest.mark.parametrize(
    ("pins", "told"),
    [
        ({"failed": 1}, ["warning: 1 pin was given up: not held by AIOZ Pin."]),
        ({"failed": 1_200}, ["warning: 1,200 pins were given up: not held by AIOZ Pin."]),
        ({"unpinOutOfMoney": 2}, ["critical: 2 pins were dropped because the balance ran out."]),
        ({"unknown": 3}, ["info: 3 pins were found with a status that this version does not know."]),
        ({"unpinNormally": 3}, []),
        ({"in_progress": 3}, []),
    ],
)
def test_pins_that_need_a_person_are_told(pins: dict[str, int], told: list[str]) -> None:
    assert notices(with_statuses(**pins)) == told


def test_the_worst_comes_first() -> None:
    levels = [
        told.partition(":")[0] for told in notices(with_statuses(unknown=1, failed=1, unpinOutOfMoney=1))
    ]
    assert levels == ["critical", "warning", "info"]
    over = replace(with_statuses(unknown=1), size_limit_bytes=1)
    assert [told.partition(":")[0] for told in notices(over)] == ["warning", "info"]


def test_an_inventory_that_proves_nothing_is_told() -> None:
    assert WELL.counted is not None
    unproven = replace(WELL.counted, verdict=Verdict.INCONSISTENT)
    (told,) = notices(replace(WELL, counted=unproven))
    assert "not proven" in told


@pytest.mark.parametrize(("files", "words"), [(9, "2 files more"), (4, "3 files fewer")])
def test_files_that_are_reported_and_not_listed_are_told_and_the_other_way_round(
    files: int, words: str
) -> None:
    assert WELL.counted is not None
    (told,) = notices(replace(WELL, counted=replace(WELL.counted, reported=Totals(files, 1))))
    assert told.startswith("warning: ")
    assert f"reports {words} than it lists" in told


def test_of_a_list_that_changes_a_difference_is_told_for_information() -> None:
    assert WELL.counted is not None
    moving = replace(WELL.counted, reported=Totals(9, 1), verdict=Verdict.REPAIRED)
    (told,) = notices(replace(WELL, counted=moving))
    assert told.startswith("info: ")


@pytest.mark.parametrize(
    ("age_counts", "told"),
    [
        ((9, 9, 9, 9, 9, 0, 0), []),
        (
            (0, 0, 0, 0, 0, 1, 0),
            ["warning: 1 pin has been in progress for more than 7 days: stuck, or a very large upload."],
        ),
        (
            (0, 0, 0, 0, 0, 10, 2),
            ["warning: 12 pins have been in progress for more than 7 days: stuck, or a very large upload."],
        ),
    ],
)
def test_pins_that_seem_stuck_are_told(age_counts: tuple[int, ...], told: list[str]) -> None:
    assert WELL.counted is not None
    inventory = replace(WELL.counted.inventory, age_counts=age_counts)
    assert notices(replace(WELL, counted=replace(WELL.counted, inventory=inventory))) == told


def test_rows_that_could_not_be_read_are_told() -> None:
    assert WELL.counted is not None
    inventory = replace(WELL.counted.inventory, malformed=4)
    (told,) = notices(replace(WELL, counted=replace(WELL.counted, inventory=inventory)))
    assert told.startswith("warning: 4 rows")


@pytest.mark.parametrize(("limit", "count"), [(None, 0), (400_005_120, 0), (400_005_119, 1), (0, 1)])
def test_a_limit_that_is_passed_is_told(limit: int | None, count: int) -> None:
    assert len(notices(replace(WELL, size_limit_bytes=limit))) == count


def failing(reason: str, elapsed: float) -> list[str]:
    health = TOTALS_HEALTH.failed(reason, "what happened")
    return notices(WELL.with_health(Collector.TOTALS, health), at(elapsed))


def test_a_failed_poll_is_a_warning_while_there_are_data_and_critical_without() -> None:
    assert failing("timeout", 1_030) == [
        "warning: The poll of the totals failed (timeout): what is shown is from 30 s ago."
    ]
    critical = "critical: The poll of the totals failed (timeout): the last success was 4 min 10 s ago, so "
    assert failing("timeout", 1_250)[0] == f"{critical}files and size are not shown."


def test_a_key_that_is_refused_is_critical_at_once() -> None:
    for reason in ("unauthorized", "forbidden"):
        assert failing(reason, 1_030)[0].startswith("critical: ")


def test_a_notice_of_a_failure_carries_its_words_and_runbook_apart() -> None:
    health = TOTALS_HEALTH.failed("rate_limited", "what <happened>")
    (told,) = reported(WELL.with_health(Collector.TOTALS, health)).notices
    assert told.error == "what <happened>"
    assert "what" not in re.sub("what is shown", "", told.text)
    assert told.runbook_url == runbook_url("AIOZPinThrottled")


def test_data_that_grew_too_old_without_a_failure_are_critical() -> None:
    totals, inventory = notices(WELL, at(2_000))
    assert totals == (
        "critical: The poll of the totals last succeeded 16 min 40 s ago, which is too old: "
        "files and size are not shown."
    )
    assert "The inventory" in inventory


def test_what_was_never_polled_is_told_without_alarm() -> None:
    assert [told.partition(":")[0] for told in notices(UNTRIED)] == ["info", "info"]


@pytest.mark.parametrize(
    ("other", "errors"), [("the same", ["the same", None]), ("more", ["the same", "more"])]
)
def test_the_words_of_a_failure_that_both_collectors_share_are_told_once(
    other: str, errors: list[str | None]
) -> None:
    snapshot = WELL.with_health(Collector.TOTALS, TOTALS_HEALTH.failed("tls", "the same"))
    snapshot = snapshot.with_health(Collector.INVENTORY, TOTALS_HEALTH.failed("tls", other))
    assert [each.error for each in reported(snapshot).notices] == errors
