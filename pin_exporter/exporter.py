"""Put accounts and pollers together, sharing connections and request budgets where they must be shared."""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from pin_exporter.api import HttpClients, PinApi
from pin_exporter.budget import RequestBudget
from pin_exporter.cadence import Cadence
from pin_exporter.clock import Clock
from pin_exporter.credentials import RereadCredentials
from pin_exporter.lister import PinLister
from pin_exporter.poller import AccountPoller
from pin_exporter.settings import Account
from pin_exporter.snapshot import AccountSnapshot

_START_SPREAD_SECONDS: Final = 0.05
_LONGEST_PATIENCE_SECONDS: Final = 300.0


class Exporter:
    """The pollers of all accounts.

    Accounts with the same base URL and key share one request budget, the smallest that one of them was given,
    and each gets an equal part of it for its walks.
    """

    def __init__(
        self, accounts: Sequence[Account], clients: HttpClients, clock: Clock, rng: random.Random
    ) -> None:
        self._rng = rng
        self._spread_seconds = min(
            [_START_SPREAD_SECONDS * len(accounts), *(account.poll_interval for account in accounts)]
        )
        sharing: dict[tuple[str, str], list[tuple[Account, RereadCredentials]]] = {}
        for account in accounts:
            credentials = RereadCredentials(account.api_key, account.secret_key)
            key = (account.base_url, credentials().api_key.get_secret_value())
            sharing.setdefault(key, []).append((account, credentials))
        self._pollers: dict[str, AccountPoller] = {}
        for group in sharing.values():
            budget = RequestBudget(min(account.requests_per_minute for account, _ in group), clock)
            walk_share = budget.background_per_minute / len(group)
            for account, credentials in group:
                client = clients.for_url(account.base_url)
                api = PinApi(client, account.base_url, credentials, account.request_timeout)
                self._pollers[account.name] = AccountPoller(
                    account.name,
                    PinLister(
                        api,
                        budget,
                        clock,
                        rng,
                        patience_seconds=min(account.poll_interval, _LONGEST_PATIENCE_SECONDS),
                    ),
                    Cadence(account.poll_interval, account.stale_after, walk_share),
                    clock,
                    page_size=account.page_size,
                    pages_in_flight=account.pages_in_flight,
                    size_limit_bytes=account.size_limit,
                )

    def snapshots(self) -> Iterator[AccountSnapshot]:
        """Yield the newest snapshot of each account."""
        return (poller.snapshot for poller in self._pollers.values())

    def unready(self) -> list[str]:
        """Return the accounts whose totals were not polled yet, not even in vain."""
        return [snapshot.account for snapshot in self.snapshots() if not snapshot.is_tried]

    def workers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return each account's polling, which begins at a random moment, so that not all poll at once."""
        return {name: self._polling(poller) for name, poller in self._pollers.items()}

    def _polling(self, poller: AccountPoller) -> Callable[[], Awaitable[None]]:
        return lambda: poller.run(self._rng.uniform(0, self._spread_seconds))
