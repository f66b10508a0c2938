"""Decide when an account changes by itself."""

import math
import random
from collections.abc import Iterator
from typing import Literal, get_args

from pin_exporter.simulator.behaviour import Churn

Event = Literal["insert", "complete", "fail", "unpin", "bulk_unpin", "out_of_money"]


class Schedule:
    """Random moments of each kind of event at its rate; the same for a seed however often it is asked."""

    def __init__(self, churn: Churn, rng: random.Random, now: float) -> None:
        self._rng = rng
        self._per_second: dict[Event, float] = {}
        self._next: dict[Event, float] = {}
        self.set_rates(churn, now)

    def set_rates(self, churn: Churn, now: float) -> None:
        """Go on from `now` with these rates."""
        for event in get_args(Event):
            rate = getattr(churn, f"{event}_rate") / 60
            if rate != self._per_second.get(event):
                self._per_second[event] = rate
                self._next[event] = now + self._gap(rate)

    def due(self, now: float) -> Iterator[tuple[float, Event]]:
        """Yield the events up to `now`, in order."""
        while True:
            event = min(self._next, key=self._next.__getitem__)
            moment = self._next[event]
            if moment > now:
                return
            self._next[event] = moment + self._gap(self._per_second[event])
            yield moment, event

    def postpone(self, seconds: float) -> None:
        """Move every event into the future, after a pause."""
        for event in self._next:
            self._next[event] += seconds

    def _gap(self, per_second: float) -> float:
        return self._rng.expovariate(per_second) if per_second else math.inf
