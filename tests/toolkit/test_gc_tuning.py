import asyncio
import gc

from pin_exporter.toolkit.gc_tuning import keep_collections_short
from tests.support.clocks import FakeClock


class Knot:
    """Refers to itself, and tells when it is gone."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Knot.freed += 1


def test_what_has_lived_for_a_while_is_not_looked_at_again() -> None:
    held = [[number] for number in range(1_000)]
    clock = FakeClock()

    async def live() -> bool:
        keeping = asyncio.create_task(keep_collections_short(clock.sleep))
        await clock.sleep(1)
        held.extend([number] for number in range(1_000))
        await clock.sleep(40)
        looked_at = {id(each) for each in gc.get_objects()}
        keeping.cancel()
        return any(id(each) in looked_at for each in held)

    assert asyncio.run(live()) is False
    assert gc.get_freeze_count() == 0, "it leaves the collector as it was"


def test_garbage_that_refers_to_itself_is_freed_once_there_is_much_of_it() -> None:
    clock = FakeClock()
    Knot.freed = 0

    async def let_go() -> tuple[int, int]:
        keeping = asyncio.create_task(keep_collections_short(clock.sleep))
        await clock.sleep(1)
        few = [Knot() for _ in range(10)]
        await clock.sleep(40)
        few.clear()
        await clock.sleep(600)
        freed_of_few = Knot.freed
        many = [Knot() for _ in range(gc.get_freeze_count() * 2 // 3)]
        expected = 10 + len(many)
        await clock.sleep(4)  # not collected before they were put aside
        many.clear()
        await clock.sleep(40)
        keeping.cancel()
        return freed_of_few, expected

    freed_of_few, expected = asyncio.run(let_go())

    assert freed_of_few == 0, "there is no need yet to look at everything"
    assert Knot.freed == expected
