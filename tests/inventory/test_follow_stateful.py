"""Follows lists that change between any two responses, and holds what is called proven against the server.

A script decides, response by response, what happens to the list and what is sent. Only the server is a model.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from pin_exporter.api.errors import PollError
from pin_exporter.api.model import Metadata, Page, Pin, PinnedFilter, Totals, Verdict
from pin_exporter.inventory.counter import Inventory, PinCounter
from pin_exporter.inventory.follow import Follow, SurpriseError
from pin_exporter.inventory.mirror import Mirror, hashed
from pin_exporter.inventory.walk import Walk

START = datetime(2025, 6, 15, tzinfo=UTC)
NOW = START.timestamp() + 7_200
SIZES = (5, 5, 7, 4_096)
"""So few that a pin that comes and one that goes often leave the totals as they were."""
Kind = Literal[
    "insert", "upload", "tied", "complete", "fail", "unpin", "drop", "rename", "pin_again", "revive"
]


class Change(NamedTuple):
    """Something that happens to so many rows, at a share of the list or all over."""

    kind: Kind
    rows: int
    where: float | Literal["scattered"] = 0.0


class Turn(NamedTuple):
    """What happens before one response, and whether it is the rows of the page before, or an error."""

    changes: Sequence[Change] = ()
    response: Literal["rows", "repeated", "error"] = "rows"


QUIET = Turn()


@dataclass
class Server:
    """A list in the order of creation."""

    rows: list[Pin] = field(default_factory=list)
    keeps_unpinned: bool = False
    largest_page: int | None = None
    most_ties: int = 3
    """Rows of equal age: fewer than a page repeats of the known rows, or nothing is known of their order."""
    errors_left: int = 6
    created: int = 0
    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)
    moment: int = 0
    """The number of responses so far."""
    renamed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """The moments at which words changed that no total shows."""
    newest: list[Pin] = field(default_factory=list)
    """The list at the moment of the last response about all of it."""
    whole: list[Pin] = field(default_factory=list)
    """The same, but of the last one before one about what is not pinned: those after it only confirm it."""
    sent: Sequence[Pin] = ()
    asked: tuple[str, int] = ("", 0)
    requests: list[tuple[str, int]] = field(default_factory=list)

    def new(self, *, finished: bool = False, cid: str | None = None) -> Pin:
        number = self.created
        self.created += 1
        return Pin(
            str(number),
            cid=cid or (f"cid-{number % 50}" if number % 7 else None),
            date_pinned=START + timedelta(seconds=number) if number % 11 else None,
            size=SIZES[number % 4] if finished else None,
            pinned=finished,
            is_pin_by_hash=number % 3 == 0,
            is_dir=number % 4 == 0,
            status="pinned" if finished else "queued",
            metadata=Metadata(f"name-{number}"),
        )

    def begin(self) -> None:
        """Begin to record which rows live through, and which were there at any time."""
        self.must = {pin.id for pin in self.rows}
        self.may = set(self.must)

    def apply(self, change: Change) -> None:
        self._apply(change)
        ids = {pin.id for pin in self.rows}
        self.must &= ids
        self.may |= ids

    def _apply(self, change: Change) -> None:
        if change.kind in ("insert", "upload"):
            self.rows += [self.new(finished=change.kind == "upload") for _ in range(change.rows)]
        elif change.kind == "tied":  # as old as the newest rows, but sorted before them
            place = max(0, len(self.rows) - min(change.rows, self.most_ties))
            self.rows.insert(place, self.new())
        elif change.kind == "pin_again":
            self.rows += [self.new(cid=self.rows[place].cid) for place in self._places(change)]
        elif change.kind == "drop" or (change.kind == "unpin" and not self.keeps_unpinned):
            gone = {self.rows[place].id for place in self._places(change)}
            self.rows = [pin for pin in self.rows if pin.id not in gone]
        else:
            for place in self._places(change):
                self.rows[place] = self.changed(self.rows[place], change.kind)

    def _places(self, change: Change) -> Sequence[int]:
        count = min(change.rows, len(self.rows))
        if change.where == "scattered":
            return range(0, len(self.rows), max(1, len(self.rows) // max(1, count)))[:count]
        return range(int(change.where * len(self.rows)), len(self.rows))[:count]

    def changed(self, pin: Pin, kind: str) -> Pin:
        if kind == "complete" and pin.status in ("queued", "failed"):
            later = pin.date_pinned and pin.date_pinned + timedelta(seconds=90)
            size = pin.size or SIZES[int(pin.id) % len(SIZES)]
            cid = pin.cid or f"cid-{int(pin.id) % 50}"
            return replace(pin, status="pinned", pinned=True, size=size, date_pinned=later, cid=cid)
        if kind == "rename" and pin.pinned:
            self.renamed[pin.id].append(self.moment)
            return replace(pin, status="doneRetrieval" if pin.status == "pinned" else "pinned")
        if kind == "revive" and not pin.pinned and pin.size:
            return replace(pin, status="pinned", pinned=True)
        if kind == "fail" and pin.status == "queued":
            return replace(pin, status="failed")
        if kind == "unpin" and pin.pinned:
            return replace(
                pin, status="unpinOutOfMoney" if int(pin.id) % 2 else "unpinNormally", pinned=False
            )
        return pin

    def respond(self, turn: Turn, pinned: PinnedFilter, offset: int, limit: int) -> Page:
        for change in turn.changes:
            self.apply(change)
        if turn.response == "error" and self.errors_left:
            self.errors_left -= 1
            raise PollError("broken")
        self.moment += 1
        self.requests.append((pinned, offset))
        listed = self.rows if pinned == "all" else [pin for pin in self.rows if not pin.pinned]
        totals = Totals(len(listed), sum(pin.size or 0 for pin in listed))
        if pinned == "all":
            self.newest = list(self.rows)
        else:
            self.whole = self.newest
        rows: Sequence[Pin] = listed[offset : offset + min(limit, self.largest_page or limit)]
        asked, self.asked = self.asked, (pinned, offset)
        if turn.response == "repeated" and asked != self.asked:
            return Page(totals, self.sent)
        self.sent = rows
        return Page(totals, rows)


def server_with(count: int, *, keeps_unpinned: bool = False, largest_page: int | None = None) -> Server:
    """Return a server with some pins of every kind."""
    server = Server(keeps_unpinned=keeps_unpinned, largest_page=largest_page)
    server.apply(Change("insert", count))
    server.rows = [
        server.changed(pin, "complete") if place % 9 else server.changed(pin, "fail") if place % 2 else pin
        for place, pin in enumerate(server.rows)
    ]
    return server


def full_count(pins: Sequence[Pin], like: Inventory) -> Inventory:
    counter = PinCounter(like.shown)
    counter.add(pins)
    return counter.inventory(NOW)


def read_whole(server: Server, turns: "chain[Turn] | repeat[Turn]", limit: int) -> Mirror | None:
    """Read the list as the first inventory does; None if that proves nothing."""
    walk, mirror = Walk(), Mirror(min_gone=3)
    while not walk.done:
        offset = walk.next_offset
        try:
            page = server.respond(next(turns), "all", offset, limit)
            mirror.add(walk.accept(offset, limit, page))
        except PollError:
            return None
        if walk.is_void:
            return None
    return None if walk.verdict is Verdict.INCONSISTENT else mirror


def follow_once(follow: Follow, server: Server, turns: "chain[Turn] | repeat[Turn]", limit: int) -> None:
    """Follow for one interval, which begins again after an error."""
    follow.begin()
    server.begin()
    while not follow.done:
        request = follow.next_request(limit)
        try:
            page = server.respond(next(turns), *request)
        except PollError:
            follow.begin()
            server.begin()
            continue
        for _ in follow.accept(request, page):
            pass


def assert_true(mirror: Mirror, server: Server, *, renamed_since: int) -> None:
    """Hold the mirror against the list at the moment of the last response about all of it but one."""
    rows = [index for index in range(len(mirror)) if not mirror.is_gone(index)]
    assert [mirror.id_at(index) for index in rows] == [hashed(pin.id) for pin in server.whole]
    renamed = False
    for index, pin in zip(rows, server.whole, strict=True):
        group = mirror.group_at(index)
        assert (group.kind.pinned, mirror.size_at(index)) == (pin.pinned, pin.size or 0)
        if group.status[0] != pin.status:
            renamed = True
            assert pin.pinned, "a word of a pin that is not pinned is listed each time"
            assert server.renamed[pin.id][-1] >= renamed_since, "the audit has not found a change"
    if not renamed:
        inventory = mirror.inventory(NOW)
        assert inventory == full_count(server.whole, inventory)


def check(
    count: int,
    keeps_unpinned: bool,
    largest_page: int | None,
    limit: int,
    reading: list[Turn],
    intervals: list[tuple[list[Change], list[Turn], bool]],
) -> None:
    """Read a list, then follow it for some intervals, with changes before and during each."""
    server = server_with(count, keeps_unpinned=keeps_unpinned, largest_page=largest_page)
    server.most_ties = min(3, min(limit, largest_page or limit) // 2 - 1)
    mirror = read_whole(server, chain(reading, repeat(QUIET)), limit)
    if mirror is None:
        event("first inventory unproven")
        return
    follow = Follow(mirror)
    begun: list[int] = []
    for changes, script, always in intervals:
        begun.append(server.moment)
        for change in changes:
            server.apply(change)
        turns = chain.from_iterable(repeat(script)) if always and script else chain(script, repeat(QUIET))
        try:
            follow_once(follow, server, turns, limit)
        except SurpriseError as surprise:
            event(f"surprise: {surprise.surprise}")
            return
        event(f"verdict: {follow.verdict}")
        ids = [mirror.id_at(index) for index in range(len(mirror)) if not mirror.is_gone(index)]
        assert len(ids) == len(set(ids)), "counted twice"
        assert {hashed(each) for each in server.must} <= set(ids), (
            "missed though it lived through the interval"
        )
        assert set(ids) <= {hashed(each) for each in server.may}, "counted without having been there"
        if follow.verdict is Verdict.CONSISTENT:
            rounds = -(-len(server.whole) // min(limit, largest_page or limit)) + 2
            assert_true(mirror, server, renamed_since=begun[-rounds] if rounds <= len(begun) else 0)


PLACES = st.sampled_from(["scattered", 0.0, 0.9]) | st.floats(0, 1)
CHANGES = st.one_of(
    st.builds(Change, st.sampled_from(["insert", "insert", "upload", "tied"]), st.integers(1, 4)),
    st.builds(Change, st.sampled_from(["unpin", "drop"]), st.sampled_from([1, 1, 2, 3, 8, 20]), PLACES),
    st.builds(
        Change, st.sampled_from(["complete", "complete", "fail", "pin_again"]), st.integers(1, 5), PLACES
    ),
    st.builds(Change, st.just("rename"), st.integers(1, 2), PLACES),
)
REVIVALS = st.builds(Change, st.just("revive"), st.integers(1, 3), PLACES)
"""Not between two responses: a pin that was removed and is again what it was leaves no trace."""
EVEN = st.builds(
    lambda count, where: [Change("upload", count), Change("unpin", count, where)], st.integers(1, 3), PLACES
)
"""As many come as go: often the totals stay what they were."""
RESPONSES = st.sampled_from([*["rows"] * 12, "repeated", "error"])
TURNS = st.lists(st.builds(Turn, st.just(()) | st.lists(CHANGES, max_size=2) | EVEN, RESPONSES), max_size=8)
INTERVALS = st.lists(
    st.tuples(st.lists(CHANGES | REVIVALS, max_size=3) | EVEN, st.just([]) | TURNS, st.booleans()),
    min_size=1,
    max_size=6,
)
LISTS = {
    "count": st.integers(0, 120),
    "keeps_unpinned": st.booleans(),
    "largest_page": st.none() | st.integers(2, 25),
    "limit": st.integers(2, 40),
    "reading": st.just([]) | TURNS,
    "intervals": INTERVALS,
}
SETTINGS = settings(
    phases=set(Phase) - {Phase.explain}, suppress_health_check=[HealthCheck.too_slow], deadline=None
)

test_what_is_called_consistent_is_the_list_of_the_server = settings(SETTINGS, max_examples=300)(
    given(**LISTS)(check)
)
test_the_same_with_many_examples = pytest.mark.slow(
    settings(SETTINGS, max_examples=2_000)(given(**LISTS)(check))
)
