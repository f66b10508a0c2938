"""Settings: what there is to set, and what follows from it for each account."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from pin_exporter.credentials import KeyFile, checked_key
from pin_exporter.setting_types import (
    DEFAULT_BASE_URL,
    AccountName,
    BaseUrl,
    Interval,
    ListenAddresses,
    LogFormat,
    LogLevel,
    PageRows,
    PagesInFlight,
    RequestsPerMinute,
    ShardNumber,
    Size,
    StaleAfter,
    TelemetryPath,
    Timeout,
    TotalShards,
)
from pin_exporter.shard import Shard

ENV_PREFIX: Final = "PIN_EXPORTER_"
_SHARED_FIELDS: Final = (
    "base_url",
    "poll_interval",
    "requests_per_minute",
    "request_timeout",
    "page_size",
    "pages_in_flight",
    "stale_after",
    "size_limit",
)


class AccountSettings(BaseModel):
    """One entry of the file's `accounts`. What is not given is taken from the file's top level."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: AccountName
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    base_url: BaseUrl | None = None
    poll_interval: Interval | None = None
    requests_per_minute: RequestsPerMinute | None = None
    request_timeout: Timeout | None = None
    page_size: PageRows | None = None
    pages_in_flight: PagesInFlight | None = None
    stale_after: StaleAfter | None = None
    size_limit: Size | None = None


class Settings(BaseSettings):
    """Every setting. Each is `PIN_EXPORTER_<NAME>` in the environment and `<name>` in the file."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    account: AccountName = Field("default", description="Value of the `account` label.")
    api_key: SecretStr | None = Field(
        None, description="The API key. Not as a flag, which others could read."
    )
    api_key_file: Path | None = Field(
        None, description="File that holds the API key; read again when it changes."
    )
    secret_key: SecretStr | None = Field(None, description="The secret key.")
    secret_key_file: Path | None = Field(None, description="File that holds the secret key.")
    accounts: Annotated[tuple[AccountSettings, ...], NoDecode] = Field(
        (), description="Accounts, each with a `name`, keys, and any of the settings below; only in the file."
    )
    base_url: BaseUrl = Field(DEFAULT_BASE_URL, description="Where the API is, up to and including `/api`.")
    poll_interval: Interval = Field(60.0, description="How often to poll: `60s`, `5m`, or seconds.")
    requests_per_minute: RequestsPerMinute = Field(
        120, description="Most requests in any minute, for all accounts with the same key."
    )
    request_timeout: Timeout = Field(30.0, description="Most time for one request as a whole.")
    page_size: PageRows = Field(1_000, description="Pins to ask for at a time; lowered when the API refuses.")
    pages_in_flight: PagesInFlight = Field(4, description="Pages of one account to ask for at a time.")
    stale_after: StaleAfter | None = Field(
        None, description="Age at which data are no longer shown; by default 3 intervals and 60 s."
    )
    size_limit: Size | None = Field(None, description="Bytes that the account may hold: `500GB`, `2TiB`.")
    shard: ShardNumber | None = Field(
        None, description="Which shard this is: a number from 0 on, or a pod's name, which ends in it."
    )
    total_shards: TotalShards = Field(1, description="How many shards the accounts are divided among.")
    config_file: Path | None = Field(None, description="YAML file with any of these settings.")
    web_listen_address: ListenAddresses = Field((":10242",), description="Addresses to listen on.")
    web_enable_lifecycle: bool = Field(
        False, description="Let `POST /-/reload` read the configuration again, as SIGHUP does."
    )
    web_telemetry_path: TelemetryPath = Field("/metrics", description="Path of the metrics.")
    log_level: LogLevel = Field("info", description="`debug`, `info`, `warning` or `error`.")
    log_format: LogFormat = Field("logfmt", description="`logfmt` or `json`.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor alone: `load_settings` has merged the sources by then."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Account:
    """One account with everything that is set for it. Durations in seconds, sizes in bytes."""

    name: str
    api_key: SecretStr | KeyFile
    secret_key: SecretStr | KeyFile
    base_url: str
    poll_interval: float
    requests_per_minute: int
    request_timeout: float
    page_size: int
    pages_in_flight: int
    stale_after: float | None
    size_limit: int | None


def shard_of(settings: Settings) -> Shard:
    """Return which shard this process is; without sharding, the only one."""
    return Shard(settings.shard or 0, settings.total_shards)


def accounts_of(settings: Settings, shard: Shard | None = None) -> Iterator[Account]:
    """Yield the accounts of a shard: that of the top level if it has keys, then the list's.

    The shard is that of the settings unless another is given.
    """
    shard = shard or shard_of(settings)
    if (settings.api_key or settings.api_key_file) and shard.owns(settings.account):
        yield _account(settings.account, settings, settings)
    for entry in settings.accounts:
        if shard.owns(entry.name):
            yield _account(entry.name, entry, settings)


def _account(name: str, own: AccountSettings | Settings, shared: Settings) -> Account:
    given = {field: getattr(own, field) for field in _SHARED_FIELDS}
    chosen = {field: getattr(shared, field) if value is None else value for field, value in given.items()}
    return Account(
        name=name,
        api_key=_key(own.api_key, own.api_key_file),
        secret_key=_key(own.secret_key, own.secret_key_file),
        **chosen,
    )


def _key(text: SecretStr | None, path: Path | None) -> SecretStr | KeyFile:
    if text is not None:
        return checked_key(text.get_secret_value())
    assert path is not None, "settings were loaded without a key"  # noqa: S101
    return KeyFile(path)
