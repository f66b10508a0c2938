"""One question to the list endpoint, and what came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal
from urllib.parse import SplitResult

from pin_exporter.api.model import Page


class Purpose(StrEnum):
    """Why a question is asked; the words stand in the report where there was no answer."""

    TOTALS = "the totals"
    FIRST = "the first page"
    AGAIN = "the first page once more"
    SECOND = "the second page"
    NEWEST = "the newest rows"
    LAST = "the last rows"
    BEYOND = "a page behind the end"
    DEFAULT = "a page of the default size"
    PINNED = "the pinned rows"
    UNPINNED = "the rows that are not pinned"
    LARGE = "a very large page"
    MIDDLE = "rows in the middle"
    REST = "the rest of the list"
    WATCH = "single rows"
    FIRST_LATER = "the oldest rows at the end"
    NEWEST_LATER = "the newest rows at the end"
    PINNED_LATER = "the pinned rows at the end"


@dataclass(frozen=True, slots=True)
class Question:
    """One request; `limit` None leaves it to the API."""

    purpose: Purpose
    limit: int | None
    offset: int = 0
    pinned: Literal["all", "true", "false"] = "all"
    order: Literal["ASC", "DESC"] = "ASC"

    def parameters(self) -> dict[str, str | int]:
        """Return the query."""
        query: dict[str, str | int] = {"offset": self.offset}
        if self.limit is not None:
            query["limit"] = self.limit
        return {**query, "pinned": self.pinned, "sortBy": "created_at", "sortOrder": self.order}


@dataclass(frozen=True, slots=True)
class Shape:
    """How a page was written, beyond what it means.

    `nulls` and `unreadable` are rows; `created` maps ids to `created_at` as sent, where it was sent.
    """

    pins_null: bool = False
    nulls: int = 0
    unreadable: int = 0
    string_sizes: int = 0
    created: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question.

    `began` and `seconds` are of the examination's clock, `at` is the end in Unix seconds. `page` is None
    where there was `trouble`, a short name of what went wrong, which `told` describes in one line; `reason`
    and `hint`, at what to do, are those of the error where there was no complete answer. `headers` are those
    the doctor knows, by their names in lower case. `ids` are of the readable rows, in order. `location` is
    where a redirect points.
    """

    question: Question
    began: float
    seconds: float
    at: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body_bytes: int = 0
    page: Page | None = None
    ids: tuple[str, ...] = ()
    shape: Shape = field(default_factory=Shape)
    trouble: str | None = None
    reason: str | None = None
    told: str = ""
    hint: str = ""
    location: str | None = None
    retry_after_seconds: float | None = None

    @property
    def rows(self) -> int:
        """Return how many rows there were; null elements are none where they stand beside the rows.

        They do where there are more elements than rows were asked for, or were left in the list.
        """
        if self.page is None:
            return 0
        elements, asked = len(self.page.rows), self.question
        left = max(0, self.files - asked.offset)
        beside = elements > min(left, elements if asked.limit is None else asked.limit)
        return elements - self.shape.nulls if beside else elements

    @property
    def files(self) -> int:
        """Return the total that came along."""
        return self.page.totals.files if self.page else 0


def is_redirect(reply: Reply) -> bool:
    """Return whether the answer is that it is elsewhere, which 304 is not."""
    return reply.status is not None and 300 <= reply.status < 400 and reply.status != 304


def authority(parts: SplitResult) -> str:
    """Return a URL's host and port, without user and password. Raises ValueError for a port that is none."""
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return f"{host}:{parts.port}" if parts.port else host
