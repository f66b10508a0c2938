"""Errors: everything that is raised on purpose; what can go wrong with a poll has a fixed `reason`.

PinExporterError
├── SettingsError               wrong settings: every problem, one line each
├── ListenError                 an address cannot be listened on
├── OutputError                 the result of a command cannot be written
├── TooManyChecksError          a password would wait too long to be checked
└── PollError
    ├── RequestTimeoutError     timeout
    ├── ConnectionFailedError   connection
    ├── TlsError                tls
    ├── MalformedError          malformed
    │   └── TooLargeError       malformed
    ├── InconsistentError       inconsistent
    │   └── UnprovableError     inconsistent
    └── HttpStatusError         (one subclass per reason)
        ├── UnauthorizedError   unauthorized
        ├── ForbiddenError      forbidden
        ├── RateLimitedError    rate_limited
        ├── ClientError         client_error
        ├── ServerError         server_error
        └── RedirectError       redirect
"""

from collections.abc import Sequence
from typing import ClassVar, Final

_MOST_TOLD: Final = 10


class PinExporterError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(PinExporterError):
    """The settings are wrong; `problems` holds one line for each problem, free of secrets.

    As text, it is one line for the log with the first of them: thousands of accounts can share a slip.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - _MOST_TOLD
        super().__init__("; ".join([*problems[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]))
        self.problems = tuple(problems)


class ListenError(PinExporterError):
    """An address cannot be listened on, most often because another process does."""


class OutputError(PinExporterError):
    """What a command has to say cannot be written where it should be. Its text is one line."""


class TooManyChecksError(PinExporterError):
    """So many passwords wait to be checked already that one more would wait too long."""


class PollError(PinExporterError):
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


REASONS: Final = (
    "timeout",
    "connection",
    "tls",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "client_error",
    "server_error",
    "redirect",
    "malformed",
    "inconsistent",
)
"""Every value of the `reason` label, so that each counter can start at 0."""
