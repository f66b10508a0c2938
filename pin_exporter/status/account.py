"""Report on one account in full: with the pins that have problems, and the last polls; pure."""

from dataclasses import dataclass

from pin_exporter.api.model import Collector, Phase
from pin_exporter.inventory.problem_pins import ProblemPin
from pin_exporter.polling.snapshot import AccountSnapshot, PollRecord
from pin_exporter.status.report import AccountReport, Now, account_report
from pin_exporter.status.runbooks import BALANCE_EXHAUSTED, PINS_FAILED, PINS_STUCK


@dataclass(frozen=True, slots=True)
class PinList:
    """Pins of one kind: how many there are, and at most 50 of them."""

    total: int
    runbook: str
    pins: tuple[ProblemPin, ...]


@dataclass(frozen=True, slots=True)
class ProblemPinsReport:
    """The newest pins that failed or were removed, and the oldest in progress."""

    failed: PinList
    balance_exhausted: PinList
    in_progress: PinList


@dataclass(frozen=True, slots=True)
class PollsReport:
    """The last polls of one collector, at most 50, newest first."""

    collector: Collector
    polls: tuple[PollRecord, ...]


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Everything known about one account; `problem_pins` is None unless the inventory is fresh."""

    version: str
    generated_at: float
    account: AccountReport
    problem_pins: ProblemPinsReport | None
    polls: tuple[PollsReport, ...]


def account_details(snapshot: AccountSnapshot, now: Now, version: str) -> AccountDetails:
    """Report on one account in full."""
    account = account_report(snapshot, now)
    return AccountDetails(version, now.wall, account, _problem_pins(snapshot, account), _polls(snapshot))


def _problem_pins(snapshot: AccountSnapshot, account: AccountReport) -> ProblemPinsReport | None:
    inventory = account.inventory
    if inventory is None or snapshot.counted is None:
        return None
    pins = snapshot.counted.inventory.problem_pins

    def listed(total: int, alert: str, pins: tuple[ProblemPin, ...]) -> PinList:
        # With too many different statuses, some of these pins are counted as `other`.
        return PinList(max(total, len(pins)), alert, pins)

    return ProblemPinsReport(
        failed=listed(inventory.pins_in(Phase.FAILED), PINS_FAILED, pins.failed),
        balance_exhausted=listed(inventory.balance_exhausted_pins, BALANCE_EXHAUSTED, pins.balance_exhausted),
        in_progress=listed(inventory.pins_in(Phase.IN_PROGRESS), PINS_STUCK, pins.in_progress),
    )


def _polls(snapshot: AccountSnapshot) -> tuple[PollsReport, ...]:
    newest_first = {each: tuple(reversed(snapshot.records.get(each, ()))) for each in Collector}
    return tuple(PollsReport(collector, polls) for collector, polls in newest_first.items())
