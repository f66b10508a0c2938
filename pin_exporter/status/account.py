"""Say of one account which pins need attention and how the last polls went; pure."""

from dataclasses import dataclass

from pin_exporter.api.model import Collector, Phase, Verdict
from pin_exporter.inventory.problem_pins import ProblemPin
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import AccountReport, account_report
from pin_exporter.status.report_parts import Now
from pin_exporter.status.runbooks import OUT_OF_MONEY, PINS_FAILED, PINS_STUCK, runbook_url


@dataclass(frozen=True, slots=True)
class PinReport:
    """One pin. `date_pinned` in Unix seconds, `age_seconds` since then; `size_bytes` once it is known."""

    name: str | None
    cid: str | None
    id: str
    status: str | None
    date_pinned: float | None
    age_seconds: float | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class PinList:
    """Pins of one kind: how many there are, and at most 50 of them."""

    total: int
    runbook_url: str | None
    pins: tuple[PinReport, ...]


@dataclass(frozen=True, slots=True)
class AttentionReport:
    """The pins that need a person: those that failed or were dropped last, those in progress longest."""

    failed: PinList
    out_of_money: PinList
    in_progress: PinList


@dataclass(frozen=True, slots=True)
class PollReport:
    """One poll that is over; `began_at` in Unix seconds."""

    began_at: float
    duration_seconds: float
    requests: int
    verdict: Verdict | None
    reason: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class PollsReport:
    """The last polls of one collector, at most 50, newest first."""

    collector: Collector
    polls: tuple[PollReport, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """All there is to know of one account; `attention` is None unless the inventory is fresh."""

    version: str
    generated_at: float
    account: AccountReport
    attention: AttentionReport | None
    polls: tuple[PollsReport, ...]


def detail(snapshot: AccountSnapshot, now: Now, version: str) -> Detail:
    """Report on one account in full."""
    account = account_report(snapshot, now)
    return Detail(version, now.wall, account, _attention(snapshot, account, now), _polls(snapshot))


def _attention(snapshot: AccountSnapshot, account: AccountReport, now: Now) -> AttentionReport | None:
    inventory = account.inventory
    if inventory is None or snapshot.counted is None:
        return None
    noted = snapshot.counted.inventory.problem_pins

    def listed(total: int, alert: str, pins: tuple[ProblemPin, ...]) -> PinList:
        # Where there are too many words, some pins are counted under another.
        return PinList(max(total, len(pins)), runbook_url(alert), tuple(_pin(pin, now) for pin in pins))

    return AttentionReport(
        failed=listed(inventory.pins_in(Phase.FAILED), PINS_FAILED, noted.failed),
        out_of_money=listed(inventory.out_of_money_pins, OUT_OF_MONEY, noted.balance_exhausted),
        in_progress=listed(inventory.pins_in(Phase.IN_PROGRESS), PINS_STUCK, noted.in_progress),
    )


def _pin(pin: ProblemPin, now: Now) -> PinReport:
    return PinReport(
        name=pin.name,
        cid=pin.cid,
        id=pin.id,
        status=pin.status,
        date_pinned=pin.date_pinned,
        age_seconds=None if pin.date_pinned is None else max(0.0, now.wall - pin.date_pinned),
        size_bytes=pin.size,
    )


def _polls(snapshot: AccountSnapshot) -> tuple[PollsReport, ...]:
    return tuple(
        PollsReport(
            collector,
            tuple(
                PollReport(p.began_at, p.duration_seconds, p.requests, p.verdict, p.reason, p.error)
                for p in reversed(snapshot.records.get(collector, ()))
            ),
        )
        for collector in Collector
    )
