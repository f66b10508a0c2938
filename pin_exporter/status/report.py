"""Report how accounts are doing: what was polled, how old it is, and what is wrong; pure.

The reports are what the status pages show, and what they and `pin-exporter once` give as JSON.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pin_exporter.api.model import Collector, Phase, Totals, Verdict, is_balance_exhausted
from pin_exporter.inventory.counter import AGE_BOUNDS, Counted, Inventory
from pin_exporter.inventory.expected import ExpectedResult, ExpectedState
from pin_exporter.polling.expected_file import ExpectedFileState, describe_bad_lines
from pin_exporter.polling.snapshot import KEY_REASONS, AccountSnapshot, Extra, Following
from pin_exporter.retrieval.confidence import lower_bound
from pin_exporter.retrieval.samples import RetrievalStats
from pin_exporter.status import runbooks
from pin_exporter.toolkit.units import counted, format_duration, format_number

_STUCK_SECONDS: Final = 7 * 86_400
"""How long a pin may be in progress before it is reported, as in the alert."""
_PHASE_ORDER: Final = {phase: index for index, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True)
class Now:
    """One moment: on the monotonic clock that data age by, and in Unix seconds."""

    elapsed: float
    wall: float


class Level(StrEnum):
    """How serious a problem is, as the severity of an alert, the most serious first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of an account. `text` is the exporter's own; `error` may quote the API.

    `runbook` is the name of the runbook that helps.
    """

    level: Level
    text: str
    runbook: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """How one collector is doing. `last_…_at` in Unix seconds, None before the first.

    `fresh` is whether its data are shown. `reason` and `error` are None after a success. `runbook` is
    about `reason`, or about stale data.
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
    runbook: str | None


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """The pins in one phase; `share` is their share of all pins, 0 if there are none."""

    phase: Phase
    pins: int
    share: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The pins with one API status."""

    status: str
    phase: Phase
    pins: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SubHashReport:
    """The pins with one `sub_hash_status`."""

    sub_hash_status: str
    pins: int


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """The result of the last inventory, without statuses that no pin has.

    `mode` is `full` if all pins were read, `followed` if only changes were; `full_at` is when all were read
    last, in Unix seconds. `stuck_pins` are those in progress for more than 7 days.
    """

    pins: int
    size_bytes: int
    mode: str
    full_at: float | None
    balance_exhausted_pins: int
    stuck_pins: int
    verdict: Verdict
    unaccounted_files: int
    malformed_pins: int
    phases: tuple[PhaseReport, ...]
    statuses: tuple[StatusReport, ...]
    sub_hash_statuses: tuple[SubHashReport, ...]

    def pins_in(self, phase: Phase) -> int:
        """Return the number of pins in a phase."""
        return next(each.pins for each in self.phases if each.phase is phase)


@dataclass(frozen=True, slots=True)
class StateReport:
    """The expected CIDs in one state."""

    state: ExpectedState
    cids: int


@dataclass(frozen=True, slots=True)
class ExpectedReport:
    """What the last inventory says about `expected_cids_file`.

    `to_pin` counts those that must be pinned again. `read_at` is in Unix seconds; `problem` says why the file
    cannot be read now.
    """

    cids: int
    to_pin: int
    states: tuple[StateReport, ...]
    unexpected: int
    malformed_lines: int
    first_malformed: str
    read_at: float | None
    problem: str


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """What the samples of the last day say: see docs/retrieval.md. `lower_bound` is a share, from 0 to 1."""

    sampled: int
    unretrievable: int
    lower_bound: float | None
    last_success_at: float | None


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account; its problems begin with the most serious.

    `files` and `size_bytes` are None unless the totals are fresh, `inventory` unless it is fresh. The last
    two are None unless they are configured and known.
    """

    account: str
    up: bool
    problems: tuple[Problem, ...]
    files: int | None
    size_bytes: int | None
    size_limit_bytes: int | None
    inventory: InventoryReport | None
    collectors: tuple[CollectorReport, ...]
    expected: ExpectedReport | None
    retrieval: RetrievalReport | None


@dataclass(frozen=True, slots=True)
class Report:
    """All accounts at one moment, in Unix seconds."""

    version: str
    generated_at: float
    accounts: tuple[AccountReport, ...]


def report(snapshots: Iterable[AccountSnapshot], now: Now, version: str) -> Report:
    """Report on all accounts."""
    return Report(version, now.wall, tuple(account_report(snapshot, now) for snapshot in snapshots))


def account_report(snapshot: AccountSnapshot, now: Now) -> AccountReport:
    """Report on one account, with the data that `/metrics` shows at the same moment."""
    fresh = snapshot.fresh(now.elapsed)
    totals = snapshot.totals if Collector.TOTALS in fresh else None
    published = snapshot.counted if Collector.INVENTORY in fresh else None
    inventory = _inventory_report(published, snapshot.following) if published else None
    collectors = tuple(_collector_report(snapshot, each, now, fresh=each in fresh) for each in Collector)
    expected = _expected_report(published.expected if published else None, snapshot.expected_file)
    retrieval = _retrieval_report(snapshot.retrieval) if Extra.RETRIEVAL in fresh else None
    problems = [
        *_problems(collectors, inventory, totals, snapshot.size_limit_bytes),
        *_expected_problems(expected, snapshot.expected_file),
        *_retrieval_problems(retrieval),
    ]
    levels = list(Level)
    return AccountReport(
        account=snapshot.account,
        up=snapshot.up,
        problems=tuple(sorted(problems, key=lambda problem: levels.index(problem.level))),
        files=totals.files if totals else None,
        size_bytes=totals.size if totals else None,
        size_limit_bytes=snapshot.size_limit_bytes,
        inventory=inventory,
        collectors=collectors,
        expected=expected,
        retrieval=retrieval,
    )


def _collector_report(
    snapshot: AccountSnapshot, collector: Collector, now: Now, *, fresh: bool
) -> CollectorReport:
    health = snapshot.health[collector]
    succeeded = health.last_success_elapsed
    is_stale = succeeded is not None and not fresh
    alert = runbooks.BY_REASON[health.reason] if health.reason else runbooks.DATA_STALE if is_stale else None
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
        runbook=alert,
    )


def _inventory_report(published: Counted, following: Following) -> InventoryReport:
    inventory = published.inventory
    statuses = (
        StatusReport(status, phase, held.pins, held.size)
        for (status, phase), held in inventory.by_status.items()
        if held.pins
    )
    sub_hashes = (SubHashReport(word, pins) for word, pins in inventory.by_sub_hash_status.items() if pins)
    return InventoryReport(
        pins=inventory.pins,
        mode=following.mode,
        full_at=following.full_at,
        size_bytes=inventory.size,
        balance_exhausted_pins=sum(
            held.pins for (status, _), held in inventory.by_status.items() if is_balance_exhausted(status)
        ),
        stuck_pins=sum(inventory.age_counts[AGE_BOUNDS.index(_STUCK_SECONDS) + 1 :]),
        verdict=published.verdict,
        unaccounted_files=published.unaccounted_files,
        malformed_pins=inventory.malformed,
        phases=tuple(_phase_report(phase, inventory) for phase in Phase),
        statuses=tuple(sorted(statuses, key=lambda s: (_PHASE_ORDER[s.phase], -s.pins, s.status))),
        sub_hash_statuses=tuple(sorted(sub_hashes, key=lambda s: (-s.pins, s.sub_hash_status))),
    )


def _phase_report(phase: Phase, inventory: Inventory) -> PhaseReport:
    held = [held for (_, other), held in inventory.by_status.items() if other is phase]
    pins = sum(each.pins for each in held)
    share = pins / inventory.pins if inventory.pins else 0.0
    return PhaseReport(phase, pins, share, sum(each.size for each in held))


def _problems(
    collectors: Sequence[CollectorReport],
    inventory: InventoryReport | None,
    totals: Totals | None,
    size_limit_bytes: int | None,
) -> list[Problem]:
    """Return what a person should know; data that are not fresh are given as None."""
    found: list[Problem] = []
    for collector in collectors:
        # Both collectors mostly fail with the same error, which is shown once.
        shown = {problem.error for problem in found}
        found += (
            replace(each, error=None) if each.error in shown else each for each in _poll_problems(collector)
        )
    if inventory:
        found += _pin_problems(inventory)
        found += _inventory_problems(inventory)
    if totals and size_limit_bytes is not None and totals.size > size_limit_bytes:
        text = "The size is above the configured size limit."
        found.append(Problem(Level.WARNING, text, runbooks.SIZE_LIMIT_NEARING))
    return found


def _poll_problems(collector: CollectorReport) -> Iterator[Problem]:
    is_totals = collector.collector is Collector.TOTALS
    poll = "poll of the totals" if is_totals else "inventory"
    data = "files and size" if is_totals else "pins"
    age = None if collector.age_seconds is None else format_duration(collector.age_seconds)
    if collector.reason:
        if collector.fresh:
            outcome = f"{data} shown are {age} old"
        elif age is None:
            outcome = f"none has succeeded yet, so {data} are not shown"
        else:
            outcome = f"the last success was {age} ago, so {data} are not shown"
        is_warning = collector.fresh and collector.reason not in KEY_REASONS
        level = Level.WARNING if is_warning else Level.CRITICAL
        text = f"The last {poll} failed ({collector.reason}): {outcome}."
        yield Problem(level, text, collector.runbook, collector.error)
    elif age is None:
        yield Problem(Level.INFO, f"The first {poll} has not finished yet, so {data} are not shown.")
    elif not collector.fresh:
        text = f"The last successful {poll} was {age} ago: {data} are stale and not shown."
        yield Problem(Level.CRITICAL, text, collector.runbook)


def _pin_problems(inventory: InventoryReport) -> Iterator[Problem]:
    if removed := inventory.balance_exhausted_pins:
        text = f"{_pins_have(removed)} been removed because the balance was exhausted."
        yield Problem(Level.CRITICAL, text, runbooks.BALANCE_EXHAUSTED)
    if failed := inventory.pins_in(Phase.FAILED):
        text = f"{_pins_have(failed)} failed: AIOZ Pin does not store the content."
        yield Problem(Level.WARNING, text, runbooks.PINS_FAILED)
    if stuck := inventory.stuck_pins:
        text = f"{_pins_have(stuck)} been in progress for more than 7 days: stuck, or a very large upload."
        yield Problem(Level.WARNING, text, runbooks.PINS_STUCK)
    if unknown := inventory.pins_in(Phase.UNKNOWN):
        text = f"{_pins_have(unknown)} a status that this version of the exporter does not know."
        yield Problem(Level.INFO, text, runbooks.UNKNOWN_STATUS)


def _inventory_problems(inventory: InventoryReport) -> Iterator[Problem]:
    if inventory.verdict is Verdict.INCONSISTENT:
        text = "The list of pins changes too fast for a consistent inventory: its numbers may be wrong."
        yield Problem(Level.WARNING, text, runbooks.INVENTORY_INCONSISTENT)
    if inventory.unaccounted_files:
        difference = format_number(abs(inventory.unaccounted_files))
        relation = "more" if inventory.unaccounted_files > 0 else "fewer"
        text = f"The API reports {difference} files {relation} than it lists."
        # In a list that changes, pins may have come or gone between two pages.
        level = Level.WARNING if inventory.verdict is Verdict.CONSISTENT else Level.INFO
        yield Problem(level, text, runbooks.COUNT_MISMATCH)
    if inventory.malformed_pins:
        rows = counted(inventory.malformed_pins, "row")
        text = f"{rows} of the list could not be parsed, so the numbers of pins are too low."
        yield Problem(Level.WARNING, text, runbooks.COUNT_MISMATCH)


def _expected_report(result: ExpectedResult | None, file: ExpectedFileState | None) -> ExpectedReport | None:
    if result is None or file is None:
        return None
    bad = result.expected
    return ExpectedReport(
        cids=len(result.expected),
        to_pin=result.not_held,
        states=tuple(StateReport(state, number) for state, number in result.by_state.items()),
        unexpected=result.unexpected,
        malformed_lines=bad.bad_line_count,
        first_malformed=describe_bad_lines(bad.bad_lines, bad.bad_line_count),
        read_at=file.read_at,
        problem=file.problem,
    )


def _expected_problems(expected: ExpectedReport | None, file: ExpectedFileState | None) -> Iterator[Problem]:
    if expected and expected.to_pin:
        cids = f"{format_number(expected.to_pin)} of {counted(expected.cids, 'expected CID')}"
        text = f"{cids} must be pinned again: they are missing, removed or failed."
        yield Problem(Level.CRITICAL, text, runbooks.EXPECTED_MISSING)
    if file and file.problem:
        text = f"expected_cids_file cannot be read: {file.problem}."
        yield Problem(Level.WARNING, text, runbooks.EXPECTED_UNREADABLE)
    if expected and expected.malformed_lines:
        lines = counted(expected.malformed_lines, "line")
        text = f"{lines} of expected_cids_file are no CIDs and are ignored: {expected.first_malformed}."
        yield Problem(Level.WARNING, text, runbooks.EXPECTED_UNREADABLE)


def _retrieval_report(stats: RetrievalStats | None) -> RetrievalReport | None:
    if stats is None:
        return None
    bound = lower_bound(stats.sampled - stats.unretrievable, stats.sampled)
    return RetrievalReport(stats.sampled, stats.unretrievable, bound, stats.last_success_at or None)


def _retrieval_problems(retrieval: RetrievalReport | None) -> Iterator[Problem]:
    if retrieval and retrieval.unretrievable:
        text = (
            f"{format_number(retrieval.unretrievable)} of {counted(retrieval.sampled, 'pin')} sampled in the "
            "last day could not be retrieved, three times over an hour."
        )
        yield Problem(Level.WARNING, text, runbooks.RETRIEVAL_FAILING)


def _pins_have(number: int) -> str:
    return f"{counted(number, 'pin')} {'has' if number == 1 else 'have'}"
