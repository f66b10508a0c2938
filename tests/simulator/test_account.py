import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pin_exporter.simulator import Behaviour, Churn, Faults, Population, Query, SimulatedAccount, Totals
from pin_exporter.simulator.ledger import Where

from .harness import START, Clock

MIXED = Population(
    in_progress_share=0.1,
    failed_share=0.1,
    removed_share=0.15,
    unknown_share=0.05,
    by_cid_share=0.4,
    directory_share=0.2,
    duplicate_share=0.2,
    tie_share=0.3,
)
ASCENDING = Query(0, 1000, None, "created_at", descending=False)
NIL = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01T00:00:00Z"
DOCUMENTED_ORDER = [
    "id",
    "file_record_id",
    "root_hash",
    "cid",
    "size",
    "user_id",
    "date_pinned",
    "date_unpinned",
    "pinned",
    "is_pin_by_hash",
    "sub_hash_status",
    "is_dir",
    "metadata",
    "status",
]


def account(
    pins: int = 500,
    behaviour: Behaviour | None = None,
    population: Population = MIXED,
    churn: Churn | None = None,
    seed: int = 1,
    clock: Clock | None = None,
) -> SimulatedAccount:
    return SimulatedAccount(
        "a",
        pins=pins,
        seed=seed,
        behaviour=behaviour,
        population=population,
        churn=churn,
        clock=clock or Clock(),
    )


def created(row: dict[str, str]) -> str:
    return row["created_at"]


def test_the_same_seed_makes_the_same_pins_and_another_seed_others() -> None:
    assert list(account().rows()) == list(account().rows())
    assert not {row["id"] for row in account().rows()} & {row["id"] for row in account(seed=2).rows()}


def test_keys_have_the_real_length_and_are_clearly_fake() -> None:
    a = account()
    assert (len(a.api_key), len(a.secret_key)) == (24, 44)
    assert a.api_key.startswith("sim")
    assert a.secret_key.startswith("sim")


def test_ids_are_unique_uuids() -> None:
    ids = [row["id"] for row in account().rows()]
    assert len({UUID(text) for text in ids}) == 500
    assert all(str(UUID(text)) == text and UUID(text).version == 4 for text in ids)


def test_cids_decode_to_a_sha256_multihash() -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    base32 = "abcdefghijklmnopqrstuvwxyz234567"
    prefixes = set()
    for row in account().rows():
        cid = row["cid"]
        if cid.startswith("Qm"):
            number = 0
            for character in cid:
                number = number * 58 + alphabet.index(character)
            assert len(cid) == 46
            assert number.to_bytes(34)[:2] == b"\x12\x20"
        else:
            number = 0
            for character in cid[1:]:
                number = number * 32 + base32.index(character)
            assert number & 3 == 0, "padding bits"
            assert (number >> 2).to_bytes(36)[:4] in (b"\x01\x70\x12\x20", b"\x01\x55\x12\x20")
        prefixes.add(cid[:4] if cid.startswith("baf") else "Qm")
    assert prefixes == {"Qm", "bafy", "bafk"}


def test_fields_come_in_the_documented_order() -> None:
    for row in account().rows():
        assert list(row) == [name for name in DOCUMENTED_ORDER if name in row]


def test_an_unfinished_pin_has_no_size_no_record_and_a_nanosecond_date() -> None:
    unfinished = [
        row for row in account().rows() if row["status"] in ("queued", "pinning", "retrieval", "failed")
    ]
    assert unfinished
    for row in unfinished:
        assert "size" not in row
        assert row["file_record_id"] == NIL
        assert row["pinned"] is False
        assert row["date_unpinned"] == NEVER
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", row["date_pinned"])


def test_a_finished_pin_has_a_size_a_record_and_a_microsecond_date() -> None:
    finished = [row for row in account().rows() if row["pinned"]]
    for row in finished:
        assert 100 <= row["size"] <= 50 * 10**9
        assert row["file_record_id"] != NIL
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["date_pinned"])


def test_a_removed_pin_says_when_it_was_removed() -> None:
    removed = [
        row for row in account().rows() if row["status"] in ("unpinNormally", "unpinOutOfMoney", "gcDone")
    ]
    assert Counter(row["status"] for row in removed).keys() == {"unpinNormally", "unpinOutOfMoney", "gcDone"}
    for row in removed:
        assert row["pinned"] is False
        assert row["date_pinned"] <= row["date_unpinned"] <= "2025-06-15T15:06:40.000000Z"


def test_pins_by_cid_and_only_they_lack_the_sub_hash_status() -> None:
    rows = list(account().rows())
    assert {row["is_pin_by_hash"] for row in rows} == {True, False}
    assert all(("sub_hash_status" in row) is not row["is_pin_by_hash"] for row in rows)


def test_creation_times_ascend_over_the_last_two_years() -> None:
    a = account(behaviour=Behaviour(include_created_at=True), population=Population())
    times = [created(row) for row in a.rows()]
    start = datetime.fromtimestamp(START, UTC)
    assert all(before < after for before, after in pairwise(times))
    assert (start - timedelta(days=730)).isoformat() <= times[0] < times[-1] <= start.isoformat()


def test_a_share_of_rows_ties_on_the_creation_time() -> None:
    a = account(behaviour=Behaviour(include_created_at=True), population=Population(tie_share=0.3))
    times = [created(row) for row in a.rows()]
    assert 100 < sum(before == after for before, after in pairwise(times)) < 200
    assert times == sorted(times)


def test_shares_of_states_are_exact() -> None:
    population = Population(in_progress_share=0.1, failed_share=0.05, removed_share=0.03, unknown_share=0.02)
    statuses = account(1000, population=population).truth().statuses()
    assert statuses["queued"].count + statuses["pinning"].count == 100
    assert statuses["failed"].count == 50
    assert sum(statuses[word].count for word in ("unpinNormally", "unpinOutOfMoney", "gcDone")) == 30
    assert statuses["quantumEntangled"].count == 20


def test_duplicates_share_cid_and_size() -> None:
    rows = [row for row in account().rows() if "size" in row]
    sizes: dict[str, set[int]] = {}
    for row in rows:
        sizes.setdefault(row["cid"], set()).add(row["size"])
    assert 0.1 < 1 - len(sizes) / len(rows) < 0.3
    assert all(len(found) == 1 for found in sizes.values())


def test_everything_may_be_a_duplicate_of_the_first_pin() -> None:
    assert account(300, population=Population(duplicate_share=1)).truth().distinct_cids == 1


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (
            "2023",
            {
                "DONE",
                "PENDING",
                "PROCESSING",
                "RETRIEVAL",
                "PROCESSING_RETRIEVAL",
                "FAILED",
                "FAILED_RETRIEVE",
            },
        ),
        (
            "2024",
            {"pinned", "doneRetrieval", "queued", "pinning", "retrieval", "processingRetrieval", "failed"}
            | {"retrieveFailed", "unpinNormally", "unpinOutOfMoney", "gcDone"},
        ),
    ],
)
def test_each_vocabulary_uses_all_its_words(vocabulary: str, words: set[str]) -> None:
    a = account()
    a.set_behaviour(vocabulary=vocabulary)
    assert {row["status"] for row in a.rows()} == words | {"quantumEntangled"}


def test_a_mixed_vocabulary_uses_both() -> None:
    assert {"DONE", "pinned"} <= {row["status"] for row in account(behaviour=Behaviour("mixed")).rows()}


def test_a_pin_removed_in_2023_stays_done_but_is_not_pinned() -> None:
    a = account(100, Behaviour("2023"), Population(removed_share=0.2))
    assert a.truth().by_status.keys() == {("DONE", True), ("DONE", False)}
    assert a.truth().by_status["DONE", False].count == 20


def test_completion_gives_a_size_and_moves_the_date() -> None:
    clock = Clock()
    a = account(0, clock=clock)
    a.insert(1)
    clock.now += 3600
    a.advance()
    before = next(a.rows())
    a.complete(1)
    after = next(a.rows())
    assert "size" not in before
    assert after["size"] > 0
    assert before["date_pinned"].startswith("2025-06-15T15:06:40.")
    assert after["date_pinned"] == "2025-06-15T16:06:40.000000Z"


def test_oldest_and_newest_choose_the_ends_of_the_list() -> None:
    a = account(10, population=Population())
    rows = list(a.rows())
    a.unpin(2, "oldest")
    a.run_out_of_money(1, "newest")
    removed = {row["id"]: row["status"] for row in a.rows() if not row["pinned"]}
    assert removed == {
        rows[0]["id"]: "unpinNormally",
        rows[1]["id"]: "unpinNormally",
        rows[9]["id"]: "unpinOutOfMoney",
    }


def test_a_mutation_takes_no_more_pins_than_there_are() -> None:
    a = account(10, population=Population())
    assert (a.complete(1), a.fail(3), a.unpin(7), a.unpin(7), a.run_out_of_money(1)) == (0, 0, 7, 3, 0)


@pytest.mark.parametrize("n", [5, 200])
def test_dropped_rows_leave_the_list(n: int) -> None:
    a = account(500, Behaviour(unpinned_rows="drop"), Population())
    ids = [row["id"] for row in a.rows()]
    a.unpin(n, "oldest")
    assert [row["id"] for row in a.rows()] == ids[n:]


def test_switching_to_drop_forgets_the_rows_removed_before() -> None:
    a = account()
    a.set_behaviour(unpinned_rows="drop")
    assert len(a) == 425
    assert a.truth().files == a.totals().files == 425


def totals_of(a: SimulatedAccount, *, pinned: bool | None) -> Totals:
    rows = [row for row in a.rows() if pinned is None or row["pinned"] is pinned]
    return Totals(len(rows), sum(row.get("size", 0) for row in rows))


@settings(max_examples=60, deadline=None)
@given(
    pins=st.integers(0, 200),
    drop=st.booleans(),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["insert", "complete", "fail", "unpin", "run_out_of_money"]),
            st.integers(0, 100),
            st.sampled_from(["oldest", "newest", "random"]),
        ),
        max_size=12,
    ),
)
def test_running_totals_equal_the_truth_after_any_mutations(
    pins: int, drop: bool, steps: list[tuple[str, int, Where]]
) -> None:
    a = account(pins, Behaviour(unpinned_rows="drop" if drop else "keep"))
    for action, n, where in steps:
        if action == "insert":
            a.insert(n)
        else:
            getattr(a, action)(n, where)
    truth = a.truth(with_ids=True)
    for pinned in (None, True, False):
        assert a.totals(pinned) == totals_of(a, pinned=pinned)
    assert a.totals() == Totals(truth.files, truth.size_bytes)
    assert truth.pinned.count + truth.not_pinned.count == truth.files == len(truth.ids or ())


def test_churn_is_the_same_however_often_it_is_looked_at() -> None:
    churn = Churn(5, 4, 1, 2, 0.5, 7, 1, 0)
    often, once = account(churn=churn), account(churn=churn)
    for minute in range(60):
        often.advance(START + minute * 60)
    once.advance(START + 59 * 60)
    assert list(often.rows()) == list(once.rows())
    assert len(once) > 700


def test_churn_has_the_rates_asked_for() -> None:
    a = account(100, population=Population(), churn=Churn(insert_rate=10, complete_rate=3, fail_rate=2))
    a.advance(START + 3600)
    statuses = a.truth().statuses()
    assert 500 < len(a) - 100 < 700
    assert 140 < statuses["pinned"].count - 100 < 220
    assert 80 < statuses["failed"].count < 160


def test_each_kind_of_loss_happens_at_its_rate() -> None:
    a = account(
        2000, population=Population(), churn=Churn(unpin_rate=1, bulk_unpin_rate=0.5, out_of_money_rate=2)
    )
    a.advance(START + 3600)
    statuses = a.truth().statuses()
    assert 400 < statuses["unpinNormally"].count < 900
    assert 90 < statuses["unpinOutOfMoney"].count < 150


def test_growth_stops_at_the_maximum() -> None:
    a = account(10, population=Population(), churn=Churn(insert_rate=60, max_pins=50))
    a.advance(START + 3600)
    assert len(a) == 50


def test_a_pause_costs_no_events_and_brings_none_later() -> None:
    clock = Clock()
    a = account(10, churn=Churn(insert_rate=60), clock=clock)
    a.pause()
    clock.now += 3600
    a.resume()
    assert len(a) == 10
    clock.now += 60
    a.advance()
    assert 30 < len(a) - 10 < 90


def test_time_never_goes_back() -> None:
    a = account(10, churn=Churn(insert_rate=60))
    a.advance(START + 60)
    rows = len(a)
    a.advance(START)
    a.advance(START + 60)
    assert len(a) == rows


def test_new_rates_count_from_now_on() -> None:
    clock = Clock()
    a = account(10, clock=clock)
    clock.now += 3600
    a.set_churn(insert_rate=60.0)
    assert len(a) == 10
    clock.now += 60
    a.advance()
    assert len(a) > 30


@pytest.mark.parametrize("pinned", [None, True, False])
@pytest.mark.parametrize("sort_by", ["created_at", "size", "name"])
def test_every_order_lists_the_same_rows_up_and_down(sort_by: str, pinned: bool | None) -> None:
    a = account(behaviour=Behaviour(include_created_at=True))
    up = a.page(Query(0, 1000, pinned, sort_by, descending=False))["pins"]  # type: ignore[arg-type]
    down = a.page(Query(0, 1000, pinned, sort_by, descending=True))["pins"]  # type: ignore[arg-type]
    assert up == down[::-1]
    keys = [row["metadata"]["name"] if sort_by == "name" else row.get(sort_by) for row in up]
    assert all(x <= y for x, y in pairwise(keys) if x is not None and y is not None)
    assert len(up) == a.totals(pinned).files


def test_an_order_is_sorted_again_after_a_change() -> None:
    a = account(20, population=Population())
    query = Query(0, 1000, pinned=True)
    assert len(a.page(query)["pins"]) == 20
    a.unpin(5)
    assert len(a.page(query)["pins"]) == 15


def test_ties_swap_between_requests_without_loss() -> None:
    behaviour = Behaviour(ties_swap=True, include_created_at=True)
    a = account(behaviour=behaviour, population=Population(tie_share=0.5))
    first, second = (a.page(ASCENDING)["pins"] for _ in range(2))
    assert first != second
    assert [created(row) for row in first] == [created(row) for row in second]
    a.page(ASCENDING)
    pages = []
    for offset in range(0, 500, 7):
        pages += a.page(Query(offset, 7, None, "created_at", descending=False))["pins"]
        a.page(ASCENDING)
    assert {row["id"] for row in pages} == {row["id"] for row in second}
    assert len(pages) == 500


def test_a_million_pins_are_stored_compactly() -> None:
    a = SimulatedAccount("big", pins=1_000_000, population=Population(in_progress_share=0.01), clock=Clock())
    assert a.stored_bytes() < 30_000_000
    page = a.page(Query(999_990, 1000, None, "created_at", descending=False))
    assert len(page["pins"]) == 10
    assert page["totals"]["files"] == 1_000_000


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Population(failed_share=1.5), "failed_share must be a number from 0 to 1, not 1.5"),
        (lambda: Population(failed_share=0.6, unknown_share=0.6), "must not exceed 1 together"),
        (lambda: Behaviour(max_limit=-1), "max_limit must be a whole number of at least 0, not -1"),
        (lambda: Behaviour("1999"), "vocabulary must be one of 2023, 2024, mixed, not '1999'"),  # type: ignore[arg-type]
        (lambda: Behaviour(ties_swap=1), "ties_swap must be true or false, not 1"),  # type: ignore[arg-type]
        (lambda: Behaviour(files_offset=1.5), "files_offset must be a whole number, not 1.5"),  # type: ignore[arg-type]
        (lambda: Behaviour(unknown_word=3), "unknown_word must be text, not 3"),  # type: ignore[arg-type]
        (lambda: Churn(insert_rate=float("nan")), "insert_rate must be a number from 0 to 1e"),
        (lambda: Faults(not_json_rate=0.7, redirect_rate=0.7), "the fault rates must not exceed 1 together"),
        (lambda: account().set_behaviour(colour="red"), "unknown option 'colour'"),
    ],
)
def test_a_bad_switch_is_refused_in_one_line(build: "object", message: str) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        build()
    assert "\n" not in str(caught.value)
