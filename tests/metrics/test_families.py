from collections.abc import Iterable
from dataclasses import replace

import pytest

from pin_exporter.api.model import Collector, Verdict
from pin_exporter.api.request_stats import RequestStats
from pin_exporter.inventory.counter import Counted
from pin_exporter.metrics.families import ACCOUNT_FAMILIES
from pin_exporter.polling.snapshot import AccountSnapshot
from pin_exporter.toolkit.exposition.family import PREFIX, Type
from tests.support.oracle import metric
from tests.support.samples import COUNTED, FULL, HOSTILE_WORD, INVENTORY, UNTRIED

FAMILIES = {family.name.removeprefix(PREFIX): family for family in ACCOUNT_FAMILIES}

Row = tuple[tuple[str, ...], float]


def rows(name: str, snapshot: AccountSnapshot = FULL) -> list[Row]:
    """Return label values beside the account, in the order of the labels, and the value, of each sample."""
    family = FAMILIES[name]
    return [
        (tuple(sample.labels[label] for label in family.labels), sample.value)
        for sample in metric(family, snapshot).samples
    ]


def buckets(name: str, snapshot: AccountSnapshot = FULL) -> list[tuple[str, float]]:
    samples = metric(FAMILIES[name], snapshot).samples
    return [(sample.labels["le"], sample.value) for sample in samples if sample.name.endswith("_bucket")]


def counting(counted: Counted) -> AccountSnapshot:
    return replace(FULL, counted=counted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("files", 10),
        ("size_bytes", 400_005_120),
        ("size_limit_bytes", 1_000_000_000),
        ("unique_cids", 6),
        ("duplicate_cid_size_bytes", 1_024),
        ("oldest_unfinished_pin_timestamp_seconds", 1_749_900_000.25),
        ("newest_pin_timestamp_seconds", 1_749_999_990.123456),
        ("inventory_requests", 3),
        ("inventory_unaccounted_files", 3),
        ("inventory_malformed_pins", 2),
        ("up", 1),
        ("api_throttled_seconds_total", 12.5),
        ("api_response_bytes_total", 123_456),
    ],
)
def test_a_single_value_is_shown_as_it_is(name: str, value: float) -> None:
    assert rows(name) == [((), value)]


def test_pins_and_bytes_are_shown_by_status_and_phase() -> None:
    assert rows("pins") == [
        (("DONE", "pinned"), 4),
        (("DONE", "removed"), 0),
        (("PENDING", "in_progress"), 2),
        ((HOSTILE_WORD, "unknown"), 1),
    ]
    assert rows("stored_bytes") == [
        (("DONE", "pinned"), 400_001_024),
        (("DONE", "removed"), 0),
        (("PENDING", "in_progress"), 0),
        ((HOSTILE_WORD, "unknown"), 4_096),
    ]


def test_pins_are_shown_by_sub_hash_status_and_by_kind() -> None:
    assert rows("sub_hash_pins") == [(("none",), 5), (("DONE",), 2)]
    assert rows("pins_by_kind") == [
        (("true", "upload", "file"), 3),
        (("true", "cid", "directory"), 1),
        (("false", "cid", "file"), 3),
    ]


def test_sizes_fall_into_powers_of_four_from_1_kib_to_256_gib() -> None:
    shown = buckets("pin_size_bytes")

    assert [float(edge) for edge, _ in shown[:-1]] == [float(1024 << 2 * power) for power in range(15)]
    assert [count for _, count in shown] == [3, *[5] * 8, *[6] * 6, 7]


def test_ages_fall_into_buckets_from_10_minutes_to_30_days() -> None:
    assert buckets("unfinished_pin_age_seconds") == [
        ("600.0", 1),
        ("3600.0", 1),
        ("21600.0", 1),
        ("86400.0", 2),
        ("604800.0", 2),
        ("2.592e+06", 2),
        ("+Inf", 2),
    ]


@pytest.mark.parametrize(
    ("verdict", "value"), [(Verdict.CONSISTENT, 1), (Verdict.REPAIRED, 0), (Verdict.INCONSISTENT, 0)]
)
def test_only_an_inventory_that_nothing_disturbed_is_called_consistent(
    verdict: Verdict, value: float
) -> None:
    assert rows("inventory_consistent", counting(replace(COUNTED, verdict=verdict))) == [((), value)]


def test_dates_are_absent_where_there_is_no_pin_to_take_them_from() -> None:
    empty = counting(
        replace(COUNTED, inventory=replace(INVENTORY, oldest_unfinished_at=None, newest_at=None))
    )

    assert rows("oldest_unfinished_pin_timestamp_seconds", empty) == []
    assert rows("newest_pin_timestamp_seconds", empty) == []


def test_the_size_limit_is_absent_when_it_is_not_configured() -> None:
    assert rows("size_limit_bytes", replace(FULL, size_limit_bytes=None)) == []


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.cached])
def test_no_cached_family_shows_anything_before_the_first_success(name: str) -> None:
    assert rows(name, UNTRIED) == []


@pytest.mark.parametrize(
    ("name", "totals", "inventory"),
    [
        ("last_success_timestamp_seconds", 1_750_000_000.5, 1_749_999_870.25),
        ("last_attempt_timestamp_seconds", 1_750_000_000.5, 1_749_999_990.75),
        ("poll_interval_seconds", 60, 120),
        ("poll_duration_seconds", 0.125, 2.5),
        ("polls_total", 9, 5),
    ],
)
def test_each_collector_has_its_own_health(name: str, totals: float, inventory: float) -> None:
    assert rows(name) == [(("totals",), totals), (("inventory",), inventory)]


def test_an_account_that_was_never_polled_is_down_and_says_so_with_zeros() -> None:
    assert rows("up", UNTRIED) == [((), 0)]
    for name in ("last_success_timestamp_seconds", "last_attempt_timestamp_seconds", "polls_total"):
        assert rows(name, UNTRIED) == [(("totals",), 0), (("inventory",), 0)]
    assert rows("poll_duration_seconds", UNTRIED) == []


def test_a_failed_totals_poll_takes_the_account_down_and_leaves_its_data() -> None:
    failed = FULL.with_health(
        Collector.TOTALS, FULL.health[Collector.TOTALS].failed("tls", "bad certificate")
    )

    assert rows("up", failed) == [((), 0)]
    assert rows("files", failed) == [((), 10)]
    assert rows("last_success_timestamp_seconds", failed)[0] == (("totals",), 1_750_000_000.5)


def test_a_failed_inventory_does_not_take_the_account_down() -> None:
    assert FULL.health[Collector.INVENTORY].reason == "timeout"
    assert rows("up") == [((), 1)]


REASONS = [
    "timeout",
    "connection",
    "tls",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "client_error",
    "server_error",
    "redirect",
    "malformed",
    "inconsistent",
]


def test_failures_and_retries_start_at_zero_for_every_reason() -> None:
    assert rows("api_retries_total", UNTRIED) == [((reason,), 0) for reason in REASONS]
    assert rows("poll_failures_total", UNTRIED) == [
        ((collector, reason), 0) for collector in ("totals", "inventory") for reason in REASONS
    ]


def nonzero(shown: Iterable[Row]) -> list[Row]:
    return [row for row in shown if row[1]]


def test_failures_and_retries_are_counted_by_reason() -> None:
    assert nonzero(rows("poll_failures_total")) == [(("inventory", "timeout"), 1)]
    assert nonzero(rows("api_retries_total")) == [(("timeout",), 2)]


def test_requests_are_counted_by_operation_and_code() -> None:
    assert rows("api_requests_total") == [
        (("totals", "200"), 9),
        (("list", "200"), 12),
        (("list", "error"), 3),
    ]


def test_request_durations_have_one_histogram_for_each_operation() -> None:
    samples = metric(FAMILIES["api_request_duration_seconds"], FULL).samples
    ends = [(s.labels["operation"], s.value) for s in samples if s.labels.get("le") == "+Inf"]
    sums = [(s.labels["operation"], s.value) for s in samples if s.name.endswith("_sum")]

    assert ends == [("totals", 9), ("list", 15)]
    assert sums == [("totals", 0.875), ("list", 103.5)]
    assert (
        metric(FAMILIES["api_request_duration_seconds"], replace(FULL, request_stats=RequestStats())).samples
        == []
    )


def test_names_are_unique_and_only_counters_end_in_total() -> None:
    assert len(FAMILIES) == len(ACCOUNT_FAMILIES)
    for name, family in FAMILIES.items():
        assert name.endswith("_total") == (family.type is Type.COUNTER)


@pytest.mark.parametrize("name", FAMILIES)
def test_labels_begin_with_the_account_and_match_every_sample(name: str) -> None:
    family = FAMILIES[name]

    samples = metric(family, FULL).samples

    assert samples
    for sample in samples:
        assert set(sample.labels) - {"le"} == {"account", *family.labels}
        assert sample.labels["account"] == "archive"
        assert sample.timestamp is None
