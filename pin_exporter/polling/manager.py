"""Put accounts and pollers together, sharing connections and request budgets where they must be shared."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import SecretStr

from pin_exporter.api.client import PinClient
from pin_exporter.api.credentials import ReloadingCredentials
from pin_exporter.api.rate_limit import Budgets, FoundBudget, RequestBudget
from pin_exporter.api.retry import RetryingClient
from pin_exporter.api.transport import HttpClients
from pin_exporter.api.transport_errors import Timeouts
from pin_exporter.config.accounts import Account
from pin_exporter.polling.poller import AccountPoller
from pin_exporter.polling.schedule import PollSchedule
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.errors import SettingsError

_START_SPREAD_SECONDS: Final = 0.05
_LONGEST_PATIENCE_SECONDS: Final = 300.0


class AccountWithKeys(NamedTuple):
    """An account with its keys, read once, and who it shares a budget with: same base URL, same API key."""

    account: Account
    credentials: ReloadingCredentials
    shared: tuple[str, SecretStr]


@dataclass(frozen=True, slots=True)
class _Polled:
    """A poller, for whom, and with whom it shares a budget."""

    account: Account
    sharing: Sequence[Account]
    poller: AccountPoller


class PollerManager:
    """The pollers of all accounts.

    Accounts with the same base URL and key share one request budget, the smallest that one of them was given,
    and each gets an equal part of it for its walks. An account whose key changes in its file uses the
    budget of the new key from its second request on; the parts stay as they are until the next update.
    """

    def __init__(
        self, accounts: Sequence[Account], clients: HttpClients, clock: Clock, rng: random.Random
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._rng = rng
        self._budgets = Budgets(clock)
        self._tasks: dict[AccountPoller, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._polled: Mapping[str, _Polled] = {}
        self.update(accounts)

    def update(self, accounts: Sequence[Account]) -> None:
        """Poll these accounts from now on. Raises SettingsError, and changes nothing, as `read_keys` does."""
        self.poll(self.read_keys(accounts))

    def read_keys(self, accounts: Sequence[Account]) -> list[AccountWithKeys]:
        """Read the keys of all accounts, on any thread: there may be thousands of files.

        Raises SettingsError when one cannot be read.
        """
        keyed = []
        for account in accounts:
            try:
                credentials = ReloadingCredentials(
                    account.api_key,
                    account.secret_key,
                    account=account.name,
                    elapsed=self._clock.elapsed,
                    others=account.route.secrets(),
                )
            except ValueError as error:
                raise SettingsError([f"account {account.name}: {error}"]) from None
            keyed.append(AccountWithKeys(account, credentials, (account.base_url, credentials.last.api_key)))
        return keyed

    def poll(self, accounts: Sequence[AccountWithKeys]) -> None:
        """Poll these accounts from now on.

        Those that are as they were, they and all they share a budget with, are not disturbed. One that has
        changed keeps its data and counters, unless it is at another URL now.
        """
        polled = {account.name: one for account, one in self._arranged(accounts)}
        self._polled = polled
        wanted = {one.poller for one in polled.values()}
        for gone in self._tasks.keys() - wanted:
            self._tasks.pop(gone).cancel()
        self._clients.keep({(account.base_url, account.route) for account, _, _ in accounts})
        self._start_new()

    async def run(self) -> None:
        """Poll all accounts, also those that an update brings, until cancelled. Only a bug makes it raise."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._start_new()
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None  # a reload may still be under way

    def pollers(self) -> Mapping[str, AccountPoller]:
        """Return the poller of each account, by its name."""
        return {name: one.poller for name, one in self._polled.items()}

    def snapshots(self) -> Iterator[AccountSnapshot]:
        """Yield the newest snapshot of each account."""
        return (one.poller.snapshot for one in self._polled.values())

    def unready(self) -> list[str]:
        """Return the accounts whose totals were not polled yet, not even in vain."""
        return [snapshot.account for snapshot in self.snapshots() if not snapshot.is_tried]

    def _arranged(self, accounts: Sequence[AccountWithKeys]) -> Iterator[tuple[Account, _Polled]]:
        """Yield each account with its poller, which is the old one where nothing has changed."""
        sharing: dict[tuple[str, SecretStr], list[AccountWithKeys]] = {}
        for keyed in accounts:
            sharing.setdefault(keyed.shared, []).append(keyed)
        for shared, group in sharing.items():
            together = tuple(account for account, _, _ in group)
            per_minute = min(account.requests_per_minute for account in together)
            budget = self._budgets.of(shared, per_minute)
            budget.per_minute = per_minute
            walks_per_minute = budget.background_per_minute / len(together)
            first = self._polled.get(together[0].name)
            # Once for the group, and not for each of its accounts with all the others.
            before = first.sharing if first and first.sharing == together else None
            for account, credentials, _ in group:
                old = self._polled.get(account.name)
                if old and old.sharing is before:
                    yield account, old
                else:
                    poller = self._poller(account, credentials, per_minute, walks_per_minute)
                    yield account, _Polled(account, together, poller)

    def _poller(
        self, account: Account, credentials: ReloadingCredentials, per_minute: int, walks_per_minute: float
    ) -> AccountPoller:
        def budget() -> RequestBudget:
            return self._budgets.of((account.base_url, credentials.last.api_key), per_minute)

        pool = self._clients.for_url(account.base_url, account.route)
        timeouts = Timeouts(account.request_timeout, account.connect_timeout, account.read_timeout)
        api = PinClient(pool, account.base_url, credentials, timeouts)
        old = self._polled.get(account.name)
        return AccountPoller(
            account.name,
            RetryingClient(
                api,
                FoundBudget(budget),
                self._clock,
                self._rng,
                patience_seconds=min(account.poll_interval, _LONGEST_PATIENCE_SECONDS),
            ),
            PollSchedule(account.poll_interval, account.stale_after, walks_per_minute),
            self._clock,
            page_size=account.page_size,
            pages_in_flight=account.pages_in_flight,
            size_limit_bytes=account.size_limit,
            before=old.poller.snapshot if old and old.account.base_url == account.base_url else None,
        )

    def _start_new(self) -> None:
        """Begin to poll what is not polled yet, each at a random moment, so that not all poll at once."""
        if self._group is None:
            return
        new = [one for one in self._polled.values() if one.poller not in self._tasks]
        intervals = [one.account.poll_interval for one in new]
        spread_seconds = min([_START_SPREAD_SECONDS * len(new), *intervals])
        for one in new:
            polling = one.poller.run(self._rng.uniform(0, spread_seconds))
            self._tasks[one.poller] = self._group.create_task(polling, name=one.account.name)
