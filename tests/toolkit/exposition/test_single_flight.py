import asyncio

import pytest

from pin_exporter.toolkit.exposition.single_flight import SingleFlight


class Work:
    """Work whose results are numbers, each of which is returned when `go` is released."""

    def __init__(self) -> None:
        self.started = 0
        self.running = 0
        self.max_running = 0
        self.go = asyncio.Semaphore(0)

    async def do(self) -> int:
        self.started += 1
        number = self.started
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        await self.go.acquire()
        self.running -= 1
        return number


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_callers_before_the_work_begins_share_it_and_later_ones_get_the_next() -> None:
    async def call() -> tuple[list[int], list[int]]:
        flight, work = SingleFlight[str, int](), Work()
        first = [asyncio.create_task(flight.do("a", work.do)) for _ in range(3)]
        await settle()
        later = [asyncio.create_task(flight.do("a", work.do)) for _ in range(2)]
        await settle()
        work.go.release()
        work.go.release()
        return await asyncio.gather(*first), await asyncio.gather(*later)

    assert asyncio.run(call()) == ([1, 1, 1], [2, 2])


def test_work_with_another_key_waits_and_a_cancelled_caller_does_not_cancel_the_others() -> None:
    async def call() -> tuple[list[int], int]:
        flight, work = SingleFlight[str, int](), Work()
        gone, *others = (asyncio.create_task(flight.do(key, work.do)) for key in "aab")
        await settle()
        gone.cancel()
        await settle()
        work.go.release()
        work.go.release()
        return await asyncio.gather(*others), work.max_running

    assert asyncio.run(call()) == ([1, 2], 1)


def test_an_exception_reaches_all_who_share_the_work_and_no_later_caller() -> None:
    async def fail() -> int:
        raise RuntimeError("a bug")

    async def call() -> int:
        flight, work = SingleFlight[str, int](), Work()
        calls = [asyncio.create_task(flight.do("a", fail)) for _ in range(2)]
        for each in calls:
            with pytest.raises(RuntimeError, match="a bug"):
                await each
        work.go.release()
        return await flight.do("a", work.do)

    assert asyncio.run(call()) == 1
