"""Read an inventory: fetch the pages that a walk asks for, several in flight, and count their rows."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from pin_exporter.api.errors import (
    PAGE_SIZE_REJECTIONS,
    ClientError,
    PollError,
    RequestTimeoutError,
    TooLargeError,
    UnprovableError,
)
from pin_exporter.api.model import Page, Verdict
from pin_exporter.inventory.counter import Counted, PinCounter, ShownLabels
from pin_exporter.inventory.expected import Comparison, ExpectedCids, pin_hash
from pin_exporter.inventory.mirror import Mirror
from pin_exporter.inventory.reservoir import Reservoir
from pin_exporter.inventory.walk import Walk

MIN_PAGE_SIZE: Final = 10
SMALL_PAGES: Final = 5
"""A list of so many pages is read whole each time: nothing is simpler."""
_ROWS_PER_TURN: Final = 250
_MAX_RESTARTS: Final = 3

FetchPage = Callable[[int, int], Awaitable[Page]]
"""Fetches the page at an offset with a limit; raises a PollError."""


class PageSize:
    """How many rows to request at a time; kept from inventory to inventory.

    Halved when the server cannot send as many. A size that was rejected is not tried again; one that took too
    long is, after an inventory without problems.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._most = rows

    def step_down(self, error: PollError) -> bool:
        """Request fewer rows from now on if that may help; return whether it may."""
        rejected = isinstance(error, ClientError) and error.status in PAGE_SIZE_REJECTIONS
        too_much = rejected or isinstance(error, RequestTimeoutError | TooLargeError)
        if not too_much or self.rows <= MIN_PAGE_SIZE:
            return False
        self.rows = max(MIN_PAGE_SIZE, self.rows // 2)
        if rejected:
            self._most = self.rows
        return True

    def step_up(self) -> None:
        """Request more rows again, up to what the server did not reject."""
        self.rows = min(2 * self.rows, self._most)

    def reset(self) -> None:
        """Forget what took too long: if every page fails, the size is not the reason."""
        self.rows = self._most


class _PageInFlight(NamedTuple):
    offset: int
    limit: int
    page: asyncio.Task[Page]


class InventoryReader:
    """Reads one inventory: a walk over the list, and the count of its rows.

    `read` may be called again after a failure: it continues where the walk was if the list still looks the
    same there, and starts over otherwise. If the list changes too fast for a proof, it is read once more
    without one.

    `shown` holds the labels of the previous inventory, `totals_files` the number of files in the newest
    totals. `new_counter` makes the counter of each walk. With `mirrors`, a list of more than five pages is
    counted by a `mirror`, to be followed from then on if the inventory was proven. Pins are compared with the
    `expected` CIDs; `compares` says that a mirror will be compared with some. `sample` is refilled by `read`.
    """

    def __init__(
        self,
        shown: ShownLabels,
        totals_files: int | None = None,
        new_counter: Callable[[ShownLabels], PinCounter] = PinCounter,
        *,
        mirrors: bool = False,
        compares: bool = False,
        expected: ExpectedCids | None = None,
        new_sample: Callable[[], Reservoir | None] = lambda: None,
    ) -> None:
        self.mirror: Mirror | None = None
        self._shown = shown
        self._totals_files = totals_files
        self._new_counter = new_counter
        self._mirrors = mirrors
        self._value_of = pin_hash if compares else None
        self._expected = expected
        self._new_sample = new_sample
        self._in_flight: deque[_PageInFlight] = deque()
        self._requests = 0
        self._restarts = 0
        self._start_over()

    def _start_over(self, *, prove: bool = True) -> None:
        self._walk = Walk(prove=prove, totals_files=self._totals_files)
        self._counter: PinCounter | Mirror = self._new_counter(self._shown)
        self._comparison = None if self._expected is None else Comparison(self._expected)
        self.sample = self._new_sample()
        """A random sample of the pinned CIDs, complete after `read`."""
        self.rows = 0
        """Rows read so far, each counted once."""

    async def read(
        self, fetch: FetchPage, page_size: PageSize, *, wall: Callable[[], float], pages_in_flight: int = 1
    ) -> Counted:
        """Read the list to its end and return the count, with what is proven about it.

        At most `pages_in_flight` pages are requested at a time. Raises the PollError that interrupted it.
        """
        resuming = self._walk.pages > 0
        rows_at_first = page_size.rows
        try:
            while not self._walk.done:
                self._request_pages(fetch, page_size.rows, pages_in_flight)
                next_page = self._in_flight.popleft()
                try:
                    page = await next_page.page
                except PollError as error:
                    if not page_size.step_down(error):
                        page_size.reset()
                        raise
                    await self._discard_pages()
                    continue
                try:
                    await self._accept(next_page, page)
                except UnprovableError:
                    self._start_over(prove=False)
                    await self._discard_pages()
                self._restarts += self._walk.is_void
                if self._walk.is_void or (resuming and not self._walk.in_place):
                    self._start_over(prove=self._restarts <= _MAX_RESTARTS)
                    await self._discard_pages()
                resuming = False
        finally:
            for left in self._in_flight:
                left.page.cancel()
            await self._discard_pages()
        if page_size.rows == rows_at_first:
            page_size.step_up()
        verdict, reported, counter = self._walk.verdict, self._walk.reported, self._counter
        self._walk = Walk()  # frees the ids that it has seen
        if isinstance(counter, Mirror):
            for _ in counter.settle():
                await asyncio.sleep(0)
            self.mirror = counter if verdict is not Verdict.INCONSISTENT else None
        expected = self._comparison.result() if self._comparison else None
        return Counted(counter.inventory(wall()), verdict, self._requests, reported, expected)

    async def _accept(self, accepted: _PageInFlight, page: Page) -> None:
        walk = self._walk
        fresh = walk.accept(accepted.offset, accepted.limit, page)
        self.rows += len(fresh)
        if self._mirrors and walk.pages == 1 and page.totals.files > SMALL_PAGES * len(page.rows):
            self._counter = Mirror(self._shown, value_of=self._value_of)
        for start in range(0, len(fresh), _ROWS_PER_TURN):
            rows = fresh[start : start + _ROWS_PER_TURN]
            self._counter.add(rows)
            for observer in (self._comparison, self.sample):
                if observer is not None:
                    observer.add_pins(rows)
            await asyncio.sleep(0)  # let scrapes run
        # The pages in flight were requested on the assumption that this one would fit.
        if walk.stepped_back or (self._in_flight and self._in_flight[0].offset >= walk.frontier):
            await self._discard_pages()

    def _request_pages(self, fetch: FetchPage, limit: int, pages_in_flight: int) -> None:
        """Request the next page, and those after it as far as the list is known to reach."""
        walk, in_flight = self._walk, self._in_flight
        most = pages_in_flight if walk.in_place and walk.overlap and not walk.stepped_back else 1
        while not in_flight or (len(in_flight) < most and self._continues_after(in_flight[-1].offset)):
            offset = in_flight[-1].offset + walk.stride if in_flight else walk.next_offset
            in_flight.append(_PageInFlight(offset, limit, asyncio.ensure_future(fetch(offset, limit))))
            self._requests += 1

    def _continues_after(self, offset: int) -> bool:
        """Return whether the list is known to continue after the page at an offset."""
        walk = self._walk
        return walk.pages > 0 and offset + walk.stride + walk.overlap < walk.reported.files

    async def _discard_pages(self) -> None:
        """Wait for the pages in flight and drop them."""
        pages = [left.page for left in self._in_flight]
        self._in_flight.clear()
        for outcome in await asyncio.gather(*pages, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, PollError):
                raise outcome  # a bug must not be dropped
