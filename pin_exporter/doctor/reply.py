"""One query to the list endpoint, and the page or the error that came back; pure."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from pin_exporter.api.errors import (
    PAGE_SIZE_REJECTIONS,
    HttpStatusError,
    MalformedError,
    PollError,
    RateLimitedError,
    RequestTimeoutError,
    TooLargeError,
)
from pin_exporter.api.model import Page

_NOT_A_PAGE: Final = "check that base_url is the API's own address, and look for proxies in between"


class Purpose(Enum):
    """Why a query is sent."""

    TOTALS = auto()
    FIRST = auto()
    AGAIN = auto()
    SECOND = auto()
    LAST = auto()
    NOT_PINNED = auto()
    PINNED = auto()
    LARGE = auto()
    REST = auto()
    WATCH = auto()
    FIRST_LATER = auto()


@dataclass(frozen=True, slots=True)
class Query:
    """One request for a page, in the order that the exporter uses."""

    purpose: Purpose
    limit: int
    offset: int = 0

    @property
    def pinned(self) -> str:
        """Return the filter: `all` but for the purposes that need another."""
        return {Purpose.NOT_PINNED: "false", Purpose.PINNED: "true"}.get(self.purpose, "all")

    def parameters(self) -> dict[str, str | int]:
        """Return the parameters of the URL."""
        return {
            "offset": self.offset,
            "limit": self.limit,
            "pinned": self.pinned,
            "sortBy": "created_at",
            "sortOrder": "ASC",
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a query: `page`, or else `error`.

    `began` and `seconds` are by the clock that durations are measured with; `received_at` is Unix seconds.
    `date` is the header of the response. `ids` are those of the parsed rows, in order.
    """

    query: Query
    began: float
    seconds: float
    received_at: float
    date: str = ""
    page: Page | None = None
    ids: tuple[str, ...] = ()
    error: PollError | None = None

    @property
    def files(self) -> int:
        """Return `totals.files` of the page, 0 without a page."""
        return self.page.totals.files if self.page else 0

    @property
    def size_bytes(self) -> int:
        """Return `totals.size` of the page, 0 without a page."""
        return self.page.totals.size if self.page else 0

    @property
    def malformed(self) -> int:
        """Return the number of rows that are null or could not be parsed."""
        return sum(row is None for row in self.page.rows) if self.page else 0

    @property
    def rows(self) -> int:
        """Return the number of rows, malformed ones included unless they come in addition to the rows.

        They do if there are more elements than rows were requested, or than are left in the list.
        """
        if self.page is None:
            return 0
        elements = len(self.page.rows)
        left = max(0, self.files - self.query.offset)
        return elements - self.malformed if elements > min(left, self.query.limit) else elements

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the error, None without a status that is one."""
        return self.error.status if isinstance(self.error, HttpStatusError) else None

    @property
    def is_response(self) -> bool:
        """Return whether there was a response, whatever its status and body."""
        return self.page is not None or isinstance(self.error, HttpStatusError | MalformedError)

    @property
    def detail_and_hint(self) -> tuple[str, str]:
        """Return what went wrong, and what to do about it."""
        if isinstance(self.error, MalformedError) and not isinstance(self.error, TooLargeError):
            return str(self.error), _NOT_A_PAGE
        detail, _, hint = str(self.error or "").rpartition(": ")
        return detail, hint

    @property
    def retry_after_seconds(self) -> float | None:
        """Return how long to wait after a 429; None if it does not say."""
        return self.error.retry_after_seconds if isinstance(self.error, RateLimitedError) else None

    @property
    def is_query_rejected(self) -> bool:
        """Return whether the API rejected the parameters of the query."""
        return self.status in PAGE_SIZE_REJECTIONS

    @property
    def may_be_too_much(self) -> bool:
        """Return whether the same query for fewer rows may succeed."""
        return self.is_query_rejected or isinstance(self.error, RequestTimeoutError | TooLargeError)

    @property
    def is_expected_failure(self) -> bool:
        """Return whether the failure only shows which limit, offset or filter the API accepts."""
        if self.query.purpose is Purpose.LARGE:
            return self.may_be_too_much
        is_test = self.query.purpose is Purpose.FIRST or self.query.offset > 0 or self.query.pinned != "all"
        return self.is_query_rejected and is_test
