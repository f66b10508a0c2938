"""Keep the garbage collector from holding up the loop, however much the exporter holds."""

import gc
from collections.abc import Awaitable, Callable
from typing import Final

_PUT_ASIDE_EVERY_SECONDS: Final = 10.0
_GROWN: Final = 1.5


async def keep_collections_short(sleep: Callable[[float], Awaitable[None]]) -> None:
    """Put aside what has lived for a while, until cancelled, so that a collection does not look at it again.

    A collection of everything takes 0.1 s with a thousand accounts, and would come every few seconds. What is
    put aside is freed as ever when nobody refers to it. What only refers to itself is not: everything is
    collected when there is half as much again put aside as after the last time.
    """
    put_aside = 0
    try:
        while True:
            if gc.get_freeze_count() >= _GROWN * put_aside:
                gc.unfreeze()
                gc.collect()
                gc.freeze()
                put_aside = gc.get_freeze_count()
            else:
                gc.collect(1)
                gc.freeze()
            await sleep(_PUT_ASIDE_EVERY_SECONDS)
    finally:
        gc.unfreeze()
