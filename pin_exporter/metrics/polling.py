"""The metrics on polling itself: always current, whatever the account's data are."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pin_exporter.api.request_stats import DURATION_BOUNDS
from pin_exporter.polling.snapshot import AccountSnapshot, Health
from pin_exporter.toolkit.exposition.family import (
    PREFIX,
    Buckets,
    Family,
    Numbers,
    Type,
    Value,
    cumulative,
    single,
)


def _by_collector(number: Callable[[Health], float | None]) -> Numbers:
    def values(snapshot: AccountSnapshot) -> Iterator[Value]:
        for collector, health in snapshot.health.items():
            value = number(health)
            if value is not None:
                yield (collector.value,), value

    return values


def _failures(snapshot: AccountSnapshot) -> Iterator[Value]:
    for collector, health in snapshot.health.items():
        for reason, failures in health.failures.items():
            yield (collector.value, reason), failures


def _requests(snapshot: AccountSnapshot) -> Iterator[Value]:
    for (collector, code), requests in snapshot.request_stats.requests.items():
        yield (collector.operation, code), requests


def _request_durations(snapshot: AccountSnapshot) -> Iterator[Buckets]:
    for collector, (counts, total) in snapshot.request_stats.durations.items():
        yield (collector.operation,), cumulative(DURATION_BOUNDS, counts), total


def _health(name: str, text: str, values: Numbers, *labels: str, kind: Type = Type.GAUGE) -> Family:
    """Describe a gauge or counter on polling itself, always current."""
    return Family(name, kind, text, labels, values)


POLLING_FAMILIES: Final[Sequence[Family]] = (
    _health(
        PREFIX + "up",
        "1 if the newest poll of the totals succeeded, 0 if it failed or there was none.",
        single(lambda snapshot: snapshot.up),
    ),
    _health(
        PREFIX + "last_success_timestamp_seconds",
        "When the collector's last successful poll ended; 0 before the first.",
        _by_collector(lambda health: health.last_success_at),
        "collector",
    ),
    _health(
        PREFIX + "last_attempt_timestamp_seconds",
        "When the collector's last poll ended, whether it succeeded or not; 0 before the first.",
        _by_collector(lambda health: health.last_attempt_at),
        "collector",
    ),
    _health(
        PREFIX + "poll_interval_seconds",
        "The interval in force; that of the inventory grows with the account.",
        _by_collector(lambda health: health.interval_seconds),
        "collector",
    ),
    _health(
        PREFIX + "poll_duration_seconds",
        "How long the collector's last poll took, waiting included; absent before the first.",
        _by_collector(lambda health: health.duration_seconds),
        "collector",
    ),
    _health(
        PREFIX + "polls_total",
        "Polls, whether they succeeded or not.",
        _by_collector(lambda health: health.polls),
        "collector",
        kind=Type.COUNTER,
    ),
    _health(
        PREFIX + "poll_failures_total",
        "Polls that failed, by reason.",
        _failures,
        "collector",
        "reason",
        kind=Type.COUNTER,
    ),
    _health(
        PREFIX + "api_requests_total",
        "Requests to the API, by HTTP status; error where there was no complete answer.",
        _requests,
        "operation",
        "code",
        kind=Type.COUNTER,
    ),
    Family(
        PREFIX + "api_request_duration_seconds",
        Type.HISTOGRAM,
        "Duration of requests to the API, from connecting to the last byte.",
        ("operation",),
        buckets=_request_durations,
    ),
    _health(
        PREFIX + "api_retries_total",
        "Requests to the API that were made again, by the reason why.",
        lambda snapshot: (((reason,), retries) for reason, retries in snapshot.request_stats.retries.items()),
        "reason",
        kind=Type.COUNTER,
    ),
    _health(
        PREFIX + "api_throttled_seconds_total",
        "Time waited before requests to the API, for the own request budget and for Retry-After.",
        single(lambda snapshot: snapshot.request_stats.throttled_seconds),
        kind=Type.COUNTER,
    ),
    _health(
        PREFIX + "api_response_bytes_total",
        "Bytes received from the API in bodies, after decompression.",
        single(lambda snapshot: snapshot.request_stats.response_bytes),
        kind=Type.COUNTER,
    ),
    _health(
        PREFIX + "file_read_failures_total",
        "Requests to the API with older keys or certificates, because their files could not be read again.",
        lambda snapshot: (((files,), times) for files, times in snapshot.request_stats.stale.items()),
        "files",
        kind=Type.COUNTER,
    ),
)
