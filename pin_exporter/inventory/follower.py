"""Follow a list: fetch the pages that the algorithm asks for, and return what the mirror counts."""

import asyncio
from collections.abc import Awaitable, Callable

from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Page, PinnedFilter
from pin_exporter.inventory.counter import Counted
from pin_exporter.inventory.expected import Comparison, ExpectedCids
from pin_exporter.inventory.follow import Follow
from pin_exporter.inventory.mirror import Mirror
from pin_exporter.inventory.reader import SMALL_PAGES, PageSize
from pin_exporter.inventory.reservoir import Reservoir

FetchFiltered = Callable[[int, int, PinnedFilter], Awaitable[Page]]
"""Fetches the page at an offset with a limit of what a filter lists; raises a PollError."""


class Follower:
    """Follows a list, starting from its mirror."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._follow = Follow(mirror)

    @property
    def audited_rows(self) -> int:
        """Return how many rows all audits so far have compared."""
        return self._follow.audited_rows

    def is_worthwhile(self, page_size: PageSize) -> bool:
        """Return whether the list is still so long that following it takes fewer requests."""
        return self._mirror.totals.files > SMALL_PAGES * page_size.rows

    async def read(
        self,
        fetch: FetchFiltered,
        page_size: PageSize,
        *,
        wall: Callable[[], float],
        expected: ExpectedCids | None = None,
        sample: Reservoir | None = None,
    ) -> Counted:
        """Bring the mirror up to date and return the count, with what is proven about it.

        Pins are compared with the `expected` CIDs. `sample` is filled from the page that is audited: each
        row's turn comes equally often.

        May be called again after the PollError that interrupted it. Raises SurpriseError if the list must be
        read whole; the mirror is of no use then.
        """
        follow, rows_at_first = self._follow, page_size.rows
        follow.begin()
        while not follow.done:
            request = follow.next_request(page_size.rows)
            try:
                page = await fetch(request.offset, request.limit, request.pinned)
            except PollError as error:
                if not page_size.step_down(error):
                    page_size.reset()
                    raise
                continue
            if sample is not None and follow.is_auditing:
                sample.add_pins(page.rows)
            for _ in follow.accept(request, page):
                await asyncio.sleep(0)  # let scrapes run
        if page_size.rows == rows_at_first:
            page_size.step_up()
        result = None
        if expected is not None:
            comparison = Comparison(expected)
            for _ in self._mirror.compare(comparison):
                await asyncio.sleep(0)
            result = comparison.result()
        inventory = self._mirror.inventory(wall())
        return Counted(inventory, follow.verdict, follow.requests, follow.reported, result)
