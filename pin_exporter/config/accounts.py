"""The accounts of a shard, each with everything that applies to it."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import ConfigDict

from pin_exporter.api.credentials import CredentialSource
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.config.names import variable_of
from pin_exporter.config.settings import AccountEntry, AccountSettings, Settings
from pin_exporter.config.types import is_exposed
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.sharding import SINGLE_SHARD, Shard, parse_shard_index

_log: Final = EventLogger(__name__)


READABLE_BY_ALL: Final = "contains keys and every user of this machine can read it: chmod 600"


class Account(AccountSettings):
    """An account with its name, its keys, and the account settings that apply to it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    credentials: CredentialSource

    @property
    def route(self) -> Route:
        """Return how the account's requests reach the API."""
        return Route(TlsFiles(self.ca_file, self.client_cert_file, self.client_key_file), self.proxy_url)


def shard_of(settings: Settings) -> Shard:
    """Return which shard this process is; without sharding, the only one."""
    return Shard(settings.shard or 0, settings.total_shards)


def shard_of_values(values: Mapping[str, object]) -> Shard:
    """Return the shard in settings that are not validated yet; the only one if they are invalid."""
    try:
        return Shard(parse_shard_index(str(values["shard"])), int(str(values["total_shards"])))
    except (KeyError, ValueError):
        return SINGLE_SHARD


def accounts_of(settings: Settings, shard: Shard | None = None) -> Iterator[Account]:
    """Yield the accounts of a shard: that of the top level if it has keys, then those of `accounts`.

    The shard is that of the settings unless another is given. Raises SettingsError if a key file cannot be
    read.
    """
    shard = shard or shard_of(settings)
    if (settings.api_key or settings.api_key_file) and shard.owns(settings.account):
        yield _account(settings.account, settings, settings)
    for entry in settings.accounts:
        if shard.owns(entry.name):
            yield _account(entry.name, entry, settings)


def applied(own: AccountEntry | Settings, top_level: Settings) -> AccountSettings:
    """Return the settings that apply to an account: its own, or else those of the top level."""
    values = {
        name: getattr(own if name in own.model_fields_set else top_level, name)
        for name in AccountSettings.model_fields
    }
    if own.client_cert_file:
        values["client_key_file"] = own.client_key_file  # a certificate brings its own key
    return AccountSettings.model_construct(**values)


def _account(name: str, own: AccountEntry | Settings, top_level: Settings) -> Account:
    settings = applied(own, top_level)
    api_key, secret_key = own.api_key or own.api_key_file, own.secret_key or own.secret_key_file
    assert api_key is not None is not secret_key, "loading the settings ensures both keys"  # noqa: S101
    proxy_secrets = Route(proxy_url=settings.proxy_url).secrets()
    try:
        credentials = CredentialSource(api_key, secret_key, account=name, others=proxy_secrets)
    except ValueError as error:  # a file that was readable when the settings were checked
        raise SettingsError([f"account {name}: {error}"]) from None
    return Account.model_construct(name=name, credentials=credentials, **vars(settings))


def usable_accounts(settings: Settings, clients: HttpClients, shard: Shard) -> list[Account]:
    """Return the shard's accounts. Raises SettingsError for a URL, proxy or file that makes no client."""
    accounts = list(accounts_of(settings, shard))
    for url, route in dict.fromkeys((account.base_url, account.route) for account in accounts):
        clients.check(url, route)
    return accounts


def is_config_file_exposed(settings: Settings) -> bool:
    """Return whether the config file contains a key and every user of the machine can read it."""
    key_names = [name for name in ("api_key", "secret_key") if not os.environ.get(variable_of(name))]
    has_key = any(getattr(settings, name) for name in key_names) or any(
        entry.api_key or entry.secret_key for entry in settings.accounts
    )
    if settings.config_file is None or not has_key:
        return False
    try:
        return bool(settings.config_file.stat().st_mode & stat.S_IROTH)
    except OSError:  # replaced or removed since it was read
        return False


def warn_of_exposed_keys(settings: Settings, accounts: Sequence[Account]) -> None:
    """Log a warning for keys that others can read, in the config file or on the network."""
    if is_config_file_exposed(settings):
        file = str(settings.config_file)
        _log.warning("config_file_exposed", f"the config file {READABLE_BY_ALL}", file=file)
    ways = {(account.base_url, account.route.proxy_for(account.base_url) is not None) for account in accounts}
    for url in {url for url, through_proxy in ways if is_exposed(url, through_proxy=through_proxy)}:
        _log.warning("keys_sent_unencrypted", "API keys are sent unencrypted: use https", base_url=url)
