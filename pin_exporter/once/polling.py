"""Poll each account once: totals and inventory, and again where once is not enough."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pin_exporter.api.errors import InconsistentError
from pin_exporter.api.model import Collector
from pin_exporter.api.transport import HttpClients
from pin_exporter.config.accounts import Account
from pin_exporter.polling.manager import PollerManager
from pin_exporter.polling.poller import UNPROVEN_IN_A_ROW, AccountPoller
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.status.report import Now
from pin_exporter.toolkit.clock import Clock


class Polled(NamedTuple):
    """What is known of an account, and when its last poll ended: by then, its data have to be fresh."""

    snapshot: AccountSnapshot
    ended: Now

    @property
    def fresh(self) -> frozenset[Collector]:
        """Return the collectors whose data are shown."""
        return self.snapshot.fresh(self.ended.elapsed)


async def poll_all(
    accounts: Sequence[Account],
    clients: HttpClients,
    clock: Clock,
    watch: Callable[[Sequence[AccountPoller]], asyncio.Task[None]] | None = None,
) -> list[Polled]:
    """Poll all accounts side by side, within their budgets, and return what came out, in the same order.

    `clients` are closed at the end. `watch` begins a task that looks at the pollers; it is cancelled at
    the end. Raises SettingsError when a key cannot be read, and an exception group for a bug.
    """
    async with clients:
        by_name = PollerManager(accounts, clients, clock, random.Random()).pollers()
        pollers = [by_name[account.name] for account in accounts]
        watching = watch(pollers) if watch else None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(poll_account(poller, clock)) for poller in pollers]
        finally:
            if watching:
                watching.cancel()
                await asyncio.wait([watching])
        return [task.result() for task in tasks]


async def poll_account(poller: AccountPoller, clock: Clock) -> Polled:
    """Poll one account once.

    An inventory that could not be proven is taken again, as often as it takes until it is shown without.
    Totals that grew too old while it was taken are asked for again.
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
    return Polled(poller.snapshot, Now(clock.elapsed(), clock.wall()))
