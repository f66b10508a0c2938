"""Which pins to fetch next, and what became of those fetched in the last day; pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

DAY_SECONDS: Final = 86_400.0
STALE_AFTER_SECONDS: Final = 3 * 3_600.0
RETRY_AFTER_SECONDS: Final = (1_200.0, 2_400.0)
"""When a CID that failed is tried again: its third failure comes an hour after the first."""
BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the duration histogram in seconds."""
MAX_NAMED: Final = 50
MAX_WAITING: Final = 200
"""Maximum CIDs that wait to be fetched."""
_PERIODS: Final = 24
_MAX_PENDING: Final = 1_000


class Result(StrEnum):
    """What became of an attempt to fetch a block."""

    OK = "ok"
    NOT_FOUND = "not_found"
    CORRUPT = "corrupt"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    FORBIDDEN = "forbidden"
    UNVERIFIABLE = "unverifiable"
    ERROR = "error"

    @property
    def is_failure(self) -> bool:
        """Return whether it speaks against the pin, and not only of the gateway's limits or the hash."""
        return self in (Result.NOT_FOUND, Result.CORRUPT, Result.TIMEOUT, Result.ERROR)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its result, one line that explains it unless it is ok, and how long it took."""

    result: Result
    detail: str = ""
    seconds: float = 0.0


class Sample(NamedTuple):
    """A finished attempt, for the status page. `at` in Unix seconds."""

    cid: str
    attempt: Attempt
    at: float


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of the durations of attempts that succeeded; one count per bound and one above the last."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS) + 1)
    sum_seconds: float = 0.0

    def with_one(self, seconds: float) -> "Durations":
        """Return the histogram with another duration."""
        bucket = sum(bound < seconds for bound in BUCKETS)
        counts = (*self.counts[:bucket], self.counts[bucket] + 1, *self.counts[bucket + 1 :])
        return Durations(counts, self.sum_seconds + seconds)


@dataclass(frozen=True, slots=True)
class RetrievalStats:
    """What is known about the retrieval of an account's pins.

    `sampled` counts the pins of the last day whose sample is decided: fetched, or `unretrievable` because
    three attempts over an hour failed. `named` are the newest of those. `recent` are the last attempts.
    `last_success_at` is in Unix seconds, 0 before the first; `last_attempt_elapsed` is monotonic.
    """

    results: Mapping[Result, int] = field(default_factory=lambda: dict.fromkeys(Result, 0))
    durations: Durations = Durations()
    last_success_at: float = 0.0
    last_attempt_elapsed: float | None = None
    sampled: int = 0
    unretrievable: int = 0
    named: tuple[str, ...] = ()
    recent: tuple[Sample, ...] = ()

    def is_fresh(self, elapsed: float) -> bool:
        """Return whether the last attempt is recent enough to show what is known."""
        return (
            self.last_attempt_elapsed is not None
            and elapsed - self.last_attempt_elapsed <= STALE_AFTER_SECONDS
        )


@dataclass(slots=True)
class _Pending:
    """A CID that failed, how often, and when to try it again."""

    cid: str
    failures: int
    due_at: float


class Samples:
    """Decides on samples. `now` is in monotonic, `at` in Unix seconds. Memory is bounded whatever fails."""

    def __init__(self) -> None:
        self.stats = RetrievalStats()
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        self._pending: deque[_Pending] = deque()
        self._retrying: dict[str, _Pending] = {}
        self._retrieved: deque[tuple[float, int]] = deque()
        self._unretrievable: dict[str, float] = {}

    def offer(self, cids: Iterable[str]) -> None:
        """Take CIDs that were chosen at random among all pins, the newest last; old ones make room."""
        self._waiting.extend(cids)

    def next(self, now: float) -> str | None:
        """Return the CID to fetch now: one that failed before if its time has come, else a new one."""
        due = next((pending for pending in self._pending if pending.due_at <= now), None)
        if due is not None:
            self._pending.remove(due)
            self._retrying[due.cid] = due
            return due.cid
        known = {pending.cid for pending in self._pending}
        while self._waiting and len(self._pending) < _MAX_PENDING:
            cid = self._waiting.pop()
            if cid not in known:
                return cid
        return None

    def record(self, cid: str, attempt: Attempt, now: float, at: float) -> None:
        """Note what became of an attempt."""
        before = self._retrying.pop(cid, None)
        failures = (before.failures if before else 0) + attempt.result.is_failure
        if attempt.result is Result.OK:
            self._unretrievable.pop(cid, None)
            self._count_retrieved(now)
        elif attempt.result.is_failure and failures > len(RETRY_AFTER_SECONDS):
            self._unretrievable[cid] = now
        elif attempt.result.is_failure:
            self._pending.append(_Pending(cid, failures, now + RETRY_AFTER_SECONDS[failures - 1]))
        elif before:  # neither proves anything about the pin: try again as late as after the last failure
            self._pending.append(replace(before, due_at=now + RETRY_AFTER_SECONDS[before.failures - 1]))
        self._forget_before(now - DAY_SECONDS)
        stats, is_ok = self.stats, attempt.result is Result.OK
        retrieved = sum(count for _, count in self._retrieved)
        self.stats = RetrievalStats(
            results={**stats.results, attempt.result: stats.results[attempt.result] + 1},
            durations=stats.durations.with_one(attempt.seconds) if is_ok else stats.durations,
            last_success_at=at if is_ok else stats.last_success_at,
            last_attempt_elapsed=now,
            sampled=retrieved + len(self._unretrievable),
            unretrievable=len(self._unretrievable),
            named=tuple(islice(reversed(self._unretrievable), MAX_NAMED)),
            recent=(*stats.recent, Sample(cid, attempt, at))[-MAX_NAMED:],
        )

    def _count_retrieved(self, now: float) -> None:
        """Count a retrieved pin in its part of the day."""
        began = now - now % (DAY_SECONDS / _PERIODS)
        if self._retrieved and self._retrieved[-1][0] >= began:
            began, count = self._retrieved.pop()
        else:
            count = 0
        self._retrieved.append((began, count + 1))

    def _forget_before(self, oldest: float) -> None:
        while self._retrieved and self._retrieved[0][0] < oldest:
            self._retrieved.popleft()
        for cid in [cid for cid, at in self._unretrievable.items() if at < oldest]:
            del self._unretrievable[cid]
