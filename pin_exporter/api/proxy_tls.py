"""How requests reach the API: the certificate files for TLS, and the proxy."""

import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed

from pydantic import SecretStr

from pin_exporter.toolkit.files import Signature, open_regular, signature
from pin_exporter.toolkit.pem import load_certificate, trust_authorities

DIRECT: Final = "direct"
"""The value of proxy_url for no proxy, whatever the environment says."""
_MAX_FILE_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the CAs to trust instead of the default ones, and the client certificate with its key.

    Without a key file, the certificate file contains both.
    """

    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    def signature(self) -> Signature:
        """Return a value that changes as soon as one of the files is changed or replaced."""
        return signature(path for _, path in self._configured())

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the setting and one line, without the path, for each file that cannot be used."""
        unreadable = False
        for setting, path in self._configured():
            try:
                _read(path)
            except (OSError, ValueError) as error:
                unreadable = True
                problem = error.strerror if isinstance(error, OSError) else "the path is not valid"
                yield setting, f"cannot read the file: {problem}"
        if self.client_key_file and not self.client_cert_file:
            yield "client_key_file", "requires client_cert_file"
        if not unreadable:
            yield from self._wrong_contents()

    def trusting(self, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return a context that trusts the CAs of ca_file, or the default one. Raises ValueError."""
        for setting, problem in self.problems():
            raise ValueError(f"{setting}: {problem}")
        if not self.ca_file:
            return default()
        context = client_context(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        with _as_problem("ca_file"):
            self._trust_authorities(context)
        return context

    def context(self, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return a context that also has the client certificate. Raises ValueError with one line to show."""
        context = self.trusting(default)
        with _as_problem("client_cert_file"):
            self._load_certificate(context)
        return context

    def _configured(self) -> Iterator[tuple[str, Path]]:
        for setting in ("ca_file", "client_cert_file", "client_key_file"):
            path = getattr(self, setting)
            if path is not None:
                yield setting, path

    def _wrong_contents(self) -> Iterator[tuple[str, str]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for setting, use in (
            ("ca_file", self._trust_authorities),
            ("client_cert_file", self._load_certificate),
        ):
            try:
                use(context)
            except (OSError, ValueError) as error:
                yield setting, _text_without_path(error)

    def _trust_authorities(self, context: ssl.SSLContext) -> None:
        if self.ca_file:
            trust_authorities(context, _read(self.ca_file))

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        if self.client_cert_file:
            content = _read(self.client_cert_file)
            load_certificate(
                context, content, _read(self.client_key_file) if self.client_key_file else content
            )


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach an origin. Without `proxy_url`, the environment decides on the proxy."""

    files: TlsFiles = TlsFiles()
    proxy_url: SecretStr | None = None

    @property
    def goes_direct(self) -> bool:
        """Return whether no proxy may be used, whatever the environment says."""
        return self.proxy_url is not None and self.proxy_url.get_secret_value() == DIRECT

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy for a URL, configured or from the environment, None without one."""
        if self.proxy_url is not None:
            return None if self.goes_direct else self.proxy_url.get_secret_value()
        parts, proxies = urlsplit(url), getproxies_environment()
        # The standard library understands `*` only if it is the whole list.
        if "*" in (entry.strip() for entry in proxies.get("no", "").split(",")):
            return None
        if any(proxy_bypass_environment(name, proxies) for name in (parts.netloc, parts.hostname or "")):
            return None
        return proxies.get(parts.scheme) or proxies.get("all") or None

    def secrets(self) -> tuple[SecretStr, ...]:
        """Return the secrets of every proxy that may be used, configured or from the environment."""
        urls = (
            getproxies_environment().values()
            if self.proxy_url is None
            else [self.proxy_url.get_secret_value()]
        )
        return tuple(SecretStr(secret) for url in urls for secret in _secrets_in(url))


def client_context(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return a context, made for HTTP/1.1 and as strict on each version of Python.

    A certificate without an Authority Key Identifier is accepted: many private CAs issue them. So is an
    intermediate CA in ca_file without its root.
    """
    context.set_alpn_protocols(["http/1.1"])
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _secrets_in(url: str) -> Iterator[str]:
    """Yield the password in a proxy's URL: alone, with the user, and as the header carries both."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:
        return
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user or password:
        yield password or user
        yield f"{user}:{password}"
        yield b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def _as_problem(setting: str) -> Iterator[None]:
    """Raise ValueError for a file that was valid a moment ago and is being replaced now."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ValueError(f"{setting}: cannot use the file: {_text_without_path(error)}") from None


def _text_without_path(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or error)


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(_MAX_FILE_BYTES)
