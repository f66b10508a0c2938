import asyncio
import gc

from pin_exporter.garbage import keep_collections_short
from tests.clocks import FakeClock


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


def test_garbage_that_refers_to_itself_is_freed_within_the_hour_though_it_was_put_aside() -> None:
    clock = FakeClock()
    gc.collect()
    Knot.freed = 0
    knots = [Knot()]

    async def let_go() -> None:
        keeping = asyncio.create_task(keep_collections_short(clock.sleep))
        await clock.sleep(40)
        knots.clear()
        await clock.sleep(60)
        assert Knot.freed == 0  # or the next line would show nothing
        await clock.sleep(3_600)
        keeping.cancel()

    asyncio.run(let_go())

    assert Knot.freed == 1
