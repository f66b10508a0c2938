"""The algorithm that reads a list which changes meanwhile: which page comes next, and what is proven.

Paging by offset has no cursor: when rows before the current offset are removed, the rest moves up, and a
naive reader skips as many rows. This walk begins each page with rows that it has already seen. Because rows
keep their order, a page whose first row was seen leaves no gap before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from pin_exporter.api.errors import InconsistentError, UnprovableError
from pin_exporter.api.model import Page, Pin, Totals, Verdict
from pin_exporter.inventory.hash_set import HashSet

MIN_OVERLAP: Final = 10
MAX_ROWS: Final = 20_000_000
"""More rows cannot be told apart in the memory that an exporter may use."""
_MAX_REPEATS: Final = 3
_MIN_ANCHOR_ROWS: Final = 8
_SPARE_ROWS: Final = 10_000

Ids = list[str | None]


@dataclass(slots=True)
class _Movement:
    """How the list itself changed during the walk. `unreadable` counts rows without a usable id.

    `moved` means that rows were not where they were expected, `shuffled` that rows must have changed places
    with each other, so that some may now be where the walk does not look again.
    """

    reported: Totals = field(default_factory=lambda: Totals(0, 0))
    most_files: int = 0
    pages: int = 0
    totals_changed: bool = False
    moved: bool = False
    shuffled: bool = False
    suspected: bool = False
    unreadable: int = 0

    def add_totals(self, totals: Totals) -> None:
        """Record the totals of one more page."""
        self.totals_changed |= self.pages > 0 and totals != self.reported
        self.reported = totals
        self.most_files = max(self.most_files, totals.files)
        self.pages += 1

    def has_lost_rows(self, counted: int) -> bool:
        """Return whether rows must be missing, given how many were counted.

        The suspicion arises when unchanged totals report more rows than were counted, and either rows changed
        places, as rows with equal creation times may, or no row was found at all. Only a full count ends it.
        """
        short = counted + self.unreadable < self.reported.files
        suspect = self.moved or self.shuffled or counted + self.unreadable == 0
        self.suspected |= suspect and short and not self.totals_changed
        return self.suspected and short

    def verdict(self, counted: int) -> Verdict:
        """Return what is proven at the end of the walk, given how many rows were counted."""
        if self.has_lost_rows(counted) or (self.shuffled and self.totals_changed):
            return Verdict.INCONSISTENT
        if self.moved or self.shuffled or self.totals_changed:
            return Verdict.REPAIRED
        return Verdict.CONSISTENT


class Walk:
    """One walk over the list of an account, page by page, without any I/O.

    Request the page at `next_offset` and pass it to `accept`, until `done`. The invariant: every row that is
    in the list from the first request to the last and stands before `frontier` has been returned by `accept`
    exactly once. With `prove=False` every page is accepted and the invariant does not hold.

    `totals_files` is the number of files that a request with another page size reported, None if there was
    none. `max_rows` bounds the length of the list.
    """

    def __init__(
        self, *, prove: bool = True, totals_files: int | None = None, max_rows: int = MAX_ROWS
    ) -> None:
        self.done = False
        self.in_place = True
        """Whether the newest page stood exactly where it was expected."""
        self.stepped_back = False
        """Whether the newest page was rejected, because there may be a gap before it."""
        self.is_void = False
        """Whether the beginning of the list has changed, so that nothing is proven about any row."""
        self.frontier = self.overlap = 0
        self._prove = prove
        self._totals_files = totals_files
        self._max_rows = max_rows
        self._movement = _Movement()
        self._seen = HashSet()
        self._tail: Ids = []
        self._tail_totals = Totals(0, 0)
        self._empty_at: int | None = None
        self._rows = self._largest_page = self._farthest = self._repeats = 0
        self._second_pass = False

    @property
    def pages(self) -> int:
        """Return how many pages were accepted or rejected."""
        return self._movement.pages

    @property
    def next_offset(self) -> int:
        """Return the offset of the next page: `overlap` rows before the end of what is known."""
        return max(0, self.frontier - self.overlap)

    @property
    def stride(self) -> int:
        """Return the distance between pages while nothing moves."""
        return max(1, len(self._tail) - self.overlap)

    @property
    def reported(self) -> Totals:
        """Return the totals of the newest page."""
        return self._movement.reported

    @property
    def verdict(self) -> Verdict:
        """Return what is proven: nothing moved, all movement was repaired, or nothing."""
        return self._movement.verdict(len(self._seen)) if self._prove else Verdict.INCONSISTENT

    def accept(self, offset: int, limit: int, page: Page) -> list[Pin | None]:
        """Take the page at `offset` and return its rows that were not seen before, None for unreadable ones.

        Raises UnprovableError if a proof would take too long, InconsistentError if the list has no end.
        """
        if self.pages == 0:
            self._seen = HashSet(page.totals.files)
        self._rows += len(page.rows)
        self._largest_page = max(min(self._largest_page, limit), len(page.rows))
        self._movement.add_totals(page.totals)
        self._check_progress()
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
            self._advance(offset, limit, page.totals, ids, nothing_new=not fresh)
        self._empty_at = None
        return fresh

    def _check_progress(self) -> None:
        self._farthest = max(self._farthest, self.frontier)
        rows = max(self._movement.most_files, self._farthest)
        length = self._rows // self.pages
        undisturbed = 1 + rows // max(1, length - min(MIN_OVERLAP, length // 2))
        if self._prove and self.pages > 2 * (undisturbed + 1):
            raise UnprovableError(f"{self.pages} pages were read where {undisturbed} should be enough")
        if self._farthest > min(2 * self._movement.most_files + _SPARE_ROWS, self._max_rows):
            raise InconsistentError(
                f"the list does not end: {self._farthest} rows read, {self.reported.files} files reported: "
                "if this persists, contact AIOZ Pin"
            )

    def _known_rows(self, offset: int, ids: Ids) -> int | None:
        """Return how many leading rows are the expected ones, None if there may be a gap before the page."""
        expected = self._tail[len(self._tail) - (self.frontier - offset) :] if offset < self.frontier else []
        unmoved = ids[: len(expected)] == expected and offset + len(expected) == self.frontier
        # If no expected row is readable, only unchanged totals show that nothing moved.
        still = self.reported == self._tail_totals and (bool(expected) or not ids)
        self.in_place = unmoved and (any(expected) or offset == 0 or still)
        if self.in_place:
            # An empty page where the totals report rows is not believed before a second look.
            return None if self._prove and not ids and 0 < offset < self.reported.files else len(expected)
        self._movement.moved = True
        if not self._prove or self._is_anchored(ids):
            return 0
        self.is_void = offset == 0 and bool(ids or self.reported.files)
        return 0 if offset == 0 else None

    def _is_anchored(self, ids: Ids) -> bool:
        """Return whether no gap can lie before a page, because it begins with known rows.

        Where known and new rows alternate, rows were inserted or changed places, and a single known row
        proves little: it may have moved itself. Then the page must begin with several. If they alternate for
        longer than that, a row may have moved to before the page.
        """
        known = [identity in self._seen for identity in ids if identity is not None]
        run = sum(1 for _ in takewhile(bool, known))
        alternating = max((n for n, is_known in enumerate(known) if is_known), default=-1) - run + 1
        self._movement.shuffled |= alternating > run
        return run >= (min(_MIN_ANCHOR_ROWS, len(self._tail) // 2) if alternating > 0 else 1)

    def _fresh_rows(self, rows: Sequence[Pin | None], ids: Ids) -> list[Pin | None]:
        """Return the rows not seen before; of unreadable ones, those after the last row seen before."""
        add, seen = self._seen.add, self._seen
        known = () if self.in_place else (n for n, i in enumerate(ids) if i is not None and i in seen)
        last = max(known, default=-1)
        counts = not self._second_pass
        fresh = [pin for n, pin in enumerate(rows) if (counts and n > last if pin is None else add(pin.id))]
        self._movement.unreadable += fresh.count(None)
        self._movement.shuffled |= self.in_place and len(fresh) < len(rows)
        return fresh

    def _is_end(self, offset: int, limit: int, ids: Ids) -> bool:
        """Return whether the list ends with this page.

        An empty page is the end, and so is the page before a rejected empty one if it stands where it stood.
        A short page is the end if it ends where the totals say, unless it is as long as the longest page: the
        server may not send more at a time. The totals of the first page may be those of that page alone,
        unless a request with another page size reported the same.
        """
        if not ids or (self.in_place and offset + len(ids) == self._empty_at):
            return True
        ends_as_reported = offset + len(ids) == self.reported.files and len(ids) < limit
        longest = len(ids) != self._totals_files if self.pages == 1 else len(ids) >= self._largest_page
        return ends_as_reported and not longest

    def _end(self) -> None:
        """Finish, or read the list again: that finds most rows missed because they changed places."""
        self.done = self._second_pass or not self._prove or not self._movement.has_lost_rows(len(self._seen))
        self.frontier, self.overlap, self._tail, self._second_pass = 0, 0, [], True

    def _repeat(self) -> None:
        """Request a page that came twice again, a few times."""
        self._repeats += 1
        if self._repeats >= _MAX_REPEATS:
            raise InconsistentError(
                "the API sends the same page for different offsets: look for a cache or proxy in between"
            )

    def _advance(self, offset: int, limit: int, totals: Totals, ids: Ids, *, nothing_new: bool) -> None:
        seems_the_end = nothing_new and len(ids) < min(limit, self._largest_page)
        # Where the list seems to end, the next page begins right behind it: empty if that is true.
        self.overlap = 0 if seems_the_end else min(self._next_overlap(offset, ids), len(ids) // 2)
        self.frontier, self._tail, self._tail_totals = offset + len(ids), ids, totals

    def _next_overlap(self, offset: int, ids: Ids) -> int:
        """Return three times the observed shift, halved with every page while nothing moves."""
        if not self._prove:
            return MIN_OVERLAP
        shift = 0
        if not self.in_place and ids[0] in self._tail:
            shift = self._tail.index(ids[0]) - (len(self._tail) - (self.frontier - offset))
        return max(MIN_OVERLAP, self.overlap // 2, 3 * abs(shift))
