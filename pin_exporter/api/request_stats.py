"""Counts of everything sent to and received from the API for one account since the start."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from pin_exporter.api.errors import REASONS
from pin_exporter.api.model import Collector

DURATION_BOUNDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the request latency histogram in seconds."""
RELOADED_FILES: Final = ("keys", "certificates")
"""The files that are read again while the exporter runs: the values of the `files` label."""
_OTHER: Final = "other"
_CODES: Final = frozenset({"error", *(str(status.value) for status in HTTPStatus)})


@dataclass(frozen=True, slots=True)
class RequestStats:
    """The counts at one moment. They only ever grow.

    `durations` holds, for each collector, one count per bound and one above the last, and the sum. `stale`
    counts requests that were sent with older keys or certificates, because their files could not be read.
    """

    requests: Mapping[tuple[Collector, str], int] = field(default_factory=dict)
    durations: Mapping[Collector, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(REASONS, 0)))
    throttled_seconds: float = 0.0
    response_bytes: int = 0
    stale: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType(dict.fromkeys(RELOADED_FILES, 0))
    )

    def requests_for(self, collector: Collector) -> int:
        """Return how many requests were sent for a collector."""
        return sum(number for (sent_for, _), number in self.requests.items() if sent_for is collector)


class RequestCounter:
    """Counts the requests of one account; `stats` holds the newest counts."""

    def __init__(self) -> None:
        self.stats = RequestStats()

    def count_request(
        self, collector: Collector, code: str, seconds: float, body_bytes: int, stale: Collection[str] = ()
    ) -> None:
        """Count a request that is over: `code` is the HTTP status, or `error` without a complete response.

        `body_bytes` is the size after decompression; `stale` names the files that could not be read. A status
        unknown to HTTP counts as `other`, because each code is a series and a server could invent hundreds.
        """
        stats = self.stats
        key = (collector, code if code in _CODES else _OTHER)
        counts, total = stats.durations.get(collector, ((0,) * (len(DURATION_BOUNDS) + 1), 0.0))
        bucket = sum(seconds > bound for bound in DURATION_BOUNDS)
        counts = (*counts[:bucket], counts[bucket] + 1, *counts[bucket + 1 :])
        self.stats = replace(
            stats,
            requests={**stats.requests, key: stats.requests.get(key, 0) + 1},
            durations={**stats.durations, collector: (counts, total + seconds)},
            response_bytes=stats.response_bytes + body_bytes,
            stale={files: times + (files in stale) for files, times in stats.stale.items()},
        )

    def count_retry(self, reason: str) -> None:
        """Count a request that is sent again, by the reason of the failure before."""
        retries = {**self.stats.retries, reason: self.stats.retries[reason] + 1}
        self.stats = replace(self.stats, retries=retries)

    def count_wait(self, seconds: float) -> None:
        """Count time spent waiting for the request budget or for a Retry-After."""
        if seconds:
            self.stats = replace(self.stats, throttled_seconds=self.stats.throttled_seconds + seconds)
