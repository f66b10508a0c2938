import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.api.model import MAX_INTEGER, VOCABULARIES, Phase, Pin, Totals, Verdict, phase_of
from pin_exporter.inventory.counter import (
    AGE_BOUNDS,
    SIZE_BOUNDS,
    Counted,
    Inventory,
    Kind,
    PinCounter,
    PinTotals,
    ShownLabels,
)

NOW = 1_750_000_000.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
WORDS = st.none() | st.sampled_from(
    ["", "DONE", "done", "PENDING", "Pinning", "FAILED", "unpinOutOfMoney", "gcDone", "mad", "none", "other"]
)
FLAGS = st.none() | st.booleans()
PINS = st.builds(
    Pin,
    id=st.just("a"),
    cid=st.none() | st.sampled_from(["", "c1", "c2", "c3"]),
    size=st.none() | st.integers(0, MAX_INTEGER) | st.sampled_from([0, 1, 1_023, 1_024, 1_025, 4_096, 4**19]),
    date_pinned=st.none() | st.datetimes(timezones=ZONES) | st.just(EPOCH),
    pinned=FLAGS,
    is_pin_by_hash=FLAGS,
    is_dir=FLAGS,
    status=WORDS,
    sub_hash_status=WORDS,
)
ROWS = st.lists(st.none() | PINS, max_size=40)


def tallied(*pins: Pin | None, now: float = NOW, shown: ShownLabels | None = None) -> Inventory:
    tally = PinCounter(shown) if shown else PinCounter()
    tally.add(pins)
    return tally.inventory(now)


def with_status(*words: str | None, pinned: bool | None = None) -> list[Pin]:
    return [Pin(str(number), status=word, pinned=pinned) for number, word in enumerate(words)]


def in_progress(date: datetime) -> Pin:
    return Pin("a", status="PENDING", date_pinned=date)


def seconds_of(date: datetime) -> float:
    return (date - EPOCH) / timedelta(seconds=1)


def at_or_below(values: list[float], bounds: tuple[int, ...]) -> list[int]:
    return [sum(value <= bound for value in values) for bound in bounds]


def cumulative(counts: tuple[int, ...]) -> list[int]:
    return [sum(counts[: number + 1]) for number in range(len(counts))]


@settings(max_examples=300)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_a_tally_equals_a_plain_count_however_the_rows_are_split(
    rows: list[Pin | None], cuts: list[int]
) -> None:
    tally = PinCounter()
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in pairwise(edges):
        tally.add(rows[min(start, len(rows)) : end])
    inventory = tally.inventory(NOW)

    pins = [pin for pin in rows if pin is not None]
    phases = [phase_of(pin.status or "", pinned=pin.pinned) for pin in pins]
    assert inventory.malformed == len(rows) - len(pins)
    assert inventory.pins == len(pins)
    assert inventory.size == sum(pin.size or 0 for pin in pins)

    statuses = [(pin.status or "none", phase) for pin, phase in zip(pins, phases, strict=True)]
    held = {
        status: PinTotals(
            statuses.count(status),
            sum(pin.size or 0 for pin, own in zip(pins, statuses, strict=True) if own == status),
        )
        for status in statuses
    }
    assert {status: held for status, held in inventory.by_status.items() if held.pins} == held
    assert {word: n for word, n in inventory.by_sub_hash_status.items() if n} == Counter(
        pin.sub_hash_status or "none" for pin in pins
    )
    kinds = Counter(
        Kind(
            phase is Phase.PINNED if pin.pinned is None else pin.pinned,
            pin.is_pin_by_hash is True,
            pin.is_dir is True,
        )
        for pin, phase in zip(pins, phases, strict=True)
    )
    assert len(inventory.by_kind) == 8
    assert {kind: n for kind, n in inventory.by_kind.items() if n} == kinds

    assert len(inventory.problem_pins.in_progress) == phases.count(Phase.IN_PROGRESS)
    cids: set[str] = set()
    duplicates = 0
    for pin in pins:
        duplicates += (pin.size or 0) if pin.cid in cids else 0
        cids |= {pin.cid} if pin.cid else set()
    assert (inventory.unique_cids, inventory.duplicate_size_bytes) == (len(cids), duplicates)

    sizes = [float(pin.size or 0) for pin in pins]
    assert cumulative(inventory.size_counts) == [*at_or_below(sizes, SIZE_BOUNDS), len(pins)]

    dates = [seconds_of(pin.date_pinned) for pin in pins if pin.date_pinned is not None]
    assert inventory.newest_at == max((date for date in dates if date > 0), default=None)
    unfinished = [
        seconds_of(pin.date_pinned)
        for pin, phase in zip(pins, phases, strict=True)
        if phase is Phase.IN_PROGRESS and pin.date_pinned is not None and pin.date_pinned > EPOCH
    ]
    ages = [max(0.0, NOW - date) for date in unfinished]
    assert inventory.oldest_unfinished_at == min(unfinished, default=None)
    assert cumulative(inventory.age_counts) == [*at_or_below(ages, AGE_BOUNDS), len(ages)]
    assert inventory.age_sum_seconds == pytest.approx(sum(ages))


@given(
    st.lists(st.tuples(st.text(max_size=70), st.text(max_size=70)), max_size=120),
    st.lists(st.sampled_from(sorted(VOCABULARIES[0].keys() | VOCABULARIES[1].keys())), max_size=5),
)
def test_made_up_words_are_bounded_and_no_pin_is_lost_to_them(
    words: list[tuple[str, str]], known: list[str]
) -> None:
    pins = [Pin("a", status=word, sub_hash_status=sub_hash, size=1) for word, sub_hash in words]
    inventory = tallied(*pins, *with_status(*known))
    assert len({word for word, _ in inventory.by_status} - {"other"}) <= 32
    assert len(inventory.by_sub_hash_status.keys() - {"other", "none"}) <= 32
    assert sum(held.pins for held in inventory.by_status.values()) == len(words) + len(known)
    assert sum(held.size for held in inventory.by_status.values()) == len(words)
    assert sum(inventory.by_sub_hash_status.values()) == len(words) + len(known)
    assert set(known) <= {word for word, _ in inventory.by_status}


def test_a_word_too_many_keeps_its_phase() -> None:
    crowd = with_status(*(f"w{number}" for number in range(40)))
    spelled = with_status("FAILed", "PENDing", "Done")
    inventory = tallied(*crowd, *spelled, Pin("x", status="dONE", pinned=False))
    assert {phase: held.pins for (word, phase), held in inventory.by_status.items() if word == "other"} == {
        Phase.UNKNOWN: 8,
        Phase.FAILED: 1,
        Phase.IN_PROGRESS: 1,
        Phase.PINNED: 1,
        Phase.REMOVED: 1,
    }


@settings(max_examples=200)
@given(st.lists(ROWS, min_size=2, max_size=4))
def test_words_shown_once_stay_shown(walks: list[list[Pin | None]]) -> None:
    shown = ShownLabels()
    for rows in walks:
        inventory = tallied(*rows, shown=shown)
        assert set(shown.statuses) <= set(inventory.shown.statuses)
        counts = inventory.by_sub_hash_status.values()
        assert sum(counts) == sum(held.pins for held in inventory.by_status.values()) == inventory.pins
        assert inventory.shown.sub_hash_statuses[: len(shown.sub_hash_statuses)] == shown.sub_hash_statuses
        shown = inventory.shown


@pytest.mark.parametrize("number", range(len(SIZE_BOUNDS)))
def test_a_size_on_the_bound_is_in_its_bucket_and_one_more_byte_is_not(number: int) -> None:
    counts = tallied(*(Pin("a", size=SIZE_BOUNDS[number] + more) for more in (-1, 0, 1))).size_counts
    assert (counts[number], counts[number + 1], sum(counts)) == (2, 1, 3)


@pytest.mark.parametrize("number", range(len(AGE_BOUNDS)))
def test_an_age_on_the_bound_is_in_its_bucket_and_one_more_second_is_not(number: int) -> None:
    now = EPOCH + timedelta(seconds=NOW)
    pins = [in_progress(now - timedelta(seconds=AGE_BOUNDS[number] + more)) for more in (-1, 0, 1)]
    counts = tallied(*pins).age_counts
    assert (counts[number], counts[number + 1], sum(counts)) == (2, 1, 3)


@pytest.mark.parametrize("hours", [-14, 0, 14])
@pytest.mark.parametrize("date", [datetime.min, datetime.max])  # noqa: DTZ901 - the zone comes below
@pytest.mark.parametrize("status", ["PENDING", "DONE"])
def test_dates_at_the_ends_of_time_in_any_zone_are_counted(date: datetime, hours: int, status: str) -> None:
    odd = Pin("a", status=status, date_pinned=date.replace(tzinfo=timezone(timedelta(hours=hours))))
    for pins in ([odd], [in_progress(EPOCH + timedelta(days=1)), odd], [odd, odd]):
        inventory = tallied(*pins)
        assert inventory.pins == len(pins)
        assert inventory.newest_at is None or inventory.newest_at > 0


def test_more_kinds_of_rows_than_are_remembered_are_all_counted() -> None:
    pins = [Pin(str(n), status=f"w{n % 3_000}", sub_hash_status=f"s{n % 7}", size=1) for n in range(6_000)]
    inventory = tallied(*pins)
    assert sum(held.size for held in inventory.by_status.values()) == 6_000
    assert inventory.by_status["w31", Phase.UNKNOWN] == PinTotals(2, 2)
    assert inventory.by_status["other", Phase.UNKNOWN] == PinTotals(6_000 - 64, 6_000 - 64)


@pytest.mark.parametrize("status", ["", "0" * 9_000])
@pytest.mark.parametrize("sub_hash", ["", "0" * 9_000])
def test_long_words_are_not_remembered(status: str, sub_hash: str) -> None:
    tally = PinCounter()
    tracemalloc.start()
    try:
        for number in range(500):
            tally.add([Pin("a", status=f"{status}{number}", sub_hash_status=f"{sub_hash}{number}")])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 500_000


@pytest.mark.parametrize(("files", "unaccounted"), [(5, 3), (2, 0), (1, -1)])
def test_unaccounted_files_are_those_reported_but_not_counted(files: int, unaccounted: int) -> None:
    counted = Counted(tallied(Pin("a"), Pin("b"), None), Verdict.CONSISTENT, 1, Totals(files, 0))
    assert counted.unaccounted_files == unaccounted
