"""Errors for failed connections and timeouts, each with the stage at which it failed and a hint."""

import errno
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import httpx

from pin_exporter.api.errors import (
    ConnectionFailedError,
    MalformedError,
    PollError,
    RequestTimeoutError,
    TlsError,
)
from pin_exporter.api.http1 import UnacceptableResponseError
from pin_exporter.toolkit.display_text import one_line

_CA: Final = "set ca_file to the certificate of the CA that signed it"
_EXPIRED: Final = "it is expired or not yet valid: have it renewed, and check this machine's clock"
_OTHER_HOST: Final = "it is for another host: check base_url"
_UNUSABLE: Final = "no setting makes it acceptable: have it, or the certificate of its CA, issued anew"
_HINTS_BY_VERIFY_CODE: Final[Mapping[int, str]] = {
    **dict.fromkeys((2, 18, 19, 20, 21), _CA),
    **dict.fromkeys((9, 10), _EXPIRED),
    **dict.fromkeys((62, 64), _OTHER_HOST),
}
"""By OpenSSL's X509_V_ERR codes."""
_CLIENT_CERTIFICATE: Final = "it may require a client certificate: check client_cert_file"
_HINTS_BY_REASON: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": _CLIENT_CERTIFICATE,
    "HANDSHAKE_FAILURE": _CLIENT_CERTIFICATE,
    "BAD_CERTIFICATE": _CLIENT_CERTIFICATE,
    "ALERT_UNKNOWN_CA": "it does not trust the client certificate: check client_cert_file",
    "CERTIFICATE_EXPIRED": "the client certificate has expired: renew client_cert_file",
    "CERTIFICATE_REVOKED": "the client certificate was revoked: renew client_cert_file",
    "NO_APPLICATION_PROTOCOL": "it does not offer HTTP/1.1: check base_url",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: check scheme and port",
    "RECORD_LAYER_FAILURE": "it does not speak TLS: check scheme and port",
}
"""By the end of OpenSSL's reason."""
_PROXY_HINTS: Final[Mapping[int, str]] = {
    **dict.fromkeys((403, 405), "it does not allow this host: have it allowed, or set another proxy_url"),
    407: "it requires a user and password: set proxy_url to http://user:password@host:port",
    **dict.fromkeys((502, 503, 504), "it cannot reach the host: check base_url and the proxy's log"),
}
_NO_FILES_LEFT: Final = (errno.EMFILE, errno.ENFILE)
_RAISE_FILE_LIMIT: Final = "raise the limit of open files (ulimit -n, LimitNOFILE in systemd)"
_CHECK_PROXY: Final = "check proxy_url, or the proxy variables and NO_PROXY"


class Timeouts(NamedTuple):
    """Seconds for a whole request, for each step of connecting, and between bytes (None: no limit)."""

    whole: float
    connect: float = 10.0
    read: float | None = None


class RequestTrace:
    """How far a request has got, as the transport notes it, and which host it talks to.

    `proxy_address` is host and port of the proxy that the connection goes through. `rows` is the page size.
    """

    def __init__(self, url: httpx.URL, rows: str | int | None = None) -> None:
        self.or_smaller_page = "" if rows == 1 else " or lower page_size"
        self.host = url.netloc.decode()
        self.proxy_address: str | None = None
        self.is_past_proxy = False
        self.has_new_tls = False

    @property
    def proxy(self) -> str | None:
        """Return host and port of the proxy if the request has not passed it yet."""
        return None if self.is_past_proxy else self.proxy_address

    @property
    def may_be_proxy_text(self) -> bool:
        """Return whether bytes that arrive may come from the proxy itself."""
        return self.proxy_address is not None and not self.has_new_tls

    @property
    def peer(self) -> str:
        """Return the host that the request talks to, and the proxy in between."""
        if self.proxy:
            return f"the proxy {self.proxy}"
        return f"{self.host} through the proxy {self.proxy_address}" if self.proxy_address else self.host


def transport_error(
    error: httpx.TransportError | ssl.SSLError,
    trace: RequestTrace,
    timeouts: Timeouts,
    redact: Callable[[str], str],
) -> PollError:
    """Return our error for one of the library's. `redact` removes keys from text from outside."""
    causes = list(_causes(error))
    if isinstance(error, UnacceptableResponseError):
        return MalformedError(
            f"the response of {trace.peer} cannot be read: {error}: check base_url and proxies"
        )
    if isinstance(error, httpx.ProxyError) and str(error)[:3].isdigit():
        return _proxy_error(int(str(error)[:3]), trace)
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(error, one_line(redact(str(error))), trace, timeouts)
    # The innermost error is the most precise. Redacted, because the library quotes what it could not parse.
    texts = (one_line(redact(getattr(cause, "strerror", None) or str(cause))) for cause in causes)
    problem = next(filter(None, texts), type(error).__name__)
    if trace.may_be_proxy_text and isinstance(error, httpx.RemoteProtocolError):
        problem = "its response is not HTTP"  # the text itself may contain the proxy's password
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            hint = _tls_hint(cause) or "check base_url and ca_file"
            hint = hint.replace("base_url", "proxy_url") if trace.proxy else hint
            return TlsError(f"TLS with {trace.peer} failed: {problem}: {hint}")
    if any(getattr(cause, "errno", None) in _NO_FILES_LEFT for cause in causes):
        return ConnectionFailedError(f"no connection to {trace.peer}: {problem}: {_RAISE_FILE_LIMIT}")
    hint = _CHECK_PROXY if trace.proxy else "check base_url, DNS, firewalls and proxy variables"
    if trace.has_new_tls and isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
        hint = f"{hint}; {_CLIENT_CERTIFICATE}"
    return ConnectionFailedError(f"connection to {trace.peer} failed: {problem}: {hint}")


def _proxy_error(status: int, trace: RequestTrace) -> PollError:
    """Return the error for a status of the proxy itself; not its text, which may contain its password."""
    hint = _PROXY_HINTS.get(status, _CHECK_PROXY)
    proxy = f"the proxy {trace.proxy}" if trace.proxy else "a proxy"
    return ConnectionFailedError(f"{proxy} responded {status} to a request for {trace.host}: {hint}")


def _timed_out(
    error: httpx.TimeoutException, problem: str, trace: RequestTrace, timeouts: Timeouts
) -> RequestTimeoutError:
    hint = _CHECK_PROXY if trace.proxy else "check DNS and firewalls"
    if isinstance(error, httpx.ConnectTimeout):
        problem = problem or f"not connected within {timeouts.connect:g} s"
        hint += ", or raise connect_timeout"
    elif isinstance(error, httpx.ReadTimeout) and timeouts.read is not None:
        problem = problem or f"no data for {timeouts.read:g} s"
        hint = (
            f"{_CHECK_PROXY}, or raise read_timeout"
            if trace.proxy
            else f"raise read_timeout{trace.or_smaller_page}"
        )
    return RequestTimeoutError(f"{trace.peer} timed out: {problem or type(error).__name__}: {hint}")


def _tls_hint(error: ssl.SSLError) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", 0)
        return _HINTS_BY_VERIFY_CODE.get(code, _UNUSABLE if code else None)
    reason = getattr(error, "reason", None) or ""
    return next((hint for end, hint in _HINTS_BY_REASON.items() if reason.endswith(end)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, the innermost first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
