"""Errors for responses other than 200, each with a hint what to do; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from pin_exporter.api.decode import error_message
from pin_exporter.api.errors import (
    ClientError,
    ForbiddenError,
    HttpStatusError,
    MalformedError,
    PollError,
    RateLimitedError,
    RedirectError,
    ServerError,
    UnauthorizedError,
)
from pin_exporter.toolkit.display_text import one_line
from pin_exporter.toolkit.redaction import REDACTED

_MAX_HEADERS: Final = 100
_MAX_HEADER_LENGTH: Final = 1_000
_IN_HOST: Final = "_redacted_"
_PROXY_AUTHENTICATION: Final = (
    "a proxy requires a user and password: set proxy_url to http://user:password@host:port"
)
_NOT_MODIFIED: Final = "the request was not conditional: look for a faulty cache or proxy in between"
_KEY_REJECTIONS: Final[Mapping[int, tuple[type[HttpStatusError], str]]] = {
    401: (
        UnauthorizedError,
        "was not accepted: it is wrong, revoked or swapped with the secret key, or belongs to another host, "
        "or a proxy removes headers with underscores: run pin-exporter doctor",
    ),
    403: (
        ForbiddenError,
        "is not allowed to list pins: create one with the scope data.pin_list, and check that it belongs to "
        "this host and that no proxy removes headers with underscores: run pin-exporter doctor",
    ),
}


@dataclass(slots=True)
class ApiResponse:
    """What has arrived of a response so far; `status` stays None until it is complete.

    A body that is too large is cut, and the response counts as complete. The names of `headers` are in lower
    case. `seconds` is the duration of the request. `stale_files` names the files that could not be read, so
    that their previous contents were used: keys, certificates.
    """

    status: int | None = None
    location: str | None = None
    body: bytearray = field(default_factory=bytearray)
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    is_too_large: bool = False
    stale_files: tuple[str, ...] = ()


def bounded_headers(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers by lower-case name: the first 100, the first value of each, cut if long."""
    kept: dict[str, str] = {}
    for name, value in islice(headers, _MAX_HEADERS):
        kept.setdefault(name.lower()[:_MAX_HEADER_LENGTH], value[:_MAX_HEADER_LENGTH])
    return kept


def error_for_status(
    response: ApiResponse, *, host: str, fingerprint: str, now: datetime, redact: Callable[[str], str] = str
) -> PollError:
    """Return the error for a complete response whose status is not 200.

    `fingerprint` identifies the key; `redact` removes keys from text from outside. A date in Retry-After is
    compared with the response's own date, and with `now`, the time of this machine, only if it has none.
    """
    status = response.status or 0
    problem = f"{host} responded {status}"
    if message := error_message(bytes(response.body), redact):
        problem += f" ({message})"
    date = http_date(response.headers.get("date", ""))
    delay = retry_after_seconds(response.headers.get("retry-after"), date or now)
    if status < 300:
        return MalformedError(f"{problem}, which is not a page of pins: check that base_url ends in /api")
    if status < 400:
        hint = (
            f"it redirects to {_target(response.location, redact)}; redirects are not followed, because the "
            "keys would be sent along: set base_url to the final URL"
        )
        hint = _NOT_MODIFIED if status == 304 else hint
        return RedirectError(f"{problem}: {hint}", status=status)
    if status in _KEY_REJECTIONS:
        kind, hint = _KEY_REJECTIONS[status]
        return kind(f"{problem}: key {fingerprint} {hint}", status=status)
    if status == 429:
        hint = "too many requests: lower requests_per_minute, or find what else uses this key"
        return RateLimitedError(f"{problem}: {hint}", status=status, retry_after_seconds=delay)
    if status >= 500:
        hint = "the service has a problem: if it persists, contact AIOZ Pin"
        return ServerError(f"{problem}: {hint}", status=status, retry_after_seconds=delay)
    hint = _PROXY_AUTHENTICATION if status == 407 else "check that base_url ends in /api"
    return ClientError(f"{problem}: {hint}", status=status)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it is absent or invalid."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    date = http_date(text)
    return None if date is None else max(0.0, (date - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Return the date in a header, in UTC unless it says otherwise; None if it is invalid."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _target(location: str | None, redact: Callable[[str], str]) -> str:
    """Return the host that a redirect points to. Secrets are removed first: they may extend beyond it."""
    try:
        host = urlsplit(redact(location or "").replace(REDACTED, _IN_HOST)).hostname
    except ValueError:
        host = None
    return one_line(host.replace(_IN_HOST, REDACTED)) if host else "no other host"
