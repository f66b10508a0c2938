"""One query to the list endpoint, and the reply to it or how it failed; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pin_exporter.api.errors import PAGE_SIZE_REJECTIONS
from pin_exporter.api.model import Page

_RATE_LIMIT_PREFIXES: Final = ("x-ratelimit-", "x-rate-limit-", "ratelimit")
_RATE_LIMIT: Final = re.compile(r"(?:x-)?rate-?limit-limit(?:-(second|minute|hour|day))?")
_WINDOW_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_POLICY: Final = re.compile(r"(?:q=|^|,\s*)(\d{1,9})\s*;(?:[^,]*;)?\s*w=(\d{1,9})", re.ASCII)
_NUMBER: Final = re.compile(r"\s*(\d{1,9})\b", re.ASCII)


class Purpose(StrEnum):
    """Why a query is sent; the values stand in the report where there was no reply."""

    TOTALS = "totals"
    FIRST = "first page"
    AGAIN = "first page, repeated"
    SECOND = "second page"
    LAST = "last page"
    BEYOND = "page beyond the end"
    LARGE = "very large page"
    MIDDLE = "page in the middle"
    REST = "rest of the list"
    WATCH = "single rows"
    FIRST_LATER = "first page at the end of the diagnosis"


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a page, with the filter and order that the exporter uses."""

    purpose: Purpose
    limit: int
    offset: int = 0

    def parameters(self) -> dict[str, str | int]:
        """Return the parameters of the URL."""
        return {
            "offset": self.offset,
            "limit": self.limit,
            "pinned": "all",
            "sortBy": "created_at",
            "sortOrder": "ASC",
        }


class Failure(StrEnum):
    """How a request failed: no complete response, another status than 200, or a body that is not a page."""

    CONNECTION = "connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    SLOW_RESPONSE = "slow_response"
    DROPPED_CONNECTION = "dropped_connection"
    MALFORMED = "malformed"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    EMPTY_BODY = "empty_body"
    HTML = "html"
    NOT_JSON = "not_json"
    TRUNCATED_JSON = "truncated_json"
    ERROR_ENVELOPE = "error_envelope"
    NOT_A_PAGE = "not_a_page"


_FAILURE_TEXTS: Final = {
    Failure.CONNECTION: "no connection",
    Failure.TLS: "TLS failed",
    Failure.TIMEOUT: "no response within the timeout",
    Failure.SLOW_RESPONSE: "the response did not end within the timeout",
    Failure.DROPPED_CONNECTION: "the connection was closed in the middle of the response",
    Failure.MALFORMED: "the response could not be received",
    Failure.TOO_LARGE: "status 200 with a body that is too large",
    Failure.EMPTY_BODY: "status 200 with an empty body",
    Failure.HTML: "status 200 with an HTML page",
    Failure.NOT_JSON: "status 200 with a body that is not JSON",
    Failure.TRUNCATED_JSON: "status 200 with truncated JSON",
    Failure.ERROR_ENVELOPE: "status 200 with an error message",
    Failure.NOT_A_PAGE: "status 200 with JSON that is not a page of pins",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a query.

    `began` and `seconds` are by the clock that durations are measured with; `received_at` is Unix seconds.
    `page` is None if the request failed; `failure` says how, `detail` in one line what the other side or the
    error said, `hint` what to do. `headers` are those the doctor uses, by lower-case name. `ids` are those
    of the readable rows, in order. `location` is the target of a redirect.
    """

    query: Query
    began: float
    seconds: float
    received_at: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    page: Page | None = None
    ids: tuple[str, ...] = ()
    failure: Failure | None = None
    detail: str = ""
    hint: str = ""
    location: str | None = None
    retry_after_seconds: float | None = None

    @property
    def files(self) -> int:
        """Return `totals.files` of the page, 0 without a page."""
        return self.page.totals.files if self.page else 0

    @property
    def unreadable(self) -> int:
        """Return the number of rows that are null or cannot be read."""
        return sum(row is None for row in self.page.rows) if self.page else 0

    @property
    def rows(self) -> int:
        """Return the number of rows, unreadable ones included unless they come in addition to the rows.

        They do if there are more elements than rows were asked for, or than are left in the list.
        """
        if self.page is None:
            return 0
        elements = len(self.page.rows)
        left = max(0, self.files - self.query.offset)
        return elements - self.unreadable if elements > min(left, self.query.limit) else elements

    @property
    def failure_text(self) -> str:
        """Return how the request failed, in words; empty if it did not fail."""
        if self.failure is Failure.HTTP_STATUS:
            return f"status {self.status}"
        return _FAILURE_TEXTS[self.failure] if self.failure else ""

    @property
    def is_redirect(self) -> bool:
        """Return whether the response is a redirect, which 304 is not."""
        return self.status is not None and 300 <= self.status < 400 and self.status != 304

    @property
    def is_query_rejected(self) -> bool:
        """Return whether the API rejected the parameters of the query."""
        return self.status in PAGE_SIZE_REJECTIONS

    @property
    def may_be_too_much(self) -> bool:
        """Return whether the same query for fewer rows may succeed."""
        return self.is_query_rejected or self.failure in (Failure.TIMEOUT, Failure.TOO_LARGE)

    @property
    def is_expected_failure(self) -> bool:
        """Return whether the failure only shows how large a limit or an offset the API accepts."""
        if self.query.purpose is Purpose.LARGE:
            return self.may_be_too_much
        return self.is_query_rejected and (self.query.purpose is Purpose.FIRST or self.query.offset > 0)

    @property
    def rate_limit_headers(self) -> str:
        """Return the headers about the rate limit, as `name: value, name: value`."""
        return ", ".join(
            f"{name}: {value}" for name, value in sorted(self.headers.items()) if is_rate_limit_header(name)
        )

    @property
    def allowed_per_minute(self) -> int | None:
        """Return the lowest request rate that the headers announce; None if they announce none.

        `X-RateLimit-Limit: 180` is taken for a minute unless the window is given: by the name, as in
        `X-RateLimit-Limit-Hour`, or as `w=` in seconds, as in `RateLimit-Policy: "default";q=100;w=60`.
        """
        return min(
            (rate for name, value in self.headers.items() for rate in _rates(name, value)), default=None
        )


def is_rate_limit_header(name: str) -> bool:
    """Return whether a header, by its lower-case name, is about the rate limit."""
    return name.startswith(_RATE_LIMIT_PREFIXES)


def _rates(name: str, value: str) -> Iterator[int]:
    if not is_rate_limit_header(name):
        return
    policies = [(int(limit), int(window)) for limit, window in _POLICY.findall(value)]
    named, number = _RATE_LIMIT.fullmatch(name), _NUMBER.match(value)
    if not policies and named and number:
        policies = [(int(number[1]), _WINDOW_SECONDS[named[1] or "minute"])]
    for limit, window in policies:
        if limit and window:
            yield max(1, limit * 60 // window)
