"""Samples are fetched at the configured rate, the newest offers first."""

import asyncio
import random
from collections import Counter

from pin_exporter.retrieval.sampler import RetrievalSampler
from pin_exporter.retrieval.samples import Attempt, Result
from tests.support.clocks import FakeClock


class Fetched:
    """A gateway that has everything; it takes two minutes if it is slow."""

    def __init__(self, clock: FakeClock, seconds: float = 0.0) -> None:
        self.cids: list[str] = []
        self._clock = clock
        self._seconds = seconds

    async def fetch(self, cid: str) -> Attempt:
        self.cids.append(cid)
        await self._clock.sleep(self._seconds)
        return Attempt(Result.OK, "", self._seconds)


def run(per_hour: float, seconds: float, fetch_seconds: float = 0.0) -> tuple[RetrievalSampler, list[str]]:
    clock = FakeClock()
    gateway = Fetched(clock, fetch_seconds)
    sampler = RetrievalSampler(gateway, clock, random.Random(1), per_hour)
    sampler.offer([f"cid{number}" for number in range(200)])
    asyncio.run(clock.run_until(clock.now + seconds, sampler.run))
    return sampler, gateway.cids


def test_so_many_are_fetched_an_hour() -> None:
    sampler, cids = run(60, 1_800)
    assert len(cids) == len(set(cids)) == 30
    assert sampler.stats.sampled == 30
    assert sampler.stats.last_success_at > 0


def test_a_slow_gateway_is_asked_for_one_at_a_time_and_nothing_is_made_up_for() -> None:
    _, cids = run(60, 1_800, fetch_seconds=120)
    assert len(cids) == 15


def test_the_order_of_an_offer_does_not_matter() -> None:
    firsts = Counter[str]()
    for seed in range(300):
        clock = FakeClock()
        gateway = Fetched(clock)
        sampler = RetrievalSampler(gateway, clock, random.Random(seed), 60)
        sampler.offer(["a", "b", "c"])
        asyncio.run(sampler.fetch_next())
        firsts.update(gateway.cids)
    assert min(firsts[cid] for cid in "abc") > 60
