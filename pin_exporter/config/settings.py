"""The settings: one field here for each, from which all else about a setting is derived.

AccountSettings   what each account can have for itself; the top level of the config file sets it for all
├── AccountEntry  an entry of `accounts`, with its name and keys
├── Settings      everything, of the exporter as a whole as well
└── Account       (config/accounts.py) an account with everything that applies to it

Flags, variables, the JSON schema, the tables of docs/configuration.md and the example file are made from the
fields; `examples` is what the example file shows of a setting without a default. After a change:
`make settings chart`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from pin_exporter.config.types import (
    DEFAULT_BASE_URL,
    AccountName,
    BaseUrl,
    GatewayUrl,
    HostNames,
    Interval,
    InventoryMode,
    Key,
    ListenAddresses,
    LogFormat,
    LogLevel,
    PageRows,
    PagesInFlight,
    PerHour,
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


@dataclass(frozen=True, slots=True)
class Flag:
    """Marks a setting that can be given as a flag: its name, and what the help calls its value."""

    name: str
    metavar: str = ""


class KeySettings(BaseModel):
    """The two keys of an account, each given as text or as a file."""

    api_key: Key | None = Field(
        default=None,
        description="API key. Not available as a flag, because all users of a machine can see those.",
        examples=["the-api-key"],
    )
    api_key_file: Path | None = Field(
        default=None,
        description="File that contains the API key; reloaded when it changes.",
        examples=["/run/secrets/api-key"],
    )
    secret_key: Key | None = Field(default=None, description="Secret key.", examples=["the-secret-key"])
    secret_key_file: Path | None = Field(
        default=None,
        description="File that contains the secret key; reloaded when it changes.",
        examples=["/run/secrets/secret-key"],
    )


class AccountSettings(BaseModel):
    """What each account can have for itself. Durations are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: BaseUrl = Field(
        default=DEFAULT_BASE_URL, description="URL of the API, up to and including `/api`."
    )
    poll_interval: Interval = Field(default=60.0, description="Time between polls, such as `60s` or `5m`.")
    requests_per_minute: RequestsPerMinute = Field(
        default=120,
        description="Maximum requests per minute, shared by accounts that use the same key and `base_url`.",
    )
    request_timeout: Timeout = Field(default=30.0, description="Maximum time for a whole request.")
    connect_timeout: Timeout = Field(
        default=10.0, description="Maximum time to connect, and again for the TLS handshake."
    )
    read_timeout: Timeout | None = Field(
        default=None,
        description="Maximum time to wait between bytes. If unset, only `request_timeout` applies.",
        examples=["15s"],
    )
    proxy_url: ProxyUrl | None = Field(
        default=None,
        description="Proxy, such as `http://user:password@proxy.example:3128`, or `direct` for none. If "
        "unset, the proxy variables of the environment apply.",
        examples=["direct"],
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the CA certificates to trust instead of the default ones; reloaded when "
        "it changes.",
        examples=["/run/secrets/ca.pem"],
    )
    client_cert_file: Path | None = Field(
        default=None,
        description="PEM file of the client certificate; reloaded when it changes.",
        examples=["/run/secrets/client.pem"],
    )
    client_key_file: Path | None = Field(
        default=None,
        description="PEM file of the client certificate's key, without a password. If unset, "
        "`client_cert_file` contains it.",
        examples=["/run/secrets/client-key.pem"],
    )
    page_size: PageRows = Field(
        default=1_000, description="Pins to request per page; lowered automatically if the API rejects it."
    )
    pages_in_flight: PagesInFlight = Field(
        default=4, description="Maximum pages of an account to request at the same time."
    )
    inventory: InventoryMode = Field(
        default="auto",
        description="How to read the list of pins: `auto` reads a long list once and then only follows its "
        "changes, `full` reads all of it each time.",
        examples=["full"],
    )
    stale_after: StaleAfter | None = Field(
        default=None,
        description="Age from which data is no longer shown. If unset, three poll intervals and 60 seconds.",
        examples=["1h"],
    )
    size_limit: Size | None = Field(
        default=None,
        description="Size that the account may hold, such as `500GiB` or `2TiB`, for dashboards and alerts.",
        examples=["2TiB"],
    )
    expected_cids_file: Path | None = Field(
        default=None,
        description="File of the CIDs that the account must hold, one per line or as a JSON array; reloaded "
        "when it changes.",
        examples=["/etc/pin-exporter/cids.txt"],
    )
    gateway_url: GatewayUrl | None = Field(
        default=None,
        description="URL of an IPFS gateway from which samples of the pins are fetched and verified.",
        examples=["https://gateway.example"],
    )
    gateway_token_file: Path | None = Field(
        default=None,
        description="File with the token for the gateway, sent as `x-aiozpin-gateway-token`.",
        examples=["/run/secrets/gateway-token"],
    )
    retrievals_per_hour: PerHour = Field(
        default=60, description="Number of samples to fetch from the gateway per hour."
    )
    billing: bool = Field(
        default=False,
        description="Read this month's usage and cost once an hour. The key must be allowed to.",
    )


class AccountEntry(AccountSettings, KeySettings):
    """An entry of `accounts`. An account setting that it does not have is taken from the top level."""

    name: AccountName = Field(description="Value of the `account` label.")


class Settings(AccountSettings, KeySettings, BaseSettings):
    """Every setting. Each is `PIN_EXPORTER_<NAME>` in the environment and `<name>` in the config file."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    account: AccountName = Field(
        default="default",
        description="Value of the `account` label of the account whose keys are not in `accounts`.",
    )
    accounts: Annotated[tuple[AccountEntry, ...], NoDecode] = Field(
        default=(),
        description="List of accounts, each with a `name`, its keys, and any account setting; only in the "
        "config file.",
    )
    config_file: Annotated[Path | None, Flag("--config.file", "FILE")] = Field(
        default=None, description="YAML file with any settings; `serve` reloads it on SIGHUP."
    )
    shard: Annotated[ShardNumber | None, Flag("--shard", "INDEX")] = Field(
        default=None,
        description="Zero-based shard index, or a pod name that ends in one.",
        examples=[0],
    )
    total_shards: Annotated[TotalShards, Flag("--total-shards", "NUMBER")] = Field(
        default=1, description="Number of shards that the accounts are divided among."
    )
    web_listen_address: Annotated[ListenAddresses, Flag("--web.listen-address", "ADDRESS")] = Field(
        default=(":10242",),
        description="Addresses to listen on, separated by commas. The flag can be repeated.",
    )
    web_allowed_hosts: Annotated[HostNames, Flag("--web.allowed-hosts", "NAMES")] = Field(
        default=(),
        description="Host names, separated by commas, under which the status pages and `/-/reload` are "
        "served, besides localhost and IP addresses; `*` for any. The flag can be repeated.",
        examples=["exporter.example"],
    )
    web_config_file: Annotated[Path | None, Flag("--web.config.file", "FILE")] = Field(
        default=None,
        description="YAML file that enables TLS or basic auth for the exporter; reloaded when it changes.",
        examples=["/etc/pin-exporter/web.yml"],
    )
    web_enable_lifecycle: Annotated[bool, Flag("--web.enable-lifecycle")] = Field(
        default=False, description="Enable `POST /-/reload`, which reloads the config file as SIGHUP does."
    )
    web_telemetry_path: Annotated[TelemetryPath, Flag("--web.telemetry-path", "PATH")] = Field(
        default="/metrics", description="Path of the metrics."
    )
    log_level: Annotated[LogLevel, Flag("--log.level", "LEVEL")] = Field(
        default="info", description="Lowest level to log: `debug`, `info`, `warning` or `error`."
    )
    log_format: Annotated[LogFormat, Flag("--log.format", "FORMAT")] = Field(
        default="logfmt", description="Format of the log: `logfmt` or `json`."
    )

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


ACCOUNT_KEYS: Final = frozenset({"account", "accounts", *KeySettings.model_fields})
"""Settings that say which accounts there are."""
FIXED_AT_START: Final = frozenset(
    Settings.model_fields.keys() - AccountSettings.model_fields.keys() - ACCOUNT_KEYS - {"config_file"}
)
"""Settings that a reload does not change."""
