"""Write a report as a table for a person; pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pin_exporter.api.model import Collector, Phase
from pin_exporter.once.gap import gap_of
from pin_exporter.status.report import AccountReport, Report
from pin_exporter.toolkit.units import format_duration, format_number, format_size

_WIDTH: Final = 100
_GAP: Final = "  "
_NARROW_GAP: Final = " "
_NOTHING: Final = "-"
_PHASES: Final = {
    "pinned": Phase.PINNED,
    "waiting": Phase.IN_PROGRESS,
    "failed": Phase.FAILED,
    "removed": Phase.REMOVED,
    "unknown": Phase.UNKNOWN,
}


def as_table(report: Report) -> str:
    """Return a header and a line for each account, nothing without accounts.

    A name that leaves no room for the rest stands on a line of its own. Statuses that are not known have a
    column where there are any.
    """
    if not report.accounts:
        return ""
    phases = {
        heading: phase
        for heading, phase in _PHASES.items()
        if phase is not Phase.UNKNOWN or any(_pins(account, phase) for account in report.accounts)
    }
    header = ("account", "up", "files", "size", *phases, "unpaid", "age", "inventory")
    rows = [header, *(_row(account, phases.values()) for account in report.accounts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = _GAP if sum(widths) + len(_GAP) * (len(widths) - 1) <= _WIDTH else _NARROW_GAP
    room = _WIDTH - sum(widths[1:]) - len(gap) * (len(widths) - 1)
    widths[0] = min(widths[0], max(room, len(header[0])))
    return "".join(f"{line}\n" for row in rows for line in _lines(row, widths, gap))


def _lines(row: Sequence[str], widths: Sequence[int], gap: str) -> Iterator[str]:
    """Yield the row: names and the last column begin where they stand, all between ends there."""
    name, *numbers, told = row
    if len(name) > widths[0]:
        yield name
        name = ""
    aligned = (cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True))
    yield gap.join([name.ljust(widths[0]), *aligned, told])


def _row(account: AccountReport, phases: Iterable[Phase]) -> Sequence[str]:
    inventory = account.inventory
    return (
        account.account,
        "yes" if account.up else "no",
        _number(account.files),
        _NOTHING if account.size_bytes is None else format_size(account.size_bytes),
        *(_number(_pins(account, phase)) for phase in phases),
        _number(inventory.balance_exhausted_pins if inventory else None),
        _age(account),
        _proven(account),
    )


def _pins(account: AccountReport, phase: Phase) -> int | None:
    return account.inventory.pins_in(phase) if account.inventory else None


def _number(number: int | None) -> str:
    return _NOTHING if number is None else format_number(number)


def _age(account: AccountReport) -> str:
    """Return how old the oldest of what is shown is, in its largest unit."""
    ages = [each.age_seconds for each in account.collectors if each.fresh and each.age_seconds is not None]
    return " ".join(format_duration(max(ages)).split()[:2]) if ages else _NOTHING


def _proven(account: AccountReport) -> str:
    """Return what is proven, or in its place what is lacking most."""
    if account.inventory is None:
        return f"no data: {_why(account)}"
    gap = gap_of(account)
    if gap.missing:
        return f"{format_number(gap.missing)} missing"
    return f"{format_number(gap.unreadable)} unreadable" if gap.unreadable else account.inventory.verdict


def _why(account: AccountReport) -> str:
    """Return why there is no inventory: its own reason, that of the totals it waited for, or its age."""
    reasons = {each.collector: each.reason for each in account.collectors}
    return reasons[Collector.INVENTORY] or reasons[Collector.TOTALS] or "too old"
