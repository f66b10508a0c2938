"""Fetch samples of an account's pins at a steady rate, until cancelled."""

import random
from collections.abc import Iterable
from typing import Protocol

from pin_exporter.inventory.reservoir import Reservoir
from pin_exporter.retrieval.samples import MAX_WAITING, Attempt, RetrievalStats, Samples
from pin_exporter.toolkit.clock import Clock


class Fetches(Protocol):
    """What a sampler needs of a gateway."""

    async def fetch(self, cid: str) -> Attempt:
        """Fetch and verify the root block of a CID."""


class RetrievalSampler:
    """Fetches `per_hour` samples an hour from a gateway; what becomes of them is in `stats`."""

    def __init__(self, gateway: Fetches, clock: Clock, rng: random.Random, per_hour: float) -> None:
        self._samples = Samples()
        self._gateway = gateway
        self._clock = clock
        self._rng = rng
        self._pause_seconds = 3_600.0 / per_hour

    @property
    def stats(self) -> RetrievalStats:
        """Return what is known now: the same object until something changes."""
        return self._samples.stats

    def new_sample(self) -> Reservoir:
        """Return an empty sample, to be filled with the pins of an inventory and offered."""
        return Reservoir(MAX_WAITING, self._rng)

    def offer(self, cids: Iterable[str]) -> None:
        """Take CIDs that were chosen at random among all pins, in any order."""
        shuffled = list(cids)
        self._rng.shuffle(shuffled)
        self._samples.offer(shuffled)

    async def run(self) -> None:
        """Fetch one sample after the other. Only a bug makes it raise."""
        due = self._clock.elapsed()
        while True:
            await self.fetch_next()
            due = max(due + self._pause_seconds, self._clock.elapsed())
            await self._clock.sleep(due - self._clock.elapsed())

    async def fetch_next(self) -> None:
        """Fetch the next sample, if there is one."""
        cid = self._samples.next(self._clock.elapsed())
        if cid is not None:
            attempt = await self._gateway.fetch(cid)
            self._samples.record(cid, attempt, self._clock.elapsed(), self._clock.wall())
