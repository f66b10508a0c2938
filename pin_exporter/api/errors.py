"""What can go wrong with a poll; every error has a fixed `reason`.

PollError
├── RequestTimeoutError     timeout
├── ConnectionFailedError   connection
├── TlsError                tls
├── HttpStatusError         (one subclass per reason)
│   ├── UnauthorizedError   unauthorized
│   ├── ForbiddenError      forbidden
│   ├── RateLimitedError    rate_limited
│   ├── ClientError         client_error
│   ├── ServerError         server_error
│   └── RedirectError       redirect
├── MalformedError          malformed
│   └── TooLargeError       malformed
└── InconsistentError       inconsistent
    └── UnprovableError     inconsistent
"""

from collections.abc import Iterator
from typing import ClassVar, Final

from pin_exporter.toolkit.errors import ExporterError


class PollError(ExporterError):
    """A poll failed. The text is one line for the operator: what is wrong, where, what to do."""

    reason: ClassVar[str]


class RequestTimeoutError(PollError):
    """The API did not send a complete response within a timeout."""

    reason = "timeout"


class ConnectionFailedError(PollError):
    """No connection, or a broken one: DNS, refused, reset, closed early."""

    reason = "connection"


class TlsError(PollError):
    """The TLS handshake failed, most often because of the certificate."""

    reason = "tls"


class HttpStatusError(PollError):
    """The API responded with a `status` other than 200.

    `retry_after_seconds` is None without a usable Retry-After header; only 429 and 5xx have it.
    """

    def __init__(self, text: str, *, status: int, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class UnauthorizedError(HttpStatusError):
    """401: the API rejected the key pair."""

    reason = "unauthorized"


class ForbiddenError(HttpStatusError):
    """403: the key pair is known but is not allowed to list pins."""

    reason = "forbidden"


class RateLimitedError(HttpStatusError):
    """429: too many requests."""

    reason = "rate_limited"


class ClientError(HttpStatusError):
    """Any other 4xx."""

    reason = "client_error"


PAGE_SIZE_REJECTIONS: Final = frozenset({400, 413, 414, 422})
"""The statuses with which a server may reject a large page size."""


class ServerError(HttpStatusError):
    """5xx."""

    reason = "server_error"


class RedirectError(HttpStatusError):
    """3xx: never followed, because the keys would be sent along."""

    reason = "redirect"


class MalformedError(PollError):
    """A 2xx that is not a page of pins: not a 200, not JSON, wrong shape, an error envelope, too large."""

    reason = "malformed"


class TooLargeError(MalformedError):
    """A 200 whose body is larger than any page should be; a smaller page size may help."""


class InconsistentError(PollError):
    """An inventory that cannot be proven complete."""

    reason = "inconsistent"


class UnprovableError(InconsistentError):
    """A list that changes so fast that a proof would take too many requests."""


def _reasons(base: type[PollError]) -> Iterator[str]:
    """Yield the reason of each subclass, in the order of their definition."""
    for error in base.__subclasses__():
        if "reason" in vars(error):
            yield error.reason
        yield from _reasons(error)


REASONS: Final = tuple(_reasons(PollError))
"""Every value of the `reason` label, so that each counter starts at 0."""
