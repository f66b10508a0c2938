"""Everything sent to and received from the API for one account, immutable, and the pure steps to more."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, Self

from pin_exporter.api.errors import REASONS

DURATION_BOUNDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the request latency histogram in seconds."""
REREAD: Final = ("keys", "certificates")
"""What is read from files again and again, by the names of the `files` label."""
_OTHER: Final = "other"
_CODES: Final = frozenset({"error", *(str(status.value) for status in HTTPStatus)})


class Operation(StrEnum):
    """What a request to the API is for: a page of the walk, or the totals alone."""

    LIST = "list"
    TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class RequestStats:
    """Everything sent to and received from the API for one account since the start. Only ever grows.

    `durations` holds, for each operation, one count for each bound and one above the last, and the sum.
    """

    requests: Mapping[tuple[Operation, str], int] = field(default_factory=dict)
    durations: Mapping[Operation, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(REASONS, 0)))
    throttled_seconds: float = 0.0
    response_bytes: int = 0
    stale: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(REREAD, 0)))

    def requests_for(self, operation: Operation) -> int:
        """Return how many requests were made for an operation."""
        return sum(number for (made_for, _), number in self.requests.items() if made_for is operation)

    def requested(
        self, operation: Operation, code: str, seconds: float, body_bytes: int, stale: Collection[str] = ()
    ) -> Self:
        """Return the traffic after one more request; `stale` is what its files could not be read for.

        A code that HTTP does not know is counted as `other`: there is a series for each, and a server could
        make up hundreds.
        """
        key = (operation, code if code in _CODES else _OTHER)
        counts, total = self.durations.get(operation, ((0,) * (len(DURATION_BOUNDS) + 1), 0.0))
        bucket = sum(seconds > bound for bound in DURATION_BOUNDS)
        counts = (*counts[:bucket], counts[bucket] + 1, *counts[bucket + 1 :])
        return replace(
            self,
            requests={**self.requests, key: self.requests.get(key, 0) + 1},
            durations={**self.durations, operation: (counts, total + seconds)},
            response_bytes=self.response_bytes + body_bytes,
            stale={files: times + (files in stale) for files, times in self.stale.items()},
        )

    def retried(self, reason: str) -> Self:
        """Return the traffic after one more retry."""
        return replace(self, retries={**self.retries, reason: self.retries[reason] + 1})

    def throttled(self, seconds: float) -> Self:
        """Return the traffic after a wait for the request budget."""
        return replace(self, throttled_seconds=self.throttled_seconds + seconds)
