"""Reads lists that change between any two answers, and holds what is published against what was there.

A script decides, answer by answer, what happens to the list, which of the pages in flight is answered next,
and how. The reading is the real one; only the server is a model.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from typing import Literal, NamedTuple

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from pin_exporter.api.errors import InconsistentError, MalformedError, PollError, ServerError
from pin_exporter.api.model import Page, Pin, Totals, Verdict
from pin_exporter.inventory.counter import NOTHING_SHOWN, Counted, PinCounter, ShownLabels
from pin_exporter.inventory.reader import InventoryReader, PageSize
from tests.support.clocks import settle

START = datetime(2025, 6, 15, tzinfo=UTC)
NOW = START.timestamp() + 7_200
SIZES = (5, 5, 7, 4_096)
"""So few that a pin that comes and one that goes often leave the totals as they were."""
MOST_ANSWERS = 400
MOST_ERRORS = 6


class Answering(Enum):
    """What comes of one request."""

    ROWS = "the rows that are there"
    REPEATED = "the rows of an earlier page, with the totals of now"
    BROKEN = "an error after which the reading is called again"
    TOO_LARGE = "an error after which the page size is halved"


class Change(NamedTuple):
    """Something that happens to the list: to so many rows, at a share of it, at the frontier, or all over."""

    kind: Literal["insert", "complete", "fail", "unpin"]
    rows: int
    where: float | Literal["frontier", "scattered"] = 0.0


class Turn(NamedTuple):
    """What happens before one answer, which page is answered, and how."""

    changes: Sequence[Change] = ()
    page: int = 0
    answering: Answering = Answering.ROWS


QUIET = Turn()
ERRORS: dict[Answering, Callable[[], PollError]] = {
    Answering.BROKEN: lambda: ServerError("broken", status=500),
    Answering.TOO_LARGE: lambda: MalformedError("too large"),
}


class Asked(NamedTuple):
    offset: int
    limit: int
    answer: "asyncio.Future[Page]"


@dataclass
class Server:
    """The model: a list in the order of creation, and what a walk over it may and must find.

    `must` holds the ids that have been listed since the walk began, `may` those that were at any time since;
    `sent` the rows as they were sent since.
    """

    rows: list[Pin] = field(default_factory=list)
    keeps_unpinned: bool = False
    largest_page: int | None = None
    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)
    sent: dict[str, set[Pin]] = field(default_factory=lambda: defaultdict(set))
    pages: list[Sequence[Pin]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    errors_left: int = MOST_ERRORS
    created: int = 0
    frontier: int = 0

    def walk_begins(self) -> None:
        self.must = {pin.id for pin in self.rows}
        self.may = set(self.must)
        self.sent.clear()
        self.pages.clear()
        self.frontier = 0

    @property
    def totals(self) -> Totals:
        return Totals(len(self.rows), sum(pin.size or 0 for pin in self.rows))

    def insert(self, count: int) -> None:
        for number in range(self.created, self.created + count):
            added = Pin(
                str(number),
                cid=f"cid-{number % 50}",
                date_pinned=START + timedelta(seconds=number),
                pinned=False,
                is_pin_by_hash=number % 3 == 0,
                is_dir=number % 4 == 0,
                status="queued",
            )
            self.rows.append(added)
            self.may.add(added.id)
        self.created += count

    def apply(self, change: Change) -> None:
        if change.kind == "insert":
            self.insert(change.rows)
            return
        places = self._places(change)
        if change.kind == "unpin" and not self.keeps_unpinned:
            gone = {self.rows[place].id for place in places}
            self.rows = [pin for pin in self.rows if pin.id not in gone]
            self.must -= gone
            return
        for place in places:
            self.rows[place] = self.changed(self.rows[place], change.kind)

    def _places(self, change: Change) -> Sequence[int]:
        count = min(change.rows, len(self.rows))
        if change.where == "scattered":
            return range(0, len(self.rows), max(1, len(self.rows) // max(1, count)))[:count]
        # At the frontier means around it: half of what was read, half of what was not.
        first = (
            self.frontier - count // 2 if change.where == "frontier" else int(change.where * len(self.rows))
        )
        return range(max(0, first), len(self.rows))[:count]

    @staticmethod
    def changed(pin: Pin, kind: str) -> Pin:
        if kind == "complete":
            later = pin.date_pinned and pin.date_pinned + timedelta(seconds=90)
            size = SIZES[int(pin.id) % len(SIZES)]
            return replace(pin, status="pinned", pinned=True, size=size, date_pinned=later)
        status = "failed" if kind == "fail" else "unpinNormally"
        return replace(pin, status=status, pinned=False)

    async def fetch(self, offset: int, limit: int) -> Page:
        asked = Asked(offset, limit, asyncio.get_running_loop().create_future())
        self.asked.append(asked)
        return await asked.answer

    @property
    def waiting(self) -> list[Asked]:
        self.asked = [asked for asked in self.asked if not asked.answer.done()]
        return self.asked

    def play(self, turn: Turn) -> None:
        """Let the changes happen, then answer one of the requests that wait."""
        for change in turn.changes:
            self.apply(change)
        waiting = self.waiting
        asked = waiting[turn.page % len(waiting)]
        error = ERRORS.get(turn.answering)
        if error is not None and self.errors_left:
            self.errors_left -= 1
            asked.answer.set_exception(error())
        elif turn.answering is Answering.REPEATED and self.pages:
            asked.answer.set_result(Page(self.totals, self.pages[turn.page % len(self.pages)]))
        else:
            asked.answer.set_result(self.page(asked.offset, asked.limit))

    def page(self, offset: int, limit: int) -> Page:
        honoured = min(limit, self.largest_page or limit)
        rows = self.rows[offset : offset + honoured]
        for pin in rows:
            self.sent[pin.id].add(pin)
        self.pages.append(rows)
        self.frontier = max(self.frontier, offset + len(rows))
        return Page(self.totals, rows)


class Read(NamedTuple):
    """A reading that came to its end: what it would publish, and the rows that went into it, in order."""

    counted: Counted
    rows: list[Pin]


def read_truly(
    server: Server, script: Sequence[Turn], *, page_size: int, in_flight: int, repeat: bool = False
) -> Read | None:
    """Read the list while the script is played, and hold the reading against the server.

    What is proven has to be so, and what is counted was there. None if the reading says that it could not.
    """
    rows: list[Pin] = []

    class RecordingCounter(PinCounter):
        """The real one; each new one is the beginning of a walk."""

        def __init__(self, shown: ShownLabels = NOTHING_SHOWN) -> None:
            super().__init__(shown)
            rows.clear()
            server.walk_begins()

        def add(self, pins: Iterable[Pin | None]) -> None:
            pins = list(pins)
            rows.extend(pin for pin in pins if pin is not None)
            super().add(pins)

    reader = InventoryReader(NOTHING_SHOWN, new_counter=RecordingCounter)
    turns = iter(list(script) * (MOST_ANSWERS // max(1, len(script)) if repeat else 1))
    counted = asyncio.run(_play(reader, server, turns, PageSize(page_size), in_flight))
    if counted is None:
        event("given up")
        return None
    event(counted.verdict)
    ids = [pin.id for pin in rows]
    assert len(ids) == len(set(ids)), "counted twice"
    assert set(ids) <= server.may, "counted without having been there"
    assert all(pin in server.sent[pin.id] for pin in rows), "counted otherwise than it was sent"
    if counted.verdict is not Verdict.INCONSISTENT:
        assert server.must <= set(ids), "missed though it lived through the walk"
    plain = PinCounter()
    plain.add(rows)
    assert counted.inventory == plain.inventory(NOW)
    return Read(counted, rows)


async def _play(
    reader: InventoryReader, server: Server, turns: Iterator[Turn], page_size: PageSize, in_flight: int
) -> Counted | None:
    for _ in range(MOST_ERRORS + 1):
        task = asyncio.ensure_future(
            reader.read(server.fetch, page_size, wall=lambda: NOW, pages_in_flight=in_flight)
        )
        await settle()
        while not task.done():
            server.play(next(turns, QUIET))
            await settle()
        error = task.exception()
        if isinstance(error, InconsistentError):
            return None
        if not isinstance(error, PollError):
            return task.result()
    raise AssertionError("the reading never came to an end")


def server_with(count: int, *, keeps_unpinned: bool = False, largest_page: int | None = None) -> Server:
    """Return a server with some pins of every kind."""
    server = Server(keeps_unpinned=keeps_unpinned, largest_page=largest_page)
    server.insert(count)
    server.rows = [
        server.changed(pin, "complete") if place % 5 else server.changed(pin, "fail") if place % 3 else pin
        for place, pin in enumerate(server.rows)
    ]
    return server


EXAMPLES = settings().max_examples
PLACES = st.sampled_from(["frontier", "frontier", "scattered", 0.0, 0.0]) | st.floats(0, 1)
CHANGES = st.one_of(
    st.builds(Change, st.just("insert"), st.integers(1, 4)),
    st.builds(Change, st.just("unpin"), st.sampled_from([1, 1, 2, 3, 5, 8, 20]), PLACES),
    st.builds(Change, st.sampled_from(["complete", "fail"]), st.integers(1, 5), PLACES),
)


def one_for_one(count: int, where: float | Literal["frontier", "scattered"]) -> list[Change]:
    """As many come as go: often the totals stay what they were."""
    return [Change("insert", count), Change("complete", count, 0.99), Change("unpin", count, where)]


ANSWERS = st.sampled_from([*[Answering.ROWS] * 12, Answering.REPEATED, Answering.BROKEN, Answering.TOO_LARGE])
TURNS = st.builds(
    Turn,
    st.lists(CHANGES, max_size=2) | st.builds(one_for_one, st.integers(1, 3), PLACES),
    st.integers(0, 3),
    ANSWERS,
)


@settings(max_examples=20 * EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(0, 90),
    keeps_unpinned=st.booleans(),
    largest_page=st.none() | st.integers(2, 25),
    page_size=st.integers(2, 40),
    in_flight=st.sampled_from([1, 4]),
    script=st.lists(TURNS, max_size=12),
    repeat=st.booleans(),
)
@example(
    count=6,
    keeps_unpinned=False,
    largest_page=None,
    page_size=2,
    in_flight=1,
    script=[QUIET, Turn([Change("unpin", 5, "frontier")], 1, Answering.REPEATED)],
    repeat=True,
).via("an empty first page of a list that is not empty")
@example(
    count=33,
    keeps_unpinned=False,
    largest_page=None,
    page_size=5,
    in_flight=4,
    script=[
        QUIET,
        QUIET,
        Turn(one_for_one(2, "scattered"), 0, Answering.REPEATED),
        *[QUIET] * 4,
        Turn([Change("unpin", 1, "scattered")]),
        QUIET,
        Turn(answering=Answering.BROKEN),
        Turn(page=1),
        Turn([Change("insert", 1), Change("unpin", 1, "scattered")]),
    ],
    repeat=True,
).via("a first page that came from elsewhere, and was met again where it belongs")
def test_whatever_happens_between_answers_a_proven_inventory_has_every_pin_that_lived_through_it_once(
    count: int,
    keeps_unpinned: bool,
    largest_page: int | None,
    page_size: int,
    in_flight: int,
    script: list[Turn],
    repeat: bool,
) -> None:
    server = server_with(count, keeps_unpinned=keeps_unpinned, largest_page=largest_page)
    read_truly(server, script, page_size=page_size, in_flight=in_flight, repeat=repeat)


class Swapping(Server):
    """A server whose rows of equal age come in another order each time, but change in nothing else."""

    group = 1
    rng = Random(0)

    def page(self, offset: int, limit: int) -> Page:
        self.rows.sort(key=lambda pin: (int(pin.id) // self.group, self.rng.random()))
        return super().page(offset, limit)


@settings(max_examples=4 * EXAMPLES)
@given(
    count=st.integers(0, 120),
    group=st.integers(2, 8),
    page_size=st.integers(20, 60),
    in_flight=st.sampled_from([1, 4]),
    order=st.lists(st.builds(Turn, st.just(()), st.integers(0, 3), st.just(Answering.ROWS)), max_size=12),
    seed=st.integers(0, 2**32),
)
def test_rows_of_equal_age_that_change_places_for_every_answer_are_all_counted_or_nothing_is_called_proven(
    count: int, group: int, page_size: int, in_flight: int, order: list[Turn], seed: int
) -> None:
    server = Swapping()
    server.insert(count)
    server.group, server.rng = group, Random(seed)
    outcome = read_truly(server, order, page_size=page_size, in_flight=in_flight, repeat=True)
    if outcome is not None and outcome.counted.verdict is not Verdict.INCONSISTENT:
        assert len(outcome.rows) == count


@settings(max_examples=4 * EXAMPLES)
@given(
    count=st.integers(0, 120),
    page_size=st.integers(2, 40),
    in_flight=st.sampled_from([1, 4]),
    largest_pages=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_pages_that_come_short_now_and_then_are_no_end_of_the_list(
    count: int, page_size: int, in_flight: int, largest_pages: list[int]
) -> None:
    class Moody(Server):
        def page(self, offset: int, limit: int) -> Page:
            self.largest_page = largest_pages[len(self.pages) % len(largest_pages)]
            return super().page(offset, limit)

    server = Moody()
    server.insert(count)
    read_truly(server, [], page_size=page_size, in_flight=in_flight)
