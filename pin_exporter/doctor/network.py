"""Look at the network path to the API's host: proxy, DNS, TLS and its certificate."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from pin_exporter.api.transport import default_context, resolve
from pin_exporter.doctor.evidence import NetworkPath
from pin_exporter.toolkit.clock import Clock
from pin_exporter.toolkit.display_text import one_line

_MAX_ADDRESSES: Final = 6
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NO_RESPONSE: Final = "no response within the timeout"


async def look_at_path(
    base_url: str,
    clock: Clock,
    timeout_seconds: float,
    *,
    proxy: str | None = None,
    context: ssl.SSLContext | None = None,
) -> NetworkPath:
    """Return how the host is reached. Sends no request and no key; never raises for what it finds.

    Behind a `proxy`, DNS and TLS are not looked at, because the proxy resolves and connects. `context` has
    the trusted CAs, by default those that requests trust.
    """
    parts = urlsplit(base_url)
    host, scheme = parts.hostname or "", parts.scheme
    port = parts.port or _DEFAULT_PORTS[scheme]
    if proxy is not None:
        return NetworkPath(host, proxy=without_password(proxy), looked_at=clock.wall())
    facts: dict[str, Any] = {}
    try:
        async with asyncio.timeout(timeout_seconds):
            addresses = await resolve(host)
            facts["addresses"] = tuple(addresses[:_MAX_ADDRESSES])
            if scheme == "https":
                facts |= await _tls(addresses, host, port, context or default_context())
    except TimeoutError:
        facts["tls_error" if "addresses" in facts else "resolve_error"] = _NO_RESPONSE
    except ssl.SSLError as error:
        facts["tls_error"] = _message(error)
    except OSError as error:
        # A refused connection is reported by the requests.
        if "addresses" not in facts:
            facts["resolve_error"] = _message(error)
    return NetworkPath(host, looked_at=clock.wall(), **facts)


def without_password(proxy: str) -> str:
    """Return a proxy's URL without user and password."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        name = parts.hostname or ""
        host = f"[{name}]" if ":" in name else name
        port = f":{parts.port}" if parts.port else ""
        return one_line(f"{parts.scheme}://{host}{port}")
    except ValueError:
        return "with an invalid URL"


async def _tls(addresses: Sequence[str], host: str, port: int, context: ssl.SSLContext) -> dict[str, Any]:
    """Make a handshake, hang up, and return version, issuer and expiry of the certificate."""
    for address in addresses:
        try:
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
            break
        except OSError as error:
            if isinstance(error, ssl.SSLError) or address == addresses[-1]:
                raise
    try:
        session = writer.get_extra_info("ssl_object")
        certificate = session.getpeercert() or {}
        return {
            "tls": session.version(),
            "issuer": _issuer(certificate),
            "expires_at": _expiry(certificate),
        }
    finally:
        writer.transport.abort()


def _issuer(certificate: Mapping[str, Any]) -> str | None:
    names = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    issuer = names.get("organizationName") or names.get("commonName")
    return one_line(str(issuer)) if issuer else None


def _expiry(certificate: Mapping[str, Any]) -> float | None:
    until = certificate.get("notAfter")
    return float(ssl.cert_time_to_seconds(until)) if isinstance(until, str) else None


def _message(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return getattr(error, "verify_message", None) or error.reason.replace("_", " ").lower()
    return one_line(error.strerror or str(error))
