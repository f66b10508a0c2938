"""Send the queries: which, in which order, at which rate, and when to stop."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pin_exporter.api.errors import MalformedError
from pin_exporter.config.accounts import Account
from pin_exporter.doctor.evidence import Evidence, NetworkPath, Trial
from pin_exporter.doctor.reply import Purpose, Query, Reply
from pin_exporter.doctor.requests import Senders
from pin_exporter.inventory.walk import MIN_OVERLAP
from pin_exporter.toolkit.clock import Clock

MAX_REQUESTS: Final = 30
MAX_SECONDS: Final = 300.0
_ATTEMPTS: Final = 3
_ATTEMPTS_BEFORE_FIRST_PAGE: Final = 4
_FAILURES_IN_A_ROW: Final = 6
_LONGEST_WAIT_SECONDS: Final = 15.0
_MIN_WAIT_SECONDS: Final = 5.0
_LARGE_LIMITS: Final = (10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20)
_SMALLEST_LIMIT: Final = 10
_SAMPLE: Final = 100
_ENOUGH: Final = 24
"""This many requests show most errors that happen to every tenth request."""
_MAX_REST: Final = 6
_RESERVED: Final = 1


class Stop(StrEnum):
    """Why the requests ended early."""

    RATE_LIMITED = "the API rejected requests as too many (429)"
    MAX_REQUESTS = f"reached the maximum of {MAX_REQUESTS} requests"
    MAX_SECONDS = f"reached the maximum of {MAX_SECONDS:g} s"
    FAILURES = f"{_FAILURES_IN_A_ROW} requests in a row failed"
    NO_FIRST_PAGE = "the first request failed repeatedly"


@dataclass(slots=True)
class _Plan:
    """Which query comes next: depends on the latest reply for each purpose, None where there was none."""

    page_size: int
    latest: dict[Purpose, Reply | None] = field(default_factory=dict)

    def queries(self, left: Callable[[], int]) -> Iterator[Query]:
        """Yield the queries, the most important first; `left` returns how many requests are left."""
        yield Query(Purpose.TOTALS, 1)
        yield Query(Purpose.FIRST, self.page_size)
        if self.latest[Purpose.FIRST] is None:
            yield from self._smaller_first_pages()
        first = self.latest[Purpose.FIRST]
        if first:
            yield Query(Purpose.AGAIN, first.query.limit)
            overlap = min(MIN_OVERLAP, first.rows // 2)
            yield Query(Purpose.SECOND, first.query.limit, offset=first.rows - overlap)
        tail = max(1, min(self._sample, self._most_rows()) // 2)
        yield Query(Purpose.LAST, self._sample, offset=max(0, self._files - tail))
        yield Query(Purpose.NOT_PINNED, self._sample)
        yield Query(Purpose.PINNED, 1)
        yield from self._large_pages()
        yield from self._rest(left)
        for _ in range(_ENOUGH):
            if left() <= MAX_REQUESTS - _ENOUGH + _RESERVED:
                break
            yield Query(Purpose.WATCH, 1)
        yield Query(Purpose.FIRST_LATER, self._sample)

    @property
    def _pages(self) -> list[Reply]:
        return [reply for reply in self.latest.values() if reply]

    @property
    def _files(self) -> int:
        return next((reply.files for reply in reversed(self._pages) if reply.query.pinned == "all"), 0)

    @property
    def _sample(self) -> int:
        """Return the limit for queries where a few rows are enough."""
        first = self.latest.get(Purpose.FIRST)
        return min(_SAMPLE, first.query.limit) if first else _SMALLEST_LIMIT

    def _most_rows(self) -> int:
        return max((reply.rows for reply in self._pages), default=0)

    def _smaller_first_pages(self) -> Iterator[Query]:
        """Halve the limit until a page comes, as the exporter does."""
        limit = self.page_size
        while self.latest[Purpose.FIRST] is None and limit > _SMALLEST_LIMIT:
            limit = max(_SMALLEST_LIMIT, limit // 2)
            yield Query(Purpose.FIRST, limit)

    def _large_pages(self) -> Iterator[Query]:
        """Request the largest page of use, and for smaller ones if it is rejected; not if pages are cut.

        If page_size was rejected, twice the limit that worked was rejected as well.
        """
        first = self.latest[Purpose.FIRST]
        if first is None or first.rows < first.query.limit:
            return
        works = first.query.limit
        for limit in _LARGE_LIMITS:
            is_new = limit > works and (works == self.page_size or limit < 2 * works)
            if is_new and self.latest.get(Purpose.LARGE) is None:
                yield Query(Purpose.LARGE, limit)

    def _rest(self, left: Callable[[], int]) -> Iterator[Query]:
        """Read the rest of the list if a few requests are enough."""
        start = (self.latest.get(Purpose.FIRST), self.latest.get(Purpose.LARGE))
        read = max((reply.rows for reply in start if reply), default=0)
        rows = self._most_rows()
        missing = self._files - read
        wanted = -(-missing // max(1, rows - MIN_OVERLAP)) + 1
        if missing <= 0 or rows <= MIN_OVERLAP or wanted > min(_MAX_REST, left() - _RESERVED):
            return
        for _ in range(wanted):
            yield Query(Purpose.REST, rows, offset=max(0, read - MIN_OVERLAP))
            rest = self.latest[Purpose.REST]
            if rest is None or rest.rows <= MIN_OVERLAP:
                return
            read += rest.rows - MIN_OVERLAP


@dataclass(slots=True)
class _Probe:
    senders: Senders
    account: Account
    clock: Clock
    progress: Callable[[int], None]
    replies: list[Reply] = field(default_factory=list)
    stopped: Stop | None = None
    requests: int = 0
    began: float = 0.0
    last_began: float | None = None
    rate_limited: int = 0

    async def may_send(self) -> None:
        """Count a request, and wait until requests_per_minute allows it."""
        if self.last_began is not None:
            due = self.last_began + 60 / self.account.requests_per_minute
            await self.clock.sleep(due - self.clock.elapsed())
        self.last_began = self.clock.elapsed()
        self.requests += 1
        self.progress(self.requests)

    async def page_for(self, query: Query) -> Reply | None:
        """Return the page for a query, after several attempts if need be; None if there is none."""
        attempts = _ATTEMPTS if self._has_pages() else _ATTEMPTS_BEFORE_FIRST_PAGE
        for attempt in range(attempts):
            if not self.may_go_on():
                return None
            await self.may_send()
            reply = await self.senders.configured(query)
            self.replies.append(reply)
            await self._wait_if_rate_limited(reply)
            if reply.page:
                return reply
            is_full_page = query.purpose is Purpose.FIRST and query.limit == self.account.page_size
            if reply.is_expected_failure or reply.is_query_rejected:
                return None
            if query.purpose is Purpose.FIRST and reply.may_be_too_much and (attempt > 0 or not is_full_page):
                return None  # a smaller page comes next
        return None

    async def _wait_if_rate_limited(self, reply: Reply) -> None:
        """Wait after the first 429; stop at the second, or if the API asks for a long wait."""
        if reply.status != 429:
            return
        self.rate_limited += 1
        wait = max(reply.retry_after_seconds or 0.0, _MIN_WAIT_SECONDS)
        if self.rate_limited > 1 or wait > _LONGEST_WAIT_SECONDS:
            self.stopped = Stop.RATE_LIMITED
        else:
            await self.clock.sleep(wait)

    def may_go_on(self) -> bool:
        """Return whether another request may be sent; if not, set `stopped`."""
        if self.stopped is None:
            tail = [one for one in self.replies if not one.is_expected_failure][-_FAILURES_IN_A_ROW:]
            if self.requests >= MAX_REQUESTS:
                self.stopped = Stop.MAX_REQUESTS
            elif self.clock.elapsed() - self.began > MAX_SECONDS:
                self.stopped = Stop.MAX_SECONDS
            elif len(tail) == _FAILURES_IN_A_ROW and not any(reply.page for reply in tail):
                self.stopped = Stop.FAILURES
        return self.stopped is None

    def _has_pages(self) -> bool:
        return any(reply.page for reply in self.replies)

    async def trial(self) -> Trial:
        """If every request was rejected, try what may be wrong: scope, keys, their order, or the base URL."""
        statuses = {reply.status for reply in self.replies}
        if self._has_pages() or self.rate_limited:
            return Trial()
        totals = Query(Purpose.TOTALS, 1)
        if statuses <= {401, 403}:
            await self.may_send()
            are_valid = await self.senders.are_keys_valid()
            if are_valid or 403 in statuses:
                return Trial(valid_keys=are_valid)
            await self.may_send()
            reply = await self.senders.swapped_keys(totals)
            return Trial(valid_keys=are_valid, swapped_keys=reply.page is not None)
        if self.senders.other_base_url and any(map(_is_another_service, self.replies)):
            await self.may_send()
            reply = await self.senders.other_base_url(totals)
            return Trial(other_base_url=not _is_another_service(reply))
        return Trial()


async def collect(
    senders: Senders,
    account: Account,
    clock: Clock,
    *,
    fingerprint: str,
    path: NetworkPath | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Evidence:
    """Send at most MAX_REQUESTS read-only requests and return what they show.

    `progress` is called with the number of each request. Never raises for what the server does.
    """
    probe = _Probe(senders, account, clock, progress, began=clock.elapsed())
    plan = _Plan(account.page_size)
    for query in plan.queries(lambda: MAX_REQUESTS - probe.requests):
        if not probe.may_go_on():
            break
        reply = await probe.page_for(query)
        plan.latest[query.purpose] = reply
        if query.purpose is Purpose.TOTALS and reply is None:
            probe.stopped = probe.stopped or Stop.NO_FIRST_PAGE
    trial = await probe.trial()
    return Evidence(account, fingerprint, tuple(probe.replies), path, probe.requests, trial, probe.stopped)


def _is_another_service(reply: Reply) -> bool:
    """Return whether the response is not from the API, which itself may reject keys or too many requests."""
    return isinstance(reply.error, MalformedError) or reply.status not in (None, 401, 403, 429)
