"""Answers other than 200, turned into our own errors with a hint at what to do; pure."""

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
_WANTED_BY_PROXY: Final = (
    "a proxy wants a user and password, or others: set proxy_url to http://user:password@host:port"
)
_NOT_MODIFIED: Final = "not modified, which was not asked: look for a faulty cache or proxy in between"
_REFUSALS: Final[Mapping[int, tuple[type[HttpStatusError], str]]] = {
    401: (
        UnauthorizedError,
        "was not accepted: it is wrong, revoked or swapped with the secret key, or belongs to another host, "
        "or a proxy in between drops headers with underscores",
    ),
    403: (
        ForbiddenError,
        "may not list pins: create one with the scope data.pin_list, check that it belongs to this host and "
        "that no proxy in between drops headers with underscores",
    ),
}


@dataclass(slots=True)
class ApiResponse:
    """What has arrived of an answer so far; `status` stays None until all of it has.

    The names of `headers` are in lower case. `seconds` is what the request took.
    """

    status: int | None = None
    location: str | None = None
    retry_after: str | None = None
    body: bytearray = field(default_factory=bytearray)
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def bounded_headers(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers by their names in lower case: the first 100, the first value of each, cut if long."""
    kept: dict[str, str] = {}
    for name, value in islice(headers, _MAX_HEADERS):
        kept.setdefault(name.lower()[:_MAX_HEADER_LENGTH], value[:_MAX_HEADER_LENGTH])
    return kept


def error_for_status(
    answer: ApiResponse, *, host: str, fingerprint: str, now: datetime, redact: Callable[[str], str] = str
) -> PollError:
    """Return the error for a complete answer whose status is not 200.

    `fingerprint` identifies the key; `now` is what a Retry-After date is taken against; `redact` takes the
    keys out of text from outside.
    """
    status = answer.status or 0
    told = f"{host} answered {status}"
    if message := error_message(bytes(answer.body), redact):
        told += f" ({message})"
    delay = retry_after_seconds(answer.retry_after, now)
    if status < 300:
        return MalformedError(f"{told}, which is no page of pins: check that base_url ends in /api")
    if 300 <= status < 400:
        hint = (
            f"it points to {_target(answer.location, redact)}; redirects are not followed, because the keys "
            "would go along: set base_url to the API's own address"
        )
        hint = _NOT_MODIFIED if status == 304 else hint
        return RedirectError(f"{told}: {hint}", status=status)
    if status in _REFUSALS:
        kind, hint = _REFUSALS[status]
        return kind(f"{told}: key {fingerprint} {hint}", status=status)
    if status == 429:
        hint = "too many requests: lower requests_per_minute, or find what else uses this key"
        return RateLimitedError(f"{told}: {hint}", status=status, retry_after_seconds=delay)
    if status >= 500:
        hint = "the service has a problem: if it lasts, ask AIOZ Pin"
        return ServerError(f"{told}: {hint}", status=status, retry_after_seconds=delay)
    hint = _WANTED_BY_PROXY if status == 407 else "check that base_url ends in /api"
    return ClientError(f"{told}: {hint}", status=status)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, a number of seconds or a date; None when absent or unreadable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    date = http_date(text)
    return None if date is None else max(0.0, (date - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Read a date as headers have it, in UTC unless it says otherwise; None for what is none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _target(location: str | None, redact: Callable[[str], str]) -> str:
    """Return the host. Secrets are taken out first, as they may go across its end."""
    try:
        host = urlsplit(redact(location or "").replace(REDACTED, _IN_HOST)).hostname
    except ValueError:
        host = None
    return one_line(host.replace(_IN_HOST, REDACTED)) if host else "no other host"
