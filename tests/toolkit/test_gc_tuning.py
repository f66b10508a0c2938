import asyncio
import gc

from pin_exporter.toolkit.gc_tuning import keep_collections_short
from tests.support.clocks import FakeClock


class Cycle:
    """Refers to itself, and counts how many of its kind were freed."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Cycle.freed += 1


def test_collections_skip_long_lived_objects() -> None:
    objects = [[number] for number in range(1_000)]
    clock = FakeClock()

    async def live() -> bool:
        task = asyncio.create_task(keep_collections_short(clock.sleep))
        await clock.sleep(1)
        objects.extend([number] for number in range(1_000))
        await clock.sleep(40)
        tracked = {id(each) for each in gc.get_objects()}
        task.cancel()
        return any(id(each) in tracked for each in objects)

    assert asyncio.run(live()) is False
    assert gc.get_freeze_count() == 0, "the collector is left as it was"


def test_cycles_are_freed_once_there_are_many() -> None:
    clock = FakeClock()
    Cycle.freed = 0

    async def drop() -> tuple[int, int]:
        task = asyncio.create_task(keep_collections_short(clock.sleep))
        await clock.sleep(1)
        few = [Cycle() for _ in range(10)]
        await clock.sleep(40)
        few.clear()
        await clock.sleep(600)
        freed_of_few = Cycle.freed
        many = [Cycle() for _ in range(gc.get_freeze_count() * 2 // 3)]
        expected = 10 + len(many)
        await clock.sleep(4)  # or they would be collected before they are frozen
        many.clear()
        await clock.sleep(40)
        task.cancel()
        return freed_of_few, expected

    freed_of_few, expected = asyncio.run(drop())

    assert freed_of_few == 0, "no full collection yet"
    assert Cycle.freed == expected
