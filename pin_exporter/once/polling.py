"""Poll each account once: totals and inventory, and again where one attempt is not enough."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from pin_exporter.api.errors import InconsistentError
from pin_exporter.api.model import Collector
from pin_exporter.api.pool import HttpClients
from pin_exporter.config.accounts import Account
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.poller import UNPROVEN_IN_A_ROW, AccountPoller
from pin_exporter.polling.snapshot import AccountSnapshot, Source
from pin_exporter.status.report import Now
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.output import ProgressLine
from pin_exporter.toolkit.units import counted, format_number

_PROGRESS_SECONDS: Final = 0.1


class PolledAccount(NamedTuple):
    """An account after its last poll, and when that ended: data that are fresh then are in the result."""

    snapshot: AccountSnapshot
    ended: Now

    @property
    def fresh(self) -> frozenset[Source]:
        """Return the collectors whose data are in the result."""
        return self.snapshot.fresh(self.ended.elapsed)


async def poll_all(
    accounts: Sequence[Account], clients: HttpClients, clock: Clock, line: ProgressLine
) -> list[PolledAccount]:
    """Poll all accounts at the same time, within their request budgets, and return them in the same order.

    `clients` are closed at the end. Raises SettingsError if a key cannot be read, and an exception group for
    a bug.
    """
    async with clients:
        whole = [account.model_copy(update={"inventory": "full"}) for account in accounts]
        by_name = PollerManager(whole, clients, clock, random.Random()).pollers()
        pollers = [by_name[account.name] for account in accounts]
        progress = asyncio.create_task(_show_progress(pollers, clock, line)) if line.is_shown else None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(poll_account(poller, clock)) for poller in pollers]
        finally:
            if progress:
                progress.cancel()
                with suppress(asyncio.CancelledError):
                    await progress
                line.erase()
        return [task.result() for task in tasks]


async def poll_account(poller: AccountPoller, clock: Clock) -> PolledAccount:
    """Poll one account.

    An inconsistent inventory is taken again until it would be published anyway. Totals that became stale in
    the meantime are polled again.
    """
    await poller.poll(Collector.TOTALS)
    if not poller.snapshot.is_key_rejected:
        for _ in range(UNPROVEN_IN_A_ROW):
            await poller.poll(Collector.INVENTORY)
            if poller.snapshot.health[Collector.INVENTORY].reason != InconsistentError.reason:
                break
        fresh = poller.snapshot.fresh(clock.elapsed())
        if Collector.TOTALS not in fresh and (poller.snapshot.up or Collector.INVENTORY in fresh):
            await poller.poll(Collector.TOTALS)
    return PolledAccount(poller.snapshot, Now(clock.elapsed(), clock.wall()))


async def _show_progress(pollers: Sequence[AccountPoller], clock: Clock, line: ProgressLine) -> None:
    while True:
        done = sum(map(_is_done, pollers))
        files = sum(map(_files, pollers))
        rows = min(files, sum(map(_rows, pollers)))
        line.show(
            f"polling: {done} of {counted(len(pollers), 'account')}, "
            f"{format_number(rows)} of {counted(files, 'pin')}"
        )
        await clock.sleep(_PROGRESS_SECONDS)


def _is_done(poller: AccountPoller) -> bool:
    snapshot = poller.snapshot
    return snapshot.health[Collector.INVENTORY].polls > 0 or snapshot.is_key_rejected


def _files(poller: AccountPoller) -> int:
    totals = poller.snapshot.totals
    return totals.files if totals else 0


def _rows(poller: AccountPoller) -> int:
    return _files(poller) if poller.snapshot.counted else poller.rows_read
