"""What the HTTP library raises, turned into our own errors: at which stage, with a hint at what to do."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import httpx

from pin_exporter.api.errors import ConnectionFailedError, PollError, RequestTimeoutError, TlsError
from pin_exporter.toolkit.display_text import one_line

_CA: Final = "set ca_file to the certificate of the CA that signed it"
_CLOCK: Final = "it is out of date: have it renewed, and check this machine's clock"
_OTHER_HOST: Final = "it is for another host: check base_url"
_HINTS_BY_VERIFY_CODE: Final[Mapping[int, str]] = {
    **dict.fromkeys((2, 18, 19, 20, 21), _CA),
    **dict.fromkeys((9, 10), _CLOCK),
    **dict.fromkeys((62, 64), _OTHER_HOST),
}
"""By OpenSSL's X509_V_ERR codes."""
_WANTS_CERTIFICATE: Final = "it may want a client certificate: check client_cert_file"
_HINTS_BY_REASON: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "HANDSHAKE_FAILURE": _WANTS_CERTIFICATE,
    "BAD_CERTIFICATE": _WANTS_CERTIFICATE,
    "ALERT_UNKNOWN_CA": "it does not trust the client certificate: check client_cert_file",
    "CERTIFICATE_EXPIRED": "the client certificate has expired: renew client_cert_file",
    "CERTIFICATE_REVOKED": "the client certificate was revoked: renew client_cert_file",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: check scheme and port",
    "RECORD_LAYER_FAILURE": "it does not speak TLS: check scheme and port",
}
"""By what OpenSSL's reason ends with."""
_PROXY_HINTS: Final[Mapping[int, str]] = {
    403: "it does not let anybody through to there: have it allowed, or set another proxy_url",
    405: "it does not let anybody through to there: have it allowed, or set another proxy_url",
    407: "it wants a user and password, or others: set proxy_url to http://user:password@host:port",
    **dict.fromkeys((502, 503, 504), "it cannot reach it: check base_url, and what the proxy's log says"),
}
_CHECK_PROXY: Final = "check proxy_url, or the variables HTTPS_PROXY and NO_PROXY"


class Timeouts(NamedTuple):
    """Seconds for a request as a whole, for each step of connecting, and between bytes."""

    whole: float
    connect: float = 10.0
    read: float | None = None


class RequestTrace:
    """How far a request has come and with whom it talks, as the library's trace extension tells.

    `url` is what is asked for, `rows` how many at most.
    """

    def __init__(self, url: httpx.URL, rows: str | int | None = None) -> None:
        self.or_less = "" if rows == 1 else " or lower page_size"
        self.host = url.netloc.decode()
        self._name = url.raw_host.decode()
        self._port = url.port or {"http": 80, "https": 443}.get(url.scheme)
        self._proxy: str | None = None
        self._is_past_proxy = False
        self.has_new_tls = False

    async def __call__(self, event: str, told: Mapping[str, Any]) -> None:
        """Take note of an event."""
        if event == "connection.connect_tcp.started":
            host, port = told["host"], told["port"]
            is_origin = (host, port) == (self._name, self._port)
            self._proxy = None if is_origin else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self._is_past_proxy = is_origin
        elif event == "proxy.start_tls.started":  # the tunnel's; that with the proxy is `connection.…`
            self._is_past_proxy = True
        elif event.endswith("start_tls.complete"):
            self.has_new_tls = not self.proxy
        elif event == "http11.send_request_headers.started":
            self._is_past_proxy |= told["request"].method != b"CONNECT"

    @property
    def proxy(self) -> str | None:
        """Return host and port of the proxy if the request has not got past it."""
        return None if self._is_past_proxy else self._proxy

    @property
    def hears_proxy(self) -> bool:
        """Return whether what comes may be a proxy's own words."""
        return self._proxy is not None and not self.has_new_tls

    @property
    def where(self) -> str:
        """Return whom the request talks to, and by way of which proxy."""
        if self.proxy:
            return f"the proxy {self.proxy}"
        return f"{self.host} through the proxy {self._proxy}" if self._proxy else self.host


def transport_error(
    error: httpx.TransportError | ssl.SSLError,
    trail: RequestTrace,
    timeouts: Timeouts,
    redact: Callable[[str], str],
) -> PollError:
    """Return our error for one of the library's. `redact` takes the keys out of text from outside."""
    causes = list(_causes(error))
    if isinstance(error, httpx.ProxyError) and str(error)[:3].isdigit():
        return _refused_by_proxy(int(str(error)[:3]), trail)
    if isinstance(error, httpx.TimeoutException):
        return _timed_out(error, one_line(redact(str(error))), trail, timeouts)
    # The innermost knows best; and the library quotes what it could not read.
    words = (one_line(redact(getattr(cause, "strerror", None) or str(cause))) for cause in causes)
    told = next(filter(None, words), type(error).__name__)
    if trail.hears_proxy and isinstance(error, httpx.RemoteProtocolError):
        told = "its answer is not HTTP"  # the rest may be the password that the proxy was given
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            hint = _tls_hint(cause) or "check base_url and ca_file"
            hint = hint.replace("base_url", "proxy_url") if trail.proxy else hint
            return TlsError(f"TLS with {trail.where} failed: {told}: {hint}")
    hint = _CHECK_PROXY if trail.proxy else "check base_url, DNS, firewalls and proxy variables"
    if trail.has_new_tls and isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
        hint = f"{hint}; {_WANTS_CERTIFICATE}"
    return ConnectionFailedError(f"connection to {trail.where} failed: {told}: {hint}")


def _refused_by_proxy(status: int, trail: RequestTrace) -> PollError:
    """Say what a proxy meant; not in its own words, in which its password may be."""
    hint = _PROXY_HINTS.get(status, _CHECK_PROXY)
    name = trail.proxy or "in between"
    return ConnectionFailedError(f"the proxy {name} answered {status} when asked for {trail.host}: {hint}")


def _timed_out(
    error: httpx.TimeoutException, told: str, trail: RequestTrace, timeouts: Timeouts
) -> RequestTimeoutError:
    hint = _CHECK_PROXY if trail.proxy else "check DNS and firewalls"
    if isinstance(error, httpx.ConnectTimeout):
        told = told or f"not connected within {timeouts.connect:g} s"
        hint += ", or raise connect_timeout"
    elif isinstance(error, httpx.ReadTimeout) and timeouts.read is not None:
        told = told or f"nothing came for {timeouts.read:g} s"
        hint = (
            f"{_CHECK_PROXY}, or raise read_timeout" if trail.proxy else f"raise read_timeout{trail.or_less}"
        )
    return RequestTimeoutError(
        f"{trail.where} did not answer in time: {told or type(error).__name__}: {hint}"
    )


def _tls_hint(error: ssl.SSLError) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _HINTS_BY_VERIFY_CODE.get(getattr(error, "verify_code", 0))
    reason = getattr(error, "reason", None) or ""
    return next((hint for end, hint in _HINTS_BY_REASON.items() if reason.endswith(end)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what led to an error, the innermost first."""
    if error is not None:
        yield from _causes(error.__cause__ or error.__context__)
        yield error
