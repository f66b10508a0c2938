"""Settings: what there is to set."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from pin_exporter.config.types import (
    DEFAULT_BASE_URL,
    AccountName,
    BaseUrl,
    Interval,
    Key,
    ListenAddresses,
    LogFormat,
    LogLevel,
    PageRows,
    PagesInFlight,
    ProxyUrl,
    RequestsPerMinute,
    ShardNumber,
    Size,
    StaleAfter,
    TelemetryPath,
    Timeout,
    TotalShards,
)

ENV_PREFIX: Final = "PIN_EXPORTER_"


class AccountSettings(BaseModel):
    """One entry of the file's `accounts`. What is not given is taken from the file's top level."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: AccountName
    api_key: Key | None = None
    api_key_file: Path | None = None
    secret_key: Key | None = None
    secret_key_file: Path | None = None
    base_url: BaseUrl | None = None
    poll_interval: Interval | None = None
    requests_per_minute: RequestsPerMinute | None = None
    request_timeout: Timeout | None = None
    connect_timeout: Timeout | None = None
    read_timeout: Timeout | None = None
    proxy_url: ProxyUrl | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
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
    api_key: Key | None = Field(None, description="The API key. Not as a flag, which others could read.")
    api_key_file: Path | None = Field(
        None, description="File that holds the API key; read again when it changes."
    )
    secret_key: Key | None = Field(None, description="The secret key.")
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
    connect_timeout: Timeout = Field(10.0, description="Most time to connect, and as much again for TLS.")
    read_timeout: Timeout | None = Field(
        None, description="Most time without a single byte; by default only `request_timeout` counts."
    )
    proxy_url: ProxyUrl | None = Field(
        None,
        description="Proxy, as `http://user:password@host:port`, or `direct` for none; by default as the "
        "environment says.",
    )
    ca_file: Path | None = Field(
        None,
        description="PEM file of the CAs to trust instead of the usual ones; read again when it changes.",
    )
    client_cert_file: Path | None = Field(
        None, description="PEM file of a client certificate to show; read again when it changes."
    )
    client_key_file: Path | None = Field(
        None, description="PEM file of its key, without a password, unless that is in the same file."
    )
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
    web_config_file: Path | None = Field(
        None, description="YAML file with TLS and passwords for these addresses; read again when it changes."
    )
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
