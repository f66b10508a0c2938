"""Count a list row by row: the oracle that every other count is held against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tally:
    """Number and bytes of some rows."""

    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """What an exact count of all listed rows gives; `ids` only on request.

    The keys are the API's own words; an absent `sub_hash_status` counts as `none`.
    """

    files: int
    size_bytes: int
    by_status: dict[tuple[str, bool], Tally]
    """By status word and `pinned`, since the 2023 words tell a removed pin only by the latter."""
    by_sub_hash_status: dict[str, int]
    pinned: Tally
    not_pinned: Tally
    by_cid: int
    directories: int
    distinct_cids: int
    ids: frozenset[str] | None = None

    def statuses(self) -> dict[str, Tally]:
        """Return the tallies by status word alone."""
        merged: dict[str, Tally] = {}
        for (word, _), tally in self.by_status.items():
            before = merged.get(word, Tally())
            merged[word] = Tally(before.count + tally.count, before.size_bytes + tally.size_bytes)
        return merged

    def as_json(self) -> dict[str, Any]:
        """Return the count for the control path."""
        return {
            "files": self.files,
            "size_bytes": self.size_bytes,
            "by_status": [
                {"status": word, "pinned": pinned, "count": tally.count, "size_bytes": tally.size_bytes}
                for (word, pinned), tally in sorted(self.by_status.items())
            ],
            "by_sub_hash_status": self.by_sub_hash_status,
            "pinned": {"count": self.pinned.count, "size_bytes": self.pinned.size_bytes},
            "not_pinned": {"count": self.not_pinned.count, "size_bytes": self.not_pinned.size_bytes},
            "by_cid": self.by_cid,
            "directories": self.directories,
            "distinct_cids": self.distinct_cids,
        } | ({} if self.ids is None else {"ids": sorted(self.ids)})


def count(rows: Iterable[dict[str, Any]], *, with_ids: bool = False) -> Truth:
    """Return the count of rows as the API sends them."""
    counts: dict[tuple[str, bool], int] = {}
    sizes: dict[tuple[str, bool], int] = {}
    sub_hashes: dict[str, int] = {}
    cids: set[bytes] = set()
    ids: set[str] = set()
    by_cid = directories = 0
    for row in rows:
        key = (row["status"], row["pinned"])
        counts[key] = counts.get(key, 0) + 1
        sizes[key] = sizes.get(key, 0) + int(row.get("size", 0))
        sub_hash = row.get("sub_hash_status", "none")
        sub_hashes[sub_hash] = sub_hashes.get(sub_hash, 0) + 1
        by_cid += row["is_pin_by_hash"]
        directories += row["is_dir"]
        # The last twelve characters have 58 random bits: they tell a million CIDs apart in half the memory.
        cids.add(row["cid"][-12:].encode())
        if with_ids:
            ids.add(row["id"])
    by_status = {key: Tally(counts[key], sizes[key]) for key in counts}
    return Truth(
        files=sum(counts.values()),
        size_bytes=sum(sizes.values()),
        by_status=by_status,
        by_sub_hash_status=sub_hashes,
        pinned=_total(by_status, pinned=True),
        not_pinned=_total(by_status, pinned=False),
        by_cid=by_cid,
        directories=directories,
        distinct_cids=len(cids),
        ids=frozenset(ids) if with_ids else None,
    )


def _total(by_status: dict[tuple[str, bool], Tally], *, pinned: bool) -> Tally:
    tallies = [tally for (_, is_pinned), tally in by_status.items() if is_pinned is pinned]
    return Tally(sum(tally.count for tally in tallies), sum(tally.size_bytes for tally in tallies))
