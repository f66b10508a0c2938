"""The parts of a report on an account: how each collector is doing, and what was counted; pure."""

from dataclasses import dataclass
from typing import Final

from pin_exporter.api.model import Collector, Phase, Verdict, is_balance_exhausted
from pin_exporter.inventory.counter import AGE_BOUNDS, Inventory
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.runbooks import BY_REASON, DATA_STALE, runbook_url

_STUCK_SECONDS: Final = 604_800
"""How long a pin may be in progress before it is told of: 7 days, as in the alert."""
_ORDER: Final = {phase: place for place, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True)
class Now:
    """One moment: on the clock by which data grow too old, and in Unix seconds."""

    elapsed: float
    wall: float


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """How one collector is doing. `last_…_at` in Unix seconds; None is never, or nothing.

    `fresh` tells whether its data are shown. `runbook_url` is about `reason`, without one about stale data.
    """

    collector: Collector
    last_success_at: float | None
    last_attempt_at: float | None
    age_seconds: float | None
    interval_seconds: float
    stale_after_seconds: float
    fresh: bool
    reason: str | None
    error: str | None
    runbook_url: str | None


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """The pins in one phase; `share` is of all pins counted, 0 when there are none."""

    phase: Phase
    pins: int
    share: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The pins with one of the API's status words."""

    status: str
    phase: Phase
    pins: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SubHashReport:
    """The pins with one of the API's words for the state of what they are made of."""

    sub_hash_status: str
    pins: int


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What the last inventory counted. Statuses without a pin are left out.

    `stuck_pins` are those that had been in progress for more than 7 days.
    """

    pins: int
    size_bytes: int
    out_of_money_pins: int
    stuck_pins: int
    verdict: Verdict
    unaccounted: int
    malformed: int
    phases: tuple[PhaseReport, ...]
    statuses: tuple[StatusReport, ...]
    sub_hash_statuses: tuple[SubHashReport, ...]

    def pins_in(self, phase: Phase) -> int:
        """Return the number of pins in a phase."""
        return next(each.pins for each in self.phases if each.phase is phase)


def collector_report(
    snapshot: AccountSnapshot, collector: Collector, now: Now, *, fresh: bool
) -> CollectorReport:
    """Report on one collector."""
    health = snapshot.health[collector]
    succeeded = health.last_success_elapsed
    stale = succeeded is not None and not fresh
    alert = BY_REASON[health.reason] if health.reason else DATA_STALE if stale else None
    return CollectorReport(
        collector=collector,
        last_success_at=None if succeeded is None else health.last_success_at,
        last_attempt_at=health.last_attempt_at if health.polls else None,
        age_seconds=None if succeeded is None else now.elapsed - succeeded,
        interval_seconds=health.interval_seconds,
        stale_after_seconds=health.stale_after_seconds,
        fresh=fresh,
        reason=health.reason,
        error=health.error,
        runbook_url=alert and runbook_url(alert),
    )


def inventory_report(snapshot: AccountSnapshot) -> InventoryReport | None:
    """Report on what was counted last, fresh or not; None if nothing was."""
    counted = snapshot.counted
    if counted is None:
        return None
    inventory = counted.inventory
    phases = tuple(_phase_report(phase, inventory) for phase in Phase)
    statuses = (
        StatusReport(status, phase, held.pins, held.size)
        for (status, phase), held in inventory.by_status.items()
        if held.pins
    )
    return InventoryReport(
        pins=inventory.pins,
        size_bytes=inventory.size,
        out_of_money_pins=sum(
            held.pins for (status, _), held in inventory.by_status.items() if is_balance_exhausted(status)
        ),
        stuck_pins=sum(inventory.age_counts[AGE_BOUNDS.index(_STUCK_SECONDS) + 1 :]),
        verdict=counted.verdict,
        unaccounted=counted.unaccounted_files,
        malformed=inventory.malformed,
        phases=phases,
        statuses=tuple(sorted(statuses, key=lambda each: (_ORDER[each.phase], -each.pins, each.status))),
        sub_hash_statuses=tuple(
            SubHashReport(status, pins)
            for status, pins in sorted(
                inventory.by_sub_hash_status.items(), key=lambda one: (-one[1], one[0])
            )
            if pins
        ),
    )


def _phase_report(phase: Phase, inventory: Inventory) -> PhaseReport:
    held = [held for (_, of), held in inventory.by_status.items() if of is phase]
    pins = sum(each.pins for each in held)
    share = pins / inventory.pins if inventory.pins else 0.0
    return PhaseReport(phase, pins, share, sum(each.size for each in held))
