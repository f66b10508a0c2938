"""The metrics of what an account is compared with and checked by, if it is configured."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pin_exporter.api.model import Collector
from pin_exporter.inventory.expected import ExpectedResult
from pin_exporter.metrics import PREFIX, cached
from pin_exporter.polling.billing import Bill
from pin_exporter.polling.expected_file import ExpectedFileState
from pin_exporter.polling.snapshot import AccountSnapshot, Extra
from pin_exporter.retrieval.confidence import lower_bound
from pin_exporter.retrieval.samples import BUCKETS, RetrievalStats
from pin_exporter.toolkit.exposition.family import (
    Buckets,
    Family,
    Type,
    Value,
    cumulative,
    single,
)

_Family = Family[AccountSnapshot]
_LAST_INVENTORY: Final = f'last_success_timestamp_seconds{{collector="{Collector.INVENTORY}"}}'
_LAST_RETRIEVAL: Final = "last_retrieval_timestamp_seconds"
_LAST_BILL: Final = "last_billing_timestamp_seconds"


def _expected(
    name: str, text: str, values: Callable[[ExpectedResult], Iterator[Value]], *labels: str
) -> _Family:
    def shown(snapshot: AccountSnapshot) -> Iterator[Value]:
        if snapshot.counted and snapshot.counted.expected:
            yield from values(snapshot.counted.expected)

    text = cached(text, _LAST_INVENTORY)
    return Family(PREFIX + name, Type.GAUGE, text, labels, shown, source=Collector.INVENTORY)


def _file(name: str, kind: Type, text: str, number: Callable[[ExpectedFileState], float | None]) -> _Family:
    def value(snapshot: AccountSnapshot) -> float | None:
        return number(snapshot.expected_file) if snapshot.expected_file else None

    return Family(PREFIX + name, kind, text, values=single(value))


def _retrieval(name: str, text: str, number: Callable[[RetrievalStats], float | None]) -> _Family:
    def value(snapshot: AccountSnapshot) -> float | None:
        return number(snapshot.retrieval) if snapshot.retrieval else None

    text = cached(text, _LAST_RETRIEVAL)
    return Family(PREFIX + name, Type.GAUGE, text, values=single(value), source=Extra.RETRIEVAL)


def _bill(name: str, text: str, values: Callable[[Bill], Iterator[Value]], *labels: str) -> _Family:
    def shown(snapshot: AccountSnapshot) -> Iterator[Value]:
        if snapshot.billing and snapshot.billing.bill:
            yield from values(snapshot.billing.bill)

    text = cached(text, _LAST_BILL)
    return Family(PREFIX + name, Type.GAUGE, text, labels, shown, source=Extra.BILLING)


def _given(*values: tuple[str, float | None]) -> Iterator[Value]:
    """Yield the values that are not None, each with its label."""
    return (((label,), value) for label, value in values if value is not None)


def _results(snapshot: AccountSnapshot) -> Iterator[Value]:
    if snapshot.retrieval:
        for result, times in snapshot.retrieval.results.items():
            yield (result.value,), times


def _durations(snapshot: AccountSnapshot) -> Iterator[Buckets]:
    if snapshot.retrieval:
        durations = snapshot.retrieval.durations
        yield (), cumulative(BUCKETS, durations.counts), durations.sum_seconds


def _billing_failures(snapshot: AccountSnapshot) -> Iterator[Value]:
    if snapshot.billing:
        for reason, times in snapshot.billing.failures.items():
            yield (reason,), times


EXTRA_FAMILIES: Final[Sequence[_Family]] = (
    _expected(
        "expected_cids",
        "Number of CIDs in expected_cids_file by what the last inventory says about them; absent without it.",
        lambda result: (((state.value,), number) for state, number in result.by_state.items()),
        "state",
    ),
    _expected(
        "unexpected_cids",
        "Number of pinned CIDs that are not in expected_cids_file; absent without it.",
        lambda result: iter([((), result.unexpected)]),
    ),
    _file(
        "expected_cids_malformed_lines",
        Type.GAUGE,
        "Number of lines of expected_cids_file that contain no CID, as last read; absent without it.",
        lambda file: file.cids.bad_line_count if file.cids else None,
    ),
    _file(
        "expected_cids_read_timestamp_seconds",
        Type.GAUGE,
        "When expected_cids_file was read or found unchanged, as Unix time, 0 before; absent without it.",
        lambda file: file.read_at or 0.0,
    ),
    _file(
        "expected_cids_read_failures_total",
        Type.COUNTER,
        "Number of inventories before which expected_cids_file could not be read; absent without it.",
        lambda file: file.failures,
    ),
    Family(
        PREFIX + "retrievals_total",
        Type.COUNTER,
        "Number of attempts to fetch a block from gateway_url by result; absent without it.",
        ("result",),
        _results,
    ),
    Family(
        PREFIX + "retrieval_duration_seconds",
        Type.HISTOGRAM,
        "Duration of successful attempts to fetch a block in seconds; absent without gateway_url.",
        buckets=_durations,
    ),
    _retrieval(
        "sampled_pins",
        "Number of pins sampled in the last day and retrieved, or tried three times over an hour; absent "
        "without gateway_url or recent attempts.",
        lambda stats: stats.sampled,
    ),
    _retrieval(
        "unretrievable_cids",
        "Number of CIDs among sampled_pins that could not be retrieved three times over an hour.",
        lambda stats: stats.unretrievable,
    ),
    _retrieval(
        "retrievable_ratio_lower_bound",
        "Share of pins that is retrievable with 95 % confidence, at least, by the samples of the last day.",
        lambda stats: lower_bound(stats.sampled - stats.unretrievable, stats.sampled),
    ),
    Family(
        PREFIX + _LAST_RETRIEVAL,
        Type.GAUGE,
        "When a block was last retrieved, as Unix time; 0 before the first; absent without gateway_url.",
        values=single(lambda snapshot: snapshot.retrieval.last_success_at if snapshot.retrieval else None),
    ),
    _bill(
        "billing_usage_bytes",
        "Usage of this month in bytes as billed, by field of the API; absent unless billing is enabled.",
        lambda bill: _given(
            ("total_storage", bill.total_storage),
            ("storage_usage", bill.storage_usage),
            ("bandwidth_usage", bill.bandwidth_usage),
        ),
        "usage",
    ),
    _bill(
        "billing_cost_usd",
        "Cost of this month in US dollars as billed, by what it is for; absent unless billing is enabled.",
        lambda bill: _given(("storage", bill.storage_cost), ("bandwidth", bill.bandwidth_cost)),
        "item",
    ),
    Family(
        PREFIX + _LAST_BILL,
        Type.GAUGE,
        "When the bill was last read, as Unix time; 0 before the first; absent unless billing is enabled.",
        values=single(lambda snapshot: snapshot.billing.polled_at if snapshot.billing else None),
    ),
    Family(
        PREFIX + "billing_failures_total",
        Type.COUNTER,
        "Number of times that the bill could not be read, by reason; absent until it happens.",
        ("reason",),
        _billing_failures,
    ),
)
