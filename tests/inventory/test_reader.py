import asyncio
from collections.abc import Callable, Collection

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pin_exporter.api.errors import (
    ClientError,
    ConnectionFailedError,
    InconsistentError,
    PollError,
    RequestTimeoutError,
    ServerError,
    TooLargeError,
    UnauthorizedError,
)
from pin_exporter.api.model import Page, Phase, Pin, Totals, Verdict
from pin_exporter.inventory.counter import NOTHING_SHOWN, Counted, PinTotals, ShownLabels
from pin_exporter.inventory.reader import MIN_PAGE_SIZE, FetchPage, InventoryReader, PageSize
from tests.inventory.test_walk import CHANGES
from tests.support.lists import Change, PinList, inserted, removed, removed_share, size_of

NOW = 1_750_000_000.0
BOTH = pytest.mark.parametrize("in_flight", [1, 4])


async def count_and_look_round(
    fetch: FetchPage, page_size: PageSize, in_flight: int, shown: ShownLabels
) -> Counted:
    """Take an inventory; whatever comes of it, no task may be left behind."""
    try:
        reader = InventoryReader(shown)
        return await reader.read(fetch, page_size, wall=lambda: NOW, pages_in_flight=in_flight)
    finally:
        callers = {task for task in asyncio.all_tasks() if task.get_name() == "caller"}
        assert asyncio.all_tasks() - callers == {asyncio.current_task()}


def count(
    fetch: FetchPage, rows: int | PageSize = 20, *, in_flight: int = 1, shown: ShownLabels = NOTHING_SHOWN
) -> Counted:
    page_size = rows if isinstance(rows, PageSize) else PageSize(rows)
    return asyncio.run(count_and_look_round(fetch, page_size, in_flight, shown))


def numbers_of(counted: Counted) -> set[int]:
    """Tell which pins were counted: their sizes are powers of two."""
    return {number for number in range(62) if counted.inventory.size >> number & 1}


def served(page: Callable[[int, int], Page]) -> FetchPage:
    async def fetch(offset: int, limit: int) -> Page:
        await asyncio.sleep(0)
        return page(offset, limit)

    return fetch


def failing_above(rows: int, pins: PinList, error: Exception, after: int = 0) -> FetchPage:
    def page(offset: int, limit: int) -> Page:
        if limit > rows and offset >= after:
            raise error
        return pins.page(offset, limit)

    return served(page)


@BOTH
@pytest.mark.parametrize("extra_files", [0, -60, -7, 7, 500])
def test_an_undisturbed_account_is_counted_exactly_whatever_files_it_reports(
    in_flight: int, extra_files: int
) -> None:
    pins = PinList(list(range(60)), extra_files=extra_files)
    counted = count(pins.fetch, in_flight=in_flight)
    assert numbers_of(counted) == set(range(60))
    assert counted.inventory.by_status["DONE", Phase.PINNED] == PinTotals(60, 2**60 - 1)
    assert (counted.reported, counted.unaccounted_files) == (pins.totals, extra_files)
    if extra_files == 0:
        assert counted.verdict is Verdict.CONSISTENT
        assert pins.requests == [(0, 20), (10, 20), (20, 20), (30, 20), (40, 20), (50, 20)]
        assert counted.requests == 6


@BOTH
def test_an_empty_account_is_an_inventory_of_nothing(in_flight: int) -> None:
    counted = count(PinList([]).fetch, in_flight=in_flight)
    assert (counted.inventory.pins, counted.requests, counted.verdict) == (0, 1, Verdict.CONSISTENT)


def test_no_pages_are_sent_for_ahead_while_the_list_seems_to_end() -> None:
    pins = PinList(list(range(9)), extra_files=5_000)
    assert count(pins.fetch, 100, in_flight=4).verdict is Verdict.CONSISTENT
    ahead = 3  # with the second page, when the list still seemed to go on
    assert len(pins.requests) == 4 + ahead


def test_rows_that_cannot_be_read_are_counted_as_such() -> None:
    unreadable = {3, 20, 21, 22, 59}
    counted = count(PinList(list(range(60)), unreadable).fetch)
    assert (counted.inventory.malformed, counted.unaccounted_files) == (5, 5)
    assert numbers_of(counted) == set(range(60)) - unreadable
    assert counted.verdict is Verdict.CONSISTENT


@given(
    rows=st.integers(0, 60),
    page_size=st.integers(2, 25),
    largest_page=st.none() | st.integers(2, 25),
    unreadable=st.sets(st.integers(0, 59), max_size=10),
    delays=st.lists(st.integers(0, 6), max_size=30),
)
def test_four_pages_in_flight_count_what_one_counts(
    rows: int, page_size: int, largest_page: int | None, unreadable: Collection[int], delays: list[int]
) -> None:
    one = PinList(list(range(rows)), unreadable, largest_page)
    four = PinList(list(range(rows)), unreadable, largest_page, delays=delays)
    assert count(four.fetch, page_size, in_flight=4) == count(one.fetch, page_size)


@settings(max_examples=300)
@given(
    rows=st.integers(0, 40),
    page_size=st.integers(2, 25),
    in_flight=st.integers(1, 5),
    largest_page=st.none() | st.integers(2, 25),
    changes=CHANGES,
    delays=st.lists(st.integers(0, 6), max_size=30),
)
def test_under_churn_every_pin_that_lived_through_the_walk_is_counted_once_however_many_are_in_flight(
    rows: int,
    page_size: int,
    in_flight: int,
    largest_page: int | None,
    changes: dict[int, list[Change]],
    delays: list[int],
) -> None:
    pins = PinList(list(range(rows)), largest_page=largest_page, changes=changes, delays=delays)
    try:
        counted = count(pins.fetch, page_size, in_flight=in_flight)
    except InconsistentError:
        assume(False)
    assume(pins.created <= 62)
    assert pins.living <= numbers_of(counted)
    assert counted.inventory.size == sum(map(size_of, numbers_of(counted)))
    assert counted.inventory.pins == counted.inventory.unique_cids == len(numbers_of(counted))


@BOTH
def test_a_large_account_that_never_rests_is_counted_without_a_gap(in_flight: int) -> None:
    pins = PinList(
        list(range(5_000)),
        changes={number: [inserted(2), removed_share(0.3, 2)] for number in range(1, 500)},
        delays=[3, 0, 2, 1] * 100,
    )
    counted = count(pins.fetch, 100, in_flight=in_flight)
    assert counted.verdict is Verdict.REPAIRED
    assert counted.inventory.unique_cids == counted.inventory.pins
    assert len(pins.living) <= counted.inventory.pins <= pins.created


@BOTH
def test_a_first_page_that_came_from_elsewhere_in_the_list_counts_for_nothing(in_flight: int) -> None:
    pins = PinList(list(range(60)))
    counted = count(served(lambda o, n: pins.page(o if pins.answered else 35, n)), in_flight=in_flight)
    assert numbers_of(counted) == set(range(60))


@BOTH
@pytest.mark.parametrize("rows", [11, 15])
def test_a_page_that_comes_short_moves_nothing(in_flight: int, rows: int) -> None:
    pins = PinList(list(range(200)))
    page = served(lambda offset, limit: pins.page(offset, rows if pins.answered == 3 else limit))
    assert count(page, in_flight=in_flight).verdict is Verdict.CONSISTENT


@BOTH
@pytest.mark.parametrize(
    ("moves_at", "verdict", "starts_over"), [(0, Verdict.CONSISTENT, True), (2, Verdict.REPAIRED, False)]
)
def test_a_reading_that_goes_on_starts_over_only_if_the_list_has_moved_meanwhile(
    in_flight: int, moves_at: int, verdict: Verdict, starts_over: bool
) -> None:
    pins = PinList(list(range(300)))
    reader = InventoryReader(NOTHING_SHOWN)
    fetches = [failing_above(0, pins, ServerError("no", status=500), after=90), pins.fetch]

    async def read() -> Counted:
        return await reader.read(fetches.pop(0), PageSize(40), wall=lambda: NOW, pages_in_flight=in_flight)

    with pytest.raises(ServerError):
        asyncio.run(read())
    pins.changes = {pins.answered + moves_at: [removed(0, 5)]}
    pins.requests.clear()
    counted = asyncio.run(read())
    assert counted.verdict is verdict
    assert (0 in {offset for offset, _ in pins.requests}) is starts_over
    assert reader.rows == counted.inventory.pins


@BOTH
def test_a_list_that_changes_too_fast_for_a_proof_is_read_once_more_without_one(in_flight: int) -> None:
    all_but_the_beginning = [removed(20, 180), inserted(180)]
    pins = PinList(list(range(200)), changes=dict.fromkeys(range(500), all_but_the_beginning))
    assert count(pins.fetch, in_flight=in_flight).verdict is Verdict.INCONSISTENT
    assert len(pins.requests) < 100


@BOTH
def test_a_list_that_is_another_for_every_request_is_read_once_without_proof(in_flight: int) -> None:
    names = map(str, range(1_000))
    asked: list[int] = []

    def page(offset: int, limit: int) -> Page:
        asked.append(offset)
        return Page(Totals(60, 0), [Pin(next(names)) for _ in range(offset, min(60, offset + limit))])

    counted = count(served(page), in_flight=in_flight)
    assert counted.verdict is Verdict.INCONSISTENT
    assert asked.count(0) == 9  # four times the beginning and what has become of it, and once without proof


@pytest.mark.parametrize("is_first", [True, False])
def test_a_list_that_begins_otherwise_each_time_or_never_goes_on_proves_nothing(is_first: bool) -> None:
    pins = PinList(list(range(60)))

    def page(offset: int, limit: int) -> Page:
        return pins.page(0 if is_first else offset or 7 * (pins.answered + 1) % 60, limit)

    with pytest.raises(InconsistentError):
        count(served(page), 5, in_flight=4 if is_first else 1)
    assert pins.answered < 100


@pytest.mark.parametrize(
    "error",
    [
        ClientError("too many", status=400),
        ClientError("too many", status=422),
        RequestTimeoutError("slow"),
        TooLargeError("too much"),
    ],
)
@BOTH
def test_the_page_size_is_halved_until_the_server_can_and_remembered(
    error: PollError, in_flight: int
) -> None:
    pins = PinList(list(range(60)))
    page_size = PageSize(100)
    counted = count(failing_above(30, pins, error), page_size, in_flight=in_flight)
    assert numbers_of(counted) == set(range(60))
    assert page_size.rows == 25
    count(failing_above(25, pins, error), page_size)
    assert {limit for _, limit in pins.requests} == {25}


@BOTH
def test_a_page_size_that_fails_only_deep_in_the_list_is_halved_there(in_flight: int) -> None:
    pins = PinList(list(range(3_000)))
    page_size = PageSize(1_000)
    fetch = failing_above(20, pins, RequestTimeoutError("slow"), after=1_500)
    counted = count(fetch, page_size, in_flight=in_flight)
    assert counted.inventory.pins == counted.inventory.unique_cids == 3_000
    assert counted.verdict is Verdict.CONSISTENT
    assert page_size.rows == 15


@BOTH
def test_a_timeout_halves_the_page_size_once_and_later_pages_are_requested_again(
    in_flight: int,
) -> None:
    pins = PinList(list(range(300)))
    failures = [RequestTimeoutError("slow")]

    def page(offset: int, limit: int) -> Page:
        if offset >= 90 and failures:
            raise failures.pop()
        return pins.page(offset, limit)

    page_size = PageSize(40)
    counted = count(served(page), page_size, in_flight=in_flight)
    assert page_size.rows == 20
    assert counted.inventory.pins == counted.inventory.unique_cids == 300
    assert counted.verdict is Verdict.CONSISTENT


def test_the_page_size_never_falls_below_ten_rows_and_is_no_smaller_next_time_if_nothing_helped() -> None:
    asked: list[int] = []

    def page(_: int, limit: int) -> Page:
        asked.append(limit)
        raise RequestTimeoutError("slow")

    page_size = PageSize(25)
    with pytest.raises(RequestTimeoutError):
        count(served(page), page_size)
    assert asked == [25, 12, MIN_PAGE_SIZE] == [25, 12, 10]
    assert page_size.rows == 25


def test_a_page_size_that_took_too_long_is_tried_again_after_a_good_walk_but_a_refused_one_is_not() -> None:
    pins = PinList(list(range(60)))
    for error, later in ((RequestTimeoutError("slow"), 50), (ClientError("no", status=413), 25)):
        page_size = PageSize(100)
        count(failing_above(30, pins, error), page_size)
        count(pins.fetch, page_size)
        assert page_size.rows == later


@pytest.mark.parametrize(
    "error",
    [
        UnauthorizedError("no", status=401),
        ClientError("no", status=404),
        ServerError("no", status=500),
        ConnectionFailedError("no"),
    ],
)
@BOTH
def test_a_page_that_fails_for_good_ends_the_walk_and_takes_the_others_along(
    error: PollError, in_flight: int
) -> None:
    page_size = PageSize(20)
    with pytest.raises(type(error)) as caught:
        count(failing_above(0, PinList(list(range(60))), error, after=30), page_size, in_flight=in_flight)
    assert caught.value is error
    assert page_size.rows == 20


def test_a_page_that_fails_while_others_never_come_takes_them_along() -> None:
    pins = PinList(list(range(200)))

    async def fetch(offset: int, limit: int) -> Page:
        if offset == 10:
            raise ConnectionFailedError("reset")
        if offset > 10:
            await asyncio.Event().wait()
        return pins.page(offset, limit)

    with pytest.raises(ConnectionFailedError, match="reset"):
        count(fetch, in_flight=4)


def test_a_cancelled_inventory_takes_its_pages_along() -> None:
    pins = PinList(list(range(200)))

    async def cancel() -> None:
        caller = asyncio.current_task()
        assert caller is not None
        caller.set_name("caller")
        all_under_way = asyncio.Event()
        under_way: list[int] = []

        async def fetch(offset: int, limit: int) -> Page:
            if offset > 0:
                under_way.append(offset)
                if len(under_way) == 4:
                    all_under_way.set()
                await asyncio.Event().wait()
            return pins.page(offset, limit)

        inventory = asyncio.create_task(count_and_look_round(fetch, PageSize(20), 4, NOTHING_SHOWN))
        await all_under_way.wait()
        inventory.cancel()
        await asyncio.wait([inventory])
        assert inventory.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(cancel())


def test_words_shown_before_are_shown_again() -> None:
    shown = ShownLabels((("melted", Phase.UNKNOWN),), ("odd",))
    counted = count(PinList([0]).fetch, shown=shown)
    assert counted.inventory.by_status["melted", Phase.UNKNOWN] == PinTotals(0, 0)
    assert counted.inventory.by_sub_hash_status == {"odd": 0, "none": 1}


@BOTH
def test_a_bug_in_a_discarded_page_is_raised_all_the_same(in_flight: int) -> None:
    pins = PinList(list(range(200)), changes={1: [removed(0, 60)]})
    with pytest.raises(ZeroDivisionError):
        count(failing_above(0, pins, ZeroDivisionError(), after=40), 30, in_flight=in_flight)


@pytest.mark.parametrize(("rows", "turns"), [(250, 1), (1_000, 4)])
def test_other_tasks_run_between_the_slices_of_a_page(rows: int, turns: int) -> None:
    pins = PinList(list(range(rows)))
    began = seen = 0

    async def tick() -> None:
        nonlocal seen
        while True:
            seen += 1
            await asyncio.sleep(0)

    async def fetch(offset: int, limit: int) -> Page:
        nonlocal began
        began = seen
        return pins.page(offset, limit)

    async def work() -> int:
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        reader = InventoryReader(NOTHING_SHOWN, totals_files=rows)
        await reader.read(fetch, PageSize(2_000), wall=lambda: NOW)
        ticking.cancel()
        return seen - began

    assert turns <= asyncio.run(work()) <= turns + 2
    assert pins.answered == 1
