"""Types of settings: what each accepts, and the error for anything else."""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_settings import NoDecode

from pin_exporter.api.credentials import checked_key
from pin_exporter.api.proxy_tls import DIRECT
from pin_exporter.toolkit.sharding import SHARD_INDEX_PATTERN, parse_shard_index
from pin_exporter.toolkit.units import parse_duration, parse_size

DEFAULT_BASE_URL: Final = "https://api.aiozpin.network/api"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ADDRESS: Final = r"(?:\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]|[A-Za-z0-9._-]*):([0-9]{1,5})"
_LISTEN_ADDRESS: Final = re.compile(_ADDRESS)
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|\*")
_URL: Final = r"[hH][tT][tT][pP][sS]?://\S+"
_MAX_SIZE: Final = 2**63 - 1
_STATUS_PAGES: Final = ("/accounts/", "/runbooks/", "/style.css", "/favicon.ico")
_PATH: Final = "/(?:(?:[A-Za-z0-9._~/]|-[A-Za-z0-9._~-])[A-Za-z0-9._~/-]*)?"
_TELEMETRY_PATH: Final = re.compile(_PATH)


def _check_name(name: object) -> object:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise ValueError("must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit")


def _http_url(url: object) -> SplitResult | None:
    """Return the parts of a URL with http or https, None for anything else."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _check_base_url(url: object, example: str = DEFAULT_BASE_URL) -> object:
    parts = _http_url(url)
    if parts is None:
        raise ValueError(f"is not a URL such as {example}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not contain a user, query or fragment")
    return str(url).rstrip("/")


def _check_gateway_url(url: object) -> object:
    return _check_base_url(url, "https://gateway.example")


def _check_key(key: object) -> object:
    return checked_key(key) if isinstance(key, str) else key


def _check_proxy_url(url: object) -> object:
    if str(url).lower().startswith("socks"):
        raise ValueError("must not be a SOCKS proxy: use http://, https:// or direct")
    parts = _http_url(url)
    if url != DIRECT and (parts is None or parts.path.strip("/") or parts.query or parts.fragment):
        raise ValueError(
            "is not a proxy: write http://host:port, http://user:password@host:port or direct; "
            "percent-encode special characters in user and password, such as / as %2F"
        )
    return url


def is_exposed(base_url: str, *, through_proxy: bool) -> bool:
    """Return whether others can read the keys on their way to a URL: plain HTTP to another machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        is_local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_local = False
    return parts.scheme == "http" and (through_proxy or not is_local)


def _parts(value: object) -> object:
    """Return the parts of a text that are separated by commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _check_host_names(value: object) -> object:
    names = _parts(value)
    if not isinstance(names, list | tuple):
        raise ValueError("must be a list of host names")
    for name in names:
        if not isinstance(name, str) or not _HOST_NAME.fullmatch(name):
            raise ValueError(
                "must contain host names such as exporter.example, without scheme and port, or *"
            )
    return [name.lower() for name in names]


def _check_listen_addresses(value: object) -> object:
    addresses = _parts(value)
    for address in addresses if isinstance(addresses, list | tuple) else ():
        match = _LISTEN_ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if match is None or int(match[1]) > 65_535:
            raise ValueError("must be host:port, [IPv6 address]:port or :port")
    if addresses in ([], ()):
        raise ValueError("must contain at least one address")
    if isinstance(addresses, list | tuple) and len(set(addresses)) < len(addresses):
        raise ValueError("contains an address twice")
    return addresses


def _check_telemetry_path(path: object) -> object:
    if isinstance(path, str) and _TELEMETRY_PATH.fullmatch(path):
        if path.startswith(_STATUS_PAGES):
            raise ValueError("is used by the status page: choose another path, such as /metrics")
        return path
    raise ValueError("must start with /, not with /-/, and contain only letters, digits and ._~/-")


def _check_size(value: Any) -> int:
    size = parse_size(value)
    if size < 1:
        raise ValueError("must be at least one byte; without a limit, leave it out")
    if size > _MAX_SIZE:
        raise ValueError("must be less than 8 EiB")
    return size


def _check_shard(value: object) -> int:
    return parse_shard_index(str(value))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _check_level(value: object) -> object:
    return "warning" if _lower(value) == "warn" else _lower(value)


def _pattern(pattern: str, **more: Any) -> WithJsonSchema:
    """Describe a text for the JSON Schema of the config file, by a pattern that every dialect understands."""
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", **more})


Duration = Annotated[float, BeforeValidator(parse_duration)]
Interval = Annotated[Duration, Field(ge=1, le=86_400)]
StaleAfter = Annotated[Duration, Field(ge=1, le=30 * 86_400)]
Timeout = Annotated[Duration, Field(gt=0, le=3_600)]
RequestsPerMinute = Annotated[int, Field(ge=2, le=60_000)]
PerHour = Annotated[int, Field(ge=1, le=36_000)]
PagesInFlight = Annotated[int, Field(ge=1, le=16)]
PageRows = Annotated[int, Field(ge=10, le=10_000)]
Size = Annotated[
    int,
    BeforeValidator(_check_size),
    _pattern(
        r"\s*[0-9]+(\.[0-9]+)?\s*([kKMGTP]i?)?[bB]?\s*",
        type=["number", "string"],
        exclusiveMinimum=0,
        maximum=_MAX_SIZE,
    ),
]
BaseUrl = Annotated[str, BeforeValidator(_check_base_url), _pattern(_URL)]
GatewayUrl = Annotated[str, BeforeValidator(_check_gateway_url), _pattern(_URL)]
ProxyUrl = Annotated[SecretStr, BeforeValidator(_check_proxy_url), _pattern(f"{DIRECT}|{_URL}")]
Key = Annotated[SecretStr, BeforeValidator(_check_key), _pattern(r"\s*[!-~]+\s*")]
AccountName = Annotated[str, BeforeValidator(_check_name), _pattern(_NAME.pattern)]
ListenAddresses = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_check_listen_addresses),
    _pattern(
        rf"\s*{_ADDRESS}\s*(,\s*{_ADDRESS}\s*)*",
        type=["string", "array"],
        items={"type": "string", "pattern": f"^(?:{_ADDRESS})$"},
        minItems=1,
        uniqueItems=True,
    ),
]
HostNames = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_check_host_names),
    _pattern(
        rf"\s*({_HOST_NAME.pattern})\s*(,\s*({_HOST_NAME.pattern})\s*)*",
        type=["string", "array"],
        items={"type": "string", "pattern": f"^(?:{_HOST_NAME.pattern})$"},
    ),
]
TelemetryPath = Annotated[str, BeforeValidator(_check_telemetry_path), _pattern(_PATH)]
ShardNumber = Annotated[
    int,
    BeforeValidator(_check_shard),
    _pattern(rf"\s*{SHARD_INDEX_PATTERN}\s*", type=["integer", "string"], minimum=0),
]
TotalShards = Annotated[int, Field(ge=1, le=10_000)]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(_check_level),
    WithJsonSchema({"enum": ["debug", "info", "warn", "warning", "error"], "type": "string"}),
]
InventoryMode = Annotated[Literal["auto", "full"], BeforeValidator(_lower)]
LogFormat = Annotated[Literal["logfmt", "json"], BeforeValidator(_lower)]
