"""Requests and missed rows of a walk while the list changes: the exporter's walk and a naive one."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from pin_exporter.api.errors import InconsistentError
from pin_exporter.api.model import Page, Pin, Totals
from pin_exporter.inventory.counter import NOTHING_SHOWN, PinCounter, ShownLabels
from pin_exporter.inventory.reader import InventoryReader, PageSize
from tests.bench.result import Result

_ROWS: Final = 20_000


class Change(NamedTuple):
    """Rows inserted and removed between any two pages; with `oldest` the oldest are removed."""

    name: str
    come: int = 0
    go: int = 0
    oldest: bool = False


_CHANGES: Final = (
    Change("none"),
    Change("+1 -1", 1, 1),
    Change("+3 -3", 3, 3),
    Change("-20 oldest", 0, 20, oldest=True),
    Change("-60 oldest", 0, 60, oldest=True),
)


@dataclass
class RestlessList:
    """A list that changes before every page but the first.

    `living` are the rows that have been pinned since the start. A server that keeps unpinned rows lists them
    forever, with another status.
    """

    change: Change
    keeps: bool
    rows: list[Pin] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)
    living: set[int] = field(default_factory=set)
    requests: int = 0
    size: int = 0
    created: int = 0

    def __post_init__(self) -> None:
        self._rng = Random(1)
        self._insert(_ROWS)
        self.living = set(self.pinned)

    def _insert(self, count: int) -> None:
        for number in range(self.created, self.created + count):
            self.rows.append(_pin(number, "pinned"))
            self.pinned.append(number)
            self.size += number + 1
        self.created += count

    def _unpin(self) -> None:
        index = 0 if self.change.oldest else self._rng.randrange(len(self.pinned))
        number = self.pinned.pop(index)
        self.living.discard(number)
        if self.keeps:
            self.rows[number] = _pin(number, "unpinNormally")
        else:
            del self.rows[index]  # the list holds pinned rows only
            self.size -= number + 1

    def page(self, offset: int, limit: int) -> Page:
        if self.requests:
            self._insert(self.change.come)
            for _ in range(min(self.change.go, len(self.pinned))):
                self._unpin()
        self.requests += 1
        return Page(Totals(len(self.rows), self.size), self.rows[offset : offset + limit])

    async def fetch(self, offset: int, limit: int) -> Page:
        await asyncio.sleep(0)
        return self.page(offset, limit)


def churn() -> Iterator[Result]:
    """Walk lists of 20,000 rows that change between any two pages."""
    walks: dict[str, Callable[[RestlessList, int], tuple[Sequence[int], str]]] = {
        "naive": _naive,
        "1 in flight": lambda pins, limit: _ours(pins, limit, 1),
        "4 in flight": lambda pins, limit: _ours(pins, limit, 4),
    }
    for keeps in (False, True):
        for limit in (100, 1_000):
            for change in _CHANGES:
                for name, walk in walks.items():
                    pins = RestlessList(change, keeps)
                    counted, verdict = walk(pins, limit)
                    missed = len(pins.living - set(counted))
                    twice = len(counted) - len(set(counted))
                    server = "keeps" if keeps else "drops"
                    yield Result(
                        f"churn {change.name}, page {limit}, server {server} unpinned rows: {name}",
                        f"{pins.requests} req",
                        f"missed {missed}, twice {twice}, {verdict}",
                    )


def _naive(pins: RestlessList, limit: int) -> tuple[Sequence[int], str]:
    """Walk as one would at first: on and on until a page is not full."""
    counted: list[int] = []
    full = True
    while full:
        rows = pins.page(pins.requests * limit, limit).rows
        counted += [int(pin.id) for pin in rows if pin]
        full = len(rows) == limit
    return counted, "believed"


def _ours(pins: RestlessList, limit: int, in_flight: int) -> tuple[Sequence[int], str]:
    counted: list[int] = []

    class RecordingCounter(PinCounter):
        """The real one; a walk that starts over starts with a new one."""

        def __init__(self, shown: ShownLabels) -> None:
            super().__init__(shown)
            counted.clear()

        def add(self, pins: Iterable[Pin | None]) -> None:
            pins = list(pins)
            counted.extend(int(pin.id) for pin in pins if pin)
            super().add(pins)

    reader = InventoryReader(NOTHING_SHOWN, new_counter=RecordingCounter)
    reading = reader.read(pins.fetch, PageSize(limit), wall=lambda: 0.0, pages_in_flight=in_flight)
    try:
        return counted, str(asyncio.run(reading).verdict)
    except InconsistentError:
        return counted, "refused"


def _pin(number: int, status: str) -> Pin:
    return Pin(str(number), size=number + 1, status=status)
