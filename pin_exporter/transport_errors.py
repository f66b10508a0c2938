"""What the HTTP library raises, turned into our own errors with a hint at what to do."""

import ssl
from collections.abc import Callable, Iterator

import httpx

from pin_exporter.decode import one_line
from pin_exporter.errors import ConnectionFailedError, PollError, RequestTimeoutError, TlsError


def transport_error(error: httpx.TransportError, host: str, redact: Callable[[str], str]) -> PollError:
    """Return our error for one of the library's.

    `host` is what was asked; `redact` takes the keys out of text from outside.
    """
    causes = list(_causes(error))
    # The innermost knows best; and the library quotes what it could not read.
    words = (one_line(redact(getattr(cause, "strerror", None) or str(cause))) for cause in causes)
    told = next(filter(None, words), type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return RequestTimeoutError(f"{host} did not answer in time: {told}: check DNS and firewalls")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TlsError(f"TLS with {host} failed: {told}: check base_url and the CA certificates")
    hint = "check base_url, DNS, firewalls and proxy variables"
    return ConnectionFailedError(f"connection to {host} failed: {told}: {hint}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what led to an error, the innermost first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
