"""Take an inventory: drive a walk over all pages, several in flight, and count what it returns."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pin_exporter.errors import ClientError, MalformedError, PollError, RequestTimeoutError
from pin_exporter.model import Page
from pin_exporter.snapshot import Counted
from pin_exporter.tally import Shown, Tally
from pin_exporter.walk import Walk

MIN_PAGE_SIZE: Final = 10
_SLICE_ROWS: Final = 250
_REFUSALS: Final = frozenset({400, 413, 414, 422})

FetchPage = Callable[[int, int], Awaitable[Page]]
"""Fetches the page at an offset with a limit; raises a PollError."""


@dataclass(slots=True)
class PageSize:
    """How many rows to ask for. Remembered from walk to walk, halved when the server cannot do as many."""

    rows: int

    def step_down(self, error: PollError) -> bool:
        """Ask for fewer rows from now on if that may help with the error; tell whether it may."""
        refused = isinstance(error, ClientError) and error.status in _REFUSALS
        too_much = refused or isinstance(error, RequestTimeoutError | MalformedError)
        if not too_much or self.rows <= MIN_PAGE_SIZE:
            return False
        self.rows = max(MIN_PAGE_SIZE, self.rows // 2)
        return True


class _Ordered(NamedTuple):
    """A page that is on its way."""

    offset: int
    limit: int
    answer: asyncio.Task[Page]


async def take_inventory(
    fetch: FetchPage,
    page_size: PageSize,
    *,
    shown: Shown,
    wall: Callable[[], float],
    in_flight: int = 1,
) -> Counted:
    """Walk over all pins and return the counts, with what is proven about them.

    At most `in_flight` pages are asked for at a time. `shown` is what the previous inventory showed. Raises
    the PollError that ended the walk; then nothing is counted.
    """
    walk, tally = Walk(), Tally(shown=shown)
    ordered: deque[_Ordered] = deque()
    try:
        while not walk.done:
            _order(fetch, walk, page_size.rows, ordered, in_flight)
            offset, limit, answer = ordered.popleft()
            try:
                page = await answer
            except PollError as error:
                if not page_size.step_down(error):
                    raise
                await _cancel(ordered)
                continue
            fresh = walk.accept(offset, limit, page)
            for start in range(0, len(fresh), _SLICE_ROWS):
                tally.add(fresh[start : start + _SLICE_ROWS])
                await asyncio.sleep(0)  # let scrapes have a turn
            if not walk.in_place or (ordered and ordered[0].offset != walk.next_offset):
                await _cancel(ordered)
    finally:
        await _cancel(ordered)
    return Counted(tally.inventory(wall()), walk.verdict, walk.requests, walk.reported)


def _order(fetch: FetchPage, walk: Walk, limit: int, ordered: deque[_Ordered], in_flight: int) -> None:
    """Send for the next page, and for those after it as far as the list is known to reach."""
    while not ordered or (len(ordered) < in_flight and walk.in_place and _reaches(walk, ordered[-1].offset)):
        offset = ordered[-1].offset + walk.stride if ordered else walk.next_offset
        ordered.append(_Ordered(offset, limit, asyncio.ensure_future(fetch(offset, limit))))


def _reaches(walk: Walk, offset: int) -> bool:
    """Tell whether the list is known to go on behind the page at an offset."""
    return offset + walk.stride + walk.overlap < walk.reported.files


async def _cancel(ordered: deque[_Ordered]) -> None:
    """Give up the pages that are on their way, and wait until they are gone."""
    for page in ordered:
        page.answer.cancel()
    await asyncio.gather(*(page.answer for page in ordered), return_exceptions=True)
    ordered.clear()
