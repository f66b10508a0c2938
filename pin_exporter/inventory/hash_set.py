"""A set of 64-bit hashes in flat arrays: 17 to 34 bytes per member."""

from __future__ import annotations  # array is generic for the type checker only

from array import array
from typing import Final

_SHARDS: Final = 256
_MASK: Final = (1 << 64) - 1
_MAX_EXPECTED: Final = 1 << 20
_MIN_SLOTS: Final = 8
_EMPTY_TABLE: Final = array("Q", bytes(8))
"""Shared by all sets: a thousand accounts that wait for their first page have many empty tables."""


class HashSet:
    """Remembers which strings were added, without keeping them.

    The ids of a million pins take about 150 MB in a `set` of `str`, and 17 to 34 MB here. Two strings count
    as equal if their keyed 64-bit hashes are: with a million members, about once in 37 million inventories.

    The 256 open-addressed tables grow one at a time, so that no single call moves a million members while a
    scrape waits.
    """

    __slots__ = ("_count", "_sizes", "_tables")

    def __init__(self, expected: int = 0) -> None:
        slots = 1
        while slots * _SHARDS < 2 * min(expected, _MAX_EXPECTED):
            slots *= 2
        self._tables = [_EMPTY_TABLE] * _SHARDS
        if slots >= _MIN_SLOTS:
            self._tables = [array("Q", bytes(8 * slots)) for _ in range(_SHARDS)]
        self._sizes = [0] * _SHARDS
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, member: str) -> bool:
        hashed = (hash(member) & _MASK) or 1
        table = self._tables[hashed & 255]
        mask = len(table) - 1
        slot = (hashed >> 8) & mask
        while found := table[slot]:
            if found == hashed:
                return True
            slot = (slot + 1) & mask
        return False

    def add(self, member: str) -> bool:
        """Add a member; return whether it was new."""
        return self.add_hash((hash(member) & _MASK) or 1)

    def add_hash(self, hashed: int) -> bool:
        """Add a member by its hash, 64 bits that are not 0; return whether it was new."""
        shard = hashed & 255
        table = self._tables[shard]
        mask = len(table) - 1
        slot = (hashed >> 8) & mask
        while found := table[slot]:
            if found == hashed:
                return False
            slot = (slot + 1) & mask
        self._count += 1
        self._sizes[shard] += 1
        if 3 * self._sizes[shard] > 2 * mask:
            self._tables[shard] = _grown(table, hashed)
        else:
            table[slot] = hashed
        return True


def _grown(table: array[int], added: int) -> array[int]:
    larger = array("Q", bytes(table.itemsize * max(_MIN_SLOTS, 2 * len(table))))
    mask = len(larger) - 1
    for hashed in (*table, added):
        if hashed:
            slot = (hashed >> 8) & mask
            while larger[slot]:
                slot = (slot + 1) & mask
            larger[slot] = hashed
    return larger
