import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.simulator.account import EVENTS, Event, SimulatedAccount
from pin_exporter.simulator.options import Behaviour, Population
from pin_exporter.simulator.query import Query
from pin_exporter.simulator.state import Totals

from .harness import Clock, account


def test_shares_of_states_are_exact() -> None:
    population = Population(in_progress_share=0.1, failed_share=0.05, removed_share=0.03, unknown_share=0.02)
    statuses = account(1000, population=population).truth().statuses()
    assert statuses["queued"].files + statuses["pinning"].files == 100
    assert statuses["failed"].files == 50
    assert sum(statuses[word].files for word in ("unpinNormally", "unpinOutOfMoney", "gcDone")) == 30
    assert statuses["quantumEntangled"].files == 20


def test_completion_gives_a_size_and_moves_the_date() -> None:
    clock = Clock()
    a = account(0, clock=clock)
    a.apply("insert")
    clock.now += 3600
    a.advance()
    before = next(a.rows())
    a.apply("complete")
    after = next(a.rows())
    assert "size" not in before
    assert after["size"] > 0
    assert before["date_pinned"].startswith("2025-06-15T15:06:40.")
    assert after["date_pinned"] == "2025-06-15T16:06:40.000000Z"


def test_the_newest_fail_and_the_oldest_are_removed_for_lack_of_balance() -> None:
    a = account(10, population=Population())
    a.apply("insert", 2)
    rows = list(a.rows())
    assert (a.apply("fail"), a.apply("exhaust_balance", 2)) == (1, 2)
    changed = {place: row["status"] for place, row in enumerate(a.rows()) if row != rows[place]}
    assert changed == {0: "unpinOutOfMoney", 1: "unpinOutOfMoney", 11: "failed"}


def test_an_event_happens_to_no_more_pins_than_there_are() -> None:
    a = account(10, population=Population())
    assert (a.apply("complete"), a.apply("unpin", 7), a.apply("bulk_unpin", 7)) == (0, 7, 3)


@pytest.mark.parametrize("n", [5, 200])
def test_dropped_rows_leave_the_list(n: int) -> None:
    a = account(500, behaviour=Behaviour(unpinned_rows="drop"), population=Population())
    ids = [row["id"] for row in a.rows()]
    a.apply("exhaust_balance", n)
    assert [row["id"] for row in a.rows()] == ids[n:]


def test_switching_to_drop_forgets_the_rows_removed_before() -> None:
    a = account()
    a.configure(behaviour={"unpinned_rows": "drop"})
    assert len(a) == a.truth().files == a.totals().files == 425


def totals_of(a: SimulatedAccount, *, pinned: bool | None) -> Totals:
    rows = [row for row in a.rows() if pinned is None or row["pinned"] is pinned]
    return Totals(len(rows), sum(row.get("size", 0) for row in rows))


@settings(max_examples=60, deadline=None)
@given(
    pins=st.integers(0, 200),
    unpinned_rows=st.sampled_from(["keep", "drop"]),
    steps=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 100)), max_size=12),
)
def test_running_totals_equal_the_truth_after_any_events(
    pins: int, unpinned_rows: Any, steps: list[tuple[Event, int]]
) -> None:
    a = account(pins, behaviour=Behaviour(unpinned_rows=unpinned_rows))
    for event, n in steps:
        a.apply(event, n)
    truth = a.truth()
    for pinned in (None, True, False):
        assert a.totals(pinned) == totals_of(a, pinned=pinned)
    assert a.totals() == Totals(truth.files, truth.size_bytes)
    assert (a.totals(True), a.totals(False)) == (truth.pinned, truth.not_pinned)


def test_a_million_pins_are_stored_compactly() -> None:
    tracemalloc.start()
    try:
        a = SimulatedAccount(
            "big", pins=1_000_000, population=Population(in_progress_share=0.01), clock=Clock()
        )
        assert tracemalloc.get_traced_memory()[0] < 40_000_000
    finally:
        tracemalloc.stop()
    page = a.page(Query(999_990, 1000, descending=False))
    assert len(page["pins"]) == 10
    assert page["totals"]["files"] == 1_000_000
