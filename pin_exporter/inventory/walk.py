"""The walk's decisions: which page to ask for next, what a page proves, when the list is complete.

Offset paging has no cursor: rows that vanish before the current offset make the rest move up, and a naive
walk jumps over as many. This walk lets each page begin with rows that it has seen. As rows keep their order,
a page whose first row was seen leaves no gap behind it: whatever follows in that page follows in the list.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from pin_exporter.api.errors import InconsistentError, UnprovableError
from pin_exporter.api.model import Page, Pin, Totals, Verdict
from pin_exporter.inventory.evidence import Evidence
from pin_exporter.inventory.hash_set import DistinctSet

MIN_OVERLAP: Final = 10
_MAX_REPEATS: Final = 3
_RUN: Final = 8
_SLACK_PAGES: Final = 3
_ENDLESS_ROWS: Final = 10_000
_MOST_ROWS: Final = 20_000_000
"""More cannot be told apart in the memory that an exporter may take."""

Ids = list[str | None]


class Walk:
    """One walk over an account, page by page, without any I/O.

    Ask for the page at `next_offset`, hand the answer to `accept`, until `done`. What holds throughout: every
    row that is in the list from the first request to the last and stands before `frontier` has been returned
    by `accept`, once. With `prove=False` it takes pages as they come, and nothing holds. `told_files` is how
    many files a request for a page of another size was told of.
    """

    def __init__(self, *, prove: bool = True, told_files: int | None = None) -> None:
        self.done = False
        self.in_place = True
        """Whether the newest page stood exactly where it was expected."""
        self.stepped_back = False
        """Whether the newest page was refused, because a gap may lie before it."""
        self.is_void = False
        """Whether the list begins otherwise than it did, so that nothing is known to lie before any row."""
        self.frontier = self.overlap = 0
        self._prove = prove
        self._told_files = told_files
        self._evidence = Evidence()
        self._seen = DistinctSet()
        self._tail: Ids = []
        self._tail_totals = Totals(0, 0)
        self._empty_at: int | None = None
        self._rows = self._largest_page = self._farthest = self._repeats = 0
        self._mixed = self._second_pass = False

    @property
    def pages(self) -> int:
        """Return how many pages were taken in."""
        return self._evidence.pages

    @property
    def next_offset(self) -> int:
        """Return the offset of the next page: `overlap` rows before the end of what is known."""
        return max(0, self.frontier - self.overlap)

    @property
    def stride(self) -> int:
        """Return how far apart pages lie while nothing moves."""
        return max(1, len(self._tail) - self.overlap)

    @property
    def reported(self) -> Totals:
        """Return the totals that the newest page came with."""
        return self._evidence.reported

    @property
    def verdict(self) -> Verdict:
        """Return what the walk proved: nothing moved; all that moved was made good; or nothing at all."""
        return self._evidence.verdict(len(self._seen)) if self._prove else Verdict.INCONSISTENT

    def accept(self, offset: int, limit: int, page: Page) -> list[Pin | None]:
        """Take in the page read at `offset` and return its rows that were not seen before.

        None stands for a row that could not be read. Raises UnprovableError when a proof would take too
        long, InconsistentError when the list has no end.
        """
        if self.pages == 0:
            self._seen = DistinctSet(page.totals.files)
        self._rows += len(page.rows)
        self._largest_page = max(min(self._largest_page, limit), len(page.rows))
        self._evidence.report(page.totals)
        self._check_budget()
        ids: Ids = [None if pin is None else pin.id for pin in page.rows]
        known = self._known_rows(offset, ids)
        self.stepped_back = known is None
        if known is None:
            self._empty_at = None if ids else offset
            self.overlap = max(2 * self.overlap, 1)
            return []
        fresh = self._fresh_rows(page.rows[known:], ids[known:])
        self._repeats = 0 if fresh else self._repeats
        if self._is_end(offset, limit, ids):
            self._end()
        elif not self.in_place and not fresh and ids == self._tail:
            self._repeat()
        else:
            self._go_on(offset, limit, page.totals, ids, nothing_new=not fresh)
        self._empty_at = None
        return fresh

    def _check_budget(self) -> None:
        self._farthest = max(self._farthest, self.frontier)
        rows = max(self._evidence.most_files, self._farthest)
        length = self._rows // self.pages
        undisturbed = 1 + rows // max(1, length - min(MIN_OVERLAP, length // 2))
        told = (
            f"the list changes too fast: {self.pages} pages were read where {undisturbed} would do: "
            "raise requests_per_minute or page_size"
        )
        if self._prove and self.pages > 2 * (undisturbed + 1):
            raise UnprovableError(told)
        if not self._prove and self.pages > undisturbed + undisturbed // 10 + _SLACK_PAGES:
            raise InconsistentError(told)
        if self._farthest > min(2 * self._evidence.most_files + _ENDLESS_ROWS, _MOST_ROWS):
            raise InconsistentError(
                f"the list does not end: {self._farthest} rows read, {self.reported.files} files reported"
            )

    def _known_rows(self, offset: int, ids: Ids) -> int | None:
        """Return how many leading rows are the expected ones, None if a gap may lie before the page."""
        expected = self._tail[len(self._tail) - (self.frontier - offset) :] if offset < self.frontier else []
        unmoved = ids[: len(expected)] == expected and offset + len(expected) == self.frontier
        # Where no expected row can be read, only unchanged totals tell that nothing moved.
        still = self.reported == self._tail_totals and (bool(expected) or not ids)
        self.in_place = unmoved and (any(expected) or offset == 0 or still)
        self._mixed = False
        if self.in_place:
            # Where the totals tell of rows, an empty page is not believed before another look.
            return None if self._prove and not ids and 0 < offset < self.reported.files else len(expected)
        self._evidence.moved = True
        if not self._prove or self._is_anchored(ids):
            return 0
        self.is_void = offset == 0 and bool(ids or self.reported.files)
        return 0 if offset == 0 else None

    def _is_anchored(self, ids: Ids) -> bool:
        """Return whether no gap can lie before a page: it begins with a known row.

        Where known and new rows alternate, rows were put in or changed places, and a single known row says
        little: it may have come from elsewhere itself. Then the page has to begin with several. Where they
        alternate for longer than that, one may have gone to before the page.
        """
        known = [identity in self._seen for identity in ids if identity is not None]
        run = sum(1 for _ in takewhile(bool, known))
        width = max((n for n, is_known in enumerate(known) if is_known), default=-1) - run + 1
        self._mixed = width > 0
        self._evidence.shuffled |= width > run
        return run >= (min(_RUN, len(self._tail) // 2) if self._mixed else 1)

    def _fresh_rows(self, rows: Sequence[Pin | None], ids: Ids) -> list[Pin | None]:
        """Return the rows not seen before; of the unreadable ones, those behind the last row seen before."""
        add, seen = self._seen.add, self._seen
        known = () if self.in_place else (n for n, i in enumerate(ids) if i is not None and i in seen)
        last = max(known, default=-1)
        counts = not self._second_pass
        fresh = [pin for n, pin in enumerate(rows) if (counts and n > last if pin is None else add(pin.id))]
        self._evidence.unreadable += fresh.count(None)
        self._evidence.shuffled |= self.in_place and len(fresh) < len(rows)
        return fresh

    def _is_end(self, offset: int, limit: int, ids: Ids) -> bool:
        """Return whether the list ends with this page. That a page is short proves nothing by itself.

        An empty page does; one that was refused, if the rows before it then stand where they stood. So does a
        short page that ends where the totals say, unless it is as long as the longest: it may be all that the
        server sends at a time. Of the first page the totals may be those of this page alone, unless a page of
        another size came with the same.
        """
        if not ids or (self.in_place and offset + len(ids) == self._empty_at):
            return True
        ends_as_reported = offset + len(ids) == self.reported.files and len(ids) < limit
        longest = len(ids) != self._told_files if self.pages == 1 else len(ids) >= self._largest_page
        return ends_as_reported and not longest

    def _end(self) -> None:
        """Be done, or read the list once more: that finds most rows that were missed by changing places."""
        self.done = self._second_pass or not self._prove or not self._evidence.lost_rows(len(self._seen))
        self.frontier, self.overlap, self._tail, self._second_pass = 0, 0, [], True

    def _repeat(self) -> None:
        """Ask again for a page that came twice, a few times."""
        self._repeats += 1
        if self._repeats >= _MAX_REPEATS:
            raise InconsistentError("the API sends the same page for different offsets")

    def _go_on(self, offset: int, limit: int, totals: Totals, ids: Ids, *, nothing_new: bool) -> None:
        seems_the_end = nothing_new and len(ids) < min(limit, self._largest_page)
        # Where the list seems to end, the next page begins right behind: it is empty if that is true.
        self.overlap = 0 if seems_the_end else min(self._wanted_overlap(offset, ids), len(ids) // 2)
        self.frontier, self._tail, self._tail_totals = offset + len(ids), ids, totals

    def _wanted_overlap(self, offset: int, ids: Ids) -> int:
        """Return three times the shift that was seen, fading when nothing moves any more."""
        if not self._prove:
            return MIN_OVERLAP
        kept = self.overlap if self._mixed else self.overlap // 2
        if self.in_place or ids[0] not in self._tail:
            return max(MIN_OVERLAP, kept)
        shift = self._tail.index(ids[0]) - (len(self._tail) - (self.frontier - offset))
        return max(MIN_OVERLAP, kept, 3 * abs(shift))
