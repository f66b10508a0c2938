"""Read the web config file: TLS, basic auth and response headers of our own port.

The format is that of Prometheus' exporter-toolkit. Its settings that are not supported are errors: a setting
that is ignored could leave the port open.
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
from pin_exporter.toolkit.yaml_file import Section, read_yaml_file

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_MIN_COST: Final = 4
_MAX_COST: Final = 16
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that can be set, each with its allowed values; without any, every value is."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How our own port is protected. Without a file there is no TLS, no basic auth, and no header.

    `users` maps names to bcrypt hashes. `files` are the files that the web config file names. `fingerprint`
    changes with the content of any of these files.
    """

    tls: Tls | None = None
    users: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[Path, ...] = ()
    fingerprint: bytes = b""

    @property
    def scheme(self) -> str:
        """Return the scheme of our URLs."""
        return "http" if self.tls is None else "https"


def read_web_config(path: Path | None, *, again: bool = False) -> WebConfig:
    """Read the web config file and the files that it names.

    Without a path, nothing is protected. `again` says that this is a reload. Raises SettingsError with one
    line for each problem, in the order of the file's lines, without secrets.
    """
    if path is None:
        return WebConfig()
    file = read_yaml_file(path, example="basic_auth_users: {}", again=again)
    root = Section(file, (), file.values, [])
    root.refuse_unknown("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
    tls = read_tls_section(root.section("tls_server_config"))
    headers = _read_http(root.section("http_server_config"))
    users = _read_users(root.section("basic_auth_users"))
    if "rate_limit" in root.values:
        root.problem("rate_limit", "is not supported: remove it")
    if root.problems:
        start = len(f"{path}:")
        raise SettingsError(sorted(root.problems, key=lambda line: int(line[start:].partition(":")[0])))
    digest = hashlib.sha256(repr((file.values, tls.contents)).encode()).digest()
    return WebConfig(tls.tls, users, headers, tuple(path for path, _ in tls.contents), digest)


def cost_of(bcrypt_hash: bytes) -> int:
    """Return the cost of a hash, which is the binary logarithm of its work."""
    return int(bcrypt_hash[4:6])


def _read_http(section: Section) -> Mapping[str, str]:
    section.refuse_unknown("http2", "headers")
    if section.boolean("http2", default=False):
        section.problem("http2", "HTTP/2 is not supported: set it to false or remove it")
    headers = section.section("headers")
    headers.refuse_unknown(*HEADERS)
    chosen: dict[str, str] = {}
    for name, allowed in HEADERS.items():
        value = headers.text(name)
        if value is None:
            continue
        if allowed and value not in allowed:
            headers.problem(name, f"must be {' or '.join(allowed)}")
        elif not (value.isascii() and value.isprintable()) or value != value.strip():
            headers.problem(name, "must be one line of ASCII text")
        else:
            chosen[name] = value
    return MappingProxyType(chosen)


def _read_users(section: Section) -> Mapping[bytes, bytes]:
    users: dict[bytes, bytes] = {}
    for name in section.values:
        if name.startswith("$2"):
            # No part of a hash is shown.
            parent = Section(section.file, section.path[:-1], {}, section.problems)
            parent.problem(str(section.path[-1]), "a user name looks like a bcrypt hash: write `name: hash`")
            continue
        if ":" in name or not name.isprintable():
            section.problem(name, "a user name must not contain a colon or a control character")
        value = section.values[name]
        match = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            section.problem(name, "must be a bcrypt hash: create one with `htpasswd -nBC 10 NAME`")
        elif not _MIN_COST <= int(match[1]) <= _MAX_COST:
            section.problem(name, f"the bcrypt cost must be {_MIN_COST} to {_MAX_COST}; use 10")
        else:
            users[name.encode()] = match[0].encode()
    return MappingProxyType(users)
