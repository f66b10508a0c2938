"""The metrics about polling an account: always current, even when the account's data are stale."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pin_exporter.api.request_stats import DURATION_BOUNDS
from pin_exporter.metrics import PREFIX
from pin_exporter.polling.snapshot import AccountSnapshot, Health
from pin_exporter.toolkit.exposition.family import (
    Buckets,
    Family,
    Type,
    Value,
    Values,
    cumulative,
    single,
)


def _gauge(name: str, text: str, values: Values[AccountSnapshot], *labels: str) -> Family[AccountSnapshot]:
    return Family(PREFIX + name, Type.GAUGE, text, labels, values)


def _counter(name: str, text: str, values: Values[AccountSnapshot], *labels: str) -> Family[AccountSnapshot]:
    return Family(PREFIX + name, Type.COUNTER, text, labels, values)


def _by_collector(number: Callable[[Health], float | None]) -> Values[AccountSnapshot]:
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


POLLING_FAMILIES: Final[Sequence[Family[AccountSnapshot]]] = (
    _gauge(
        "up",
        "1 if the last poll of the totals succeeded, 0 if it failed or there was none yet.",
        single(lambda snapshot: snapshot.up),
    ),
    _gauge(
        "last_success_timestamp_seconds",
        "End of the last successful poll, as Unix time; 0 before the first.",
        _by_collector(lambda health: health.last_success_at),
        "collector",
    ),
    _gauge(
        "last_attempt_timestamp_seconds",
        "End of the last poll, successful or not, as Unix time; 0 before the first.",
        _by_collector(lambda health: health.last_attempt_at),
        "collector",
    ),
    _gauge(
        "poll_interval_seconds",
        "Current time between polls in seconds; reading all pins of a long list takes longer.",
        _by_collector(lambda health: health.interval_seconds),
        "collector",
    ),
    _gauge(
        "poll_duration_seconds",
        "Duration of the last poll in seconds, including all waits; absent before the first.",
        _by_collector(lambda health: health.duration_seconds),
        "collector",
    ),
    _counter(
        "polls_total",
        "Number of polls, successful or not.",
        _by_collector(lambda health: health.polls),
        "collector",
    ),
    _counter("poll_failures_total", "Number of failed polls by reason.", _failures, "collector", "reason"),
    _counter(
        "inventory_fallbacks_total",
        "Number of times that all pins had to be read because their list could not be followed, by reason; "
        "absent while it is not followed.",
        lambda snapshot: (((reason,), times) for reason, times in snapshot.following.fallbacks.items()),
        "reason",
    ),
    _counter(
        "inventory_audited_pins_total",
        "Number of pins read again to find changes that no total shows; absent while no list is followed.",
        single(lambda snapshot: snapshot.following.audited_rows if snapshot.following.fallbacks else None),
    ),
    _counter(
        "api_requests_total",
        "Number of API requests, including retries, by HTTP status; error if no full response arrived.",
        _requests,
        "operation",
        "code",
    ),
    Family(
        PREFIX + "api_request_duration_seconds",
        Type.HISTOGRAM,
        "Duration of API requests in seconds, from connecting to the last byte of the response.",
        ("operation",),
        buckets=_request_durations,
    ),
    _counter(
        "api_retries_total",
        "Number of API requests that were retried, by reason.",
        lambda snapshot: (((reason,), retries) for reason, retries in snapshot.request_stats.retries.items()),
        "reason",
    ),
    _counter(
        "api_throttled_seconds_total",
        "Time in seconds that API requests waited because of requests_per_minute or Retry-After.",
        single(lambda snapshot: snapshot.request_stats.throttled_seconds),
    ),
    _counter(
        "api_response_bytes_total",
        "Size of API response bodies in bytes, after decompression.",
        single(lambda snapshot: snapshot.request_stats.response_bytes),
    ),
    _counter(
        "file_read_failures_total",
        "Number of API requests made with outdated keys or certificates because reading their files failed.",
        lambda snapshot: (((files,), requests) for files, requests in snapshot.request_stats.stale.items()),
        "files",
    ),
)
