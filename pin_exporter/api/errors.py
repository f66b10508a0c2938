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
    """A poll failed. Its text is one line for the operator: what, where, what to do."""

    reason: ClassVar[str]


class RequestTimeoutError(PollError):
    """The API did not answer in full within the request timeout."""

    reason = "timeout"


class ConnectionFailedError(PollError):
    """No connection, or one that broke: DNS, refused, reset, closed early."""

    reason = "connection"


class TlsError(PollError):
    """The TLS handshake failed, most often on the certificate."""

    reason = "tls"


class HttpStatusError(PollError):
    """The API answered with a status other than 200, which `status` holds."""

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status


class UnauthorizedError(HttpStatusError):
    """401: the key pair was not accepted."""

    reason = "unauthorized"


class ForbiddenError(HttpStatusError):
    """403: the key pair is known but may not list pins."""

    reason = "forbidden"


class RateLimitedError(HttpStatusError):
    """429; `retry_after_seconds` is what the API asked for, None when it did not say."""

    reason = "rate_limited"

    def __init__(self, text: str, *, status: int, retry_after_seconds: float | None) -> None:
        super().__init__(text, status=status)
        self.retry_after_seconds = retry_after_seconds


class ClientError(HttpStatusError):
    """Any other 4xx."""

    reason = "client_error"


MAY_BE_TOO_MUCH: Final = frozenset({400, 413, 414, 422})
"""The statuses with which a server may refuse a page of so many rows."""


class ServerError(HttpStatusError):
    """5xx; `retry_after_seconds` is what the API asked for, None when it did not say."""

    reason = "server_error"

    def __init__(self, text: str, *, status: int, retry_after_seconds: float | None = None) -> None:
        super().__init__(text, status=status)
        self.retry_after_seconds = retry_after_seconds


class RedirectError(HttpStatusError):
    """3xx: never followed, because the keys would go along."""

    reason = "redirect"


class MalformedError(PollError):
    """A 2xx that is no page: not a 200, not JSON, wrong shape, an error envelope, too large, too deep."""

    reason = "malformed"


class TooLargeError(MalformedError):
    """A 200 whose body is larger than any page should be."""


class InconsistentError(PollError):
    """A walk that could not be proven complete."""

    reason = "inconsistent"


class UnprovableError(InconsistentError):
    """A list that changes so fast that a proof would take more requests than it is worth."""


def _reasons(base: type[PollError]) -> Iterator[str]:
    """Yield the reason of each class below, in the order of their definition."""
    for error in base.__subclasses__():
        if "reason" in vars(error):
            yield error.reason
        yield from _reasons(error)


REASONS: Final = tuple(_reasons(PollError))
"""Every value of the `reason` label, so that each counter can start at 0."""
