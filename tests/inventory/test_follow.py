from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest

from pin_exporter.api.model import Page, Pin, PinnedFilter, Totals, Verdict
from pin_exporter.inventory.follow import Follow, Surprise, SurpriseError
from pin_exporter.inventory.mirror import Mirror
from tests.inventory.test_follow_stateful import (
    QUIET,
    Change,
    Server,
    Turn,
    assert_true,
    follow_once,
    read_whole,
    server_with,
)

ROWS, PAGE = 4_000, 100


class Followed:
    """A list of 40 pages that was read whole."""

    def __init__(self, server: Server | None = None) -> None:
        self.server = server or server_with(ROWS)
        self.server.rows = [
            replace(pin, size=pin.size and 1_000 + n) for n, pin in enumerate(self.server.rows)
        ]
        mirror = read_whole(self.server, repeat(QUIET), PAGE)
        assert mirror is not None
        self.mirror = mirror
        self.follow = Follow(mirror)

    def interval(self, *changes: Change) -> list[tuple[str, int]]:
        """Return the requests of an interval after some changes."""
        for change in changes:
            self.server.apply(change)
        self.server.requests.clear()
        follow_once(self.follow, self.server, repeat(QUIET), PAGE)
        assert self.follow.verdict is Verdict.CONSISTENT
        assert_true(self.mirror, self.server, renamed_since=0)
        return list(self.server.requests)


def unfinished_at_end() -> Server:
    """Return a list of which nothing but the newest rows is not pinned."""
    server = Server()
    server.apply(Change("upload", ROWS - 20))
    server.apply(Change("insert", 20))
    return server


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ((), 4),
        ((Change("insert", 40),), 6),
        ((Change("upload", 40),), 4),
        ((Change("insert", 500),), 20),
        ((Change("complete", 10, 0.996),), 6),
        ((Change("drop", 1, 0.3),), 6),
        ((Change("drop", 1_000, 0.3),), 16),
        ((Change("drop", 1_000, 0.75),), 8),
        ((Change("drop", 3, "scattered"),), 24),
        ((Change("insert", 5), Change("complete", 5, 0.996), Change("drop", 1, 0.5)), 18),
    ],
)
def test_an_interval_takes_few_requests(changes: Sequence[Change], most: int) -> None:
    followed = Followed(unfinished_at_end())
    assert len(followed.interval(*changes)) <= most
    not_pinned = sum(not pin.pinned for pin in followed.server.rows)
    assert len(followed.interval()) <= 5 + not_pinned // (PAGE - 1)


def test_a_quiet_interval_audits_a_page_and_reads_the_end_before_and_after_what_is_not_pinned() -> None:
    followed = Followed(unfinished_at_end())
    rest = [("all", ROWS - 10), ("false", 0), ("all", ROWS - 10)]
    assert followed.interval() == [("all", 0), *rest]
    assert followed.interval() == [("all", PAGE), *rest]
    for _ in range(38):
        audited = followed.interval()
    assert audited[0] == ("all", ROWS - PAGE)
    assert followed.interval()[0] == ("all", 0)
    assert followed.follow.audited_rows == ROWS + PAGE


def test_a_list_that_is_emptied_is_followed_to_its_end() -> None:
    followed = Followed()
    followed.interval(Change("drop", ROWS))
    assert followed.mirror.totals == Totals(0, 0)
    followed.interval(Change("insert", 7))
    assert followed.mirror.totals == Totals(7, 0)


def test_pins_in_progress_that_are_spread_over_the_list_are_read_where_they_stand() -> None:
    followed = Followed()
    followed.interval(Change("complete", 3, "scattered"))


def test_a_list_that_never_stands_still_is_repaired() -> None:
    followed = Followed(unfinished_at_end())
    restless = repeat(Turn([Change("insert", 1), Change("complete", 1, 0.999), Change("fail", 1, 0.999)]))
    follow_once(followed.follow, followed.server, restless, PAGE)
    assert followed.follow.verdict is Verdict.REPAIRED


Respond = Callable[[PinnedFilter, int, Page], Page]


def reported(files: int = 0, size: int = 0) -> Respond:
    return lambda _, __, page: Page(Totals(page.totals.files + files, page.totals.size + size), page.rows)


def rows_of(pinned: PinnedFilter, change: Callable[[list[Any]], Sequence[Pin | None]]) -> Respond:
    return lambda asked, _, page: Page(page.totals, change(list(page.rows))) if asked == pinned else page


def renamed(rows: list[Any]) -> Sequence[Pin | None]:
    return [replace(pin, status="doneRetrieval") for pin in rows]


@pytest.mark.parametrize(
    ("respond", "surprise"),
    [
        (rows_of("all", renamed), Surprise.AUDIT),
        (rows_of("all", lambda rows: []), Surprise.EMPTY_PAGE),
        (rows_of("false", lambda rows: [replace(pin, pinned=True) for pin in rows]), Surprise.FILTER),
        (rows_of("false", lambda rows: rows[:-1]), Surprise.CHURN),
        (reported(files=3), Surprise.EMPTY_PAGE),
        (reported(files=-3), Surprise.TOTALS),
        (reported(size=3), Surprise.TOTALS),
        (rows_of("all", lambda rows: rows[::-1]), Surprise.ORDER),
        (rows_of("all", lambda rows: [*rows[:-1], rows[0]]), Surprise.ORDER),
        (rows_of("all", lambda rows: [*rows[:5], Pin("x"), *rows[5:-1]]), Surprise.UNKNOWN_ROW),
        (rows_of("all", lambda rows: [None, *rows[1:]]), Surprise.UNREADABLE_ROW),
        (rows_of("all", lambda rows: [replace(pin, status="queued") for pin in rows]), Surprise.AUDIT),
    ],
)
def test_what_the_list_must_not_be_is_a_surprise(respond: Respond, surprise: Surprise) -> None:
    class Strange(Server):
        strange = False

        def respond(self, turn: Turn, pinned: PinnedFilter, offset: int, limit: int) -> Page:
            page = super().respond(turn, pinned, offset, limit)
            return respond(pinned, offset, page) if self.strange else page

    server = Strange()
    server.apply(Change("upload", ROWS - 20))
    server.apply(Change("insert", 20))
    followed = Followed(server)
    server.strange = True
    with pytest.raises(SurpriseError) as caught:
        follow_once(followed.follow, server, repeat(QUIET), PAGE)
    assert caught.value.surprise is surprise


def test_a_mirror_with_what_cannot_be_followed_is_a_surprise_at_once() -> None:
    for pin, surprise in [
        (None, Surprise.UNREADABLE_ROW),
        (Pin("1", status="failed", pinned=True), Surprise.FILTER),
    ]:
        mirror = Mirror()
        mirror.add([pin])
        with pytest.raises(SurpriseError) as caught:
            Follow(mirror).begin()
        assert caught.value.surprise is surprise


def test_more_vanished_rows_than_a_full_inventory_would_cost_to_find_are_too_much() -> None:
    followed = Followed(unfinished_at_end())
    followed.server.apply(Change("drop", 400, "scattered"))
    with pytest.raises(SurpriseError) as caught:
        follow_once(followed.follow, followed.server, repeat(QUIET), PAGE)
    assert caught.value.surprise is Surprise.CHURN
    assert followed.follow.requests <= ROWS // PAGE


def test_a_server_that_cuts_pages_is_followed_and_so_is_one_that_cuts_them_further() -> None:
    followed = Followed(unfinished_at_end())
    for largest in (50, 20, 90):
        followed.server.largest_page = largest
        assert len(followed.interval(Change("drop", 1, 0.4), Change("upload", 3))) <= 12
