import dataclasses
import json
from dataclasses import replace

from pin_exporter.api.model import Collector, Phase, Verdict
from pin_exporter.inventory.counter import PinTotals
from pin_exporter.inventory.problem_pins import ProblemPin, ProblemPins
from pin_exporter.polling.snapshot import AccountSnapshot, PollRecord
from pin_exporter.status.account import detail
from pin_exporter.status.report import account_report
from pin_exporter.status.report_parts import Now
from pin_exporter.status.runbooks import runbook_url
from tests.support.samples import COUNTED, FULL, INVENTORY, NOW_ELAPSED, UNTRIED

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)
FAILED = ProblemPin("id-f", "name", "bafy", "failed", NOW.wall - 60, 7)
QUEUED = ProblemPin("id-q", None, None, None, None, None)


def attended(attention: ProblemPins) -> AccountSnapshot:
    by_status = {
        ("failed", Phase.FAILED): PinTotals(51, 0),
        ("unpinOutOfMoney", Phase.REMOVED): PinTotals(3, 0),
    }
    inventory = replace(INVENTORY, by_status=by_status, problem_pins=attention)
    return replace(FULL, counted=replace(COUNTED, inventory=inventory))


def test_a_detail_has_the_same_report_of_the_account_as_the_overview() -> None:
    told = detail(FULL, NOW, "1.2.3")
    assert (told.version, told.generated_at, told.account) == ("1.2.3", NOW.wall, account_report(FULL, NOW))


def test_each_list_says_how_many_there_are_which_and_where_help_is() -> None:
    told = detail(attended(ProblemPins((FAILED,), (), (QUEUED,))), NOW, "").attention
    assert told is not None
    assert (told.failed.total, told.out_of_money.total, told.in_progress.total) == (51, 3, 1)
    assert told.failed.runbook_url == runbook_url("AIOZPinPinsFailed")
    assert told.out_of_money.runbook_url == runbook_url("AIOZPinOutOfMoney")
    assert told.in_progress.runbook_url == runbook_url("AIOZPinPinsStuck")
    assert dataclasses.astuple(told.failed.pins[0]) == (
        *("name", "bafy", "id-f", "failed"),
        *(NOW.wall - 60, 60.0, 7),
    )
    assert dataclasses.astuple(told.in_progress.pins[0]) == (None, None, "id-q", None, None, None, None)


def test_a_list_of_pins_whose_word_is_counted_under_other_is_not_said_to_be_empty() -> None:
    dropped = replace(FAILED, status="UNPINOUTOFMONEY")
    inventory = replace(
        INVENTORY,
        by_status={("other", Phase.REMOVED): PinTotals(1, 0)},
        problem_pins=ProblemPins((), (dropped,)),
    )
    told = detail(replace(FULL, counted=replace(COUNTED, inventory=inventory)), NOW, "").attention
    assert told is not None
    assert (told.out_of_money.total, len(told.out_of_money.pins)) == (1, 1)


def test_a_pin_from_the_future_has_no_negative_age() -> None:
    future = replace(FAILED, date_pinned=NOW.wall + 1e6)
    told = detail(attended(ProblemPins((future,))), NOW, "").attention
    assert told is not None
    assert told.failed.pins[0].age_seconds == 0.0


def test_pins_of_an_inventory_that_is_too_old_are_not_shown() -> None:
    snapshot = attended(ProblemPins((FAILED,)))
    assert detail(snapshot, Now(9_999.0, NOW.wall), "").attention is None
    assert detail(UNTRIED, NOW, "").attention is None


def test_the_last_polls_come_newest_first_for_each_collector() -> None:
    good = PollRecord(1.0, 0.5, 2, Verdict.CONSISTENT)
    bad = PollRecord(2.0, 0.25, 3, None, "tls", "the certificate")
    snapshot = FULL.with_record(Collector.INVENTORY, good).with_record(Collector.INVENTORY, bad)
    totals, inventory = detail(snapshot, NOW, "").polls
    assert (totals.collector, totals.polls) == (Collector.TOTALS, ())
    assert [dataclasses.astuple(poll) for poll in inventory.polls] == [
        (2.0, 0.25, 3, None, "tls", "the certificate"),
        (1.0, 0.5, 2, Verdict.CONSISTENT, None, None),
    ]


def test_a_detail_is_json_whatever_pins_are_called() -> None:
    odd = replace(FAILED, name="\ud800\u202e\x00", date_pinned=1e12)
    told = json.dumps(dataclasses.asdict(detail(attended(ProblemPins((odd,))), NOW, "")), allow_nan=False)
    assert told.isascii()
    assert json.loads(told)["attention"]["failed"]["pins"][0]["name"] == odd.name
