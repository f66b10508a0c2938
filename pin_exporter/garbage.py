"""Keep the garbage collector from holding up the loop, however much the exporter holds."""

import gc
import itertools
from collections.abc import Awaitable, Callable
from typing import Final

_PUT_ASIDE_EVERY_SECONDS: Final = 15.0
_COLLECT_ALL_EVERY: Final = 240


async def keep_collections_short(sleep: Callable[[float], Awaitable[None]]) -> None:
    """Put aside what has lived for a while, until cancelled, so that a collection does not look at it again.

    A collection of everything takes 0.1 s with a thousand accounts, and would come every few seconds. What is
    put aside is freed as ever when nobody refers to it; only what refers to itself has to wait for the
    collection of everything, which comes once an hour.
    """
    try:
        for turn in itertools.count():
            if turn % _COLLECT_ALL_EVERY:
                gc.collect(1)
            else:
                gc.unfreeze()
                gc.collect()
            gc.freeze()
            await sleep(_PUT_ASIDE_EVERY_SECONDS)
    finally:
        gc.unfreeze()
