"""Read the file of `--web.config.file`, in the format of Prometheus' exporter-toolkit.

What that format has and this exporter does not is refused by name: a setting that is silently ignored would
be a door left open.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pin_exporter.toolkit.errors import SettingsError
from pin_exporter.toolkit.web.config_tls import read_tls_section
from pin_exporter.toolkit.web.tls import Tls
from pin_exporter.toolkit.yaml_file import Section, read_config_file

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_CHEAPEST: Final = 4
_DEAREST: Final = 16
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, each with the values it may have, none for any."""
_OFF: Final = re.compile(r"0+(ns|us|µs|ms|s|m|h)?")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How our own port is guarded. Without a file: no TLS, no users, no headers.

    `users` are bcrypt hashes by name. `files` are what it was read from, beside the file itself, and
    `fingerprint` changes with anything in any of them.
    """

    tls: Tls | None = None
    users: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[Path, ...] = ()
    fingerprint: bytes = b""

    @property
    def scheme(self) -> str:
        """Return what URLs of our own port begin with."""
        return "http" if self.tls is None else "https"


def read_web_config(path: Path, *, again: bool = False) -> WebConfig:
    """Read the file and all that it names.

    `again` says that it was read before. Raises SettingsError with a line for each problem, free of secrets.
    """
    file = read_config_file(path, "basic_auth_users: {}", again=again)
    root = Section(file, (), file.values, [])
    root.refuse_unknown("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
    tls = read_tls_section(root.section("tls_server_config"))
    headers = _read_http(root.section("http_server_config"))
    users = _read_users(root.section("basic_auth_users"))
    _refuse_rate_limit(root.section("rate_limit"))
    if root.problems:
        raise SettingsError(root.problems)
    digest = hashlib.sha256(repr((file.values, tls.read)).encode()).digest()
    return WebConfig(tls.tls, users, headers, tuple(path for path, _ in tls.read), digest)


def cost_of(bcrypt_hash: bytes) -> int:
    """Return a hash's cost, the logarithm of its work."""
    return int(bcrypt_hash[4:6])


def _read_http(section: Section) -> Mapping[str, str]:
    section.refuse_unknown("http2", "headers")
    if section.boolean("http2", default=False):
        section.problem("http2", "HTTP/2 is not supported: set false, or leave it out")
    headers = section.section("headers")
    headers.refuse_unknown(*_HEADERS)
    chosen: dict[str, str] = {}
    for name, allowed in _HEADERS.items():
        value = headers.text(name)
        if value is None:
            continue
        if allowed and value not in allowed:
            headers.problem(name, f"must be {' or '.join(allowed)}")
        elif not (value.isascii() and value.isprintable()) or value != value.strip():
            headers.problem(name, "must be one line of ASCII characters")
        else:
            chosen[name] = value
    return MappingProxyType(chosen)


def _read_users(section: Section) -> Mapping[bytes, bytes]:
    users: dict[bytes, bytes] = {}
    for name in section.values:
        if name.startswith("$2"):
            # Shown nowhere, as every hash.
            whole = Section(section.file, section.path[:-1], {}, section.problems)
            whole.problem(str(section.path[-1]), "a name looks like a hash: write `name: hash`")
            continue
        if ":" in name or not name.isprintable():
            section.problem(name, "a name with a colon or a control character can never log in")
        value = section.values[name]
        match = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            section.problem(name, "must be a bcrypt hash: make one with `htpasswd -nBC 10 NAME`")
        elif not _CHEAPEST <= int(match[1]) <= _DEAREST:
            section.problem(name, f"the hash's cost must be {_CHEAPEST} to {_DEAREST}; 10 is good")
        else:
            users[name.encode()] = match[0].encode()
    return MappingProxyType(users)


def _refuse_rate_limit(section: Section) -> None:
    section.refuse_unknown("interval", "burst")
    interval, burst = section.text("interval"), section.text("burst")
    if interval is None and burst is None:
        return
    if interval is None or not _OFF.fullmatch(interval):
        section.problem("interval", "a rate limit is not supported: set 0, or leave rate_limit out")
