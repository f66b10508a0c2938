"""The types of single settings: what is accepted, and what is said about anything else."""

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from pin_exporter.quantities import parse_duration, parse_size
from pin_exporter.shard import ordinal

DEFAULT_BASE_URL: Final = "https://api.aiozpin.network/api"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LISTEN_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[A-Za-z0-9._-]*):(\d{1,5})")
_TELEMETRY_PATH: Final = re.compile(r"/(?!-(?:/|$))[A-Za-z0-9._~/-]*")


def _check_name(name: object) -> object:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise ValueError("must be 1 to 63 letters, digits, '.', '_' or '-', and begin with a letter or digit")


def _check_base_url(url: object) -> object:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"is not a URL such as {DEFAULT_BASE_URL}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, without user, query or fragment")
    return url.rstrip("/")


def is_exposed(base_url: str) -> bool:
    """Tell whether keys sent to a URL can be read on the way: plain HTTP to another machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return parts.scheme == "http" and host not in ("localhost", "::1") and not host.startswith("127.")


def _check_listen_addresses(addresses: object) -> object:
    if isinstance(addresses, str):
        addresses = [address.strip() for address in addresses.split(",")]
    for address in addresses if isinstance(addresses, list | tuple) else ():
        match = _LISTEN_ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if match is None or int(match[1]) > 65_535:
            raise ValueError("must be host:port, [IPv6 address]:port or :port")
    if addresses in ([], ()):
        raise ValueError("must name at least one address")
    return addresses


def _check_telemetry_path(path: object) -> object:
    if isinstance(path, str) and _TELEMETRY_PATH.fullmatch(path):
        return path
    raise ValueError("must begin with / and not with /-/, and be made of letters, digits and ._~/-")


def _check_shard(value: object) -> int:
    return ordinal(str(value))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Interval = Annotated[Duration, Field(ge=1, le=86_400)]
StaleAfter = Annotated[Duration, Field(ge=1, le=30 * 86_400)]
Timeout = Annotated[Duration, Field(gt=0, le=3_600)]
RequestsPerMinute = Annotated[int, Field(ge=2, le=60_000)]
PagesInFlight = Annotated[int, Field(ge=1, le=16)]
PageRows = Annotated[int, Field(ge=10, le=10_000)]
Size = Annotated[int, BeforeValidator(parse_size)]
BaseUrl = Annotated[str, BeforeValidator(_check_base_url)]
AccountName = Annotated[str, BeforeValidator(_check_name)]
ListenAddresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_check_listen_addresses)]
TelemetryPath = Annotated[str, BeforeValidator(_check_telemetry_path)]
ShardNumber = Annotated[int, BeforeValidator(_check_shard)]
TotalShards = Annotated[int, Field(ge=1, le=10_000)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
LogFormat = Annotated[Literal["logfmt", "json"], BeforeValidator(_lower)]
