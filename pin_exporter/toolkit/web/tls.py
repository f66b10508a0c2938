"""TLS contexts for a server, from PEM in memory, and the names in client certificates."""

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pin_exporter.toolkit.pem import trust_authorities

_ADDRESS: Final = "IP Address"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings of a server. Without `allowed_sans`, every valid client certificate is accepted."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str] = frozenset()

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Return whether a client is allowed, given its verified certificate as `getpeercert` returns it."""
        return not self.allowed_sans or not self.allowed_sans.isdisjoint(_names_of(certificate or {}))


class _AlertingObject(ssl.SSLObject):
    """Keeps the TLS alert of a failed handshake, which event loops would drop."""

    outgoing: ssl.MemoryBIO

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            raise HandshakeError(error, self.outgoing.read()) from None


class _AlertingContext(ssl.SSLContext):
    sslobject_class = _AlertingObject

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *rest: Any, **named: Any) -> Any:
        wrapped = super().wrap_bio(incoming, outgoing, *rest, **named)
        wrapped.outgoing = outgoing  # type: ignore[attr-defined] # it is one of the class above
        return wrapped


class HandshakeError(ssl.SSLError):
    """A handshake failed; `alert` is still to be sent, so that the client knows why."""

    def __init__(self, error: ssl.SSLError, alert: bytes) -> None:
        super().__init__(*error.args)
        self.reason = error.reason
        self.alert = alert


def new_context() -> ssl.SSLContext:
    """Return a context for a server, still without a certificate."""
    context = _AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    # Renegotiation lets a client keep the server busy.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def trust_clients_of(context: ssl.SSLContext, authorities: bytes, mode: ssl.VerifyMode) -> None:
    """Verify client certificates with these CAs. Raises ValueError if OpenSSL rejects them."""
    trust_authorities(context, authorities)
    context.verify_mode = mode
    # As in exporter-toolkit, every listed CA is trusted, even an intermediate one.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def plain_san(name: str) -> str:
    """Return a name as it is compared: an IP address in its shortest notation."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


def _names_of(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == _ADDRESS:
            yield plain_san(name)
        elif kind in ("DNS", "email", "URI"):
            yield name
