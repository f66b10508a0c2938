"""A list of pins behind an offset and a limit that changes while it is read."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from pin_exporter.api.model import Page, Pin, Totals

Change = Callable[["PinList"], None]


@dataclass
class PinList:
    """Rows are numbers, in the API's order; a pin's size is two to the power of its number, up to 61.

    `changes` are applied before the request with the given zero-based number. `delays` are the turns of the
    event loop that the response to each request takes.
    """

    rows: list[int]
    unreadable: Collection[int] = ()
    largest_page: int | None = None
    extra_files: int = 0
    changes: dict[int, list[Change]] = field(default_factory=dict)
    delays: list[int] = field(default_factory=list)
    requests: list[tuple[int, int]] = field(default_factory=list)
    answered: int = 0
    created: int = 0
    survivors: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.created = max(self.rows, default=-1) + 1
        self.survivors = set(self.rows)

    def insert(self, count: int) -> None:
        self.rows += range(self.created, self.created + count)
        self.created += count

    def remove(self, start: int, count: int = 1) -> None:
        del self.rows[start : start + count]
        self.survivors &= set(self.rows)

    def page(self, offset: int, limit: int) -> Page:
        """Return a page; the first request determines which rows can survive the walk."""
        for change in self.changes.get(self.answered, ()):
            change(self)
        if self.answered == 0:
            self.survivors = set(self.rows)
        self.requests.append((offset, limit))
        self.answered += 1
        honoured = limit if self.largest_page is None else min(limit, self.largest_page)
        return Page(self.totals, [self.row(number) for number in self.rows[offset : offset + honoured]])

    async def fetch(self, offset: int, limit: int) -> Page:
        for _ in range(self.delays.pop(0) if self.delays else 0):
            await asyncio.sleep(0)
        return self.page(offset, limit)

    @property
    def totals(self) -> Totals:
        return Totals(max(0, len(self.rows) + self.extra_files), sum(map(size_of, self.rows)))

    @property
    def living(self) -> set[int]:
        """Return the readable rows that have been in the list since the first request."""
        return self.survivors - set(self.unreadable)

    def row(self, number: int) -> Pin | None:
        if number in self.unreadable:
            return None
        return Pin(str(number), cid=f"cid-{number}", size=size_of(number), pinned=True, status="DONE")


def size_of(number: int) -> int:
    return 1 << number if number < 62 else number


def numbers(rows: Iterable[Pin | None]) -> list[int]:
    return [int(row.id) for row in rows if row is not None]


def inserted(count: int) -> Change:
    return lambda pins: pins.insert(count)


def removed(start: int, count: int = 1) -> Change:
    return lambda pins: pins.remove(start, count)


def removed_share(share: float, count: int) -> Change:
    """Remove rows at a share of the list's length."""
    return lambda pins: pins.remove(int(share * len(pins.rows)), count)
