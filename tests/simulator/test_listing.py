import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from pin_exporter.simulator.options import Behaviour, Population
from pin_exporter.simulator.query import Query

from .harness import Simulated, account, created

ASCENDING = Query(0, 1000, descending=False)
NIL = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01T00:00:00Z"
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\."
DOCUMENTED_ORDER = [
    *("id", "file_record_id", "root_hash", "cid", "size", "user_id", "date_pinned", "date_unpinned"),
    *("pinned", "is_pin_by_hash", "sub_hash_status", "is_dir", "metadata", "status"),
]
IN_PROGRESS = {"queued", "pinning", "retrieval", "processingRetrieval"}
FAILED = {"failed", "retrieveFailed"}
PINNED = {"pinned", "doneRetrieval", "quantumEntangled"}
REMOVED = {"unpinNormally", "unpinOutOfMoney", "gcDone"}


def test_fields_follow_the_state_in_the_documented_order() -> None:
    seen = set()
    for row in account().rows():
        seen.add(row["status"])
        assert list(row) == [name for name in DOCUMENTED_ORDER if name in row]
        unfinished = row["status"] in IN_PROGRESS | FAILED
        assert ("size" not in row) is (row["file_record_id"] == NIL) is unfinished
        assert row["pinned"] is (row["status"] in PINNED)
        assert re.fullmatch("1220[0-9a-f]{64}", row["root_hash"])
        assert all(str(UUID(row[name])) == row[name] for name in ("id", "file_record_id", "user_id"))
        assert type(row.get("size", 0)) is int
        assert isinstance(row["metadata"]["name"], str)
        assert re.fullmatch(DATE + (r"\d{9}Z" if unfinished else r"\d{6}Z"), row["date_pinned"])
        if row["status"] in REMOVED:
            assert row["date_pinned"] <= row["date_unpinned"] <= "2025-06-15T15:06:40.000000Z"
        else:
            assert row["date_unpinned"] == NEVER
        assert unfinished or 100 <= row["size"] <= 50 * 10**9
    assert seen == IN_PROGRESS | FAILED | PINNED | REMOVED


def test_pins_by_cid_and_only_they_lack_the_sub_hash_status() -> None:
    rows = list(account().rows())
    assert {row["is_pin_by_hash"] for row in rows} == {True, False}
    assert all(("sub_hash_status" in row) is not row["is_pin_by_hash"] for row in rows)


def test_the_vocabulary_of_2023_has_its_own_words_and_a_mixed_one_both() -> None:
    a = account(behaviour=Behaviour("2023"))
    words = "DONE PENDING PROCESSING RETRIEVAL PROCESSING_RETRIEVAL FAILED FAILED_RETRIEVE quantumEntangled"
    assert {row["status"] for row in a.rows()} == set(words.split())
    assert {"DONE", "pinned"} <= {row["status"] for row in account(behaviour=Behaviour("mixed")).rows()}


def test_a_pin_removed_in_2023_stays_done_but_is_not_pinned() -> None:
    a = account(100, behaviour=Behaviour("2023"), population=Population(removed_share=0.2))
    assert a.truth().by_status.keys() == {("DONE", True), ("DONE", False)}
    assert a.truth().by_status["DONE", False].files == 20


@pytest.mark.parametrize("pinned", [None, True, False])
def test_a_filter_lists_the_same_rows_up_and_down(pinned: bool | None) -> None:
    a = account()
    up = a.page(Query(0, 1000, pinned, descending=False))["pins"]
    assert up == a.page(Query(0, 1000, pinned, descending=True))["pins"][::-1]
    assert len(up) == a.totals(pinned).files
    assert pinned is None or {row["pinned"] for row in up} == {pinned}


def test_a_filter_follows_changes() -> None:
    a = account(20, population=Population())
    query = Query(0, 1000, pinned=True)
    assert len(a.page(query)["pins"]) == 20
    a.apply("unpin", 5)
    assert len(a.page(query)["pins"]) == 15


def test_rows_are_sorted_by_what_they_show() -> None:
    a = account(behaviour=Behaviour(names="hostile"))
    keys: dict[str, Callable[[Any], Any]] = {
        "size": lambda row: row.get("size", 0),
        "name": lambda row: row["metadata"]["name"],
    }
    for sort_by, key in keys.items():
        up = a.page(replace(ASCENDING, sort_by=sort_by))["pins"]
        assert up == sorted(a.rows(), key=key)
        assert up[::-1] == a.page(Query(0, 1000, sort_by=sort_by))["pins"]
    a.configure(behaviour={"names": "plain"})
    by_name = replace(ASCENDING, sort_by="name")
    assert a.page(by_name)["pins"] == sorted(a.rows(), key=keys["name"])
    assert "size" not in a.page(replace(ASCENDING, sort_by="size"))["pins"][0]


def test_the_metadata_filter_leaves_pins_with_these_key_values() -> None:
    simulated = Simulated(1500)
    rows = [row for row in simulated.account.rows() if "keyvalues" in row["metadata"]]
    some = [row for row in rows if row["metadata"]["keyvalues"] == {"project": "clip", "batch": "1"}]
    assert 0 < len(some) < len(rows) < 400
    wanted = json.dumps({"batch": "1", "project": "clip"})
    assert simulated.page(metadata=wanted) == some
    data = simulated.get(metadata=wanted, limit=1).json()["data"]
    assert data["totals"] == {"files": len(some), "size": sum(row.get("size", 0) for row in some)}
    assert simulated.page(metadata=wanted, pinned="true") == [row for row in some if row["pinned"]]
    assert simulated.page(metadata='{"project": "none"}') == []
    assert simulated.page(metadata="{}") == simulated.page(metadata="null") == simulated.page()


def test_ties_swap_between_requests_without_loss() -> None:
    population = Population(tie_share=0.5, in_progress_share=1)
    a = account(behaviour=Behaviour(ties_swap=True), population=population)
    first, second = (a.page(ASCENDING)["pins"] for _ in range(2))
    assert first != second
    assert [created(row) for row in first] == [created(row) for row in second]
    a.page(ASCENDING)
    pages = []
    for offset in range(0, 500, 7):
        pages += a.page(Query(offset, 7, descending=False))["pins"]
        a.page(ASCENDING)
    assert {row["id"] for row in pages} == {row["id"] for row in second}
    assert len(pages) == 500
