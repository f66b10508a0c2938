from dataclasses import replace

from pin_exporter.api.model import Collector, Phase, Verdict
from pin_exporter.inventory.counter import PinTotals
from pin_exporter.inventory.problem_pins import ProblemPin, ProblemPins
from pin_exporter.polling.snapshot import AccountSnapshot, PollRecord
from pin_exporter.status.account import ProblemPinsReport, account_details
from pin_exporter.status.report import Now, account_report
from tests.support.samples import COUNTED, FULL, INVENTORY, NOW_ELAPSED, UNTRIED

NOW = Now(NOW_ELAPSED, 1_750_000_010.5)
FAILED = ProblemPin("id-f", "name", "bafy", "failed", NOW.wall - 60, 7)
QUEUED = ProblemPin("id-q", None, None, None, None, None)
BY_STATUS = {
    ("failed", Phase.FAILED): PinTotals(51, 0),
    ("unpinOutOfMoney", Phase.REMOVED): PinTotals(3, 0),
}


def holding(pins: ProblemPins, by_status: dict[tuple[str, Phase], PinTotals] = BY_STATUS) -> AccountSnapshot:
    inventory = replace(INVENTORY, by_status=by_status, problem_pins=pins)
    return replace(FULL, counted=replace(COUNTED, inventory=inventory))


def problem_pins(snapshot: AccountSnapshot) -> ProblemPinsReport:
    found = account_details(snapshot, NOW, "").problem_pins
    assert found is not None
    return found


def test_each_list_has_a_total_its_pins_and_a_runbook() -> None:
    assert account_details(FULL, NOW, "1.2.3").account == account_report(FULL, NOW)
    found = problem_pins(holding(ProblemPins((FAILED,), (), (QUEUED,))))
    lists = (found.failed, found.balance_exhausted, found.in_progress)
    assert [(each.total, len(each.pins)) for each in lists] == [(51, 1), (3, 0), (1, 1)]
    alerts = ("AIOZPinPinsFailed", "AIOZPinBalanceExhausted", "AIOZPinPinsStuck")
    assert [each.runbook for each in lists] == list(alerts)
    (failed,), (queued,) = found.failed.pins, found.in_progress.pins
    assert (failed, queued) == (FAILED, QUEUED)
    # With too many different statuses, some of these pins are counted as `other`.
    hidden = problem_pins(holding(ProblemPins((), (FAILED,)), {("other", Phase.REMOVED): PinTotals(1, 0)}))
    assert (hidden.balance_exhausted.total, len(hidden.balance_exhausted.pins)) == (1, 1)


def test_pins_are_not_shown_without_a_fresh_inventory() -> None:
    stale = account_details(holding(ProblemPins((FAILED,))), Now(9_999.0, NOW.wall), "")
    assert stale.problem_pins is None
    assert account_details(UNTRIED, NOW, "").problem_pins is None


def test_the_last_polls_of_each_collector_come_newest_first() -> None:
    good = PollRecord(1.0, 0.5, 2, Verdict.CONSISTENT)
    bad = PollRecord(2.0, 0.25, 3, None, "tls", "the certificate")
    snapshot = FULL.with_record(Collector.INVENTORY, good).with_record(Collector.INVENTORY, bad)
    totals, inventory = account_details(snapshot, NOW, "").polls
    assert (totals.collector, totals.polls) == (Collector.TOTALS, ())
    assert inventory.polls == (bad, good)
