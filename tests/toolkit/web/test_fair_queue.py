import asyncio
from collections.abc import Sequence

import pytest

from pin_exporter.toolkit.web.fair_queue import FairQueue, QueueFullError


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def served(queue: FairQueue, clients: Sequence[str]) -> tuple[list[str], list[str]]:
    """Let clients come one after the other while the first is busy; return who had a turn, and who had none.

    A client is a letter, which tells clients apart, and a number, which tells their requests apart.
    """
    turns: list[str] = []
    refused: list[str] = []

    async def come(name: str, done: asyncio.Event) -> None:
        try:
            async with queue.turn(name[0]):
                turns.append(name)
                await done.wait()
        except QueueFullError:
            refused.append(name)

    async def main() -> None:
        done = asyncio.Event()
        tasks = []
        for name in clients:
            tasks.append(asyncio.create_task(come(name, done)))
            await settle()
        assert len(turns) == 1
        done.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    return turns, refused


@pytest.mark.parametrize(
    ("arrivals", "turns", "refused"),
    [
        # Clients take turns, whoever has more waiting.
        ("a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3", ""),
        # One client has at most so many places.
        ("a1 a2 a3 a4 a5 b1", "a1 b1 a2 a3 a4", "a5"),
        # A newcomer gets the place of whoever has the last turn, also when everybody has one place.
        ("a1 a2 a3 b1 b2 b3 c1", "a1 b1 c1 a2 b2 a3", "b3"),
        ("a1 b1 c1 d1 e1 f1 g1", "a1 b1 c1 d1 e1 g1", "f1"),
        ("a1 b1 c1 d1 e1 f1 a2", "a1 b1 c1 d1 e1 f1", "a2"),
        ("a1 b1 c1 d1 e1 f1 x1", "a1 b1 c1 d1 e1 f1", "x1"),
        # Who came before comes last and goes first, the oftener the more.
        ("a1 y1 x1 z1", "a1 z1 x1 y1", ""),
        ("a1 x1 b1 c1 y1 d1 e1", "a1 b1 c1 d1 e1 x1", "y1"),
        ("a1 b1 b2 c1 c2 d1 x1", "a1 b1 c1 d1 b2 x1", "c2"),
    ],
)
def test_the_order_of_turns(arrivals: str, turns: str, refused: str) -> None:
    queue = FairQueue(max_waiting=6, max_waiting_per_client=4)
    for again in "xyyz":
        served(queue, [again])
    queue.forget("z")
    assert served(queue, arrivals.split()) == (turns.split(), refused.split())


def test_one_that_is_refused_and_comes_again_at_once_does_not_keep_others_out() -> None:
    queue = FairQueue(max_waiting=3)
    hammering = [f"{client}{number}" for number in range(9) for client in "abcd"]
    turns, _ = served(queue, ["a", *hammering, "n1", *hammering])
    assert "n1" in turns[:4], "only those are before it that came for the first time, too"


def test_one_that_is_cancelled_in_the_queue_or_at_its_turn_leaves_no_gap() -> None:
    async def main() -> None:
        queue = FairQueue()
        first = asyncio.create_task(hold(queue, "a"))
        waiting, next_one = (asyncio.create_task(hold(queue, client)) for client in "bc")
        await settle()
        waiting.cancel()
        await settle()
        first.cancel()
        next_one.cancel()
        await settle()
        async with asyncio.timeout(60), queue.turn("d"):
            pass

    async def hold(queue: FairQueue, client: str) -> None:
        async with queue.turn(client):
            await asyncio.Event().wait()

    asyncio.run(main())


def test_of_too_many_clients_the_one_that_did_not_come_for_longest_is_forgotten() -> None:
    queue = FairQueue(max_clients=2)
    for again in "xyx":
        served(queue, [again])
    assert served(queue, ["a1", "x1", "y1", "b1"])[0] == ["a1", "y1", "b1", "x1"]
