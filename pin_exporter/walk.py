"""The walk's decisions: which page to ask for next, what a page proves, when the list is complete.

Offset paging has no cursor: rows that vanish before the current offset make the rest move up, and a naive
walk jumps over as many. This walk lets each page begin with rows that it has seen. As rows keep their order,
a page whose first row was seen leaves no gap behind it: whatever follows in that page follows in the list.
"""

from collections.abc import Sequence
from typing import Final

from pin_exporter.distinct import DistinctSet
from pin_exporter.errors import InconsistentError
from pin_exporter.model import Page, Pin, Totals
from pin_exporter.snapshot import Verdict

MIN_OVERLAP: Final = 10
_MAX_REPEATS: Final = 3
_ENDLESS_ROWS: Final = 10_000

Ids = list[str | None]


class Walk:
    """One walk over an account, page by page, without any I/O.

    Ask for the page at `next_offset`, hand the answer to `accept`, until `done`. What holds throughout: every
    row that is in the list from the first request to the last and stands before `frontier` has been returned
    by `accept`, once.
    """

    def __init__(self) -> None:
        self.done = False
        self.in_place = True
        """Whether the newest page stood exactly where it was expected."""
        self.requests = 0
        self.frontier = 0
        self.overlap = 0
        self.reported = Totals(0, 0)
        self._seen = DistinctSet()
        self._tail: Ids = []
        self._tail_totals = self.reported
        self._largest_page = 0
        self._most_files = 0
        self._repeats = 0
        self._disturbed = False

    @property
    def next_offset(self) -> int:
        """Return the offset of the next page: `overlap` rows before the end of what is known."""
        return max(0, self.frontier - self.overlap)

    @property
    def verdict(self) -> Verdict:
        """Return what the walk proved: that nothing moved, or that all that moved was made good."""
        return Verdict.REPAIRED if self._disturbed else Verdict.CONSISTENT

    @property
    def stride(self) -> int:
        """Return how far apart pages lie while nothing moves."""
        return max(1, len(self._tail) - self.overlap)

    def accept(self, offset: int, limit: int, page: Page) -> list[Pin | None]:
        """Take in the page read at `offset` and return its rows that were not seen before.

        None stands for a row that could not be read. Raises InconsistentError when no proof is to be had.
        """
        self._count_request(page.totals)
        ids: Ids = [None if pin is None else pin.id for pin in page.rows]
        self._largest_page = max(min(self._largest_page, limit), len(ids))
        known = self._known_rows(offset, ids)
        if known is None:
            self._step_back()
            return []
        fresh = self._fresh_rows(page.rows[known:])
        if self._is_end(offset, limit, ids, fresh):
            self.done = True
        elif not self.in_place and not fresh and ids == self._tail:
            self._repeat()
        else:
            self.overlap = min(self._wanted_overlap(offset, ids), len(ids) // 2)
            self.frontier, self._tail, self._tail_totals = offset + len(ids), ids, page.totals
        return fresh

    def _count_request(self, totals: Totals) -> None:
        if self.requests == 0:
            self._seen = DistinctSet(totals.files)
        elif totals != self.reported:
            self._disturbed = True
        self.reported = totals
        self.requests += 1
        self._most_files = max(self._most_files, totals.files)
        rows = max(self._most_files, len(self._seen))
        undisturbed = 1 + rows // max(1, self._largest_page - MIN_OVERLAP)
        if self._largest_page and self.requests > 3 * (undisturbed + 1):
            raise InconsistentError(
                f"the list changes faster than it can be read: {self.requests} requests where {undisturbed} "
                "would do; raise requests_per_minute or page_size"
            )
        if len(self._seen) > 2 * self._most_files + _ENDLESS_ROWS:
            raise InconsistentError(
                f"the list does not end: {len(self._seen)} pins read, {totals.files} files reported"
            )

    def _known_rows(self, offset: int, ids: Ids) -> int | None:
        """Return how many leading rows are the expected ones, None if a gap may lie before the page."""
        expected = self._tail[len(self._tail) - (self.frontier - offset) :] if offset < self.frontier else []
        unmoved = ids[: len(expected)] == expected and offset + len(expected) == self.frontier
        # Where no expected row can be read, only unchanged totals tell that nothing moved.
        still = self.reported == self._tail_totals and (bool(expected) or not ids)
        self.in_place = unmoved and (any(expected) or offset == 0 or still)
        if self.in_place:
            return len(expected)
        self._disturbed = True
        first = next((identity for identity in ids if identity is not None), None)
        return 0 if offset == 0 or (first is not None and first in self._seen) else None

    def _fresh_rows(self, rows: Sequence[Pin | None]) -> list[Pin | None]:
        add = self._seen.add
        fresh = [pin for pin in rows if pin is None or add(pin.id)]
        self._disturbed |= len(fresh) < len(rows)
        return fresh

    def _is_end(self, offset: int, limit: int, ids: Ids, fresh: Sequence[Pin | None]) -> bool:
        """Tell whether the list ends with this page. That a page is short proves nothing by itself."""
        if len(ids) >= limit:
            return False
        agreed = offset + len(ids) == self.reported.files and (self.in_place or bool(fresh))
        return agreed or not ids or (not fresh and len(ids) < self._largest_page)

    def _step_back(self) -> None:
        """Begin the next page further back, to find a row that was seen."""
        self.overlap = max(2 * self.overlap, 1)

    def _repeat(self) -> None:
        """Ask again for a page that came twice, a few times."""
        self._disturbed = True
        self._repeats += 1
        if self._repeats >= _MAX_REPEATS:
            raise InconsistentError("the API sends the same page for different offsets")

    def _wanted_overlap(self, offset: int, ids: Ids) -> int:
        """Return three times the shift that was seen, fading when nothing moves any more."""
        if self.in_place or not ids or ids[0] not in self._tail:
            return max(MIN_OVERLAP, self.overlap // 2)
        shift = self._tail.index(ids[0]) - (len(self._tail) - (self.frontier - offset))
        return max(MIN_OVERLAP, 3 * abs(shift))
