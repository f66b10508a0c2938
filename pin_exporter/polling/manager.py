"""The pollers of all accounts, sharing connections and request budgets where they must be shared."""

import asyncio
import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pin_exporter.api.client import PINS_PATH, PinClient
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.rate_limit import Budgets, RequestBudget
from pin_exporter.api.request_stats import RequestCounter
from pin_exporter.api.retry import RetryingClient
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.config.accounts import Account
from pin_exporter.polling.billing import PATH as BILL_PATH
from pin_exporter.polling.billing import BillingPoller
from pin_exporter.polling.expected_file import ExpectedFile
from pin_exporter.polling.poller import AccountPoller, Extras, Reading
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.retrieval.gateway import Gateway
from pin_exporter.retrieval.sampler import RetrievalSampler
from pin_exporter.toolkit.clock import Clock

_START_SPREAD_SECONDS: Final = 0.05
_MAX_PATIENCE_SECONDS: Final = 300.0
_EXTRA_SETTINGS: Final = (
    "base_url",
    "credentials",
    "expected_cids_file",
    "gateway_url",
    "gateway_token_file",
    "retrievals_per_hour",
    "billing",
    "request_timeout",
    "connect_timeout",
    "read_timeout",
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An account with its poller. `group` holds all accounts that share its budget, itself included."""

    account: Account
    group: Sequence[Account]
    poller: AccountPoller


class PollerManager:
    """Runs one poller per account.

    Accounts with the same base URL and API key share one request budget, the smallest that is configured for
    one of them, and each gets an equal part of it for its inventories. An account whose key changes in its
    file uses the budget of the new key from its second request on; the parts change with the next reload.
    """

    def __init__(
        self, accounts: Sequence[Account], clients: HttpClients, clock: Clock, rng: random.Random
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._rng = rng
        self._budgets = Budgets(clock)
        self._tasks: dict[AccountPoller, asyncio.Task[None]] = {}
        self._task_group: asyncio.TaskGroup | None = None
        self._entries: Mapping[str, _Entry] = {}
        self.apply_config(accounts)

    def apply_config(self, accounts: Sequence[Account]) -> None:
        """Poll these accounts from now on.

        Unchanged accounts are not disturbed, unless one that shares their budget has changed. A changed
        account keeps its data and counters, unless its URL is another.
        """
        self._entries = {entry.account.name: entry for entry in self._arrange(accounts)}
        wanted = {entry.poller for entry in self._entries.values()}
        for gone in self._tasks.keys() - wanted:
            self._tasks.pop(gone).cancel()
        self._clients.keep({endpoint for account in accounts for endpoint in account.endpoints})
        self._start_new()

    async def run(self) -> None:
        """Poll all accounts, also those of a later reload, until cancelled. Only a bug makes it raise."""
        async with asyncio.TaskGroup() as group:
            self._task_group = group
            self._start_new()
            try:
                await asyncio.Event().wait()
            finally:
                self._task_group = None  # a reload may still be in progress

    def pollers(self) -> Mapping[str, AccountPoller]:
        """Return the poller of each account by name."""
        return {name: entry.poller for name, entry in self._entries.items()}

    def snapshots(self) -> Iterator[AccountSnapshot]:
        """Yield the newest snapshot of each account."""
        return (entry.poller.snapshot for entry in self._entries.values())

    def unready(self) -> list[str]:
        """Return the names of the accounts whose totals were not polled yet, successfully or not."""
        return [snapshot.account for snapshot in self.snapshots() if not snapshot.was_polled]

    def _arrange(self, accounts: Sequence[Account]) -> Iterator[_Entry]:
        """Yield the entry of each account, the old one if nothing has changed."""
        groups: dict[Hashable, list[Account]] = {}
        for account in accounts:
            groups.setdefault(_budget_key(account), []).append(account)
        for key, members in groups.items():
            group = tuple(members)
            per_minute = min(account.requests_per_minute for account in group)
            budget = self._budgets.of(key, per_minute)
            budget.per_minute = per_minute
            first = self._entries.get(group[0].name)
            # Compared once per group: once per account would be quadratic.
            unchanged = first.group if first and first.group == group else None
            for account in group:
                old = self._entries.get(account.name)
                if old and old.group is unchanged:
                    yield old
                else:
                    share = budget.background_per_minute / len(group)
                    yield _Entry(account, group, self._poller(account, per_minute, share))

    def _poller(
        self, account: Account, per_minute: int, inventory_requests_per_minute: float
    ) -> AccountPoller:
        def budget() -> RequestBudget:
            return self._budgets.of(_budget_key(account), per_minute)

        entry = self._entries.get(account.name)
        before = entry if entry and entry.account.base_url == account.base_url else None
        old = before.poller if before else None
        client = self._client(account, old.counter if old else RequestCounter())
        patience_seconds = min(account.poll_interval, _MAX_PATIENCE_SECONDS)
        return AccountPoller(
            account.name,
            RetryingClient(client, budget, self._clock, self._rng, patience_seconds),
            PollSchedule(account.poll_interval, account.stale_after, inventory_requests_per_minute),
            self._clock,
            reading=Reading(account.page_size, account.pages_in_flight, account.inventory == "auto"),
            extras=self._extras(account, before),
            size_limit_bytes=account.size_limit,
            before=old.snapshot if old else None,
        )

    def _client(self, account: Account, counter: RequestCounter, path: str = PINS_PATH) -> PinClient:
        pool = self._clients.for_url(account.base_url, account.route)
        credentials, timeouts = account.credentials.current, _timeouts(account)
        return PinClient(pool, account.base_url, credentials, timeouts, counter, path)

    def _extras(self, account: Account, before: _Entry | None) -> Extras:
        """Return what is read besides the list, with what it knows if its settings have not changed."""
        if before and all(
            getattr(account, name) == getattr(before.account, name) for name in (*_EXTRA_SETTINGS, "route")
        ):
            return before.poller.extras
        clock, extras = self._clock, Extras()
        if account.expected_cids_file:
            file = ExpectedFile(account.expected_cids_file, account.name, clock.wall, clock.elapsed)
            extras = extras._replace(expected_file=file)
        if account.gateway_url:
            pool = self._clients.for_url(account.gateway_url, account.gateway_route)
            gateway = Gateway(pool, account.gateway_url, _timeouts(account), account.gateway_token)
            sampler = RetrievalSampler(gateway, clock, self._rng, account.retrievals_per_hour)
            extras = extras._replace(sampler=sampler)
        if account.billing:
            client = self._client(account, RequestCounter(), BILL_PATH)
            extras = extras._replace(billing=BillingPoller(account.name, client, clock))
        return extras

    def _start_new(self) -> None:
        """Start the pollers that do not run yet, each at a random moment to spread the load."""
        if self._task_group is None:
            return
        new = [entry for entry in self._entries.values() if entry.poller not in self._tasks]
        intervals = [entry.account.poll_interval for entry in new]
        spread_seconds = min([_START_SPREAD_SECONDS * len(new), *intervals])
        for entry in new:
            polling = entry.poller.run(self._rng.uniform(0, spread_seconds))
            self._tasks[entry.poller] = self._task_group.create_task(polling, name=entry.account.name)


def _timeouts(account: Account) -> Timeouts:
    return Timeouts(account.request_timeout, account.connect_timeout, account.read_timeout)


def _budget_key(account: Account) -> Hashable:
    """Return what accounts have in common that share a request budget."""
    return account.base_url, account.credentials.last.api_key
