"""Load PEM certificates and keys from memory into TLS contexts, with errors that can be shown."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CERTIFICATE_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_KEY_MARK: Final = b"PRIVATE KEY-----"
_ENCRYPTED_MARKS: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


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


def trust_authorities(context: ssl.SSLContext, authorities: bytes) -> None:
    """Trust the certificates of CAs. Raises ValueError if there are none or OpenSSL rejects them."""
    if _CERTIFICATE_MARK not in authorities:
        raise ValueError("contains no certificate in PEM format")
    # CA bundles contain comments between the certificates, not always in ASCII.
    text = authorities.decode("ascii", "replace").replace("\ufffd", "?")
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"OpenSSL rejects it: {_reason(error)}") from None


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
