"""TLS for our own port: a context from a certificate in memory, and whom a client's certificate names."""

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
    """How connections are encrypted, and whose certificates let in: every good one's if nobody is named."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str] = frozenset()

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Return whether a client may come in, by its verified certificate as `getpeercert` shows it."""
        return not self.allowed_sans or not self.allowed_sans.isdisjoint(_names_of(certificate or {}))


class _TellingObject(ssl.SSLObject):
    """Keeps what the other side should be told of a failed handshake, which event loops throw away."""

    outgoing: ssl.MemoryBIO

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            raise HandshakeError(error, self.outgoing.read()) from None


class _TellingContext(ssl.SSLContext):
    sslobject_class = _TellingObject

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *rest: Any, **named: Any) -> Any:
        wrapped = super().wrap_bio(incoming, outgoing, *rest, **named)
        wrapped.outgoing = outgoing  # type: ignore[attr-defined] # it is one of the class above
        return wrapped


class HandshakeError(ssl.SSLError):
    """A handshake failed; `alert` is what remains to be sent, so that the other side learns why."""

    def __init__(self, error: ssl.SSLError, alert: bytes) -> None:
        super().__init__(*error.args)
        self.reason = error.reason
        self.alert = alert


def new_context() -> ssl.SSLContext:
    """Return a context for a server, without a certificate yet."""
    context = _TellingContext(ssl.PROTOCOL_TLS_SERVER)
    # A client could have the server compute for ever.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Put a certificate chain and its key into force. Raises ValueError, which shows neither."""
    if _CERTIFICATE_MARK not in certificate:
        raise ValueError("holds no certificate in PEM form")
    if _KEY_MARK not in key:
        raise ValueError("the key is not in PEM form")
    if any(mark in key for mark in _ENCRYPTED_MARKS):
        raise ValueError("the key is encrypted: decrypt it with `openssl pkey`")
    try:
        with _as_file(certificate) as certificate_path, _as_file(key) as key_path:
            context.load_cert_chain(certificate_path, key_path, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("the key does not belong to the certificate") from None
        raise ValueError(f"certificate or key is refused by OpenSSL: {_reason(error)}") from None
    except OSError as error:  # too many open files, most likely
        raise ValueError(f"cannot be given to OpenSSL: {error.strerror}") from None


def trust_clients_of(context: ssl.SSLContext, authorities: bytes, mode: ssl.VerifyMode) -> None:
    """Verify clients' certificates by these authorities. Raises ValueError if they are no good."""
    if _CERTIFICATE_MARK not in authorities:
        raise ValueError("holds no certificate in PEM form")
    # Bundles name authorities between their certificates, and not in ASCII only.
    text = authorities.decode("ascii", "replace").replace("\ufffd", "?")
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"is refused by OpenSSL: {_reason(error)}") from None
    context.verify_mode = mode
    # What is listed is trusted, as in the toolkit, even if another authority has signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def plain_san(name: str) -> str:
    """Return a name as certificates' names are compared: an IP address in its shortest form."""
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
    """Give content in memory a path, which is all that the ssl module reads from; on no disk if possible."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem"), "wb", buffering=0) as file:
            file.write(content)
            yield Path(f"/proc/self/fd/{file.fileno()}")
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield Path(file.name)
