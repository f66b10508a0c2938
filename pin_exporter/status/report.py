"""Say how accounts are doing, for people: a pure function of snapshots and the time."""

from collections.abc import Iterable
from dataclasses import dataclass

from pin_exporter.api.model import Collector
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.notices import Problem, notices_of
from pin_exporter.status.report_parts import (
    CollectorReport,
    InventoryReport,
    Now,
    collector_report,
    inventory_report,
)


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account; `notices` say what is wrong, the worst first.

    `files` and `size_bytes` are None unless the totals are fresh, `inventory` unless it is fresh itself.
    """

    account: str
    up: bool
    notices: tuple[Problem, ...]
    files: int | None
    size_bytes: int | None
    size_limit_bytes: int | None
    inventory: InventoryReport | None
    collectors: tuple[CollectorReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All accounts, as of a moment in Unix seconds."""

    version: str
    generated_at: float
    accounts: tuple[AccountReport, ...]


def report(snapshots: Iterable[AccountSnapshot], now: Now, version: str) -> Report:
    """Report on all accounts."""
    return Report(version, now.wall, tuple(account_report(snapshot, now) for snapshot in snapshots))


def account_report(snapshot: AccountSnapshot, now: Now) -> AccountReport:
    """Report on one account, with the data that `/metrics` shows at the same moment and no other."""
    fresh = snapshot.fresh(now.elapsed)
    totals = snapshot.totals if Collector.TOTALS in fresh else None
    inventory = inventory_report(snapshot) if Collector.INVENTORY in fresh else None
    collectors = tuple(
        collector_report(snapshot, collector, now, fresh=collector in fresh) for collector in Collector
    )
    return AccountReport(
        account=snapshot.account,
        up=snapshot.up,
        notices=notices_of(collectors, inventory, totals, snapshot.size_limit_bytes),
        files=totals.files if totals else None,
        size_bytes=totals.size if totals else None,
        size_limit_bytes=snapshot.size_limit_bytes,
        inventory=inventory,
        collectors=collectors,
    )
