from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest

from pin_exporter.api.model import Metadata, Pin
from pin_exporter.inventory.counter import PinCounter
from pin_exporter.inventory.problem_pins import (
    MAX_PINS,
    MAX_TEXT_LENGTH,
    NO_PROBLEM_PINS,
    ProblemPin,
    ProblemPins,
    Shortlist,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def pin(number: int, date: datetime | None = None, status: str = "failed", name: object = None) -> Pin:
    return Pin(f"id-{number}", date_pinned=date, status=status, metadata=Metadata(name))


def after(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def noted(pins: Iterable[Pin], *, oldest: bool = False) -> list[str]:
    shortlist = Shortlist(oldest=oldest)
    for each in pins:
        shortlist.add(each)
    return [each.id for each in shortlist.pins()]


def attention_of(*pins: Pin) -> ProblemPins:
    tally = PinCounter()
    tally.add(pins)
    return tally.inventory(now=START.timestamp()).problem_pins


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_newest_come_first_or_the_oldest_in_whatever_order_they_were_seen(order: tuple[int, ...]) -> None:
    pins = [pin(number, after(number)) for number in order]
    assert noted(pins) == ["id-3", "id-2", "id-1", "id-0"]
    assert noted(pins, oldest=True) == ["id-0", "id-1", "id-2", "id-3"]


@pytest.mark.parametrize("step", [1, -1, 3, 7])
def test_of_very_many_pins_the_50_looked_for_most_are_kept(step: int) -> None:
    pins = [pin(step * number % 1_000, after(step * number % 1_000)) for number in range(1_000)]
    assert noted(pins) == [f"id-{number}" for number in range(999, 949, -1)]
    assert noted(pins, oldest=True) == [f"id-{number}" for number in range(50)]


@pytest.mark.parametrize("oldest", [True, False])
@pytest.mark.parametrize("undated", [None, ZERO_TIME, datetime.fromtimestamp(0, UTC)])
def test_a_pin_without_a_date_comes_last_and_gives_way_to_any_with_one(
    undated: datetime | None, oldest: bool
) -> None:
    without = [pin(number, undated) for number in range(MAX_PINS)]
    assert noted([*without, pin(999, START)], oldest=oldest)[0] == "id-999"
    assert noted([pin(999, START), *without], oldest=oldest)[0] == "id-999"
    assert len(noted([*without, pin(999, START)], oldest=oldest)) == MAX_PINS


def test_of_pins_of_the_same_moment_those_seen_first_are_kept_in_the_order_of_the_list() -> None:
    pins = [pin(number, START) for number in range(60)]
    assert noted(pins) == noted(pins, oldest=True) == [f"id-{number}" for number in range(50)]


def test_dates_are_compared_across_time_zones_up_to_the_ends_of_the_calendar() -> None:
    east, west = timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))
    dates = [
        datetime(1, 1, 1, tzinfo=east),
        (START - timedelta(minutes=1)).astimezone(east),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, west),
        START,
    ]
    assert noted([pin(*each) for each in enumerate(dates)]) == ["id-2", "id-3", "id-1", "id-0"]


def test_each_pin_that_needs_attention_is_in_the_list_of_its_kind_and_no_other_pin_is_anywhere() -> None:
    found = attention_of(
        pin(1, status="FAILED_RETRIEVE"),
        pin(2, status="UNPINOUTOFMONEY"),
        pin(3, status="queued"),
        pin(4, status="pinned"),
        pin(5, status="unpinNormally"),
        pin(6, status="never heard of"),
        Pin("id-7"),
        Pin("id-8", status="pinned", pinned=False),
    )
    assert [each.id for each in found.failed] == ["id-1"]
    assert [each.id for each in found.balance_exhausted] == ["id-2"]
    assert [each.id for each in found.in_progress] == ["id-3"]
    assert attention_of() == NO_PROBLEM_PINS


def test_pins_in_progress_are_those_that_wait_longest_and_failures_the_newest() -> None:
    pins = [pin(number, after(number), status) for number in range(60) for status in ("failed", "queued")]
    found = attention_of(*pins)
    assert [each.id for each in found.failed] == [f"id-{number}" for number in range(59, 9, -1)]
    assert [each.id for each in found.in_progress] == [f"id-{number}" for number in range(50)]


def test_a_noted_pin_has_what_a_person_wants_to_see() -> None:
    whole = Pin("id", "bafy", 7, START, True, False, False, "failed", "failed", Metadata("name"))
    assert attention_of(whole).failed == (ProblemPin("id", "name", "bafy", "failed", START.timestamp(), 7),)
    assert attention_of(Pin("id", status="failed")).failed == (
        ProblemPin("id", None, None, "failed", None, None),
    )


@pytest.mark.parametrize("name", ["<script>", "\u202e\x00\ud800", "", "👩‍👧", None, 7, [], True])
def test_a_name_is_kept_as_it_is_if_it_is_text(name: object) -> None:
    assert attention_of(pin(1, name=name)).failed[0].name == (name if isinstance(name, str) else None)


def test_long_texts_are_cut_and_say_so() -> None:
    long = "x" * 10_000
    found = attention_of(Pin(long, long, status="failed", metadata=Metadata(long))).failed[0]
    for text in (found.id, found.cid, found.name):
        assert text == "x" * (MAX_TEXT_LENGTH - 1) + "…"
    whole = "x" * MAX_TEXT_LENGTH
    assert attention_of(pin(1, name=whole)).failed[0].name == whole
