"""The algorithm that keeps a proven copy of the list up to date with a few pages.

After one inventory, nearly all rows are known. New rows stand at the end, and rows keep their order, so that
the rows before a known row are among those that stand before its copy. If they are as many, they are the
same: one page at the end of the list that begins where the copy says proves which rows there are, and shows
the new ones. If they are fewer, a bisection finds those that vanished: between two rows that are neighbours
in a page there is none. Which rows are not pinned, and so may change, the list filtered by `pinned=false`
shows.
"""

from __future__ import annotations  # array is generic for the type checker only

from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple

from pin_exporter.api.model import Page, Pin, PinnedFilter, Totals, Verdict
from pin_exporter.inventory.counter import Attention
from pin_exporter.inventory.mirror import Difference, Mirror, hashed

MIN_OVERLAP: Final = 10
_MIN_ANCHOR_ROWS: Final = 8
_MAX_CAP: Final = 20_000
_MAX_STEPS_BACK: Final = 8
_MAX_UNEXPLAINED: Final = 3
_MAX_PAGES_READ_AGAIN: Final = 4
_MIN_REQUESTS: Final = 12
_MAX_REQUESTS: Final = 250


class Surprise(StrEnum):
    """Why the list cannot be followed, so that all of it must be read again."""

    AUDIT = "audit"
    CHURN = "churn"
    EMPTY_PAGE = "empty_page"
    FILTER = "filter"
    LABELS = "labels"
    ORDER = "order"
    TOTALS = "totals"
    UNKNOWN_ROW = "unknown_row"
    UNREADABLE_ROW = "unreadable_row"


class SurpriseError(Exception):
    """The list is not what it must be to be followed."""

    def __init__(self, surprise: Surprise) -> None:
        super().__init__(surprise.value)
        self.surprise = surprise


class PageRequest(NamedTuple):
    """The page to request next."""

    pinned: PinnedFilter
    offset: int
    limit: int


class _Phase(Enum):
    AUDIT = auto()
    """Read the next page of a slow round over the whole list."""
    WHOLE = auto()
    """Find which rows vanished, read those that were completed, and then the end of the list."""
    NOT_PINNED = auto()
    """Read all that is not pinned."""
    CONFIRM = auto()
    """Read the end of the whole list once more: no row may have vanished since it was read before."""
    DONE = auto()


class _Span(NamedTuple):
    """The indexes of the rows of a page, and how many rows had vanished before its start and its end."""

    start: int
    stop: int
    gone_before_start: int
    gone_before_stop: int


class Follow:
    """Follows the list of an account, page by page, without any I/O.

    In each interval, call `begin`; then request the page that `next_request` names and pass it to `accept`,
    until `done`. *Consistent* means: at the moment of the last response about the whole list but one, the
    mirror had the same rows, of the same sizes, and the same of them were pinned; the last response confirms
    that none has come or gone since, while those that are not pinned were listed. A word of a pinned row,
    which no total shows, may have changed since the last round of audits. *Repaired* means that the list
    changed all the time, but that each row that lived through the interval is counted once.

    `accept` raises SurpriseError if the list must be read as a whole again; the mirror is of no use then.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.requests = 0
        """Requests of this interval."""
        self.verdict = Verdict.INCONSISTENT
        self.audited_rows = 0
        """Rows that all audits so far have compared."""
        self._mirror = mirror
        self._phase = _Phase.DONE
        self._cap = _MAX_CAP
        self._limit = 1
        self._overlap = 0
        self._audited_to = 0
        self._was_busy = False
        self._newest_ids: list[int] = []
        self._newest_place = ("", 0)
        """The rows of the newest response, and what was requested."""
        self._reported = mirror.totals
        self._begin_listing()
        self._restart()

    def _restart(self) -> None:
        self._tail: Totals | None = None
        """The totals of the newest page, if it proves which rows there are."""
        self._tail_requested = False
        self._spans: list[_Span] = []
        self._guessed: set[int] = set()
        """Sizes of rows that were looked for since the last page at the end of the list."""
        self._gap = (0, 0)
        self._gap_margin = 1
        self._steps_back = 0
        self._margin = MIN_OVERLAP
        self._unread = array("L")
        """Rows that are not pinned in the mirror, but were not listed as such."""
        self._was_proven = False
        """Whether it was proven in this interval which rows there are, and none came or went since."""
        self._has_listed = False
        """Whether all that is not pinned was listed in this interval."""
        self._unexplained = 0
        self._seen_totals: tuple[Totals, Totals] | None = None

    @property
    def done(self) -> bool:
        """Return whether this interval is complete."""
        return self._phase is _Phase.DONE

    @property
    def is_auditing(self) -> bool:
        """Return whether the next page is the one of this interval's audit."""
        return self._phase is _Phase.AUDIT

    @property
    def reported(self) -> Totals:
        """Return the totals of the newest page of the whole list."""
        return self._reported

    def begin(self) -> None:
        """Begin an interval. Pages that were read before it stay known."""
        mirror = self._mirror
        if mirror.malformed:
            raise SurpriseError(Surprise.UNREADABLE_ROW)
        self._check_labels()
        self.requests = 0
        self.verdict = Verdict.INCONSISTENT
        self._restart()
        if self._audited_to >= mirror.totals.files:
            self._audited_to = 0
        self._phase = _Phase.AUDIT

    def next_request(self, limit: int) -> PageRequest:
        """Return the page to request next, of at most `limit` rows."""
        self._limit = limit
        self.requests += 1
        if self._phase is _Phase.NOT_PINNED:
            return PageRequest("false", max(0, self._listing.rows - 1), limit)
        if self._phase is _Phase.AUDIT:
            return PageRequest("all", self._audited_to, limit)
        self._tail_requested = False
        offset = None
        if self._phase is not _Phase.CONFIRM:
            offset = self._unread_offset
            if offset is None:
                offset = self._gap_offset()
        if offset is None:
            offset = self._tail_offset
            self._tail_requested = True
            self._spans.clear()
            self._guessed.clear()
        return PageRequest("all", offset, limit)

    def accept(self, request: PageRequest, page: Page) -> Iterator[None]:
        """Take the page; work is done between the steps of the iterator, which must be exhausted."""
        rows = self._readable_rows(request, page)
        if self._seems_repeated(request, rows):
            return
        self._learn_cap(request, len(rows), page.totals.files)
        if request.pinned == "false":
            yield from self._accept_not_pinned(request.offset, rows, page.totals)
        else:
            yield from self._accept_whole(request.offset, rows, page.totals)
        self._check_labels()
        if not self.done and self.requests >= self._most_requests:
            if self._was_proven and self._has_listed and not self._steps_back:
                self._finish(Verdict.REPAIRED)
            elif self.requests >= self._pages:
                raise SurpriseError(Surprise.CHURN)
        if self.done:
            yield from self._mirror.settle()

    @property
    def _page_rows(self) -> int:
        return min(self._limit, self._cap)

    def _readable_rows(self, request: PageRequest, page: Page) -> Sequence[Pin]:
        """Return the rows of a page; raise SurpriseError if it is not what it must be."""
        rows = [pin for pin in page.rows if pin is not None]
        if len(rows) < len(page.rows):
            raise SurpriseError(Surprise.UNREADABLE_ROW)
        if request.pinned == "false" and any(self._mirror.group_of(pin).kind.pinned for pin in rows):
            raise SurpriseError(Surprise.FILTER)
        if rows and request.offset + len(rows) > page.totals.files:
            raise SurpriseError(Surprise.TOTALS)
        if not rows and request.offset < page.totals.files:
            raise SurpriseError(Surprise.EMPTY_PAGE)
        return rows

    def _seems_repeated(self, request: PageRequest, rows: Sequence[Pin]) -> bool:
        """Return whether to request a page again: its rows are those of the response before.

        A cache may have sent them, or they are the only ones that are not pinned, at the end of the list.
        """
        ids, place = [hashed(pin.id) for pin in rows], (request.pinned, request.offset)
        seems_repeated = bool(ids) and ids == self._newest_ids and place != self._newest_place
        self._newest_ids, self._newest_place = ids, place
        return seems_repeated

    @property
    def _pages(self) -> int:
        """Return how many pages the whole list has."""
        return self._mirror.totals.files // self._page_rows

    @property
    def _most_requests(self) -> int:
        return max(_MIN_REQUESTS, min(self._pages, _MAX_REQUESTS))

    @property
    def _min_overlap(self) -> int:
        return min(MIN_OVERLAP, self._page_rows // 2)

    @property
    def _unread_offset(self) -> int | None:
        """Return the offset of the first rows to read again that the page at the end will not show."""
        if not self._unread:
            return None
        first = self._unread[0]
        position = first - self._mirror.gone_before(first)
        end = min(self._mirror.totals.files, self._reported.files)
        if self._margin <= MIN_OVERLAP and position > end - self._page_rows // 2:
            return None
        return max(0, position - min(self._margin, self._page_rows // 2))

    @property
    def _tail_offset(self) -> int:
        end = min(self._mirror.totals.files, self._reported.files)
        offset = end - max(self._overlap, self._min_overlap)
        if self._unread:
            first = self._unread[0]
            margin = min(self._margin, self._page_rows // 2)
            offset = min(offset, first - self._mirror.gone_before(first) - margin)
        return max(0, offset)

    def _gap_offset(self) -> int | None:
        """Return the offset of a page between two known places between which rows have vanished."""
        before = _Span(0, 0, 0, 0)
        for span in sorted(self._spans):
            low, high = before.stop, span.start
            if high > low:
                gone, known = span.gone_before_start - before.gone_before_stop, self._gone_between(low, high)
                if gone > known:
                    return self._offset_in_gap(before, span, gone - known)
            if span.stop >= before.stop:
                before = span
        return None

    def _offset_in_gap(self, before: _Span, after: _Span, vanished: int) -> int:
        mirror, low, high = self._mirror, before.stop, after.start
        # If a page did not reach the gap, more rows have vanished before it since.
        self._gap_margin = min(2 * self._gap_margin, self._page_rows // 2) if self._gap == (low, high) else 1
        self._gap = (low, high)
        first = low - before.gone_before_stop
        left = (high - low) - (after.gone_before_start - before.gone_before_stop)
        least = max(0, first - self._gap_margin)
        missing_files = mirror.totals.files - self._reported.files
        missing_size = mirror.totals.size - self._reported.size
        if vanished == missing_files == 1 and missing_size > 0 and missing_size not in self._guessed:
            # If a single row is missing, the totals tell its size.
            self._guessed.add(missing_size)
            found = mirror.find_size(missing_size, low, high)
            if found is not None:
                position = first + found - low - self._gone_between(low, found)
                return max(least, position - self._page_rows // 2)
        if left + 1 + self._gap_margin <= self._page_rows or self._gap_margin > 1:
            return least
        return max(least, first + (left - self._page_rows) // 2)

    def _gone_between(self, low: int, high: int) -> int:
        return self._mirror.gone_before(high) - self._mirror.gone_before(low)

    def _check_labels(self) -> None:
        if self._mirror.has_too_many_labels:
            raise SurpriseError(Surprise.LABELS)
        if self._mirror.has_pinned_problems:
            raise SurpriseError(Surprise.FILTER)

    def _learn_cap(self, request: PageRequest, rows: int, files: int) -> None:
        """Note how many rows the server sends at most."""
        if rows > self._cap or (0 < rows < self._page_rows and request.offset + rows < files):
            self._cap = rows

    def _accept_whole(self, offset: int, rows: Sequence[Pin], totals: Totals) -> Iterator[None]:
        confirms = self._phase is _Phase.CONFIRM and totals == self._tail
        version = self._mirror.version
        if self._phase is _Phase.CONFIRM:
            self._phase = _Phase.WHOLE
        self._reported, self._tail = totals, None
        ids = [hashed(pin.id) for pin in rows]
        if len(set(ids)) < len(ids):
            raise SurpriseError(Surprise.ORDER)
        start = self._start_of(offset, ids)
        if start is None:
            self._step_back()
            return
        mirror = self._mirror
        self._steps_back = 0
        vanished = start - offset - mirror.gone_before(start)
        if vanished < 0:
            raise SurpriseError(Surprise.ORDER)
        is_end = offset + len(rows) == totals.files and (len(rows) < self._page_rows or not rows)
        members = len(mirror), mirror.gone_before(len(mirror))
        stop = yield from self._align(start, rows, ids, is_end=is_end)
        self._was_proven &= members == (len(mirror), mirror.gone_before(len(mirror)))
        gone_before_stop = stop - offset - len(rows)
        self._spans.append(_Span(start, stop, start - offset, gone_before_stop))
        self._note_read(start, stop)
        if self._phase is _Phase.AUDIT:
            self.audited_rows += len(rows)
            self._audited_to = 0 if stop >= len(mirror) else stop - mirror.gone_before(stop)
            self._phase = _Phase.NOT_PINNED if self._was_busy else _Phase.WHOLE
            self._was_busy = False
            self._begin_listing()
            return
        if self._tail_requested:
            self._overlap = max(self._overlap // 2, min(3 * vanished, self._page_rows // 2))
        if is_end and vanished == 0 and not self._unread:
            if confirms and version == mirror.version:
                self._finish(Verdict.CONSISTENT)
                return
            self._tail = totals
            self._was_proven = True
            self._phase = _Phase.NOT_PINNED
            self._begin_listing()

    def _start_of(self, offset: int, ids: Sequence[int]) -> int | None:
        """Return the index of the first row of a page; None if it is not known."""
        mirror = self._mirror
        expected = mirror.index_at(offset)
        if offset == 0:
            return 0
        if not ids:
            return None
        found = mirror.find(ids[0], expected, len(mirror))
        if found is None and mirror.find(ids[0], 0, expected) is not None:
            raise SurpriseError(Surprise.ORDER)
        if found is not None and mirror.is_gone(found):
            raise SurpriseError(Surprise.ORDER)
        return found

    def _step_back(self) -> None:
        """Look for a known row farther from the end."""
        self._steps_back += 1
        if self._steps_back > _MAX_STEPS_BACK:
            raise SurpriseError(Surprise.UNKNOWN_ROW)
        if self._phase is _Phase.AUDIT:
            self._audited_to = 0
            self._phase = _Phase.WHOLE
        elif not self._tail_requested and not self._unread:
            raise SurpriseError(Surprise.UNKNOWN_ROW)
        self._overlap = max(2 * self._overlap, self._page_rows // 2)
        self._margin *= 2

    def _align(
        self, start: int, rows: Sequence[Pin], ids: Sequence[int], *, is_end: bool
    ) -> Generator[None, None, int]:
        """Compare a page with the mirror from an index on; return the index after its last row."""
        mirror, in_page, at = self._mirror, set(ids), start
        for number, (pin, wanted) in enumerate(zip(rows, ids, strict=True)):
            while at < len(mirror) and mirror.is_gone(at):
                at += 1
            if at == len(mirror) or mirror.id_at(at) != wanted:
                yield
                # Rows of equal age may change places, and new ones may come between them: at the end of the
                # list, what follows rows that stand where they stood is taken as it is.
                as_it_is = is_end and number >= _MIN_ANCHOR_ROWS
                found = self._find_from(at, wanted, in_page, as_it_is=as_it_is)
                if found is None:
                    if not as_it_is:
                        yield from self._check_new(at, set(ids[number:]), is_end=is_end)
                    yield from mirror.truncate(at)
                    mirror.add(rows[number:])
                    return len(mirror)
                yield from mirror.remove(at, found)
                at = found
            if mirror.update(at, pin) is Difference.SILENT:
                raise SurpriseError(Surprise.AUDIT)
            at += 1
        if is_end:
            yield from mirror.truncate(at)
        return at

    def _find_from(self, at: int, wanted: int, in_page: set[int], *, as_it_is: bool) -> int | None:
        """Return the index of a row, from another on, if no row of the page stands between; else None."""
        found = self._mirror.find(wanted, at, len(self._mirror))
        if found is None:
            return None
        if self._mirror.is_gone(found) or not in_page.isdisjoint(self._mirror.ids(at, found)):
            if not as_it_is:
                raise SurpriseError(Surprise.ORDER)
            return None
        return found

    def _check_new(self, at: int, rest: set[int], *, is_end: bool) -> Iterator[None]:
        """Raise SurpriseError unless the rest of a page, which begins with an unknown row, is all new."""
        left = len(self._mirror) - at - self._gone_between(at, len(self._mirror))
        if not is_end and left > _MAX_PAGES_READ_AGAIN * self._page_rows:
            raise SurpriseError(Surprise.UNKNOWN_ROW)
        for start in range(at, len(self._mirror), _MAX_CAP):
            yield
            if not rest.isdisjoint(self._mirror.ids(start, start + _MAX_CAP)):
                raise SurpriseError(Surprise.UNKNOWN_ROW)

    def _note_read(self, start: int, stop: int) -> None:
        """Forget the rows to read again that a page has shown."""
        unread = self._unread
        first, last = bisect_left(unread, start), bisect_left(unread, stop)
        if first:
            self._margin *= 2  # more rows have vanished before them than was expected
        elif last:
            self._margin = MIN_OVERLAP
        del unread[first:last]
        # Rows that vanished, or were cut off and read anew.
        while unread and (unread[-1] >= len(self._mirror) or self._mirror.is_gone(unread[-1])):
            unread.pop()

    def _begin_listing(self) -> None:
        self._listing = _Listing(Totals(0, 0))

    def _accept_not_pinned(self, offset: int, rows: Sequence[Pin], totals: Totals) -> Iterator[None]:
        listing = self._listing
        ids = [hashed(pin.id) for pin in rows]
        fresh = 0
        if listing.rows > 0:
            # The page begins with the last row of the one before, unless rows have moved.
            fresh = 1 if ids[:1] == [listing.last] else 0
            if not fresh or listing.totals != totals:
                listing.differs = True
            if not fresh:
                listing.cursor, listing.is_past_end = 0, False
        for pin, wanted in zip(rows[fresh:], ids[fresh:], strict=True):
            before = listing.cursor
            self._list(listing, pin, wanted)
            if listing.cursor - before > _MAX_CAP:
                yield
        if totals.files > self._most_requests * self._page_rows // 3:
            raise SurpriseError(Surprise.CHURN)  # it would take too many requests to list them each time
        listing.rows, listing.totals = offset + len(rows), totals
        if rows and listing.rows < totals.files:
            listing.last = ids[-1]
            return
        yield
        self._end_listing(listing)

    def _list(self, listing: _Listing, pin: Pin, wanted: int) -> None:
        """Take a row of the list of all that is not pinned."""
        mirror, group = self._mirror, self._mirror.group_of(pin)
        listing.attention.add(group, pin)
        found = None if listing.is_past_end else mirror.find(wanted, listing.cursor, len(mirror))
        if found is None:
            listing.differs = listing.is_past_end = True  # new rows stand at the end
            return
        if mirror.is_gone(found):
            raise SurpriseError(Surprise.ORDER)
        listing.differs |= mirror.update(found, pin) is not Difference.NONE
        listing.found.append(found)
        listing.cursor = found + 1

    def _end_listing(self, listing: _Listing) -> None:
        """Have it confirmed if nothing has changed since the end of the whole list was read; else read on.

        A pin that was removed before that, and has vanished since, is in neither list.
        """
        mirror, found = self._mirror, set(listing.found)
        self._unread = array("L", (index for index in mirror.not_pinned() if index not in found))
        mirror.attention = listing.attention
        self._has_listed = True
        self._margin = MIN_OVERLAP
        is_same = not (listing.differs or self._unread) and listing.totals == mirror.not_pinned_totals
        if is_same and self._tail == mirror.totals:
            self._phase = _Phase.CONFIRM
            return
        if self._tail is not None:
            self._was_busy = True
            totals = (self._tail, listing.totals)
            self._unexplained = self._unexplained + 1 if totals == self._seen_totals else 0
            self._seen_totals = totals
            if self._unexplained >= _MAX_UNEXPLAINED:
                raise SurpriseError(Surprise.TOTALS)
        self._phase = _Phase.WHOLE

    def _finish(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._phase = _Phase.DONE


class _Listing:
    """The list of all that is not pinned, as far as it was read."""

    def __init__(self, totals: Totals) -> None:
        self.rows = 0
        self.totals = totals
        self.last = 0
        """The hash of the id of the last row."""
        self.differs = False
        self.cursor = 0
        self.is_past_end = False
        self.found = array("L")
        self.attention = Attention()
