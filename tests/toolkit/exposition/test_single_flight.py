import asyncio

import pytest

from pin_exporter.toolkit.exposition.single_flight import SingleFlight


class Work:
    """Numbered answers, each of which comes when it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.go = asyncio.Semaphore(0)

    async def do(self) -> int:
        self.begun += 1
        number = self.begun
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.go.acquire()
        self.at_once -= 1
        return number


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_those_who_ask_before_the_work_begins_share_it_and_later_ones_get_the_next() -> None:
    async def ask() -> tuple[list[int], list[int]]:
        together, work = SingleFlight[str, int](), Work()
        first = [asyncio.create_task(together.do("a", work.do)) for _ in range(3)]
        await settle()
        later = [asyncio.create_task(together.do("a", work.do)) for _ in range(2)]
        await settle()
        work.go.release()
        work.go.release()
        return await asyncio.gather(*first), await asyncio.gather(*later)

    assert asyncio.run(ask()) == ([1, 1, 1], [2, 2])


def test_what_has_another_key_is_other_work_and_waits_for_its_turn() -> None:
    async def ask() -> tuple[list[int], int]:
        together, work = SingleFlight[str, int](), Work()
        asked = [asyncio.create_task(together.do(key, work.do)) for key in "ab"]
        await settle()
        work.go.release()
        work.go.release()
        return await asyncio.gather(*asked), work.most_at_once

    assert asyncio.run(ask()) == ([1, 2], 1)


def test_one_who_goes_away_leaves_the_others_their_answer() -> None:
    async def ask() -> int:
        together, work = SingleFlight[str, int](), Work()
        gone, other = (asyncio.create_task(together.do("a", work.do)) for _ in range(2))
        await settle()
        gone.cancel()
        await settle()
        work.go.release()
        return await other

    assert asyncio.run(ask()) == 1


def test_a_bug_reaches_all_who_share_the_work_and_none_who_come_after() -> None:
    async def fail() -> int:
        raise RuntimeError("a bug")

    async def ask() -> int:
        together, work = SingleFlight[str, int](), Work()
        asked = [asyncio.create_task(together.do("a", fail)) for _ in range(2)]
        for each in asked:
            with pytest.raises(RuntimeError, match="a bug"):
                await each
        work.go.release()
        return await together.do("a", work.do)

    assert asyncio.run(ask()) == 1
