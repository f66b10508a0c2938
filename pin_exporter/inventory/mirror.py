"""A copy of the list in flat arrays, about 33 bytes per pin, which pages correct row by row."""

from __future__ import annotations  # array is generic for the type checker only

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from pin_exporter.api.model import Pin, Totals
from pin_exporter.inventory.counter import (
    NOTHING_SHOWN,
    Attention,
    Group,
    GroupTable,
    Inventory,
    ShownLabels,
    dated,
)
from pin_exporter.inventory.expected import Comparison
from pin_exporter.inventory.hash_set import HashSet

_MASK: Final = (1 << 64) - 1
_FIRST: Final = 1
"""The lowest bit of a stored CID: set for the first row with this CID."""
_GONE: Final = 255
"""The group of a row that has vanished from the list but not from the arrays yet."""
_MAX_GROUPS: Final = 250
_ROWS_PER_SLICE: Final = 20_000
_MIN_ROWS_SEARCHED: Final = 64
_MIN_GONE: Final = 1_024


class Difference(Enum):
    """How a row differs from its copy."""

    NONE = "none"
    STATE = "its state has changed, and with it whether it is pinned"
    SILENT = "it is pinned as before, but its words, size or CID have changed"


class Mirror:
    """The rows of the list in its order, and everything that an inventory counts of them.

    Rows are addressed by index. A row that has vanished keeps its index until `settle`, so that its position
    in the list, the number of rows before it, is its index minus the vanished rows before it.

    Generators do part of their work between two steps, none of which takes long; they must be exhausted.

    `value_of` returns 64 bits for the value of a CID, whatever its spelling, for `compare`; it costs 8 bytes
    per pin.
    """

    def __init__(
        self,
        shown: ShownLabels = NOTHING_SHOWN,
        min_gone: int = _MIN_GONE,
        *,
        value_of: Callable[[str], int] | None = None,
    ) -> None:
        self.malformed = 0
        """Rows that could not be read. A mirror with such rows cannot be followed."""
        self.attention = Attention()
        self.version = 0
        """Grows with each row that comes, goes or changes, but not with dates alone."""
        self._table = GroupTable(shown)
        self._min_gone = min_gone
        self._ids = array("Q")
        self._cids = array("Q")
        self._sizes = array("Q")
        self._dates = array("d")
        self._groups = bytearray()
        self._value_of = value_of
        self._values = array("Q")
        self._gone = array("L")
        self._size_bits = [0] * 64
        self._unique_cids = 0
        self._duplicate_size_bytes = 0
        self._doubtful_cids: set[int] | None = None
        """CIDs whose first row is not known; None for all."""
        self._newest = 0.0
        self._newest_is_gone = False

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def totals(self) -> Totals:
        """Return the number of rows and the sum of their sizes."""
        return Totals(len(self._ids) - len(self._gone), sum(group.size for group in self._table.groups))

    @property
    def not_pinned_totals(self) -> Totals:
        """Return the same of the rows that are not pinned."""
        groups = [group for group in self._table.groups if not group.kind.pinned]
        return Totals(sum(group.pins for group in groups), sum(group.size for group in groups))

    @property
    def has_too_many_labels(self) -> bool:
        """Return whether there are more groups than can be told apart."""
        return len(self._table.groups) > _MAX_GROUPS

    @property
    def has_pinned_problems(self) -> bool:
        """Return whether a pin needs attention that a list of all that is not pinned does not show."""
        return any(group.pins and group.problem and group.kind.pinned for group in self._table.groups)

    def group_of(self, pin: Pin) -> Group:
        """Return the group of a pin."""
        return self._table.of(pin)

    def add(self, pins: Iterable[Pin | None]) -> None:
        """Append rows at the end; None is an unreadable row."""
        for pin in pins:
            if pin is None:
                self.malformed += 1
                continue
            group = self._table.of(pin)
            self._ids.append(hashed(pin.id))
            self._cids.append(_cid_hash(pin))
            if self._value_of:
                self._values.append(self._value_of(pin.cid) if pin.cid else 0)
            self._sizes.append(pin.size or 0)
            self._dates.append(dated(pin))
            self._groups.append(min(group.number, _MAX_GROUPS))
            if group.problem:
                self.attention.add(group, pin)
            self._count_in(len(self._ids) - 1, group)

    def update(self, index: int, pin: Pin) -> Difference:
        """Correct the copy of a row."""
        group, before = self._table.of(pin), self.group_at(index)
        cid, date = _cid_hash(pin), dated(pin)
        is_same = self._sizes[index] == (pin.size or 0) and self._cids[index] & ~_FIRST == cid
        if group is before and is_same:
            if self._dates[index] != date:
                self._forget_date(index)
                self._dates[index] = date
                self._newest = max(self._newest, date)
            return Difference.NONE
        self._count_out(index, before)
        self._cids[index], self._sizes[index], self._dates[index] = cid, pin.size or 0, date
        if self._value_of:
            self._values[index] = self._value_of(pin.cid) if pin.cid else 0
        self._groups[index] = min(group.number, _MAX_GROUPS)
        self._count_in(index, group)
        return Difference.SILENT if before.kind.pinned and group.kind.pinned else Difference.STATE

    def remove(self, start: int, stop: int) -> Iterator[None]:
        """Mark the rows from an index to before another as vanished."""
        for index in range(start, stop):
            if index % _ROWS_PER_SLICE == 0:
                yield
            if self._groups[index] != _GONE:
                self._count_out(index, self.group_at(index))
                self._groups[index] = _GONE
        first, last = bisect_left(self._gone, start), bisect_left(self._gone, stop)
        self._gone[first:last] = array("L", range(start, stop))

    def truncate(self, index: int) -> Iterator[None]:
        """Drop the rows from an index on."""
        yield from self.remove(index, len(self))
        self._drop(index)
        del self._gone[bisect_left(self._gone, index) :]

    def is_gone(self, index: int) -> bool:
        """Return whether a row has vanished."""
        return self._groups[index] == _GONE

    def group_at(self, index: int) -> Group:
        """Return the group of a row that has not vanished."""
        return self._table.groups[self._groups[index]]

    def size_at(self, index: int) -> int:
        """Return the size of a row."""
        return self._sizes[index]

    def id_at(self, index: int) -> int:
        """Return the hash of the id of a row."""
        return self._ids[index]

    def ids(self, start: int, stop: int) -> Iterable[int]:
        """Return the hashes of the ids of some rows."""
        return self._ids[start:stop]

    def find(self, wanted: int, start: int, stop: int) -> int | None:
        """Return the index of the row with the hash of an id, from an index to before another."""
        # A search in bytes is four times as fast as one in numbers.
        needle, width = array("Q", (wanted,)).tobytes(), self._ids.itemsize
        first, rows = start, _MIN_ROWS_SEARCHED
        while first < stop:
            searched = self._ids[first : min(first + rows, stop)].tobytes()
            at = searched.find(needle)
            while at > 0 and at % width:  # between two rows
                at = searched.find(needle, at + 1)
            if at >= 0:
                return first + at // width
            first += rows
            rows = min(8 * rows, _ROWS_PER_SLICE)
        return None

    def gone_before(self, index: int) -> int:
        """Return how many rows before an index are known to have vanished."""
        return bisect_left(self._gone, index)

    def index_at(self, position: int) -> int:
        """Return the index of the row at a position in the list; the number of rows if there is none."""
        gone = self._gone
        index = position + bisect_right(range(len(gone)), position, key=lambda n: gone[n] - n)
        return min(index, len(self))

    def find_size(self, size: int, start: int, stop: int) -> int | None:
        """Return the index of the first row of a size, from an index to before another."""
        try:
            return self._sizes.index(size, start, stop)
        except ValueError:
            return None

    def not_pinned(self) -> array[int]:
        """Return the indexes of the rows that are not pinned."""
        numbers = [
            bytes([group.number])
            for group in self._table.groups[:_MAX_GROUPS]
            if group.pins and not group.kind.pinned
        ]
        if not numbers:
            return array("L")
        pattern = re.compile(b"[" + b"".join(map(re.escape, numbers)) + b"]")
        return array("L", (match.start() for match in pattern.finditer(self._groups)))

    def settle(self) -> Iterator[None]:
        """Drop vanished rows if they are many, and find the first row of each CID and the newest date."""
        if len(self._gone) > max(self._min_gone, len(self) // 64):
            yield from self._compact()
        doubtful = self._doubtful_cids
        if doubtful is None or len(doubtful) > len(self) // 16:
            yield from self._find_all_first()
        elif doubtful:
            yield from self._find_first(doubtful)
        self._doubtful_cids = set()
        if self._newest_is_gone:
            self._newest = 0.0
            for start in range(0, len(self), _ROWS_PER_SLICE):
                yield
                stop = start + _ROWS_PER_SLICE
                rows = zip(self._dates[start:stop], self._groups[start:stop], strict=True)
                newest = max((date for date, group in rows if group != _GONE), default=0.0)
                self._newest = max(self._newest, newest)
            self._newest_is_gone = False

    def compare(self, comparison: Comparison) -> Iterator[None]:
        """Add all pins to a comparison with the expected CIDs."""
        phases = [group.status[1] for group in self._table.groups]
        for start in range(0, len(self), _ROWS_PER_SLICE // 4):
            yield
            stop = start + _ROWS_PER_SLICE // 4
            for value, group in zip(self._values[start:stop], self._groups[start:stop], strict=True):
                if value and group != _GONE:
                    comparison.add(value, phases[group])

    def inventory(self, now: float) -> Inventory:
        """Return what is counted, after `settle`; ages are relative to `now`, in Unix seconds."""
        return self._table.inventory(
            now,
            attention=self.attention,
            unique_cids=self._unique_cids,
            duplicate_size_bytes=self._duplicate_size_bytes,
            size_bits=self._size_bits,
            newest=self._newest,
            malformed=self.malformed,
        )

    def _count_in(self, index: int, group: Group) -> None:
        self.version += 1
        size, cid = self._sizes[index], self._cids[index]
        group.pins += 1
        group.size += size
        self._size_bits[(size - 1).bit_length()] += 1
        if cid:
            self._duplicate_size_bytes += size
            if self._doubtful_cids is not None:
                self._doubtful_cids.add(cid)
        self._newest = max(self._newest, self._dates[index])

    def _count_out(self, index: int, group: Group) -> None:
        self.version += 1
        size, cid = self._sizes[index], self._cids[index]
        group.pins -= 1
        group.size -= size
        self._size_bits[(size - 1).bit_length()] -= 1
        if cid & _FIRST:
            self._unique_cids -= 1
            if self._doubtful_cids is not None:
                self._doubtful_cids.add(cid ^ _FIRST)
        elif cid:
            self._duplicate_size_bytes -= size
        self._forget_date(index)

    def _forget_date(self, index: int) -> None:
        self._newest_is_gone |= self._dates[index] == self._newest

    def _find_all_first(self) -> Iterator[None]:
        """Find the first row of every CID."""
        seen = HashSet(len(self))
        self._unique_cids = self._duplicate_size_bytes = 0
        cids, sizes, groups = self._cids, self._sizes, self._groups
        for start in range(0, len(self), _ROWS_PER_SLICE // 4):
            yield
            for index in range(start, min(start + _ROWS_PER_SLICE // 4, len(self))):
                cid = cids[index] & ~_FIRST
                if not cid or groups[index] == _GONE:
                    continue
                if seen.add_hash(cid):
                    self._unique_cids += 1
                    cids[index] = cid | _FIRST
                else:
                    self._duplicate_size_bytes += sizes[index]
                    cids[index] = cid

    def _find_first(self, doubtful: set[int]) -> Iterator[None]:
        """Find the first row of some CIDs."""
        wanted = doubtful | {cid | _FIRST for cid in doubtful}
        cids, sizes = self._cids, self._sizes
        for start in range(0, len(self), _ROWS_PER_SLICE):
            yield
            rows = enumerate(cids[start : start + _ROWS_PER_SLICE], start)
            for index in [index for index, cid in rows if cid in wanted]:
                if self._groups[index] == _GONE:
                    continue
                cid, was_first = cids[index] & ~_FIRST, bool(cids[index] & _FIRST)
                is_first = cid in doubtful
                doubtful.discard(cid)
                change = is_first - was_first
                self._unique_cids += change
                self._duplicate_size_bytes -= change * sizes[index]
                cids[index] = cid | is_first

    def _compact(self) -> Iterator[None]:
        """Move the rows that are left together."""
        gone = self._gone
        to = gone[0]
        for number, index in enumerate(gone):
            end = gone[number + 1] if number + 1 < len(gone) else len(self)
            for start in range(index + 1, end, _ROWS_PER_SLICE):
                stop = min(start + _ROWS_PER_SLICE, end)
                self._move(start, stop, to)
                to += stop - start
                if stop < end:
                    yield
            if number % 256 == 0:
                yield
        self._drop(to)
        self._gone = array("L")

    def _move(self, start: int, stop: int, to: int) -> None:
        for column in (self._ids, self._cids, self._sizes, *((self._values,) if self._value_of else ())):
            column[to : to + stop - start] = column[start:stop]
        self._dates[to : to + stop - start] = self._dates[start:stop]
        self._groups[to : to + stop - start] = self._groups[start:stop]

    def _drop(self, index: int) -> None:
        for column in (self._ids, self._cids, self._sizes, self._values):
            del column[index:]
        del self._dates[index:]
        del self._groups[index:]


def hashed(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return hash(text) & _MASK


def _cid_hash(pin: Pin) -> int:
    """Return 64 bits that stand for a CID, the lowest of them 0; 0 for no CID."""
    return (hash(pin.cid) & _MASK & ~_FIRST or 2) if pin.cid else 0
