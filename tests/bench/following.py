"""Requests, CPU time and memory of following a list that changes between any two requests, in model time."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median, quantiles
from typing import Final, NamedTuple

from pin_exporter.api.model import Page, Pin, PinnedFilter, Totals, Verdict
from pin_exporter.inventory.follow import Follow, SurpriseError
from pin_exporter.inventory.mirror import Mirror
from tests.bench.result import Result

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_REQUEST_SECONDS: Final = 0.2
_INTERVAL_SECONDS: Final = 60.0


class Rates(NamedTuple):
    """Changes per minute."""

    name: str
    new: float = 0.0
    completed: float = 0.0
    failed: float = 0.0
    unpinned: float = 0.0


RATES: Final = (
    Rates("quiet"),
    Rates("5 new, 0.5 unpinned a minute", 5, 5, 0.2, 0.5),
    Rates("60 new, 5 unpinned a minute", 60, 60, 1, 5),
)


class ChangingList:
    """A list of which 1 in 5,000 rows is in progress at first."""

    def __init__(self, count: int, rates: Rates, *, keeps_unpinned: bool, seed: int = 1) -> None:
        self.rows: list[Pin] = []
        self.now = 0.0
        self._rates = rates
        self._keeps_unpinned = keeps_unpinned
        self._rng = Random(seed)
        self._changed_at = 0.0
        self._created = 0
        self._size = 0
        for _ in range(count):
            self._insert()
            if self._rng.random() > 1 / 5_000:
                self._complete(len(self.rows) - 1)

    def advance(self, seconds: float) -> None:
        """Let time pass, and with it changes happen."""
        self.now += seconds
        kinds = {
            "new": self._insert,
            "completed": self._complete_any,
            "failed": self._fail,
            "unpinned": self._unpin,
        }
        for name, act in kinds.items():
            for _ in range(self._events(getattr(self._rates, name) * seconds / 60)):
                act()

    def page(self, pinned: PinnedFilter, offset: int, limit: int) -> Page:
        """Return a page as of now."""
        if pinned == "all":
            return Page(Totals(len(self.rows), self._size), self.rows[offset : offset + limit])
        rows = [pin for pin in self.rows if not pin.pinned]
        return Page(Totals(len(rows), sum(pin.size or 0 for pin in rows)), rows[offset : offset + limit])

    def _events(self, expected: float) -> int:
        """Return a number of events with a Poisson distribution."""
        events, passed = 0, self._rng.expovariate(1.0)
        while passed < expected:
            events, passed = events + 1, passed + self._rng.expovariate(1.0)
        return events

    def _insert(self) -> None:
        number = self._created
        self._created += 1
        date = _START + timedelta(seconds=number)
        self.rows.append(
            Pin(f"{number:036}", f"cid-{number % 900_000}", None, date, False, True, False, "queued")
        )

    def _complete(self, place: int) -> None:
        size = int(self._rng.lognormvariate(13, 2))
        self.rows[place] = replace(self.rows[place], size=size, pinned=True, status="pinned")
        self._size += size

    def _in_progress(self) -> int | None:
        places = [
            n
            for n in range(max(0, len(self.rows) - 3_000), len(self.rows))
            if self.rows[n].status == "queued"
        ]
        return self._rng.choice(places) if places else None

    def _complete_any(self) -> None:
        if (place := self._in_progress()) is not None:
            self._complete(place)

    def _fail(self) -> None:
        if (place := self._in_progress()) is not None:
            self.rows[place] = replace(self.rows[place], status="failed")

    def _unpin(self) -> None:
        place = self._rng.randrange(len(self.rows))
        if self._keeps_unpinned:
            self.rows[place] = replace(self.rows[place], pinned=False, status="unpinNormally")
        else:
            self._size -= self.rows[place].size or 0
            del self.rows[place]


class Followed(NamedTuple):
    """What intervals cost: requests, CPU seconds, the longest step, seconds from begin to end, verdicts."""

    requests: list[int]
    cpu: list[float]
    longest_step: float
    seconds: list[float]
    verdicts: list[str]
    bytes_per_pin: float


def followed(pins: ChangingList, limit: int, intervals: int) -> Followed:
    """Follow a list for some intervals after its rows were read once."""
    gc.collect()
    tracemalloc.start()
    mirror = Mirror()
    for start in range(0, len(pins.rows), 1_000):
        mirror.add(pins.rows[start : start + 1_000])
    for _ in mirror.settle():
        pass
    per_pin = tracemalloc.get_traced_memory()[0] / max(1, len(mirror))
    tracemalloc.stop()
    follow = Follow(mirror)
    outcome = Followed([], [], 0.0, [], [], per_pin)
    longest = 0.0
    for _ in range(intervals):
        began, cpu = pins.now, 0.0
        follow.begin()
        try:
            while not follow.done:
                request = follow.next_request(limit)
                pins.advance(_REQUEST_SECONDS)
                page = pins.page(*request)
                steps, stepped = follow.accept(request, page), True
                while stepped:
                    step = time.thread_time()
                    stepped = next(steps, "end") != "end"
                    longest = max(longest, time.thread_time() - step)
                    cpu += time.thread_time() - step
            verdict = str(follow.verdict)
        except SurpriseError as surprise:
            verdict = str(surprise)
        outcome.verdicts.append(verdict)
        outcome.requests.append(follow.requests)
        outcome.cpu.append(cpu)
        outcome.seconds.append(pins.now - began)
        if verdict not in (Verdict.CONSISTENT, Verdict.REPAIRED):
            break
        pins.advance(max(0.0, _INTERVAL_SECONDS - (pins.now - began)))
    return outcome._replace(longest_step=longest)


def following() -> Iterator[Result]:
    """Follow lists of 10,000 to a million rows."""
    for count in (10_000, 100_000, 1_000_000):
        for limit in (100, 1_000):
            for rates in RATES:
                for keeps in (False, True):
                    pins = ChangingList(count, rates, keeps_unpinned=keeps)
                    outcome = followed(pins, limit, 60 if count < 1_000_000 else 30)
                    verdicts = {each: outcome.verdicts.count(each) for each in set(outcome.verdicts)}
                    p95 = quantiles(outcome.requests, n=20)[-1]
                    server = "keeps" if keeps else "drops"
                    cpu, step = 1e3 * median(outcome.cpu), 1e3 * outcome.longest_step
                    yield Result(
                        f"follow {count:,} pins, page {limit}, {rates.name}, {server} unpinned",
                        f"{median(outcome.requests):.0f} / {p95:.0f} req",
                        f"full {-(-count // (limit - 10))}, {verdicts}, CPU {cpu:.0f} ms, "
                        f"longest step {step:.0f} ms, {outcome.bytes_per_pin:.0f} B/pin",
                    )
