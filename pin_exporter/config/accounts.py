"""The accounts of a shard, each with everything that applies to it."""

import stat
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pydantic import ConfigDict

from pin_exporter.api.credentials import CredentialSource, KeyFileError, read_key_file
from pin_exporter.api.pool import HttpClients
from pin_exporter.api.proxy_tls import Route, TlsFiles
from pin_exporter.config.dotenv import ENV_FILE
from pin_exporter.config.names import variable_of
from pin_exporter.config.settings import AccountEntry, AccountSettings, Settings
from pin_exporter.config.sources import Problem, Sources
from pin_exporter.config.types import is_exposed
from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.logs import EventLogger
from pin_exporter.toolkit.sharding import Shard
from pin_exporter.toolkit.yaml_file import YamlPath

_log: Final = EventLogger(__name__)
_UNKNOWN_SOURCES: Final = Sources()
_KEYS: Final = ("api_key", "secret_key")
_KEY_VARIABLES: Final = frozenset(map(variable_of, _KEYS))


class Account(AccountSettings):
    """An account with its name, its keys, and the account settings that apply to it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    credentials: CredentialSource

    @property
    def route(self) -> Route:
        """Return how the account's requests reach the API."""
        return Route(TlsFiles(self.ca_file, self.client_cert_file, self.client_key_file), self.proxy_url)

    @property
    def gateway_route(self) -> Route:
        """Return how requests reach the gateway, which never sees the client certificate."""
        return Route(TlsFiles(self.ca_file), self.proxy_url)

    @property
    def endpoints(self) -> Iterator[tuple[str, Route]]:
        """Yield each URL to which the account's requests go, and how they reach it."""
        yield self.base_url, self.route
        if self.gateway_url:
            yield self.gateway_url, self.gateway_route

    def gateway_token(self) -> str | None:
        """Return the token for the gateway, None without one. Raises ValueError if its file is unreadable."""
        return read_key_file(self.gateway_token_file).get_secret_value() if self.gateway_token_file else None


class Owner(NamedTuple):
    """What has keys: an entry of `accounts`, or the top level, whose path is empty."""

    path: YamlPath
    name: str
    own: AccountEntry | Settings


def owners(settings: Settings) -> Iterator[Owner]:
    """Yield the top level if it has keys, then the entries of `accounts`."""
    if settings.api_key or settings.api_key_file:
        yield Owner((), settings.account, settings)
    for index, entry in enumerate(settings.accounts):
        yield Owner(("accounts", index), entry.name, entry)


def path_of(setting: str, owner: Owner) -> YamlPath:
    """Return where the setting that applies to an account is given, or would be."""
    return (*owner.path, setting) if setting in owner.own.model_fields_set else (setting,)


def shard_of(settings: Settings) -> Shard:
    """Return which shard this process is; without sharding, the only one."""
    return Shard(settings.shard or 0, settings.total_shards)


def accounts_of(
    settings: Settings, shard: Shard | None = None, sources: Sources = _UNKNOWN_SOURCES
) -> list[Account]:
    """Return the accounts of a shard: that of the top level if it has keys, then those of `accounts`.

    The shard is that of the settings unless another is given. Reads the key files of these accounts. Raises
    SettingsError with a line for each that cannot be read.
    """
    shard = shard or shard_of(settings)
    accounts: list[Account] = []
    problems: list[Problem] = []
    for owner in owners(settings):
        if shard.owns(owner.name):
            try:
                accounts.append(_account(owner, settings))
            except KeyFileError as error:
                problems += [
                    Problem((*owner.path, setting), message) for setting, message in error.problems.items()
                ]
    if problems:
        raise SettingsError(sources.describe(problems))
    return accounts


def applied(own: AccountEntry | Settings, top_level: Settings) -> AccountSettings:
    """Return the settings that apply to an account: its own, or else those of the top level."""
    values = {
        name: getattr(own if name in own.model_fields_set else top_level, name)
        for name in AccountSettings.model_fields
    }
    if own.client_cert_file:
        values["client_key_file"] = own.client_key_file  # a certificate brings its own key
    return AccountSettings.model_construct(**values)


def _account(owner: Owner, top_level: Settings) -> Account:
    own, settings = owner.own, applied(owner.own, top_level)
    api_key, secret_key = own.api_key or own.api_key_file, own.secret_key or own.secret_key_file
    assert api_key is not None is not secret_key, "loading the settings ensures both keys"  # noqa: S101
    proxy_secrets = Route(proxy_url=settings.proxy_url).secrets()
    credentials = CredentialSource(api_key, secret_key, account=owner.name, others=proxy_secrets)
    return Account.model_construct(name=owner.name, credentials=credentials, **vars(settings))


def usable_accounts(
    settings: Settings, sources: Sources, clients: HttpClients, shard: Shard
) -> list[Account]:
    """Return the shard's accounts. Raises SettingsError for a URL, proxy or file that makes no client."""
    accounts = accounts_of(settings, shard, sources)
    for url, route in dict.fromkeys(endpoint for account in accounts for endpoint in account.endpoints):
        clients.check(url, route)
    return accounts


def warn_of_exposed_keys(settings: Settings, sources: Sources, accounts: Sequence[Account]) -> None:
    """Log a warning for keys that others can read, in a file or on the network."""
    exposed = [str(settings.config_file)] if _is_config_file_exposed(settings, sources) else []
    if sources.env_file.is_exposed and sources.env_file.variables & _KEY_VARIABLES:
        exposed.append(str(ENV_FILE))
    for file in exposed:
        message = "a file contains keys and every user of this machine can read it: chmod 600"
        _log.warning("config_file_exposed", message, file=file)
    ways = {(account.base_url, account.route.proxy_for(account.base_url) is not None) for account in accounts}
    for url in {url for url, through_proxy in ways if is_exposed(url, through_proxy=through_proxy)}:
        _log.warning("keys_sent_unencrypted", "API keys are sent unencrypted: use https", base_url=url)


def _is_config_file_exposed(settings: Settings, sources: Sources) -> bool:
    has_key = any(
        getattr(owner.own, name) and sources.is_in_file((*owner.path, name))
        for owner in owners(settings)
        for name in _KEYS
    )
    if sources.file is None or not has_key:
        return False
    try:
        return bool(sources.file.file_path.stat().st_mode & stat.S_IROTH)
    except OSError:  # replaced or removed since it was read
        return False
