"""The accounts of a shard, each with everything that is set for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from pin_exporter.api.credentials import CredentialSource
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.api.transport import HttpClients
from pin_exporter.config.settings import AccountSettings, Settings
from pin_exporter.config.types import is_exposed
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard, parse_shard_index

_log: Final = EventLogger(__name__)

_SHARED_FIELDS: Final = (
    "base_url",
    "poll_interval",
    "requests_per_minute",
    "request_timeout",
    "connect_timeout",
    "read_timeout",
    "proxy_url",
    "ca_file",
    "client_cert_file",
    "client_key_file",
    "page_size",
    "pages_in_flight",
    "stale_after",
    "size_limit",
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account with everything that is set for it. Durations in seconds, sizes in bytes."""

    name: str
    credentials: CredentialSource
    base_url: str
    poll_interval: float
    requests_per_minute: int
    request_timeout: float
    page_size: int
    pages_in_flight: int
    stale_after: float | None
    size_limit: int | None
    connect_timeout: float = 10.0
    read_timeout: float | None = None
    proxy_url: SecretStr | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    @property
    def route(self) -> Route:
        """Return how the account's requests reach the API."""
        return Route(TlsFiles(self.ca_file, self.client_cert_file, self.client_key_file), self.proxy_url)


def shard_of(settings: Settings) -> Shard:
    """Return which shard this process is; without sharding, the only one."""
    return Shard(settings.shard or 0, settings.total_shards)


def shard_of_values(values: Mapping[str, object]) -> Shard:
    """Return the shard in settings that are not checked yet; the single one if they are invalid."""
    try:
        return Shard(parse_shard_index(str(values["shard"])), int(str(values["total_shards"])))
    except (KeyError, ValueError):
        return SINGLE_SHARD


def accounts_of(settings: Settings, shard: Shard | None = None) -> Iterator[Account]:
    """Yield the accounts of a shard: that of the top level if it has keys, then the list's.

    The shard is that of the settings unless another is given. Raises SettingsError if a key file cannot be
    read.
    """
    shard = shard or shard_of(settings)
    if (settings.api_key or settings.api_key_file) and shard.owns(settings.account):
        yield _account(settings.account, settings, settings)
    for entry in settings.accounts:
        if shard.owns(entry.name):
            yield _account(entry.name, entry, settings)


def in_force(own: AccountSettings | Settings, shared: Settings) -> dict[str, Any]:
    """Return what an account can set for itself, taken from the top level where it does not."""
    given = {field: getattr(own, field) for field in _SHARED_FIELDS}
    chosen = {field: getattr(shared, field) if value is None else value for field, value in given.items()}
    if own.client_cert_file:
        chosen["client_key_file"] = own.client_key_file  # a certificate brings its own key
    return chosen


def _account(name: str, own: AccountSettings | Settings, shared: Settings) -> Account:
    settings = in_force(own, shared)
    api_key, secret_key = own.api_key or own.api_key_file, own.secret_key or own.secret_key_file
    assert api_key is not None is not secret_key, "loading the settings ensures both keys"  # noqa: S101
    proxy_secrets = Route(proxy_url=settings["proxy_url"]).secrets()
    try:
        credentials = CredentialSource(api_key, secret_key, account=name, others=proxy_secrets)
    except ValueError as error:  # a file that was readable when the settings were checked
        raise SettingsError([f"account {name}: {error}"]) from None
    return Account(name=name, credentials=credentials, **settings)


def usable_accounts(settings: Settings, clients: HttpClients, shard: Shard) -> list[Account]:
    """Return the shard's accounts. Raises SettingsError for a URL, proxy or file that makes no client."""
    accounts = list(accounts_of(settings, shard))
    for url, route in dict.fromkeys((account.base_url, account.route) for account in accounts):
        clients.check(url, route)
    return accounts


def warn_of_plain_http(accounts: Sequence[Account]) -> None:
    """Warn of keys that others can read on their way."""
    ways = {(account.base_url, account.route.proxy_for(account.base_url) is not None) for account in accounts}
    for url in {url for url, through_proxy in ways if is_exposed(url, through_proxy=through_proxy)}:
        _log.warning("keys_sent_unencrypted", "API keys are sent unencrypted: use https", base_url=url)
