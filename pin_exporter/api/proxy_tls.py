"""How requests reach the API: the files that TLS takes, noticed when they change, and the proxy."""

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

DIRECT: Final = "direct"
"""The proxy URL that means none, whatever the environment says."""
_MISMATCH: Final = "KEY_VALUES_MISMATCH"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the CAs to trust instead of the usual ones, and the certificate to show, with its key.

    Without a key file, the certificate file holds both.
    """

    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    def signature(self) -> Signature:
        """Return what differs as soon as one of the files was changed or replaced."""
        return signature(path for _, path in self._given())

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the setting and one line without the path for each file that cannot be used."""
        unreadable = False
        for setting, path in self._given():
            try:
                with open_regular(path) as file:
                    file.read(1)
            except (OSError, ValueError) as error:
                unreadable = True
                yield setting, f"cannot read the file: {getattr(error, 'strerror', None) or 'it is no path'}"
        if self.client_key_file and not self.client_cert_file:
            yield "client_key_file", "is given without client_cert_file"
        if not unreadable:
            yield from self._wrong_contents()

    def trusting(self, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return a context that trusts the file's CAs, or the default one. Raises ValueError."""
        self._raise_problem()
        if not self.ca_file:
            return default()
        with _as_problem("ca_file"):
            return ssl.create_default_context(cafile=self.ca_file)

    def context(self, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return a context that also shows the certificate. Raises ValueError, with one line to show."""
        context = self.trusting(default)
        if self.client_cert_file:
            with _as_problem("client_cert_file"):
                _show(context, self.client_cert_file, self.client_key_file)
        return context

    def _raise_problem(self) -> None:
        for setting, problem in self.problems():
            raise ValueError(f"{setting}: {problem}")

    def _given(self) -> Iterator[tuple[str, Path]]:
        for setting in ("ca_file", "client_cert_file", "client_key_file"):
            path = getattr(self, setting)
            if path is not None:
                yield setting, path

    def _wrong_contents(self) -> Iterator[tuple[str, str]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except OSError:
                yield "ca_file", "the file holds no certificates in PEM form"
        if self.client_cert_file:
            try:
                _show(context, self.client_cert_file, self.client_key_file)
            except ValueError as error:
                yield "client_key_file" if self.client_key_file else "client_cert_file", str(error)
            except OSError as error:
                told = "the file holds no certificate in PEM form, or the key is none"
                if isinstance(error, ssl.SSLError) and error.reason == _MISMATCH:
                    told = "the key does not belong to the certificate"
                yield "client_cert_file", told


@dataclass(frozen=True, slots=True)
class Route:
    """What requests to an origin have in common besides it. `proxy_url` None leaves it to the environment."""

    files: TlsFiles = TlsFiles()
    proxy_url: SecretStr | None = None

    @property
    def goes_direct(self) -> bool:
        """Return whether no proxy is to be used, whatever the environment says."""
        return self.proxy_url is not None and self.proxy_url.get_secret_value() == DIRECT

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy of requests to a URL, set or of the environment; None for none."""
        if self.proxy_url is not None:
            return None if self.goes_direct else self.proxy_url.get_secret_value()
        parts, proxies = urlsplit(url), getproxies_environment()
        if any(proxy_bypass_environment(name, proxies) for name in (parts.netloc, parts.hostname or "")):
            return None
        return proxies.get(parts.scheme) or proxies.get("all") or None

    def secrets(self) -> tuple[SecretStr, ...]:
        """Return what a proxy, of ours or of the environment, is told and nobody else is to see."""
        urls = (
            getproxies_environment().values()
            if self.proxy_url is None
            else [self.proxy_url.get_secret_value()]
        )
        return tuple(SecretStr(secret) for url in urls for secret in _secrets_in(url))


def _secrets_in(url: str) -> Iterator[str]:
    """Yield the password of a proxy's URL, alone, with the user, and as the header carries both."""
    try:
        given = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:
        return
    user, password = unquote(given.username or ""), unquote(given.password or "")
    if user or password:
        yield password or user
        yield f"{user}:{password}"
        yield b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def _as_problem(setting: str) -> Iterator[None]:
    """Raise ValueError for a file that was good a moment ago, and is being replaced now."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{setting}: cannot be used: {error.strerror}") from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    context.load_cert_chain(certificate, key, password=_refuse_to_ask)


def _refuse_to_ask() -> str:
    """Stand in for the question on the terminal that the TLS library would ask."""
    raise ValueError("the key is encrypted: give one without a password")
