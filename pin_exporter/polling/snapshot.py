"""What is known about one account at one moment: immutable, with pure steps to the next moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, Self

from pin_exporter.api.errors import REASONS, InconsistentError
from pin_exporter.api.model import Collector, Totals, Verdict
from pin_exporter.api.request_stats import RequestStats
from pin_exporter.inventory.counter import Counted
from pin_exporter.inventory.follow import Surprise
from pin_exporter.polling.billing import BillingState
from pin_exporter.polling.expected_file import ExpectedFileState
from pin_exporter.retrieval.samples import RetrievalStats

KEY_REASONS: Final = frozenset({"unauthorized", "forbidden"})
"""The reasons for which no other request with the same key can succeed."""
MAX_RECORDS: Final = 50
"""Polls of each collector that are remembered."""


class Extra(StrEnum):
    """What is read besides the list if it is configured, at its own pace."""

    RETRIEVAL = "retrieval"
    BILLING = "billing"


Source = Collector | Extra
"""What data come from, and so what they age by."""


@dataclass(frozen=True, slots=True)
class PollRecord:
    """A finished poll. `began_at` in Unix seconds; only an inventory has a verdict."""

    began_at: float
    duration_seconds: float
    requests: int
    verdict: Verdict | None = None
    reason: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How one collector is doing. `…_at` are Unix seconds, 0 before the first; `…_elapsed` is monotonic.

    Data older than `stale_after_seconds` are not shown. `reason` and `error` are None after a success.
    """

    interval_seconds: float
    stale_after_seconds: float
    polls: int = 0
    failures: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(REASONS, 0)))
    last_attempt_at: float = 0.0
    last_success_at: float = 0.0
    last_success_elapsed: float | None = None
    duration_seconds: float | None = None
    reason: str | None = None
    error: str | None = None

    def is_fresh(self, elapsed: float) -> bool:
        """Return whether the data of the last success may still be shown."""
        return (
            self.last_success_elapsed is not None
            and elapsed - self.last_success_elapsed <= self.stale_after_seconds
        )

    def attempted(self, *, at: float, duration_seconds: float) -> Self:
        """Return the health after another attempt."""
        return replace(self, polls=self.polls + 1, last_attempt_at=at, duration_seconds=duration_seconds)

    def succeeded(
        self,
        *,
        elapsed: float,
        interval_seconds: float,
        stale_after_seconds: float,
        age_seconds: float = 0.0,
    ) -> Self:
        """Return the health after the attempt succeeded, with the interval from now on.

        `age_seconds` is how old the data already are, because the attempt resumed an earlier one.
        """
        return replace(
            self,
            last_success_at=self.last_attempt_at - age_seconds,
            last_success_elapsed=elapsed - age_seconds,
            interval_seconds=interval_seconds,
            stale_after_seconds=stale_after_seconds,
            reason=None,
            error=None,
        )

    def unproven(self) -> Self:
        """Return the health after an inventory that is shown without proof, which counts as a failure."""
        return self._counted(InconsistentError.reason)

    def failed(self, reason: str, error: str) -> Self:
        """Return the health after the attempt failed; the last success stays the same."""
        return replace(self._counted(reason), reason=reason, error=error)

    def _counted(self, reason: str) -> Self:
        failures = {**self.failures, reason: self.failures[reason] + 1}
        return replace(self, failures=MappingProxyType(failures))


@dataclass(frozen=True, slots=True)
class Following:
    """How the newest inventory was made, and what led to it.

    `full_at` is the end of the last one that read all pins, in Unix seconds, `full_requests` and
    `full_seconds` what it took. `fallbacks` counts why a list
    that was followed had to be read whole, and is empty while none was followed. `audited_rows` counts rows
    that were read again to find changes that no total shows.
    """

    mode: Literal["full", "followed"] = "full"
    full_at: float | None = None
    full_requests: int = 0
    full_seconds: float = 0.0
    audited_rows: int = 0
    fallbacks: Mapping[Surprise, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """One account at one moment: the newest data of both collectors, their health, the request counts.

    `records` holds the last polls of each collector, oldest first. The last three are None unless they are
    configured.
    """

    account: str
    health: Mapping[Collector, Health]
    size_limit_bytes: int | None = None
    totals: Totals | None = None
    counted: Counted | None = None
    request_stats: RequestStats = field(default_factory=RequestStats)
    records: Mapping[Collector, tuple[PollRecord, ...]] = field(default_factory=dict)
    following: Following = field(default_factory=Following)
    expected_file: ExpectedFileState | None = None
    retrieval: RetrievalStats | None = None
    billing: BillingState | None = None

    def with_health(self, collector: Collector, health: Health) -> Self:
        """Return the snapshot with one collector's health replaced."""
        return replace(self, health={**self.health, collector: health})

    def with_record(self, collector: Collector, record: PollRecord) -> Self:
        """Return the snapshot with another poll on record."""
        records = (*self.records.get(collector, ()), record)[-MAX_RECORDS:]
        return replace(self, records={**self.records, collector: records})

    def fresh(self, elapsed: float) -> frozenset[Source]:
        """Return the collectors and extras whose data may still be shown."""
        fresh: set[Source] = {
            collector for collector, health in self.health.items() if health.is_fresh(elapsed)
        }
        if self.billing and self.billing.fresh(elapsed):
            fresh.add(Extra.BILLING)
        if self.retrieval and self.retrieval.is_fresh(elapsed):
            fresh.add(Extra.RETRIEVAL)
        return frozenset(fresh)

    @property
    def is_key_rejected(self) -> bool:
        """Return whether the newest poll of the totals failed because of the key."""
        return self.health[Collector.TOTALS].reason in KEY_REASONS

    @property
    def was_polled(self) -> bool:
        """Return whether the totals were polled, successfully or not."""
        return self.health[Collector.TOTALS].polls > 0

    @property
    def up(self) -> bool:
        """Return whether the newest poll of the totals succeeded."""
        health = self.health[Collector.TOTALS]
        return health.last_success_elapsed is not None and health.reason is None
