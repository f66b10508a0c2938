"""Answers other than 200, turned into our own errors with a hint at what to do; pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from pin_exporter.decode import error_message, one_line
from pin_exporter.errors import (
    ClientError,
    ForbiddenError,
    HttpStatusError,
    RateLimitedError,
    RedirectError,
    ServerError,
    UnauthorizedError,
)


@dataclass(slots=True)
class Answer:
    """What has arrived of an answer so far; `status` stays None until all of it has."""

    status: int | None = None
    location: str | None = None
    retry_after: str | None = None
    body: bytearray = field(default_factory=bytearray)


def error_for_status(answer: Answer, *, host: str, fingerprint: str, now: datetime) -> HttpStatusError:
    """Return the error for a complete answer whose status is not 200.

    `fingerprint` identifies the key; `now` is what a Retry-After date is taken against.
    """
    status = answer.status or 0
    told = f"{host} answered {status}"
    if message := error_message(bytes(answer.body)):
        told += f" ({message})"
    delay = retry_after_seconds(answer.retry_after, now)
    if 300 <= status < 400:
        hint = (
            f"it points to {_target(answer.location)}; redirects are not followed, because the keys would go "
            "along: set base_url to the API's own address"
        )
        return RedirectError(f"{told}: {hint}", status=status)
    if status == 401:
        hint = (
            f"key {fingerprint} was not accepted: either it belongs to another host, or a proxy in between "
            "drops headers with underscores"
        )
        return UnauthorizedError(f"{told}: {hint}", status=status)
    if status == 403:
        hint = (
            f"key {fingerprint} may not list pins: create one with the scope data.pin_list, check that it "
            "belongs to this host and that no proxy in between drops headers with underscores"
        )
        return ForbiddenError(f"{told}: {hint}", status=status)
    if status == 429:
        hint = "too many requests: lower requests_per_minute, or find what else uses this key"
        return RateLimitedError(f"{told}: {hint}", status=status, retry_after_seconds=delay)
    if status >= 500:
        hint = "the service has a problem; polling goes on"
        return ServerError(f"{told}: {hint}", status=status, retry_after_seconds=delay)
    return ClientError(f"{told}: check that base_url ends in /api", status=status)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, a number of seconds or a date; None when absent or unreadable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _target(location: str | None) -> str:
    try:
        host = urlsplit(location or "").hostname
    except ValueError:
        host = None
    return one_line(host) if host else "no other host"
