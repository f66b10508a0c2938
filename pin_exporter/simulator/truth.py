"""The exact totals of a list, counted row by row: the oracle for every other count."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pin_exporter.simulator.state import Totals


@dataclass(frozen=True, slots=True)
class Truth:
    """The exact totals of all listed rows.

    The keys are the API's words; an absent `sub_hash_status` counts as `none`.
    """

    files: int
    size_bytes: int
    by_status: dict[tuple[str, bool], Totals]
    """By status and `pinned`, because with the 2023 words only `pinned` tells a removed pin."""
    by_sub_hash_status: dict[str, int]
    pinned: Totals
    not_pinned: Totals
    by_cid: int
    directories: int
    distinct_cids: int

    def statuses(self) -> dict[str, Totals]:
        """Return the totals by status alone."""
        return {
            word: _sum(totals for (other, _), totals in self.by_status.items() if other == word)
            for word, _ in self.by_status
        }

    def as_json(self) -> dict[str, Any]:
        """Return the totals for the control API."""
        by_status = [
            {"status": word, "pinned": pinned, **asdict(totals)}
            for (word, pinned), totals in sorted(self.by_status.items())
        ]
        return asdict(self) | {"by_status": by_status}


def count(rows: Iterable[dict[str, Any]]) -> Truth:
    """Return the totals of rows as the API sends them."""
    counts: Counter[tuple[str, bool]] = Counter()
    sizes: Counter[tuple[str, bool]] = Counter()
    sub_hashes: Counter[str] = Counter()
    cids: set[bytes] = set()
    by_cid = directories = 0
    for row in rows:
        key = (row["status"], row["pinned"])
        counts[key] += 1
        sizes[key] += int(row.get("size", 0))
        sub_hashes[row.get("sub_hash_status", "none")] += 1
        by_cid += row["is_pin_by_hash"]
        directories += row["is_dir"]
        # The last twelve characters have 58 random bits: they distinguish a million CIDs in half the memory.
        cids.add(row["cid"][-12:].encode())
    by_status = {key: Totals(counts[key], sizes[key]) for key in counts}
    return Truth(
        files=counts.total(),
        size_bytes=sizes.total(),
        by_status=by_status,
        by_sub_hash_status=dict(sub_hashes),
        pinned=_sum(totals for (_, pinned), totals in by_status.items() if pinned),
        not_pinned=_sum(totals for (_, pinned), totals in by_status.items() if not pinned),
        by_cid=by_cid,
        directories=directories,
        distinct_cids=len(cids),
    )


def _sum(parts: Iterable[Totals]) -> Totals:
    totals = list(parts)
    return Totals(sum(each.files for each in totals), sum(each.size_bytes for each in totals))
