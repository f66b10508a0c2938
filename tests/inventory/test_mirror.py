import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.api.model import Pin, Totals
from pin_exporter.inventory.counter import PinCounter
from pin_exporter.inventory.mirror import Difference, Mirror, hashed

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START.timestamp() + 1_000


def work(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


PINS = st.tuples(
    st.sampled_from([None, "", "a", "b", "c", "d"]),
    st.none() | st.integers(0, 9),
    st.none()
    | st.just(datetime(1, 1, 1, tzinfo=UTC))
    | st.integers(0, 9).map(lambda d: START + timedelta(days=d)),
    st.booleans(),
    st.sampled_from(["pinned", "queued", "failed", "unpinOutOfMoney", "gcDone", None, "unheard"]),
)
Row = tuple[str | None, int | None, datetime | None, bool, str | None]
Act = tuple[Literal["add", "update", "remove", "truncate", "settle"], list[Row], float, int]
ACTS = st.tuples(
    st.sampled_from(["add", "update", "update", "remove", "truncate", "settle"]),
    st.lists(PINS, min_size=1, max_size=12),
    st.floats(0, 1),
    st.integers(1, 5),
)


def pin(number: int, row: Row) -> Pin:
    cid, size, date, pinned, status = row
    return Pin(f"id-{number}", cid, size, date, pinned, status=status)


@settings(max_examples=300)
@given(st.lists(ACTS, max_size=25))
def test_it_counts_what_a_counter_of_its_rows_counts_whatever_happened_to_them(acts: list[Act]) -> None:
    mirror, rows, created = Mirror(min_gone=2), list[Pin | None](), 0
    for act, made, where, count in acts:
        at = int(where * len(rows))
        if act == "add":
            added = [pin(created + number, row) for number, row in enumerate(made)]
            created += len(added)
            rows += added
            mirror.add(added)
        elif act == "update":
            for index, row in enumerate(made, at):
                old = rows[index] if index < len(rows) else None
                if old is not None:
                    rows[index] = new = pin(int(old.id[3:]), row)
                    mirror.update(index, new)
        elif act == "remove":
            stop = min(at + count, len(rows))
            work(mirror.remove(at, stop))
            rows[at:stop] = [None] * (stop - at)
        elif act == "truncate":
            work(mirror.truncate(at))
            del rows[at:]
        else:
            work(mirror.settle())
            if len(mirror) < len(rows):
                rows = [row for row in rows if row is not None]
        live = [row for row in rows if row is not None]
        assert len(mirror) == len(rows)
        assert [mirror.is_gone(index) for index in range(len(rows))] == [row is None for row in rows]
        assert [mirror.id_at(mirror.index_at(n)) for n in range(len(live))] == [
            hashed(each.id) for each in live
        ]
        assert mirror.index_at(len(live)) == len(rows)
        assert mirror.totals == totals(live)
        idle = [each for each in live if not mirror.group_of(each).kind.pinned]
        assert mirror.not_pinned_totals == totals(idle)
        assert len(mirror.not_pinned()) == len(idle)
    work(mirror.settle())
    inventory = mirror.inventory(NOW)
    counter = PinCounter(inventory.shown)
    counter.add(row for row in rows if row is not None)
    expected = counter.inventory(NOW)
    # Names and ages are read again each time: the mirror does not hold them.
    unnamed = {
        "problem_pins": None,
        "age_counts": None,
        "age_sum_seconds": None,
        "oldest_unfinished_at": None,
    }
    assert {**fields(inventory), **unnamed} == {**fields(expected), **unnamed}


def totals(pins: list[Pin]) -> Totals:
    return Totals(len(pins), sum(each.size or 0 for each in pins))


def fields(of: object) -> dict[str, object]:
    return {name: getattr(of, name) for name in of.__slots__}  # type: ignore[attr-defined]


def test_a_row_is_found_wherever_it_stands_and_only_there() -> None:
    mirror, count = Mirror(), 50_000
    mirror.add(Pin(str(number)) for number in range(count))
    for number in (0, 1, 63, 64, 575, 576, 20_000, count - 1):
        wanted = hashed(str(number))
        assert mirror.find(wanted, 0, count) == mirror.find(wanted, number, count) == number
        assert mirror.find(wanted, number + 1, count) is mirror.find(wanted, 0, number) is None
    shifted = (hashed("7") >> 8) + ((hashed("8") & 255) << 56)
    assert mirror.find(shifted, 0, count) is None, "found between two rows"


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (("a", 1, None, True, "pinned"), ("a", 1, START, True, "pinned"), Difference.NONE),
        (("a", None, None, False, "queued"), ("a", 1, START, True, "pinned"), Difference.STATE),
        (("a", None, None, False, "queued"), ("a", None, None, False, "failed"), Difference.STATE),
        (("a", 1, None, True, "pinned"), ("a", 1, None, False, "gcDone"), Difference.STATE),
        (("a", 1, None, True, "pinned"), ("a", 1, None, True, "doneRetrieval"), Difference.SILENT),
        (("a", 1, None, True, "pinned"), ("a", 2, None, True, "pinned"), Difference.SILENT),
        (("a", 1, None, True, "pinned"), ("b", 1, None, True, "pinned"), Difference.SILENT),
    ],
)
def test_it_tells_changes_that_no_total_shows_from_others(
    before: Row, after: Row, difference: Difference
) -> None:
    mirror = Mirror()
    mirror.add([pin(0, before)])
    assert mirror.update(0, pin(0, after)) is difference


def test_unreadable_rows_and_too_many_labels_are_noted() -> None:
    mirror = Mirror()
    mirror.add([None, pin(0, ("a", 1, None, True, "pinned")), None])
    assert (mirror.malformed, len(mirror), mirror.has_too_many_labels) == (2, 1, False)
    mirror.add(
        Pin(str(n), pinned=bool(n % 2), is_dir=bool(n & 2), is_pin_by_hash=bool(n & 4), status=f"s{n % 37}")
        for n in range(2_000)
    )
    assert mirror.has_too_many_labels
    assert mirror.inventory(NOW).pins == 2_001


@pytest.mark.parametrize(("status", "pinned", "expected"), [("failed", True, True), ("failed", False, False)])
def test_a_problem_of_a_pinned_pin_is_noted(status: str, pinned: bool, expected: bool) -> None:
    mirror = Mirror()
    mirror.add([pin(0, ("a", 1, None, pinned, status))])
    assert mirror.has_pinned_problems is expected


def test_a_pin_takes_less_than_40_bytes() -> None:
    count = 50_000
    tracemalloc.start()
    try:
        mirror = Mirror()
        for first in range(0, count, 1_000):
            mirror.add(pin(n, (f"cid-{n}", 5, START, True, "pinned")) for n in range(first, first + 1_000))
        work(mirror.settle())
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / count < 40
    assert most / count < 80
