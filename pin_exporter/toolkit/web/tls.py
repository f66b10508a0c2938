"""TLS contexts for a server, from PEM in memory, and the names in client certificates."""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_CERTIFICATE_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_KEY_MARK: Final = b"PRIVATE KEY-----"
_ENCRYPTED_MARKS: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
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
    # Renegotiation lets a client keep the server computing for ever.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a certificate chain and its key. Raises ValueError, which shows neither."""
    if _CERTIFICATE_MARK not in certificate:
        raise ValueError("contains no certificate in PEM format")
    if _KEY_MARK not in key:
        raise ValueError("the key is not in PEM format")
    if any(mark in key for mark in _ENCRYPTED_MARKS):
        raise ValueError("the key is encrypted: decrypt it with `openssl pkey`")
    try:
        with _as_file(certificate) as certificate_path, _as_file(key) as key_path:
            context.load_cert_chain(certificate_path, key_path, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("the key does not belong to the certificate") from None
        raise ValueError(f"OpenSSL rejects the certificate or the key: {_reason(error)}") from None
    except OSError as error:  # too many open files, most likely
        raise ValueError(f"cannot be passed to OpenSSL: {error.strerror}") from None


def trust_clients_of(context: ssl.SSLContext, ca_certificates: bytes, mode: ssl.VerifyMode) -> None:
    """Verify client certificates with these CAs. Raises ValueError if OpenSSL rejects them."""
    if _CERTIFICATE_MARK not in ca_certificates:
        raise ValueError("contains no certificate in PEM format")
    # CA bundles contain comments between the certificates, not always in ASCII.
    text = ca_certificates.decode("ascii", "replace").replace("\ufffd", "?")
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"OpenSSL rejects it: {_reason(error)}") from None
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


def _reason(error: ssl.SSLError) -> str:
    return str(error.reason or "not PEM").lower().replace("_", " ")


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """Yield a path to content in memory: the ssl module reads only files. Not on a disk if possible."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem"), "wb", buffering=0) as file:
            file.write(content)
            yield Path(f"/proc/self/fd/{file.fileno()}")
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield Path(file.name)
