"""Report on one account in full: with the pins that have problems, and the last polls; pure."""

from dataclasses import dataclass

from pin_exporter.api.model import Collector, Phase
from pin_exporter.inventory.problem_pins import ProblemPin
from pin_exporter.polling.snapshot import AccountSnapshot, PollRecord
from pin_exporter.retrieval.samples import Result
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
class RetrievalAttempt:
    """An attempt to fetch a block. `at` in Unix seconds; `detail` explains a result that is not ok."""

    at: float
    cid: str
    result: Result
    detail: str
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Everything known about one account; `problem_pins` is None unless the inventory is fresh.

    `cids_to_pin` are the first expected CIDs that must be pinned again, `retrievals` the last attempts, the
    newest first.
    """

    version: str
    generated_at: float
    account: AccountReport
    problem_pins: ProblemPinsReport | None
    cids_to_pin: tuple[str, ...]
    retrievals: tuple[RetrievalAttempt, ...]
    polls: tuple[PollsReport, ...]


def account_details(
    snapshot: AccountSnapshot, now: Now, version: str, cids_to_pin: tuple[str, ...] = ()
) -> AccountDetails:
    """Report on one account in full. `cids_to_pin` are the first expected CIDs that must be pinned again."""
    account = account_report(snapshot, now)
    pins, polls = _problem_pins(snapshot, account), _polls(snapshot)
    cids_to_pin = cids_to_pin if account.expected else ()
    return AccountDetails(version, now.wall, account, pins, cids_to_pin, _retrievals(snapshot), polls)


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


def _retrievals(snapshot: AccountSnapshot) -> tuple[RetrievalAttempt, ...]:
    recent = snapshot.retrieval.recent if snapshot.retrieval else ()
    return tuple(
        RetrievalAttempt(at, cid, attempt.result, attempt.detail, attempt.seconds)
        for cid, attempt, at in reversed(recent)
    )


def _polls(snapshot: AccountSnapshot) -> tuple[PollsReport, ...]:
    newest_first = {each: tuple(reversed(snapshot.records.get(each, ()))) for each in Collector}
    return tuple(PollsReport(collector, polls) for collector, polls in newest_first.items())
