from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pin_exporter.api.errors import InconsistentError, UnprovableError
from pin_exporter.api.model import Page, Pin, Totals, Verdict
from pin_exporter.inventory.walk import MAX_ROWS, Walk
from tests.support.lists import Change, PinList, inserted, numbers, removed, removed_share

CHANGES = st.dictionaries(
    st.integers(0, 20),
    st.lists(
        st.integers(1, 3).map(inserted)
        | st.builds(removed_share, st.floats(0, 1), st.sampled_from([1, 1, 2, 5, 20])),
        min_size=1,
        max_size=3,
    ),
    max_size=10,
)


class Walked(NamedTuple):
    walk: Walk
    rows: list[Pin | None]

    @property
    def numbers(self) -> list[int]:
        return numbers(self.rows)


def walk_over(
    fetch: Callable[[int, int], Page],
    limit: int,
    totals_files: int | None = None,
    walk: Walk | None = None,
) -> Walked:
    walked = Walked(walk or Walk(totals_files=totals_files), [])
    while not walked.walk.done:
        offset = walked.walk.next_offset
        walked.rows.extend(walked.walk.accept(offset, limit, fetch(offset, limit)))
    return walked


def every_request(*changes: Change) -> dict[int, list[Change]]:
    return {number: list(changes) for number in range(1, 2_000)}


def shuffled(rows: list[int]) -> None:
    Random(len(rows)).shuffle(rows)


@settings(max_examples=4 * settings().max_examples, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(0, 60),
    limit=st.integers(1, 20),
    largest_page=st.none() | st.integers(1, 20),
    unreadable=st.just(set[int]()) | st.sets(st.integers(0, 59)),
    changes=CHANGES,
)
def test_a_walk_that_ends_has_every_pin_that_lived_through_it_and_none_twice(
    count: int, limit: int, largest_page: int | None, unreadable: set[int], changes: dict[int, list[Change]]
) -> None:
    pins = PinList(list(range(count)), unreadable, largest_page, changes=changes)
    try:
        walked = walk_over(pins.page, limit)
    except InconsistentError:
        assume(False)
    assert len(walked.numbers) == len(set(walked.numbers))
    assert pins.living <= set(walked.numbers) or walked.walk.verdict is Verdict.INCONSISTENT


@given(
    count=st.integers(0, 60),
    limit=st.integers(2, 20),
    largest_page=st.none() | st.integers(2, 20),
    unreadable=st.sets(st.integers(0, 59)),
)
def test_an_undisturbed_walk_is_exact_and_consistent_and_in_the_order_of_the_list(
    count: int, limit: int, largest_page: int | None, unreadable: set[int]
) -> None:
    pins = PinList(list(range(count)), unreadable, largest_page)
    walked = walk_over(pins.page, limit)
    assert walked.rows == [pins.row(number) for number in range(count)]
    assert walked.walk.verdict is Verdict.CONSISTENT
    assert walked.walk.reported == pins.totals
    assert walked.walk.pages == len(pins.requests)


def test_pages_overlap_by_ten_rows_and_a_full_last_page_is_checked() -> None:
    pins = PinList(list(range(280)))
    assert len(walk_over(pins.page, 100).numbers) == 280
    assert pins.requests == [(0, 100), (90, 100), (180, 100), (270, 100)]
    walk = Walk()
    walk.accept(0, 100, pins.page(0, 100))
    assert (walk.next_offset, walk.overlap, walk.stride) == (90, 10, 90)


@pytest.mark.parametrize("files", [1, 10, 99])
def test_a_page_with_all_files_that_another_request_reported_ends_the_walk_at_once(files: int) -> None:
    pins = PinList(list(range(files)))
    walk_over(pins.page, 100, totals_files=files)
    assert pins.requests == [(0, 100)]


@pytest.mark.parametrize("totals_files", [None, 1, 5_000])
@pytest.mark.parametrize("before", [False, True])
def test_totals_that_are_those_of_the_page_do_not_end_the_walk_with_the_first(
    totals_files: int | None, before: bool
) -> None:
    pins = PinList(list(range(1_000)), largest_page=333)

    def fetch(offset: int, limit: int) -> Page:
        page = pins.page(offset, limit)
        return Page(Totals(len(page.rows) + before * offset, 0), page.rows)

    assert walk_over(fetch, 1_000, totals_files).numbers == list(range(1_000))
    assert 3 < len(pins.requests) < 8


@pytest.mark.parametrize("count", [1, 2, 9, 10, 20, 55, 500])
@pytest.mark.parametrize("limit", [20, 1_000])
def test_totals_that_differ_with_each_answer_do_not_hide_the_end(count: int, limit: int) -> None:
    pins = PinList(list(range(count)))

    def fetch(offset: int, limit: int) -> Page:
        rows = pins.page(offset, limit).rows
        return Page(Totals(len(rows) + count, pins.answered), rows)

    walked = walk_over(fetch, limit)
    assert walked.numbers == list(range(count))
    assert walked.walk.verdict is Verdict.REPAIRED
    assert walked.walk.pages <= count // 10 + 4


@pytest.mark.parametrize("seed", range(30))
def test_an_end_that_is_known_in_hindsight_hides_no_row_of_a_list_that_changes(seed: int) -> None:
    rng = Random(seed)

    def churn(pins: PinList) -> None:
        pins.extra_files = rng.randint(1, 9)
        if rng.random() < 0.5:
            pins.remove(rng.randrange(len(pins.rows) - 1), rng.choice([1, 1, 2]))
            pins.insert(rng.randint(0, 2))

    pins = PinList(list(range(rng.randint(20, 200))), changes=every_request(churn))
    with suppress(InconsistentError):
        walked = walk_over(pins.page, 30)
        assert pins.survivors <= set(walked.numbers) or walked.walk.verdict is Verdict.INCONSISTENT


@pytest.mark.parametrize("largest_page", [1, 40])
@pytest.mark.parametrize("glitch", range(1, 8))
def test_an_empty_page_amid_the_list_is_no_end(glitch: int, largest_page: int) -> None:
    pins = PinList(list(range(100)))

    def fetch(offset: int, limit: int) -> Page:
        page = pins.page(offset, min(limit, largest_page if pins.answered < glitch else 40))
        return Page(page.totals, () if pins.answered == glitch else page.rows)

    assert walk_over(fetch, 100).numbers == list(range(100))


@pytest.mark.parametrize(("files", "pages", "verdict"), [(0, 1, "consistent"), (20_000, 2, "inconsistent")])
def test_an_empty_list_proves_something_only_if_the_totals_are_empty_too(
    files: int, pages: int, verdict: str
) -> None:
    walked = walk_over(PinList([], extra_files=files).page, 1_000)
    assert (walked.rows, walked.walk.pages, walked.walk.verdict) == ([], pages, verdict)


def test_a_limit_that_the_server_ignores_does_no_harm() -> None:
    pins = PinList(list(range(50)))
    walked = walk_over(lambda offset, _: pins.page(offset, 1_000), 10)
    assert walked.numbers == list(range(50))
    assert walked.walk.verdict is Verdict.CONSISTENT
    assert walked.walk.pages <= 3


@pytest.mark.parametrize(
    ("count", "limit", "largest_page"),
    [
        *((count, 100, most) for count in (101, 115, 5_000) for most in (1, 10, 99, None)),
        (15, 20, 10),  # the totals happen to fit
    ],
)
def test_an_offset_that_the_server_ignores_raises(count: int, limit: int, largest_page: int | None) -> None:
    pins = PinList(list(range(count)), largest_page=largest_page)
    with pytest.raises(InconsistentError, match="the same page for different offsets"):
        walk_over(lambda _, limit: pins.page(0, limit), limit)


@pytest.mark.parametrize(
    ("count", "limit", "duplicated"),
    [(50, 20, {1}), (50, 20, {2}), (50, 20, {4}), (3_000, 30, {10, 60, 110, 140})],
)
def test_a_repeated_page_is_requested_again_and_the_walk_counts_as_repaired(
    count: int, limit: int, duplicated: set[int]
) -> None:
    pins = PinList(list(range(count)))
    pages: list[Page] = []

    def fetch(offset: int, limit: int) -> Page:
        pages.append(pages[-1] if len(pages) in duplicated else pins.page(offset, limit))
        return pages[-1]

    walked = walk_over(fetch, limit)
    assert walked.numbers == list(range(count))
    assert walked.walk.verdict is Verdict.REPAIRED


@pytest.mark.parametrize(
    ("count", "extra_files", "limit"),
    [
        (0, 5, 20),
        (1, 1, 20),
        (9, -1, 100),
        (10, 1_000, 20),
        (20, -30, 20),
        (20, 1, 20),
        (55, -30, 20),
        (55, 5, 100),
    ],
)
def test_totals_that_disagree_with_the_rows_neither_stop_nor_stretch_the_walk(
    count: int, extra_files: int, limit: int
) -> None:
    pins = PinList(list(range(count)), extra_files=extra_files)
    walked = walk_over(pins.page, limit)
    assert walked.numbers == list(range(count))
    assert walked.walk.pages <= count // 10 + 4


@pytest.mark.parametrize(
    ("change", "limit", "most_requests"),
    [
        pytest.param((), 1_000, 21, id="undisturbed"),
        pytest.param((inserted(1), removed_share(0.1, 1)), 100, 225, id="+1 -1"),
        pytest.param((inserted(3), removed_share(0.1, 3)), 100, 225, id="+3 -3"),
        pytest.param((removed_share(0.1, 20),), 100, 300, id="-20"),
    ],
)
def test_walks_cost_what_the_api_page_promises_and_miss_nothing(
    change: tuple[Change, ...], limit: int, most_requests: int
) -> None:
    pins = PinList(list(range(20_000)), changes=every_request(*change))
    walked = walk_over(pins.page, limit)
    assert pins.living <= set(walked.numbers)
    assert len(walked.numbers) == len(set(walked.numbers))
    assert walked.walk.pages <= most_requests
    assert walked.walk.verdict is (Verdict.REPAIRED if change else Verdict.CONSISTENT)


def test_a_list_without_an_order_spends_three_times_the_requests_of_a_quiet_one_and_proves_nothing() -> None:
    pins = PinList(list(range(5_000)), changes=every_request(lambda pins: shuffled(pins.rows)))
    with suppress(InconsistentError):
        assert walk_over(pins.page, 100).walk.verdict is Verdict.INCONSISTENT
    assert len(pins.requests) <= 3 * (5_000 // 90 + 2) + 1


@pytest.mark.parametrize(("rows", "limit", "pages"), [(200, 20, 45), (200, 4, 205), (30, 1, 65)])
def test_a_list_of_which_only_the_first_page_stays_is_given_up_after_two_times_the_usual_requests(
    rows: int, limit: int, pages: int
) -> None:
    pins = PinList(list(range(rows)), changes=every_request(removed(limit, rows), inserted(rows - limit)))
    with pytest.raises(UnprovableError):
        walk_over(pins.page, limit)
    assert len(pins.requests) == pages
    assert walk_over(pins.page, limit, walk=Walk(prove=False)).walk.verdict is Verdict.INCONSISTENT


@pytest.mark.parametrize(("files", "max_rows", "most"), [(5, MAX_ROWS, 11_000), (2**63 - 1, 5_000, 6_000)])
def test_a_list_without_an_end_is_given_up_whatever_it_reports(files: int, max_rows: int, most: int) -> None:
    def fetch(offset: int, limit: int) -> Page:
        return Page(Totals(files, 0), [Pin(str(offset + row)) for row in range(limit)])

    walk = Walk(max_rows=max_rows)
    with pytest.raises(InconsistentError, match="does not end"):
        walk_over(fetch, 1_000, walk=walk)
    assert most - 1_000 <= walk.frontier <= most


def test_a_page_whose_first_row_is_unknown_makes_the_walk_step_back() -> None:
    pins = PinList(list(range(100)), changes={1: [removed(0, 15)]})
    walk = Walk()
    stepped_back: list[bool] = []

    def fetch(offset: int, limit: int) -> Page:
        stepped_back.append(walk.stepped_back)
        return pins.page(offset, limit)

    walked = walk_over(fetch, 40, walk=walk)
    assert pins.requests[:3] == [(0, 40), (30, 40), (20, 40)]
    assert stepped_back[:4] == [False, False, True, False]
    assert not walk.is_void
    assert set(range(15, 100)) <= set(walked.numbers)
    assert walked.walk.verdict is Verdict.REPAIRED


def test_a_list_of_which_the_beginning_has_changed_makes_the_walk_void() -> None:
    pins = PinList(list(range(60)), changes={1: [removed(0, 60), inserted(60)]})
    walk = Walk()
    while not walk.is_void:
        walk.accept(walk.next_offset, 20, pins.page(walk.next_offset, 20))
    assert [offset for offset, _ in pins.requests] == [0, 10, 0]


def test_a_full_page_with_all_files_is_checked() -> None:
    pins = PinList(list(range(100)))
    walk_over(pins.page, 100, totals_files=100)
    assert pins.requests == [(0, 100), (90, 100)]


def test_unreadable_rows_are_not_missing_where_rows_swap() -> None:
    def swap(pins: PinList) -> None:
        pins.rows[19], pins.rows[20] = pins.rows[20], pins.rows[19]

    walked = walk_over(PinList(list(range(50)), {5, 30}, changes={1: [swap]}).page, 20)
    assert (len(walked.rows), walked.walk.verdict, walked.walk.pages) == (50, Verdict.REPAIRED, 5)


def test_the_overlap_grows_with_the_shift_that_was_seen_and_fades_again() -> None:
    pins = PinList(list(range(1_000)), changes={1: [removed(0, 8)]})
    walk_over(pins.page, 100)
    offsets = [offset for offset, _ in pins.requests]
    assert offsets[1:6] == [90, 190 - 24, 266 - 12, 354 - 10, 444 - 10]


def test_rows_added_at_the_end_are_found_and_the_walk_counts_as_repaired() -> None:
    pins = PinList(list(range(50)), changes={2: [inserted(25)]})
    walked = walk_over(pins.page, 20)
    assert walked.numbers == list(range(75))
    assert walked.walk.verdict is Verdict.REPAIRED
    assert walked.walk.reported.files == 75


def test_a_list_that_is_emptied_in_mid_walk_ends_the_walk() -> None:
    pins = PinList(list(range(60)), changes={2: [removed(0, 60)]})
    walked = walk_over(pins.page, 20)
    assert walked.walk.verdict is Verdict.REPAIRED
    assert walked.walk.reported == Totals(0, 0)


def test_an_empty_page_is_no_end_when_the_list_has_moved_up_under_a_page_of_one_row() -> None:
    pins = PinList([0, 1], largest_page=1, changes={1: [removed(0)]})
    assert 1 in walk_over(pins.page, 10).numbers


def test_rows_that_cannot_be_read_hold_no_place_while_the_list_changes() -> None:
    unreadable = {*range(10, 20), *range(30, 40)}
    pins = PinList(list(range(60)), unreadable, changes={1: [removed(0, 20)]})
    assert pins.page(0, 0).totals.files == 60
    pins.answered = 0
    walked = walk_over(pins.page, 20)
    assert pins.living <= set(walked.numbers)


def test_files_beside_the_rows_and_unreadable_rows_leave_a_quiet_list_consistent() -> None:
    walked = walk_over(PinList(list(range(40)), range(20), extra_files=3).page, 30)
    assert walked.walk.verdict is Verdict.CONSISTENT


def test_totals_that_change_after_the_first_page_make_the_walk_repaired() -> None:
    def report_one_more(pins: PinList) -> None:
        pins.extra_files = 1

    assert (
        walk_over(PinList(list(range(40)), changes={1: [report_one_more]}).page, 30).walk.verdict
        is Verdict.REPAIRED
    )


@given(count=st.integers(1, 80), changes=CHANGES)
def test_a_list_of_which_no_row_can_be_read_ends_the_walk(
    count: int, changes: dict[int, list[Change]]
) -> None:
    pins = PinList(list(range(count)), range(1_000), changes=changes)
    try:
        walked = walk_over(pins.page, 20)
    except InconsistentError:
        assume(False)
    assert walked.rows == [None] * len(walked.rows)
    assert len(walked.rows) >= len(pins.survivors)


def test_a_smaller_limit_in_mid_walk_is_given_the_requests_it_needs() -> None:
    pins = PinList(list(range(6_000)))
    walk = Walk()
    read = 0
    while not walk.done:
        offset, limit = walk.next_offset, 1_000 if walk.frontier < 2_000 else 62
        read += len(walk.accept(offset, limit, pins.page(offset, limit)))
    assert read == 6_000
    assert walk.verdict is Verdict.CONSISTENT


def test_a_row_that_is_listed_twice_is_returned_once_and_the_total_stays_unproven() -> None:
    walked = walk_over(PinList([*range(25), 3, *range(25, 40)]).page, 20)
    assert walked.numbers == list(range(40))
    assert walked.walk.verdict is Verdict.INCONSISTENT


@pytest.mark.parametrize(
    ("most", "requests"), [(10, range(1, 3_000)), (10, [5]), (5, [3]), (10, [0]), (50, [1, 2, 3])]
)
def test_pages_that_the_server_cuts_short_never_end_the_walk(most: int, requests: Sequence[int]) -> None:
    pins = PinList(list(range(3_000)))

    def fetch(offset: int, limit: int) -> Page:
        return pins.page(offset, most if pins.answered in requests else limit)

    assert walk_over(fetch, 1_000).numbers == list(range(3_000))


@pytest.mark.parametrize("largest_page", [10, 40, 100])
@pytest.mark.parametrize("files", [1_000, 0])
def test_totals_that_count_less_than_is_listed_do_not_end_the_walk_where_they_say(
    files: int, largest_page: int
) -> None:
    extra_files = (files or largest_page) - 2_000
    pins = PinList(list(range(2_000)), largest_page=largest_page, extra_files=extra_files)
    assert walk_over(pins.page, 1_000).numbers == list(range(2_000))


def test_rows_lost_to_swaps_that_moved_the_page_too_are_noticed_while_the_totals_stand_still() -> None:
    middle = [9, 17, 11, 21, 22, 8, 18, 19, 16, 10, 12, 14, 15, 24, 5, 6, 13, 20, 7, 23]

    def swap(pins: PinList) -> None:
        pins.rows[5:25] = middle

    walked = walk_over(PinList(list(range(30)), changes={1: [swap]}).page, 20)
    assert set(walked.numbers) == set(range(30)) or walked.walk.verdict is Verdict.INCONSISTENT


def test_an_unreadable_row_is_counted_once_even_where_rows_have_moved() -> None:
    pins = PinList(list(range(60)), unreadable=range(3, 60, 4), changes={1: [removed(0)]})
    walked = walk_over(pins.page, 30)
    assert walked.rows.count(None) == len(range(3, 60, 4))


def test_a_list_that_loses_and_gains_rows_at_every_request_is_read_to_its_end_without_proof() -> None:
    rng = Random(1)

    def churn(pins: PinList) -> None:
        count = rng.randint(0, 50)
        pins.remove(0, count)
        pins.insert(count)

    pins = PinList(list(range(20_000)), changes=every_request(churn))
    walk = Walk(prove=False)
    while not walk.done:
        walk.accept(walk.next_offset, 100, pins.page(walk.next_offset, 100))
    assert walk.verdict is Verdict.INCONSISTENT


def ties_that_swap(group: int, seed: int, share: float = 0.0, *, by_several: bool = False) -> Change:
    """Shuffle rows of equal age, and remove and add rows before a share of the pages."""
    rng = Random(seed)

    def churn(pins: PinList) -> None:
        if rng.random() < share:
            count = rng.choice([1, 1, 2, 3, 5, 8]) if by_several else 1
            pins.remove(rng.randrange(max(1, len(pins.rows) - count)), count)
            pins.insert(rng.choice([0, count, count]) if by_several else count)
        pins.rows.sort(key=lambda row: (row // group, rng.random()))

    return churn


@pytest.mark.parametrize("group", [2, 3, 7, 25, 60])
@pytest.mark.parametrize("page", [30, 100])
def test_rows_of_equal_age_that_change_places_are_all_found_or_the_walk_says_that_they_are_not(
    group: int, page: int
) -> None:
    pins = PinList(list(range(1_000)), changes=every_request(ties_that_swap(group, seed=1)))
    try:
        walked = walk_over(pins.page, page)
    except InconsistentError:
        assert group > 7
        return
    assert len(walked.numbers) == len(set(walked.numbers))
    if walked.walk.verdict is not Verdict.INCONSISTENT:
        assert set(walked.numbers) == set(range(1_000))
    if group <= 7:
        assert walked.walk.verdict is Verdict.REPAIRED


@pytest.mark.parametrize(
    ("group", "seed"),
    [(2, 0), (2, 1), (2, 2), (8, 0), (12, 0), (30, 11), (30, 18), (30, 19), (30, 29), (30, 31)],
)
def test_no_walk_over_ties_in_a_list_that_changes_is_called_repaired_that_missed_a_row(
    group: int, seed: int
) -> None:
    pins = PinList(list(range(400)), changes=every_request(ties_that_swap(group, seed, 0.1)))
    with suppress(InconsistentError):
        walked = walk_over(pins.page, 50)
        if walked.walk.verdict is not Verdict.INCONSISTENT and not walked.walk.is_void:
            assert set(walked.numbers) >= pins.survivors
        if group == 2:
            assert walked.walk.verdict is not Verdict.INCONSISTENT


@pytest.mark.parametrize(
    ("seed", "count", "group", "page", "share"),
    [
        # Rows would be missing unnoticed if such a page only had to begin with one known row.
        (319, 200, 8, 30, 1.0),
        (779, 200, 6, 40, 0.5),
        (843, 100, 6, 20, 0.5),
        # The same if such rows did not count as shuffled.
        (339, 100, 8, 30, 1.0),
        (1282, 200, 8, 20, 0.5),
        (1603, 200, 4, 30, 1.0),
    ],
)
def test_a_page_where_known_and_new_rows_alternate_proves_nothing_unless_it_begins_with_several_known(
    seed: int, count: int, group: int, page: int, share: float
) -> None:
    change = ties_that_swap(group, seed, share, by_several=True)
    pins = PinList(list(range(count)), changes=every_request(change))
    with suppress(InconsistentError):
        walked = walk_over(pins.page, page)
        assert pins.survivors <= set(walked.numbers) or walked.walk.verdict is Verdict.INCONSISTENT


def test_the_suspicion_that_rows_are_missing_outlives_changed_totals() -> None:
    files = iter((20_000, 20_001))
    walked = walk_over(lambda *_: Page(Totals(next(files), 0), []), 1_000)
    assert (walked.numbers, walked.walk.verdict) == ([], Verdict.INCONSISTENT)


@pytest.mark.parametrize("found_later", [False, True])
def test_the_suspicion_that_a_row_is_missing_ends_with_a_full_second_count(found_later: bool) -> None:
    """Row 25 stands first in the list, but not when the first page is read for the first time."""
    firsts = 0

    def fetch(offset: int, limit: int) -> Page:
        nonlocal firsts
        firsts += offset == 0
        moved = offset > 0 or (firsts > 1 and found_later)
        rows = [*range(25), *range(26, 30)]
        rows.insert(0 if moved else 25, 25)
        return PinList(rows).page(offset, limit)

    walked = walk_over(fetch, 20)
    assert firsts == 2
    assert (25 in walked.numbers) == found_later
    assert walked.walk.verdict is (Verdict.REPAIRED if found_later else Verdict.INCONSISTENT)
