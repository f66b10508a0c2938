"""Cut a page out of an account's list, in any of the documented orders."""

from array import array
from collections.abc import Sequence
from itertools import groupby

from pin_exporter.simulator.catalogue import TIE_GROUP, Catalogue
from pin_exporter.simulator.ledger import Ledger
from pin_exporter.simulator.query import Query, SortBy
from pin_exporter.simulator.vocabulary import PINNED


class Listing:
    """The orders of one account's list.

    The default, every row by creation time, is the ledger's own order and costs nothing. Another is sorted on
    demand and kept until the ledger changes.
    """

    def __init__(self, catalogue: Catalogue, ledger: Ledger) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._version = ledger.version
        self._sorted: dict[tuple[bool | None, SortBy], array[int]] = {}

    def page(self, query: Query, *, swap_ties: bool) -> Sequence[int]:
        """Return the serial numbers of the rows from `offset` on, `limit` at most.

        `swap_ties` reverses every run of rows with the same creation time, in the order by `created_at` only.
        """
        order = self._order(query.pinned, query.sort_by)
        first, last = query.offset, min(query.offset + query.limit, len(order))
        if query.descending:
            first, last = max(0, len(order) - last), len(order) - first
        if first >= last:
            return ()
        swapped = swap_ties and query.sort_by == "created_at"
        page = self._swapped(order, first, last) if swapped else order[first:last]
        return page[::-1] if query.descending else page

    def _order(self, pinned: bool | None, sort_by: SortBy) -> "array[int]":
        if pinned is None and sort_by == "created_at":
            return self._ledger.order
        if self._version != self._ledger.version:
            self._sorted.clear()
            self._version = self._ledger.version
        if (pinned, sort_by) not in self._sorted:
            self._sorted[pinned, sort_by] = self._sort(pinned, sort_by)
        return self._sorted[pinned, sort_by]

    def _sort(self, pinned: bool | None, sort_by: SortBy) -> "array[int]":
        states = self._ledger.states
        serials = [s for s in self._ledger.order if pinned is None or (states[s] in PINNED) is pinned]
        if sort_by == "size":
            serials.sort(key=self._catalogue.size_bytes)
        elif sort_by == "name":
            serials.sort(key=self._name)
        return array("I", serials)

    def _name(self, serial: int) -> str:
        return str(self._catalogue.metadata(serial, directory=self._catalogue.is_directory(serial))["name"])

    def _swapped(self, order: "array[int]", first: int, last: int) -> list[int]:
        # A run of ties may cross the page's edge: look at as many rows around the page as a run can have.
        start = max(0, first - TIE_GROUP)
        rows: list[int] = []
        for _, ties in groupby(order[start : last + TIE_GROUP], key=self._catalogue.created_ns):
            rows.extend(reversed(list(ties)))
        return rows[first - start : last - start]
