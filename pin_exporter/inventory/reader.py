"""Take an inventory: drive a walk over all pages, several in flight, and count what it returns."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from pin_exporter.api.errors import (
    MAY_BE_TOO_MUCH,
    ClientError,
    PollError,
    RequestTimeoutError,
    TooLargeError,
    UnprovableError,
)
from pin_exporter.api.model import Page
from pin_exporter.inventory.counter import Counted, PinCounter, Shown
from pin_exporter.inventory.walk import Walk

MIN_PAGE_SIZE: Final = 10
_SLICE_ROWS: Final = 250
_MAX_VOIDED: Final = 3

FetchPage = Callable[[int, int], Awaitable[Page]]
"""Fetches the page at an offset with a limit; raises a PollError."""


class PageSize:
    """How many rows to ask for; remembered from walk to walk.

    Halved when the server cannot do as many. What it refused is not tried again; what took too long is, after
    a walk that went well.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._most = rows

    def step_down(self, error: PollError) -> bool:
        """Ask for fewer rows from now on if that may help with the error; tell whether it may."""
        refused = isinstance(error, ClientError) and error.status in MAY_BE_TOO_MUCH
        too_much = refused or isinstance(error, RequestTimeoutError | TooLargeError)
        if not too_much or self.rows <= MIN_PAGE_SIZE:
            return False
        self.rows = max(MIN_PAGE_SIZE, self.rows // 2)
        if refused:
            self._most = self.rows
        return True

    def step_up(self) -> None:
        """Ask for more rows again, as far as the server did not refuse them."""
        self.rows = min(2 * self.rows, self._most)

    def reset(self) -> None:
        """Forget what took too long: when nothing answers, it was not the size of the page."""
        self.rows = self._most


class _Ordered(NamedTuple):
    """A page that is on its way."""

    offset: int
    limit: int
    answer: asyncio.Task[Page]


class InventoryReader:
    """One reading of an account's list: the walk and the count of what it returned.

    `take` may be called again after it failed: it goes on where the walk was, provided that the list still
    stands there as it did, else from the start. Where the list changes too fast to prove anything, it is read
    once more for what can be had without. `shown` is what the previous inventory showed, `told_files` how
    many files the totals told of last.
    """

    def __init__(self, shown: Shown, told_files: int | None = None) -> None:
        self._shown = shown
        self._told_files = told_files
        self._ordered: deque[_Ordered] = deque()
        self._requests = 0
        self._voided = 0
        self._start_again()

    def _start_again(self, *, prove: bool = True) -> None:
        self._walk = Walk(prove=prove, told_files=self._told_files)
        self._tally = PinCounter(self._shown)
        self.rows = 0
        """Rows that were read so far, each counted once."""

    async def take(
        self, fetch: FetchPage, page_size: PageSize, *, wall: Callable[[], float], in_flight: int = 1
    ) -> Counted:
        """Read the list to its end and return the count, with what is proven about it and the pages it took.

        At most `in_flight` pages are asked for at a time. Raises the PollError that ended the walk.
        """
        resuming = self._walk.pages > 0
        rows_at_first = page_size.rows
        try:
            while not self._walk.done:
                self._order(fetch, page_size.rows, in_flight)
                ordered = self._ordered.popleft()
                try:
                    page = await ordered.answer
                except PollError as error:
                    if not page_size.step_down(error):
                        page_size.reset()
                        raise
                    await self._settle()
                    continue
                try:
                    await self._accept(ordered, page)
                except UnprovableError:
                    self._start_again(prove=False)
                    await self._settle()
                self._voided += self._walk.is_void
                if self._walk.is_void or (resuming and not self._walk.in_place):
                    self._start_again(prove=self._voided <= _MAX_VOIDED)
                    await self._settle()
                resuming = False
        finally:
            for left in self._ordered:
                left.answer.cancel()
            await self._settle()
        if page_size.rows == rows_at_first:
            page_size.step_up()
        return Counted(self._tally.inventory(wall()), self._walk.verdict, self._requests, self._walk.reported)

    async def _accept(self, ordered: _Ordered, page: Page) -> None:
        walk = self._walk
        fresh = walk.accept(ordered.offset, ordered.limit, page)
        self.rows += len(fresh)
        for start in range(0, len(fresh), _SLICE_ROWS):
            self._tally.add(fresh[start : start + _SLICE_ROWS])
            await asyncio.sleep(0)  # let scrapes have a turn
        # Those that follow were sent for on the assumption that this one would do.
        if walk.stepped_back or (self._ordered and self._ordered[0].offset >= walk.frontier):
            await self._settle()

    def _order(self, fetch: FetchPage, limit: int, in_flight: int) -> None:
        """Send for the next page, and for those after it as far as the list is known to reach."""
        walk, ordered = self._walk, self._ordered
        at_most = in_flight if walk.in_place and walk.overlap and not walk.stepped_back else 1
        while not ordered or (len(ordered) < at_most and self._goes_on(ordered[-1].offset)):
            offset = ordered[-1].offset + walk.stride if ordered else walk.next_offset
            ordered.append(_Ordered(offset, limit, asyncio.ensure_future(fetch(offset, limit))))
            self._requests += 1

    def _goes_on(self, offset: int) -> bool:
        """Return whether the list is known to go on behind the page at an offset."""
        walk = self._walk
        return walk.pages > 0 and offset + walk.stride + walk.overlap < walk.reported.files

    async def _settle(self) -> None:
        """Wait for the pages that are on their way, and drop them: they were asked for in vain."""
        answers = [page.answer for page in self._ordered]
        self._ordered.clear()
        for outcome in await asyncio.gather(*answers, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, PollError):
                raise outcome  # a bug, whoever was to see it
